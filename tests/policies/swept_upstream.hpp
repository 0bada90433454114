#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "policies/core.hpp"
#include "policies/scripts.hpp"
#include "protocol/glob.hpp"
#include "protocol/reply.hpp"

namespace pannier::policies {

inline std::vector<std::string> words_of(std::string_view command) {
  protocol::ReplyReader reader(command);
  std::vector<std::string> words(static_cast<std::size_t>(reader.next().number));
  for (auto& word : words) word = reader.next().text;
  return words;
}

/// An upstream of a few keys, which answers one write at a time when it is told to.
class SweptUpstream final : public Effects {
 public:
  static constexpr std::size_t scan_step = 7;  ///< Keys that one SCAN looks at.

  std::map<std::string, std::int64_t> keys;                    ///< With their expiry.
  std::map<std::string, std::map<std::string, double>> lists;  ///< Of tags: key -> score.
  std::map<std::string, std::string> errors;                   ///< By command name.
  std::vector<std::size_t> unlinked;                           ///< Keys of each removal.

  void deliver(Ticket, std::string_view) override {}
  void resume(ClientId) override {}
  void drop_own(ClientId) override {}
  void connect_anew() override {}
  std::int64_t upstream_id(ClientId) override { return 0; }
  ConnectionFacts connection(ClientId) override { return {}; }
  void close(ClientId, bool) override {}
  void send(Link link, std::string_view wire, std::uint32_t replies, ExchangeId id) override {
    protocol::ReplyReader reader(wire);
    Write write{id, link, {}};
    while (!reader.done()) write.commands.emplace_back(reader.skip());
    CHECK(write.commands.size() == replies);
    writes_.push_back(std::move(write));
  }

  std::size_t under_way() const { return writes_.size(); }

  /// Answers the oldest write. \returns its commands' names.
  std::string answer(Core& core) {
    const auto write = std::move(writes_.front());
    writes_.erase(writes_.begin());
    const auto exchange = std::move(core.running.at(write.id).exchange);
    core.running.erase(write.id);
    std::string names;
    for (std::size_t part = 0; part < write.commands.size(); ++part) {
      const auto words = words_of(write.commands[part]);
      names += (part ? " " : "") + words[0];
      exchange->settle(part, reply(words), core);
    }
    if (writes_.empty()) core.walks.tick(core);
    return names;
  }
  void answer_all(Core& core) {
    for (int i = 0; i < 10'000 && !writes_.empty(); ++i) answer(core);
    REQUIRE(writes_.empty());
  }
  void die(Core& core) {
    const auto exchange = std::move(core.running.at(writes_.front().id).exchange);
    writes_.clear();
    exchange->fail("-ERR pannier: gone\r\n", core);
  }

 private:
  struct Write {
    ExchangeId id;
    Link link;
    std::vector<std::string> commands;
  };

  std::string reply(const std::vector<std::string>& words) {
    if (errors.contains(words[0])) return errors[words[0]];
    std::string out;
    if (words[0] == "SCAN") return scan(words);
    if (words[0] == "ZRANGEBYSCORE") return range(words);
    if (words[0] == "UNLINK") {
      protocol::append_integer(out, remove({words.begin() + 1, words.end()}));
    } else if (words[0] == "EVAL" && words[1] == scripts::purge_older) {
      out = purge(words);
    } else {
      protocol::append_error(out, "ERR unknown command '" + words[0] + "'");
    }
    return out;
  }

  std::string scan(const std::vector<std::string>& words) {
    REQUIRE(words.at(2) == "MATCH");
    auto at = words[1] == "0" ? keys.begin() : keys.upper_bound(words[1]);
    std::vector<std::string> found;
    std::string cursor = "0";
    for (std::size_t seen = 0; at != keys.end() && seen < scan_step; ++at, ++seen) {
      if (protocol::glob_matches(words[3], at->first)) found.push_back(at->first);
      cursor = at->first;
    }
    std::string out;
    protocol::append_array(out, 2);
    protocol::append_bulk(out, at == keys.end() ? "0" : cursor);
    protocol::append_array(out, found.size());
    for (const auto& key : found) protocol::append_bulk(out, key);
    return out;
  }

  std::int64_t remove(const std::vector<std::string>& names) {
    std::int64_t removed = 0;
    for (const auto& name : names) removed += static_cast<std::int64_t>(keys.erase(name));
    unlinked.push_back(names.size());
    return removed;
  }

  /// ZRANGEBYSCORE list -inf max WITHSCORES LIMIT offset count
  std::string range(const std::vector<std::string>& words) {
    std::vector<std::pair<double, std::string>> sorted;
    for (const auto& [key, score] : lists[words.at(1)]) {
      if (score <= std::stod(words.at(3))) sorted.emplace_back(score, key);
    }
    std::sort(sorted.begin(), sorted.end());
    const auto begin = std::min(sorted.size(), std::stoul(words.at(6)));
    const auto end = std::min(sorted.size(), begin + std::stoul(words.at(7)));
    std::string out;
    protocol::append_array(out, end - begin);
    for (auto i = begin; i < end; ++i) {
      protocol::append_array(out, 2);
      protocol::append_bulk(out, sorted[i].second);
      protocol::append_double(out, sorted[i].first, protocol::Resp::v3);
    }
    return out;
  }

  std::string purge(const std::vector<std::string>& words) {
    const auto count = std::stoul(words.at(2));
    auto& list = lists[words.at(3)];
    std::vector<std::string> doomed;
    std::int64_t kept = 0;
    for (std::size_t i = 1; i < count; ++i) {
      const auto& key = words.at(3 + i);
      const auto expiry = std::stoll(words.at(2 + count + i));
      if (keys.contains(key) && keys[key] > expiry) {
        kept += list.contains(key) && list[key] <= static_cast<double>(expiry);
        continue;
      }
      if (keys.contains(key)) doomed.push_back(key);
      list.erase(key);
    }
    std::string out;
    protocol::append_array(out, 2);
    protocol::append_integer(out, kept);
    protocol::append_integer(out, remove(doomed));
    return out;
  }

  std::vector<Write> writes_;
};

}  // namespace pannier::policies
