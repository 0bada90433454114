// Reads that are answered from local copies.

#include <algorithm>
#include <iterator>

#include "policies/found_tags.hpp"
#include "policies/multi_read.hpp"
#include "policies/pipeline.hpp"
#include "policies/served_versions.hpp"
#include "policies/test_bugs.hpp"
#include "protocol/reply.hpp"

namespace pannier::policies {

using protocol::ReplyReader;
using protocol::Verb;

namespace {

/// Reads of one key whose whole replies may be kept: the same again until the key changes. Not
/// among them: what is drawn at random (SRANDMEMBER), goes on by a cursor (HSCAN), tells times
/// (TTL, OBJECT, XPENDING) or looks at other keys (SORT).
constexpr std::string_view kept_commands[] = {
    "bitcount",    "bitfield_ro",    "bitpos",
    "exists",      "geodist",        "geohash",
    "geopos",      "georadius_ro",   "georadiusbymember_ro",
    "geosearch",   "getbit",         "getrange",
    "hexists",     "hget",           "hgetall",
    "hkeys",       "hlen",           "hmget",
    "hstrlen",     "hvals",          "lindex",
    "llen",        "lpos",           "lrange",
    "scard",       "sismember",      "smembers",
    "smismember",  "strlen",         "substr",
    "type",        "xlen",           "xrange",
    "xrevrange",   "zcard",          "zcount",
    "zlexcount",   "zmscore",        "zrange",
    "zrangebylex", "zrangebyscore",  "zrank",
    "zrevrange",   "zrevrangebylex", "zrevrangebyscore",
    "zrevrank",    "zscore"};

/// The part of `text` that GETRANGE gives, by Redis's rules: both ends belong to it, negative ones
/// count from the end, and of two negative ones in the wrong order there is nothing between.
std::string_view range_of(std::string_view text, std::int64_t first, std::int64_t last) {
  if (text.empty() || (first < 0 && last < 0 && first > last)) return {};
  const auto size = static_cast<std::int64_t>(text.size());
  const auto from = std::max<std::int64_t>(first < 0 ? size + first : first, 0);
  const auto to = std::min(std::max<std::int64_t>(last < 0 ? size + last : last, 0), size - 1);
  if (from > to) return {};
  return text.substr(static_cast<std::size_t>(from), static_cast<std::size_t>(to - from + 1));
}

}  // namespace

bool Pipeline::derive(const Request& request, std::string_view copy, std::string& out) {
  ReplyReader reader(copy);
  const auto value = reader.next();
  const auto name = request.spec.name;
  if (name == "strlen") {
    protocol::append_integer(out, static_cast<std::int64_t>(value.text.size()));
    return true;
  }
  if (name == "exists") {
    protocol::append_integer(out, value.null ? 0 : 1);
    return true;
  }
  if (name != "getrange" && name != "substr") return false;
  const auto first = protocol::to_integer(request.args()[2]);
  const auto last = protocol::to_integer(request.args()[3]);
  if (!first || !last) return false;  // Redis says what is wrong with them.
  protocol::append_bulk(out, range_of(value.text, *first, *last));
  return true;
}

bool Pipeline::may_use_copies(Client& client, const Rule& rule) {
  if (!rule.copies() || core_.upstream != Core::UpstreamState::up || core_.mode != Mode::normal ||
      core_.is_replica) {
    return false;
  }
  if (client.open == 0) {
    client.busy = 0;
    raise_fence(client);
  }
  // R8: since something of this client had effects nobody knows, the lane must have answered.
  const bool fenced = client.fence_due || !core_.copies.acked_since(client.db, client.fence);
  if ((fenced && !has(Bug::no_fence)) || client.waits > 0) return false;
  const auto silent = core_.now - core_.copies.acked(client.db);
  return silent <= core_.rules->settings().upstream.max_lag || has(Bug::no_window);
}

void Pipeline::raise_fence(Client& client) {
  if (!client.fence_due) return;
  client.fence = core_.next_exchange;
  client.fence_due = false;
}

std::optional<std::string_view> Pipeline::find_copy(const Request& request, const KeyUse& use,
                                                    std::string_view question) {
  const auto key = request.upstream_key(use);
  const auto& client = request.client;
  // R9: not while a command of this client on the same key is under way.
  const bool busy = client.open > 0 && (client.busy & LocalCopies::bit(key)) != 0;
  if (busy && !has(Bug::no_busy)) return std::nullopt;
  const auto copy =
      core_.copies.find(client.db, key, question, core_.now, use.match.rule->kept_past_end());
  if (!copy) return std::nullopt;
  if (!use.match.rule->tagged() || copy->reply.starts_with('_')) return copy->reply;
  std::vector<std::string> tags;
  if (!use.match.rule->finds_tags()) {
    tags = core_.rules->tags(use.match);
  } else if (const auto beside = core_.copies.find(client.db, key, copied_tags_question, core_.now,
                                                   use.match.rule->kept_past_end())) {
    tags = tags_of_copy(beside->reply);
  } else {
    return std::nullopt;
  }
  for (const auto& tag : tags) {
    const auto* known = core_.generations.find(client.db, tag);
    const bool is_current = known != nullptr && known->current && core_.tracks;
    if (!is_current && !has(Bug::no_tag_check)) return std::nullopt;
    if (known->moved <= copy->stamp || has(Bug::no_tag_check)) continue;
    core_.copies.erase(client.db, key);
    return std::nullopt;
  }
  return copy->reply;
}

bool Pipeline::keeps_reply(const Request& request) const {
  return request.keys.size() == 1 &&
         std::binary_search(std::begin(kept_commands), std::end(kept_commands), request.spec.name);
}

std::string Pipeline::question_of(const Request& request) const {
  std::string question(request.spec.name);
  for (std::size_t i = 1; i < request.args().size(); ++i) {
    if (i == request.keys.front().position) continue;
    question += '\0';
    question += std::to_string(request.args()[i].size());
    question += ':';
    question += request.args()[i];
  }
  return question;
}

std::optional<Verdict> Pipeline::answer_copy(Request& request) {
  if (request.spec.verb == Verb::mget) return answer_copies(request);
  const auto& use = request.ruled_key();
  if (!use.match.rule->copies()) return std::nullopt;
  auto& client = request.client;
  const bool is_get = request.spec.verb == Verb::get;
  if (!is_get && !keeps_reply(request)) return std::nullopt;
  if (!may_use_copies(client, *use.match.rule)) return std::nullopt;
  std::optional<std::string_view> found;
  if (!is_get && (found = find_copy(request, use, {}))) {
    answer_.clear();
    if (derive(request, *found, answer_)) return count_copy(use, answer_);
  }
  found = find_copy(request, use, is_get ? std::string() : question_of(request));
  if (!found) return std::nullopt;
  if (is_get && found->starts_with('_')) return answer_absent(request);
  if (core_.self_check.take()) check_later(request, use, *found);
  if (use.match.rule->notes_reads()) note_read(use.match, request.client_key(use), client);
  const bool is_2 = client.resp == protocol::Resp::v2;
  if (!is_2 || found->starts_with('$')) return count_copy(use, *found);
  if (!protocol::converts(request.spec, request.args())) return std::nullopt;
  answer_.clear();
  protocol::append_as_resp2(answer_, *found);
  return count_copy(use, answer_);
}

void Pipeline::check_later(const Request& request, const KeyUse& use, std::string_view reply) {
  const std::string key(request.upstream_key(use));
  const auto epoch = core_.copies.epoch(key);
  core_.self_check.add({request.client.db, key, std::string(request.wire(wire_)),
                        std::string(reply), use.match.rule->settings->name, epoch,
                        core_.copies.since(), core_.now});
}

Verdict Pipeline::count_copy(const KeyUse& use, std::string_view reply) {
  auto& counters = *use.match.rule->counters;
  ++counters.reads;
  ++counters.hits;
  ++counters.local_hits;
  counters.hit_seconds.add(microseconds(0));
  return Answer{reply};
}

bool Pipeline::may_tell_absent(const Request& request, const KeyUse& use) const {
  const auto subject = request.subject(use, core_);
  return core_.may_tell_absent(*subject) && !falls_back(core_, *subject, request.client);
}

std::optional<Verdict> Pipeline::answer_absent(Request& request) {
  const auto subject = request.subject(request.ruled_key(), core_);
  if (!core_.may_tell_absent(*subject) || falls_back(core_, *subject, request.client))
    return std::nullopt;
  ++subject->counters().reads;
  core_.tell_absent(subject, request.client.id, core_.now);
  std::string null;
  protocol::append_null(null, request.client.resp);
  return answer(std::move(null));
}

std::optional<Verdict> Pipeline::answer_copies(Request& request) {
  copied_.clear();
  for (const auto& use : request.keys) {
    copied_.begin.push_back(copied_.replies.size());
    if (!use.match || !may_use_copies(request.client, *use.match.rule)) continue;
    const auto found = find_copy(request, use, {});
    if (!found) continue;
    const bool is_absent = found->starts_with('_');
    if (is_absent && !may_tell_absent(request, use)) continue;
    copied_.replies += *found;
    ++copied_.found;
  }
  if (copied_.found < request.keys.size()) return std::nullopt;
  std::string reply;
  protocol::append_array(reply, request.keys.size());
  for (std::size_t i = 0; i < request.keys.size(); ++i) {
    const auto& use = request.keys[i];
    const auto copy = copied_.of(i);
    auto& counters = *use.match.rule->counters;
    ++counters.reads;
    if (copy.starts_with('_')) {
      core_.tell_absent(request.subject(use, core_), request.client.id, core_.now);
      protocol::append_null(reply, request.client.resp);
      continue;
    }
    if (use.match.rule->notes_reads()) {
      note_read(use.match, request.client_key(use), request.client);
    }
    ++counters.hits;
    ++counters.local_hits;
    counters.hit_seconds.add(microseconds(0));
    reply += copy;
  }
  return answer(std::move(reply));
}

}  // namespace pannier::policies
