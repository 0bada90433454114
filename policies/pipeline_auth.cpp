// Who clients say they are: checked here, or by upstream on a connection of their own.

#include "policies/pipeline.hpp"
#include "protocol/reply.hpp"
#include "protocol/value.hpp"

namespace pannier::policies {

using protocol::Resp;
using protocol::Value;

namespace {

constexpr std::string_view wrong_password =
    "WRONGPASS invalid username-password pair or user is disabled.";
constexpr std::string_view no_password =
    "ERR AUTH <password> called without any password configured for the default user. "
    "Are you sure your configuration is correct?";

/// Takes as long for a wrong first byte as for a wrong last one.
bool same(std::string_view a, std::string_view b) {
  unsigned differs = a.size() == b.size() ? 0 : 1;
  for (std::size_t i = 0; i < a.size(); ++i) {
    differs |= static_cast<unsigned char>(a[i]) ^
               static_cast<unsigned char>(b.empty() ? '\0' : b[i % b.size()]);
  }
  return differs == 0;
}

/// Credentials under test on the client's own connection, whose handshake says them.
class LogIn final : public Exchange {
 public:
  LogIn(Ticket ticket, std::unique_ptr<Credentials> before, std::optional<Resp> resp,
        std::optional<std::string> name)
      : ticket_(ticket), before_(std::move(before)), resp_(resp), name_(std::move(name)) {}

  void settle(std::size_t, std::string_view reply, Core& core) override {
    auto* client = core.find(ticket_.client);
    if (client == nullptr) return;
    if (reply.front() == '-') return fail(reply, core);
    client->authenticated = true;
    if (!resp_) return core.reply(ticket_, reply);
    client->speak(*resp_);
    if (name_) client->name = *name_;
    core.reply(ticket_, hello_reply(*client, core));
  }
  void fail(std::string_view error, Core& core) override {
    if (auto* client = core.find(ticket_.client)) {
      client->identity = std::move(before_);
      core.effects.drop_own(client->id);
    }
    core.reply(ticket_, error);
  }

 private:
  Ticket ticket_;
  std::unique_ptr<Credentials> before_;
  std::optional<Resp> resp_;
  std::optional<std::string> name_;
};

}  // namespace

std::string hello_reply(const Client& client, const Core& core) {
  Value::Map fields{{"server", {"redis"}},
                    {"version", {core.server_version}},
                    {"proto", {std::int64_t(client.resp)}},
                    {"id", {static_cast<std::int64_t>(client.id)}},
                    {"mode", {"standalone"}},
                    {"role", {"master"}},
                    {"modules", {Value::List{}}}};
  std::string reply;
  Value{std::move(fields)}.append_to(reply, client.resp);
  return reply;
}

std::string Pipeline::check_login(const Credentials& login, bool named) const {
  const auto& settings = core_.rules->settings();
  const bool is_own = !settings.auth.password.empty();
  const auto& user = is_own ? settings.auth.user : settings.upstream_login.user;
  const auto& password = is_own ? settings.auth.password : settings.upstream_login.password;
  if (password.empty()) {  // As a Redis without a password: its default user takes any.
    if (named && login.user == "default") return {};
    return std::string(named ? wrong_password : no_password);
  }
  const bool is_right = same(login.user, user.empty() ? "default" : user) &
                        static_cast<int>(same(login.password, password));
  return is_right ? std::string() : std::string(wrong_password);
}

Verdict Pipeline::decide_auth(Client& client, const protocol::Command& command) {
  const auto& args = command.args;
  if (args.size() > 3) return answer(protocol::error_reply("ERR syntax error"));
  const bool named = args.size() == 3;
  Credentials login{named ? std::string(args[1]) : "default", std::string(args.back())};
  if (core_.rules->settings().auth.mode == AuthMode::pass_through) {
    return log_in(client, std::move(login), std::nullopt, std::nullopt);
  }
  if (const auto refusal = check_login(login, named); !refusal.empty()) {
    return answer(protocol::error_reply(refusal));
  }
  client.authenticated = true;
  return answer("+OK\r\n");
}

Verdict Pipeline::log_in(Client& client, Credentials login, std::optional<Resp> resp,
                         std::optional<std::string_view> name) {
  if (client.open > 0) return Hold{};
  if (client.in_multi) {
    return refuse(client,
                  "ERR pannier: 'auth inside MULTI' is not available through the sidecar; "
                  "not executed");
  }
  // Another user must not find what this one left in the connection.
  core_.effects.drop_own(client.id);
  client.forget_transaction();
  client.tracking = false;
  auto before = std::exchange(client.identity, std::make_unique<Credentials>(std::move(login)));
  const Link own{Link::Kind::own, client.db, client.id};
  wire_.clear();
  protocol::append_command(wire_, {"AUTH", client.identity->user, client.identity->password});
  client.settles = true;
  core_.begin(client, own);
  core_.send(own, wire_, 1,
             std::make_unique<LogIn>(Ticket{client.id, client.next}, std::move(before), resp,
                                     name ? std::optional(std::string(*name)) : std::nullopt));
  return Wait{};
}

}  // namespace pannier::policies
