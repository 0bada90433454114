// Commands about the client's own connection, and those that need a connection of their own.

#include "policies/pipeline.hpp"
#include "protocol/reply.hpp"
#include "protocol/value.hpp"

namespace pannier::policies {

using protocol::equals_nocase;
using protocol::error_reply;
using protocol::Resp;
using protocol::Value;
using protocol::Verb;

namespace {

std::string ok() { return "+OK\r\n"; }

bool valid_name(std::string_view name) {
  for (const char byte : name) {
    if (byte < '!' || byte > '~') return false;
  }
  return true;
}

constexpr std::string_view bad_name =
    "ERR Client names cannot contain spaces, newlines or special characters.";

}  // namespace

bool Pipeline::needs_own(const protocol::CommandSpec& spec, const protocol::Command& command) {
  // On a shared connection SCRIPT KILL would wait behind the script it is to end.
  const bool kills = spec.verb == Verb::script || spec.verb == Verb::function;
  if (kills) return command.args.size() == 2 && equals_nocase(command.args[1], "kill");
  if (spec.route != protocol::Route::pin) return false;
  const bool streams = spec.verb == Verb::xread || spec.verb == Verb::xreadgroup;
  return !streams || protocol::blocks(spec, command.args);
}

Verdict Pipeline::decide_local(Client& client, const protocol::CommandSpec& spec,
                               const protocol::Command& command) {
  const auto& args = command.args;
  std::string reply;
  // What is on its way is still to be answered in the protocol it was asked in.
  const bool changes_protocol = spec.verb == Verb::hello || spec.verb == Verb::reset;
  if (changes_protocol && client.open > 0) return Hold{};
  switch (spec.verb) {
    case Verb::ping:
      if (args.size() > 2)
        return answer(error_reply("ERR wrong number of arguments for 'ping' command"));
      if (args.size() == 1) return answer("+PONG\r\n");
      protocol::append_bulk(reply, args[1]);
      return answer(std::move(reply));
    case Verb::echo:
      protocol::append_bulk(reply, args[1]);
      return answer(std::move(reply));
    case Verb::hello:
      return decide_hello(client, command);
    case Verb::auth:
      return decide_auth(client, command);
    case Verb::select: {
      const auto db = protocol::to_integer(args[1]);
      if (!db) return answer(error_reply("ERR value is not an integer or out of range"));
      if (*db < 0 || *db >= core_.databases)
        return answer(error_reply("ERR DB index is out of range"));
      client.db = static_cast<std::uint32_t>(*db);
      return answer(ok());
    }
    case Verb::reset:
      client.speak(Resp::v2);
      client.identity.reset();
      client.authenticated = !core_.rules->settings().auth.is_required();
      client.db = core_.rules->settings().upstream_db;
      client.forget_transaction();
      client.reply_off = client.tracking = client.keeps_own = false;
      client.name.clear();
      transactions_.erase(client.id);
      core_.effects.drop_own(client.id);
      return answer("+RESET\r\n");
    case Verb::quit:
      return answer(ok(), true);
    case Verb::client:
      return decide_client(client, command);
    default:
      return answer(error_reply("ERR This instance has cluster support disabled"));
  }
}

Verdict Pipeline::decide_hello(Client& client, const protocol::Command& command) {
  const auto& args = command.args;
  auto resp = client.resp;
  std::size_t at = 1;
  if (args.size() > 1) {
    const auto version = protocol::to_integer(args[at++]);
    if (!version) {
      return answer(error_reply("ERR Protocol version is not an integer or out of range"));
    }
    if (*version != 2 && *version != 3)
      return answer(error_reply("NOPROTO unsupported protocol version"));
    resp = *version == 3 ? Resp::v3 : Resp::v2;
  }
  std::optional<std::string_view> name;
  std::optional<Credentials> login;
  std::string wrong_option;
  while (at < args.size() && wrong_option.empty()) {
    if (equals_nocase(args[at], "auth") && at + 2 < args.size()) {
      login = Credentials{std::string(args[at + 1]), std::string(args[at + 2])};
      at += 3;
    } else if (equals_nocase(args[at], "setname") && at + 1 < args.size()) {
      name = args[at + 1];
      if (!valid_name(*name)) return answer(error_reply(bad_name));
      at += 2;
    } else {
      wrong_option = "ERR Syntax error in HELLO option '" + std::string(args[at]) + "'";
    }
  }
  // As in Redis, a wrong login is said before an option behind it.
  const bool asks_upstream = core_.rules->settings().auth.mode == AuthMode::pass_through;
  if (login && !asks_upstream) {
    if (const auto refusal = check_login(*login, true); !refusal.empty()) {
      return answer(error_reply(refusal));
    }
  }
  if (!wrong_option.empty()) return answer(error_reply(wrong_option));
  if (login && asks_upstream) return log_in(client, std::move(*login), resp, name);
  if (login) client.authenticated = true;
  if (!client.authenticated) {
    return answer(error_reply(
        "NOAUTH HELLO must be called with the client already authenticated, otherwise the "
        "HELLO AUTH <user> <pass> option can be used to authenticate the client and "
        "select the RESP protocol version at the same time"));
  }
  client.speak(resp);
  if (name) client.name = *name;
  return answer(hello_reply(client, core_));
}

Verdict Pipeline::decide_client(Client& client, const protocol::Command& command) {
  const auto& args = command.args;
  const auto is = [&](std::string_view word, std::size_t count) {
    return equals_nocase(args[1], word) && args.size() == count;
  };
  const bool is_7_2 = core_.server_at_least(7, 2);
  std::string reply;
  client.subcommand = protocol::lower(args[1]);
  if (is("id", 2)) {
    protocol::append_integer(reply, static_cast<std::int64_t>(client.id));
  } else if (is("getname", 2)) {
    if (client.name.empty()) {
      protocol::append_null(reply, client.resp);
    } else {
      protocol::append_bulk(reply, client.name);
    }
  } else if (is("setname", 3)) {
    if (!valid_name(args[2])) return answer(error_reply(bad_name));
    client.name = args[2];
    reply = ok();
  } else if (is_7_2 && is("setinfo", 4)) {
    if (!equals_nocase(args[2], "lib-name") && !equals_nocase(args[2], "lib-ver")) {
      return answer(error_reply("ERR Unrecognized option '" + std::string(args[2]) + "'"));
    }
    (equals_nocase(args[2], "lib-name") ? client.library : client.library_version) = args[3];
    reply = ok();
  } else if (is("reply", 3)) {
    return decide_reply(client, args[2]);
  } else if ((is("no-evict", 3) || (is_7_2 && is("no-touch", 3))) &&
             (equals_nocase(args[2], "on") || equals_nocase(args[2], "off"))) {
    reply = ok();
  } else {
    if (auto verdict = decide_about_clients(client, command)) return std::move(*verdict);
    return pass(client, protocol::find_command("client"), command, command.wire);
  }
  return answer(std::move(reply));
}

Verdict Pipeline::refuse(Client& client, std::string_view text) {
  client.multi_failed = client.in_multi;
  return answer(error_reply(text));
}

Verdict Pipeline::decide_reply(Client& client, std::string_view how) {
  if (equals_nocase(how, "on")) {
    client.reply_off = false;
    return answer(ok());
  }
  if (equals_nocase(how, "off")) {
    client.reply_off = true;
  } else if (equals_nocase(how, "skip")) {
    if (!client.reply_off) client.reply_skip = 2;
  } else {
    return answer(error_reply("ERR syntax error"));
  }
  return answer({});
}

}  // namespace pannier::policies
