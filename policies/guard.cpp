#include "policies/guard.hpp"

#include "policies/scripts.hpp"
#include "policies/test_bugs.hpp"
#include "protocol/reply.hpp"

namespace pannier::policies::guard {

namespace {

std::string record(std::string_view key) { return std::string(record_prefix).append(key); }

/// How long a record must be kept: a miss from just before it may be remembered that long.
std::string record_life() {
  return std::to_string(std::chrono::duration_cast<milliseconds>(OpenMisses::hold * 2).count());
}

}  // namespace

bool in_fleet(const Subject& subject, const Core& core) {
  return subject.rule->tier->guard == Guard::fleet && !core.from_memory(subject.rule.get());
}

void append_question(std::string& wire, std::string_view key) {
  protocol::append_command(wire, {"GET", record(key)});
}

void append_creation(std::string& wire, std::string_view key, std::string_view ours) {
  protocol::append_command(wire, {"SET", record(key), ours, "NX", "GET", "PX", record_life()});
}

std::string answer_of(std::string_view reply) {
  protocol::ReplyReader reader(reply);
  const auto answer = reader.next();
  if (answer.null) return {};
  return answer.error() ? std::string(never) : std::string(answer.text);
}

std::optional<std::string> expected(const Subject& subject,
                                    const std::optional<OpenMisses::Miss>& miss, const Core& core) {
  if (!miss || !subject.rule->guards() || core.from_memory(subject.rule.get())) return std::nullopt;
  if (has(Bug::no_guard)) return std::nullopt;
  if (miss->outdated) return std::string(never);
  if (!in_fleet(subject, core)) return std::nullopt;
  return miss->generation.value_or(std::string(never));
}

void append_store(std::string& wire, const Subject& subject, const StoreRequest& request,
                  ServerTime expiry, std::string_view expected, bool plainly) {
  protocol::append_command(wire, 9 + count_options(request));
  protocol::append_bulk(wire, "EVAL");
  protocol::append_bulk(wire, scripts::guarded_store);
  protocol::append_bulk(wire, "2");
  protocol::append_bulk(wire, subject.key);
  protocol::append_bulk(wire, record(subject.key));
  protocol::append_bulk(wire, expected);
  protocol::append_bulk(wire, record_life());
  protocol::append_bulk(wire, plainly ? "1" : "0");
  append_value_and_options(wire, request, expiry);
}

void append_mset(std::string& wire, const std::vector<Pair>& pairs) {
  std::vector<std::string> records;
  for (const auto& pair : pairs) {
    if (pair.expected) records.push_back(record(pair.key));
  }
  const auto keys = pairs.size() + records.size();
  protocol::append_command(wire, 5 + keys + 3 * pairs.size());
  protocol::append_bulk(wire, "EVAL");
  protocol::append_bulk(wire, scripts::guarded_mset);
  protocol::append_bulk(wire, std::to_string(keys));
  for (const auto& pair : pairs) protocol::append_bulk(wire, pair.key);
  for (const auto& one : records) protocol::append_bulk(wire, one);
  protocol::append_bulk(wire, std::to_string(pairs.size()));
  protocol::append_bulk(wire, record_life());
  std::size_t place = pairs.size();
  for (const auto& pair : pairs) {
    protocol::append_bulk(wire, pair.value);
    protocol::append_bulk(wire, pair.expected ? std::to_string(++place) : "0");
    protocol::append_bulk(wire, pair.expected.value_or(std::string()));
  }
}

void append_move(std::string& wire, std::string_view key) {
  protocol::append_command(
      wire, {"EVAL", scripts::guarded_removal, "1", record(key), record_life(), "1"});
}

void append_removal(std::string& wire, const Request& request,
                    const std::vector<SubjectRef>& guarded) {
  const auto keys = guarded.size() + request.keys.size();
  protocol::append_command(wire, 6 + keys);
  protocol::append_bulk(wire, "EVAL");
  protocol::append_bulk(wire, scripts::guarded_removal);
  protocol::append_bulk(wire, std::to_string(keys));
  for (const auto& subject : guarded) protocol::append_bulk(wire, record(subject->key));
  for (const auto& use : request.keys) protocol::append_bulk(wire, request.upstream_key(use));
  protocol::append_bulk(wire, record_life());
  protocol::append_bulk(wire, std::to_string(guarded.size()));
  protocol::append_bulk(wire, request.args()[0]);
}

void append_removal(std::string& wire, std::string_view command, std::string_view key) {
  protocol::append_command(
      wire, {"EVAL", scripts::guarded_removal, "2", record(key), key, record_life(), "1", command});
}

void append_check(std::string& wire, std::string_view key, std::string_view expected) {
  protocol::append_command(
      wire, {"EVAL", scripts::guarded_check, "2", key, record(key), expected, record_life()});
}

}  // namespace pannier::policies::guard
