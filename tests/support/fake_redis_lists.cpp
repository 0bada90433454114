// The sorted sets that the sidecar keeps upstream: the lists of tags, and the bans.

#include <algorithm>
#include <limits>

#include "policies/bans.hpp"
#include "protocol/reply.hpp"
#include "tests/support/fake_redis.hpp"

namespace pannier::tests {

using protocol::integer_reply;
using protocol::lower;

namespace {

std::int64_t bound(std::string_view text) {
  if (text == "-inf") return std::numeric_limits<std::int64_t>::min();
  if (text == "+inf") return std::numeric_limits<std::int64_t>::max();
  return protocol::to_integer(text).value_or(0);
}

}  // namespace

bool FakeRedis::raise_bans(const Connection& connection, const Words& words, std::string& reply) {
  auto& list = lists_[{connection.db, std::string(policies::Bans::key)}];
  auto at = now.time_since_epoch().count();
  for (const auto& [text, score] : list) at = std::max(at, score);
  const auto began = ask(connection.db, {"GET", words[4]});
  at = std::max(at, protocol::to_integer(protocol::ReplyReader(began).next().text).value_or(0));
  for (std::size_t i = 7; i < words.size(); ++i) list[std::string(words[i])] = at;
  changed_bans(connection.db, policies::Bans::key);
  reply = integer_reply(at);
  return true;
}

void FakeRedis::changed_bans(std::uint32_t db, std::string_view key) {
  // What stands in the sorted set's place: that it is another one now is all that trackers see.
  if (key == policies::Bans::key) ask(db, {"SET", key, std::to_string(++changes_)});
}

bool FakeRedis::run_list(const Connection& connection, const std::string& name, const Words& words,
                         std::string& reply) {
  if (name == "eval" && words.size() > 3 && words[3].starts_with("pn:t:")) {
    // The memory store removes the keys; they leave the tag's list here.
    auto& list = lists_[{connection.db, std::string(words[3])}];
    const auto keys = static_cast<std::size_t>(*protocol::to_integer(words[2])) - 1;
    for (std::size_t i = 0; i < keys; ++i) {
      const auto at = list.find(std::string(words[4 + i]));
      const auto end = expiry(connection.db, words[4 + i]);
      const bool stays = end && end->time_since_epoch().count() > bound(words[4 + keys + i]);
      if (at != list.end() && !stays) list.erase(at);
    }
    return false;
  }
  if (name == "eval" && words.size() > 6 && words[3] == policies::Bans::key) {
    return raise_bans(connection, words, reply);
  }
  const bool is_ours =
      words.size() > 2 && (words[1].starts_with("pn:t:") || words[1] == policies::Bans::key);
  if (!is_ours || !name.starts_with('z')) return false;
  auto& list = lists_[{connection.db, std::string(words[1])}];
  if (name == "zadd") {
    std::int64_t added = 0;
    for (std::size_t i = words[2] == "GT" ? 3 : 2; i + 1 < words.size(); i += 2) {
      auto& score = list[std::string(words[i + 1])];
      added += score == 0;
      score = std::max(score, bound(words[i]));
    }
    changed_bans(connection.db, words[1]);
    reply = integer_reply(added);
    return true;
  }
  std::vector<std::pair<std::int64_t, std::string>> found;
  for (const auto& [member, score] : list) {
    if (bound(words[2]) <= score && score <= bound(words[3])) found.emplace_back(score, member);
  }
  std::sort(found.begin(), found.end());
  if (name == "zcount") {
    reply = integer_reply(static_cast<std::int64_t>(found.size()));
    return true;
  }
  const bool with_scores = lower(words[4]) == "withscores";  // Else LIMIT; both end in its numbers.
  const bool all = words.size() == 5;
  const auto first = all ? 0 : static_cast<std::size_t>(bound(words[words.size() - 2]));
  const auto most = all ? found.size() : static_cast<std::size_t>(bound(words.back()));
  const auto begin = std::min(first, found.size());
  const auto end = std::min(begin + most, found.size());
  protocol::append_array(reply, end - begin);
  for (auto i = begin; i < end; ++i) {
    if (with_scores) protocol::append_array(reply, 2);
    protocol::append_bulk(reply, found[i].second);
    if (with_scores) reply += "," + std::to_string(found[i].first) + "\r\n";
  }
  return true;
}

}  // namespace pannier::tests
