#include "policies/client_list.hpp"

#include "protocol/reply.hpp"

namespace pannier::policies {

using protocol::equals_nocase;

namespace {

std::string flags(const Client& client, const ConnectionFacts& facts) {
  std::string flags;
  if (client.last != nullptr && client.last->verb == protocol::Verb::monitor) flags += 'O';
  if (facts.subscribed && flags.empty()) flags += 'P';
  if (client.in_multi) flags += 'x';
  if (client.may_block && client.open > 0) flags += 'b';
  if (client.tracking) flags += 't';
  if (facts.unix_socket) flags += 'U';
  return flags.empty() ? "N" : flags;
}

std::string command_name(const Client& client) {
  if (client.last == nullptr) return "NULL";
  std::string name(client.last->name);
  if (!client.subcommand.empty()) name += "|" + client.subcommand;
  return name;
}

std::int64_t seconds_since(TimePoint then, TimePoint now) {
  return std::chrono::duration_cast<seconds>(now - then).count();
}

}  // namespace

std::optional<ClientType> client_type(std::string_view name) {
  if (equals_nocase(name, "normal")) return ClientType::normal;
  if (equals_nocase(name, "pubsub")) return ClientType::pubsub;
  if (equals_nocase(name, "master")) return ClientType::master;
  if (equals_nocase(name, "slave") || equals_nocase(name, "replica")) return ClientType::replica;
  return std::nullopt;
}

std::string client_line(const Client& client, const ConnectionFacts& facts, TimePoint now,
                        bool names_library) {
  std::string line;
  const auto add = [&](std::string_view name, const auto& value) {
    if (!line.empty()) line += ' ';
    line += name;
    line += '=';
    if constexpr (std::is_arithmetic_v<std::decay_t<decltype(value)>>) {
      line += std::to_string(value);
    } else {
      line += value;
    }
  };
  add("id", client.id);
  add("addr", facts.address);
  add("laddr", facts.local_address);
  add("fd", facts.descriptor);
  add("name", client.name);
  add("age", seconds_since(client.since, now));
  add("idle", seconds_since(client.last_at, now));
  add("flags", flags(client, facts));
  add("db", client.db);
  add("sub", facts.subscribed ? 1 : 0);
  add("psub", 0);
  add("ssub", 0);
  add("multi", client.in_multi ? static_cast<std::int64_t>(client.queued) : -1);
  add("qbuf", facts.unused);
  add("qbuf-free", 0);
  add("argv-mem", 0);
  add("multi-mem", 0);
  add("rbs", 0);
  add("rbp", 0);
  add("obl", facts.unsent);
  add("oll", 0);
  add("omem", 0);
  add("tot-mem", facts.unused + facts.unsent + sizeof(Client));
  add("events", std::string_view(facts.unsent > 0 ? "rw" : "r"));
  add("cmd", command_name(client));
  add("user", std::string_view("default"));
  add("redir", client.tracking ? static_cast<std::int64_t>(client.redirect) : -1);
  add("resp", client.resp == protocol::Resp::v3 ? 3 : 2);
  if (names_library) {
    add("lib-name", client.library);
    add("lib-ver", client.library_version);
  }
  return line + "\n";
}

ClientFilter ClientFilter::of_kill(std::span<const std::string_view> words) {
  ClientFilter filter;
  if (words.size() == 1) {
    filter.is_old = true;
    filter.skip_me = false;
    filter.address = words[0];
    return filter;
  }
  for (std::size_t i = 0; i < words.size() && filter.error.empty(); i += 2) {
    if (i + 1 == words.size()) {
      filter.error = "ERR syntax error";
      break;
    }
    const auto name = words[i], value = words[i + 1];
    if (equals_nocase(name, "id")) {
      const auto id = protocol::to_integer(value);
      if (!id || *id < 1) filter.error = "ERR client-id should be greater than 0";
      filter.id = static_cast<ClientId>(id.value_or(0));
    } else if (equals_nocase(name, "type")) {
      filter.type = client_type(value);
      if (!filter.type) filter.error = "ERR Unknown client type '" + std::string(value) + "'";
    } else if (equals_nocase(name, "addr")) {
      filter.address = value;
    } else if (equals_nocase(name, "laddr")) {
      filter.local_address = value;
    } else if (equals_nocase(name, "user")) {
      if (value != "default") filter.error = "ERR No such user '" + std::string(value) + "'";
    } else if (equals_nocase(name, "skipme") && equals_nocase(value, "yes")) {
      filter.skip_me = true;
    } else if (equals_nocase(name, "skipme") && equals_nocase(value, "no")) {
      filter.skip_me = false;
    } else {
      filter.error = "ERR syntax error";
    }
  }
  return filter;
}

bool ClientFilter::meets(const Client& client, const ConnectionFacts& facts) const {
  if (id && client.id != *id) return false;
  if (type && *type != (facts.subscribed ? ClientType::pubsub : ClientType::normal)) return false;
  if (address && facts.address != *address) return false;
  return !local_address || facts.local_address == *local_address;
}

}  // namespace pannier::policies
