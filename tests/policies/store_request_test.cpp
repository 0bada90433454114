#include <doctest/doctest.h>

#include <algorithm>

#include "policies/store.hpp"
#include "protocol/reply.hpp"
#include "subjects.hpp"

using namespace pannier;
using namespace pannier::policies;

namespace {

const ServerTime now(milliseconds(1'700'000'000'000));

/// The request in `line`; views into it.
std::optional<StoreRequest> request_of(std::string_view line) {
  std::vector<std::string_view> args;
  for (auto rest = line; !rest.empty();) {
    const auto size = std::min(rest.find(' '), rest.size());
    args.push_back(rest.substr(0, size));
    rest.remove_prefix(std::min(size + 1, rest.size()));
  }
  return parse_store(args.at(0), args, now);
}

/// The same in words; `-` for none.
std::string parsed(std::string_view line) {
  const auto request = request_of(line);
  if (!request) return "-";
  std::string text(request->value);
  if (request->ttl) text += " ttl=" + std::to_string(request->ttl->count());
  if (request->only_absent) text += " absent";
  if (request->only_present) text += " present";
  if (request->get) text += " get";
  if (request->keep_ttl) text += " keep";
  return text;
}

/// The commands in `wire`, a line each.
std::vector<std::string> commands(std::string_view wire) {
  std::vector<std::string> lines;
  protocol::ReplyReader reader(wire);
  while (!reader.done()) {
    std::string line;
    const auto words = reader.next().number;
    for (std::int64_t i = 0; i < words; ++i) {
      line += i > 0 ? " " : "";
      line += reader.next().text;
    }
    lines.push_back(line);
  }
  return lines;
}

struct TaggedSubject : Subject {
  RuleSettings settings = rule_of({"k"});
  Rule its_rule;
  explicit TaggedSubject(std::vector<std::string> its_tags) {
    its_rule.settings = &settings;
    rule = RuleRef(RuleRef(), &its_rule);
    client_key = "k";
    key = "k:v2";
    tags = std::move(its_tags);
  }
  TaggedSubject(const TaggedSubject&) = delete;
};

struct Row {
  std::string_view line, request;
};

void check(std::initializer_list<Row> rows) {
  for (const auto& row : rows) {
    CAPTURE(row.line);
    CHECK(parsed(row.line) == row.request);
  }
}

}  // namespace

TEST_CASE("What a SET asks for is read from its options, in any order and case") {
  check({{"set k v", "v"},
         {"set k v EX 5", "v ttl=5000"},
         {"set k v px 5", "v ttl=5"},
         {"set k v Ex 5", "v ttl=5000"},
         {"set k v NX", "v absent"},
         {"set k v xx", "v present"},
         {"set k v GET", "v get"},
         {"set k v KEEPTTL", "v keep"},
         {"set k v NX GET", "v absent get"},
         {"set k v GET XX PX 5", "v ttl=5 present get"},
         {"set k v PX 5 NX", "v ttl=5 absent"},
         {"set k v KEEPTTL GET XX", "v present get keep"},
         {"set k EX EX 5", "EX ttl=5000"}});
}

TEST_CASE("A TTL given as a moment counts from now") {
  check({{"set k v EXAT 1700000005", "v ttl=5000"}, {"set k v PXAT 1700000000250", "v ttl=250"}});
}

TEST_CASE("The older commands ask for the same things in another way") {
  check({{"setex k 5 v", "v ttl=5000"},
         {"psetex k 5 v", "v ttl=5"},
         {"getset k v", "v get"},
         {"setnx k v", "v absent"}});
}

TEST_CASE("A SET that is not in order is left to upstream") {
  check({{"set", "-"},
         {"set k", "-"},
         {"set k v EX", "-"},
         {"set k v PXAT", "-"},
         {"set k v BOGUS", "-"},
         {"set k v 5", "-"},
         {"set k v EX 5 extra", "-"},
         {"set k v NX XX", "-"},
         {"set k v XX NX", "-"},
         {"set k v EX 5 PX 5", "-"},
         {"set k v PX 5 EXAT 1700000005", "-"},
         {"set k v EX 5 KEEPTTL", "-"},
         {"set k v KEEPTTL PX 5", "-"},
         {"setex k 5", "-"},
         {"setex k 5 v extra", "-"},
         {"psetex k", "-"},
         {"getset k", "-"},
         {"getset k v GET", "-"},
         {"setnx k", "-"},
         {"setnx k v NX", "-"}});
}

TEST_CASE("A TTL that Redis would refuse is left to it") {
  for (const auto* const ttl : {"0", "-1", "x", "5x", "+5", "05", "1.5", "9223372036854775807",
                                "9223372036854775808", "-9223372036854775808"}) {
    for (const auto* const option : {"EX", "PX", "EXAT", "PXAT"}) {
      if (std::string_view(option) == "PXAT" && std::string_view(ttl) == "9223372036854775807") {
        continue;  // The last moment of Redis's time.
      }
      check({{"set k v " + std::string(option) + ' ' + ttl, "-"}});
    }
    check({{"setex k " + std::string(ttl) + " v", "-"},
           {"psetex k " + std::string(ttl) + " v", "-"}});
  }
}

TEST_CASE("A TTL that would end beyond Redis's time is left to it") {
  check({{"set k v EX 9223372036854775", "-"},
         {"set k v PX 9223372036854775000", "-"},
         {"set k v EX 9223372036854776", "-"},
         {"set k v EXAT 9223372036854776", "-"},
         {"setex k 9223372036854775 v", "-"}});
}

TEST_CASE("A value of any bytes is the client's own, not a copy") {
  const std::string value("\0\r\n$", 4);
  const std::vector<std::string_view> args{"SET", "k", value};
  const auto request = parse_store("set", args, now);
  REQUIRE(request);
  CHECK(request->value.data() == value.data());
  CHECK(request->value.size() == 4);
}

TEST_CASE("A store goes upstream as a SET with the expiry of the rule, under upstream's key") {
  const TaggedSubject subject({});
  struct Sent {
    std::string_view line, wire;
  };
  const Sent rows[] = {
      {"set k v", "SET k:v2 v PXAT 1700000000500"},
      {"set k v EX 5", "SET k:v2 v PXAT 1700000000500"},
      {"set k v NX", "SET k:v2 v PXAT 1700000000500 NX"},
      {"set k v XX", "SET k:v2 v PXAT 1700000000500 XX"},
      {"set k v GET", "SET k:v2 v PXAT 1700000000500 GET"},
      {"set k v GET NX PX 5", "SET k:v2 v PXAT 1700000000500 NX GET"},
      {"set k v KEEPTTL", "SET k:v2 v KEEPTTL"},
      {"set k v GET XX KEEPTTL", "SET k:v2 v KEEPTTL XX GET"},
      {"setex k 5 v", "SET k:v2 v PXAT 1700000000500"},
      {"getset k v", "SET k:v2 v PXAT 1700000000500 GET"},
      {"setnx k v", "SET k:v2 v PXAT 1700000000500 NX"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.line);
    std::string wire;
    append_store(wire, subject, request_of(row.line).value(), now + milliseconds(500));
    CHECK(commands(wire) == std::vector<std::string>{std::string(row.wire)});
  }
}

TEST_CASE("A store is appended to what is already on its way") {
  const TaggedSubject subject({"t"});
  std::string wire;
  protocol::append_command(wire, {"TIME"});
  append_store(wire, subject, request_of("set k v").value(), now);
  append_index(wire, subject, now);
  CHECK(commands(wire)[0] == "TIME");
  CHECK(commands(wire)[1] == "SET k:v2 v PXAT 1700000000000");
}

TEST_CASE("A stored key is listed under each of its tags with its expiry") {
  const TaggedSubject subject({"t", "user:7"});
  std::string wire;
  const auto replies = append_index(wire, subject, now);
  const auto sent = commands(wire);
  CHECK(replies == sent.size());
  for (const auto* const list : {"pn:t:t", "pn:t:user:7"}) {
    CAPTURE(list);
    CHECK(std::count_if(sent.begin(), sent.end(), [&](const std::string& line) {
            return line.starts_with("ZADD " + std::string(list) + ' ') &&
                   line.ends_with(" 1700000000000 k:v2");
          }) == 1);
  }
}

TEST_CASE("A list of a tag does not outlive what is in it for ever") {
  const TaggedSubject subject({"t"});
  std::string wire;
  append_index(wire, subject, now);
  const auto sent = commands(wire);
  CHECK(std::any_of(sent.begin(), sent.end(), [](const std::string& line) {
    return line.find("EXPIRE") != line.npos && line.find(" pn:t:t ") != line.npos;
  }));
}

TEST_CASE("Nothing is listed for a key without tags, or where the rule wants no list") {
  std::string wire;
  CHECK(append_index(wire, TaggedSubject({}), now) == 0);
  TaggedSubject unlisted({"t"});
  unlisted.settings.index = false;
  CHECK(append_index(wire, unlisted, now) == 0);
  CHECK(wire.empty());
}
