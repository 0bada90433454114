#include "tests/support/fake_redis.hpp"

#include <algorithm>

#include "policies/bans.hpp"
#include "protocol/command_parser.hpp"
#include "protocol/reply.hpp"

namespace pannier::tests {

using protocol::error_reply;
using protocol::integer_reply;
using protocol::lower;

namespace {

/// What stands in a collection's place: enough for its expiry and for WRONGTYPE.
constexpr std::string_view collection = "\x01 collection";
constexpr std::string_view wrong_type =
    "WRONGTYPE Operation against a key holding the wrong kind of value";

std::string unknown(const std::vector<std::string_view>& words) {
  std::string text =
      "ERR unknown command '" + std::string(words[0]) + "', with args beginning with: ";
  for (std::size_t i = 1; i < words.size(); ++i) text += "'" + std::string(words[i]) + "' ";
  return error_reply(text);
}

}  // namespace

std::string_view take_command(std::string_view& wires) {
  static const protocol::Limits limits;
  protocol::CommandParser parser(limits);
  protocol::Command command;
  const auto whole = wires.substr(0, parser.parse(wires, command).consumed);
  wires.remove_prefix(whole.size());
  return whole;
}

std::vector<std::string_view> words_of(std::string_view wire) {
  static const protocol::Limits limits;
  protocol::CommandParser parser(limits);
  protocol::Command command;
  parser.parse(wire, command);
  return {command.args.begin(), command.args.end()};
}

std::string wire_of(const std::vector<std::string_view>& words) {
  std::string wire;
  protocol::append_command(wire, words.size());
  for (const auto word : words) protocol::append_bulk(wire, word);
  return wire;
}

void FakeRedis::execute(Connection& connection, std::string_view wire) {
  const auto words = words_of(wire);
  const auto name = lower(words[0]);
  // The reply's place is taken first: pushes about its own change come behind it.
  const auto place = connection.out.size();
  connection.out.emplace_back();
  std::string reply;
  if (name == "select") {
    connection.db = static_cast<std::uint32_t>(protocol::to_integer(words[1]).value_or(0));
    reply = "+OK\r\n";
  } else if (name == "hello") {
    connection.resp = words[1] == "3" ? protocol::Resp::v3 : protocol::Resp::v2;
    reply = "*0\r\n";
  } else if (!run_transaction(connection, name, wire, words, reply)) {
    reply = run(connection, wire, words);
  }
  connection.out[place] = std::move(reply);
}

std::string FakeRedis::run(Connection& connection, std::string_view wire, const Words& words) {
  const auto name = lower(words[0]);
  const auto* spec = protocol::find_command(name);
  std::vector<std::uint32_t> places;
  if (spec != nullptr && spec->accepts(words.size())) protocol::find_keys(*spec, words, places);
  std::vector<std::pair<std::string, std::string>> before;
  if (spec != nullptr && spec->access != protocol::Access::read) {
    for (const auto place : places) {
      if (tracked_.contains(words[place])) {
        before.emplace_back(words[place], look(connection.db, words[place]));
      }
    }
  }
  std::string reply;
  if (!run_collection(connection, name, words, reply) &&
      !run_list(connection, name, words, reply) &&
      !store_.execute({words, wire}, connection.db, connection.resp, now, reply)) {
    reply = unknown(words);
  }
  if (ran) ran(connection, {words.begin(), words.end()}, reply);
  const bool asks = name == "client" && words.size() == 3 && lower(words[1]) == "caching";
  if (connection.caching && !asks && tracks) {
    for (const auto place : places) tracked_[std::string(words[place])].insert(&connection);
  }
  connection.caching = asks;
  if (name == "flushall" || name == "flushdb") {
    std::set<Connection*> all;
    for (const auto& [key, to] : tracked_) all.insert(to.begin(), to.end());
    lists_.clear();
    tracked_.clear();
    push_all("_\r\n", all);
  }
  push_changes(before, connection.db);
  return reply;
}

void FakeRedis::push_changes(const std::vector<std::pair<std::string, std::string>>& before,
                             std::uint32_t db) {
  for (const auto& [key, seen] : before) {
    const auto at = tracked_.find(key);
    if (at == tracked_.end() || look(db, key) == seen) continue;
    std::string keys;
    protocol::append_array(keys, 1);
    protocol::append_bulk(keys, key);
    push_all(keys, at->second);
    tracked_.erase(key);
  }
}

void FakeRedis::push_all(std::string_view keys, const std::set<Connection*>& to) {
  for (auto* connection : to) {
    connection->out.push_back(">2\r\n$10\r\ninvalidate\r\n" + std::string(keys));
  }
}

void FakeRedis::forget(Connection& connection) {
  for (auto at = tracked_.begin(); at != tracked_.end();) {
    at->second.erase(&connection);
    at = at->second.empty() ? tracked_.erase(at) : std::next(at);
  }
}

std::string FakeRedis::ask(std::uint32_t db, std::initializer_list<std::string_view> words) {
  const Words args(words);
  std::string reply;
  store_.execute({args, {}}, db, protocol::Resp::v2, now, reply);
  return reply;
}

std::optional<std::string> FakeRedis::value(std::uint32_t db, std::string_view key) {
  const auto reply = ask(db, {"GET", key});
  const auto view = protocol::ReplyReader(reply).next();
  return view.null ? std::nullopt : std::optional(std::string(view.text));
}

std::optional<policies::ServerTime> FakeRedis::expiry(std::uint32_t db, std::string_view key) {
  const auto reply = ask(db, {"PEXPIRETIME", key});
  const auto at = protocol::ReplyReader(reply).next().number;
  return at < 0 ? std::nullopt : std::optional(policies::ServerTime(policies::milliseconds(at)));
}

std::string FakeRedis::look(std::uint32_t db, std::string_view key) {
  return ask(db, {"GET", key}) + ask(db, {"PEXPIRETIME", key});
}

bool FakeRedis::run_transaction(Connection& connection, const std::string& name,
                                std::string_view wire, const Words& words, std::string& reply) {
  if (name == "multi" && !connection.in_multi) {
    connection.in_multi = true;
    reply = "+OK\r\n";
  } else if (name == "discard" || name == "exec") {
    if (!connection.in_multi) {
      reply = error_reply(name == "exec" ? "ERR EXEC without MULTI" : "ERR DISCARD without MULTI");
      return true;
    }
    reply = name == "exec" ? execute_queued(connection) : "+OK\r\n";
    connection.queued.clear();
    connection.watched.clear();
    connection.in_multi = connection.aborted = false;
  } else if (connection.in_multi) {
    const bool known = protocol::find_command(name) != nullptr;
    connection.aborted |= !known;
    if (known) connection.queued.emplace_back(wire);
    reply = known ? "+QUEUED\r\n" : unknown(words);
  } else if (name == "watch") {
    for (std::size_t i = 1; i < words.size(); ++i) {
      connection.watched.emplace_back(words[i], look(connection.db, words[i]));
    }
    reply = "+OK\r\n";
  } else if (name == "unwatch") {
    connection.watched.clear();
    reply = "+OK\r\n";
  } else {
    return false;
  }
  return true;
}

std::string FakeRedis::execute_queued(Connection& connection) {
  if (connection.aborted) {
    return error_reply("EXECABORT Transaction discarded because of previous errors.");
  }
  for (const auto& [key, seen] : connection.watched) {
    if (look(connection.db, key) == seen) continue;
    std::string none;
    protocol::append_null_array(none, connection.resp);
    return none;
  }
  std::string reply;
  protocol::append_array(reply, connection.queued.size());
  for (const auto& wire : connection.queued) reply += run(connection, wire, words_of(wire));
  return reply;
}

bool FakeRedis::run_collection(Connection& connection, const std::string& name, const Words& words,
                               std::string& reply) {
  if (words.size() < 2 || words[1].starts_with("pn:")) return false;
  const bool adds =
      name == "hset" || name == "lpush" || name == "rpush" || name == "sadd" || name == "zadd";
  if (!adds && !has_collections_) return false;
  const auto there = ask(connection.db, {"GET", words[1]});
  const bool is_collection = there.find(collection) != there.npos;
  if (adds) {
    has_collections_ = true;
    const bool is_new = there == "$-1\r\n";
    if (!is_new && !is_collection) {
      reply = error_reply(wrong_type);
      return true;
    }
    if (is_new) ask(connection.db, {"SET", words[1], collection});
    const auto pairs = name == "hset" || name == "zadd" ? 2 : 1;
    reply = integer_reply(static_cast<std::int64_t>(words.size() - 2) / pairs);
    return true;
  }
  static const std::set<std::string> of_strings{"get",    "getex",  "getset",   "append",
                                                "strlen", "incr",   "getrange", "setrange",
                                                "decr",   "incrby", "getdel"};
  if (!is_collection || !of_strings.contains(name)) return false;
  reply = error_reply(wrong_type);
  return true;
}

}  // namespace pannier::tests
