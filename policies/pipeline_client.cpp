// CLIENT about other clients than the asking one, which are the sidecar's, and CLIENT TRACKING,
// which upstream does on a connection of the client's own.

#include <algorithm>

#include "policies/client_list.hpp"
#include "policies/pipeline.hpp"
#include "protocol/reply.hpp"

namespace pannier::policies {

using protocol::equals_nocase;
using protocol::error_reply;
using protocol::integer_reply;
using protocol::Resp;

namespace {

using Words = std::span<const std::string_view>;

/// CLIENT TRACKING: on is believed at once, so that what follows goes the right way.
class Tracking final : public Exchange {
 public:
  Tracking(Ticket ticket, bool before) : ticket_(ticket), before_(before) {}
  void settle(std::size_t, std::string_view reply, Core& core) override {
    if (reply.front() == '-')
      fail(reply, core);
    else
      core.reply(ticket_, reply);
  }
  void fail(std::string_view text, Core& core) override {
    if (auto* client = core.find(ticket_.client)) client->tracking = before_;
    core.reply(ticket_, text);
  }

 private:
  Ticket ticket_;
  bool before_;
};

std::string tracking_wire(Words args, std::size_t redirect_at, std::int64_t redirect) {
  std::string wire;
  protocol::append_command(wire, args.size());
  for (std::size_t i = 0; i < args.size(); ++i) {
    protocol::append_bulk(wire, i == redirect_at ? std::to_string(redirect) : std::string(args[i]));
  }
  return wire;
}

/// Asks what upstream calls the connection that invalidations are redirected to, then tracks.
class RedirectedTracking final : public Exchange {
 public:
  RedirectedTracking(Ticket ticket, Link own, Words args, std::size_t redirect_at, bool before)
      : ticket_(ticket),
        own_(own),
        args_(args.begin(), args.end()),
        redirect_at_(redirect_at),
        before_(before) {}
  void settle(std::size_t, std::string_view reply, Core& core) override {
    protocol::ReplyReader reader(reply);
    const auto id = reader.next();
    if (id.kind != ':') return fail(reply, core);
    const std::vector<std::string_view> args(args_.begin(), args_.end());
    core.send(own_, tracking_wire(args, redirect_at_, id.number), 1,
              std::make_unique<Tracking>(ticket_, before_));
  }
  void fail(std::string_view text, Core& core) override {
    Tracking(ticket_, before_).fail(text, core);
  }

 private:
  Ticket ticket_;
  Link own_;
  std::vector<std::string> args_;
  std::size_t redirect_at_;
  bool before_;
};

}  // namespace

std::optional<Verdict> Pipeline::decide_about_clients(Client& client,
                                                      const protocol::Command& command) {
  const Words words = Words(command.args).subspan(1);
  const auto is = [&](std::string_view word) { return equals_nocase(words[0], word); };
  const Link own{Link::Kind::own, client.db, client.id};
  if (is("list") || (is("info") && words.size() == 1)) return list_clients(client, words);
  if (is("kill") && words.size() > 1) return kill_clients(client, words.subspan(1));
  if (is("unblock") && words.size() > 1) return unblock(client, words.subspan(1));
  if (is("getredir") && words.size() == 1) {
    return answer(integer_reply(client.tracking ? static_cast<std::int64_t>(client.redirect) : -1));
  }
  if (is("tracking") && words.size() > 1) return track(client, command);
  if (client.tracking && (is("caching") || is("trackinginfo"))) {
    return pass_on_link(client, own, command.wire);
  }
  return std::nullopt;
}

std::optional<Verdict> Pipeline::list_clients(const Client& asking, Words words) {
  ClientFilter filter;
  std::vector<ClientId> ids;
  if (words.size() > 2 && equals_nocase(words[1], "id")) {
    for (const auto word : words.subspan(2)) {
      const auto id = protocol::to_integer(word);
      if (!id) return answer(error_reply("ERR Invalid client ID"));
      ids.push_back(static_cast<ClientId>(*id));
    }
  } else if (equals_nocase(words[0], "info")) {
    ids.push_back(asking.id);
  } else if (words.size() == 1 || (words.size() == 3 && equals_nocase(words[1], "type"))) {
    if (words.size() == 3) {
      filter.type = client_type(words[2]);
      if (!filter.type) {
        return answer(error_reply("ERR Unknown client type '" + std::string(words[2]) + "'"));
      }
    }
    for (const auto& [id, client] : core_.clients) ids.push_back(id);
    std::sort(ids.begin(), ids.end());
  } else {
    return answer(error_reply("ERR syntax error"));
  }
  std::string text;
  for (const auto id : ids) {
    const auto* client = core_.find(id);
    if (client == nullptr || client->internal) continue;
    const auto facts = core_.effects.connection(id);
    if (!filter.meets(*client, facts)) continue;
    text += client_line(*client, facts, core_.now, core_.server_at_least(7, 2));
  }
  std::string reply;
  protocol::append_verbatim(reply, text, asking.resp);
  return answer(std::move(reply));
}

Verdict Pipeline::kill_clients(Client& asking, Words words) {
  // Whom it ends must have been there before what the same client asks next.
  if (asking.open > 0) return Hold{};
  const auto filter = ClientFilter::of_kill(words);
  if (!filter.error.empty()) return answer(error_reply(filter.error));
  std::vector<ClientId> killed;
  for (const auto& [id, client] : core_.clients) {
    if (client->internal || (filter.skip_me && id == asking.id)) continue;
    if (filter.meets(*client, core_.effects.connection(id))) killed.push_back(id);
  }
  for (const auto id : killed) core_.effects.close(id, id != asking.id);
  if (!filter.is_old) return answer(integer_reply(static_cast<std::int64_t>(killed.size())));
  if (killed.empty()) return answer(error_reply("ERR No such client"));
  return answer("+OK\r\n");
}

std::optional<Verdict> Pipeline::unblock(Client& client, Words words) {
  const auto id = protocol::to_integer(words[0]);
  const bool has_reason = words.size() == 2;
  if (words.size() > 2) return std::nullopt;
  if (has_reason && !equals_nocase(words[1], "timeout") && !equals_nocase(words[1], "error")) {
    return answer(error_reply("ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR"));
  }
  if (!id) return answer(error_reply("ERR value is not an integer or out of range"));
  const auto* blocked = core_.find(static_cast<ClientId>(*id));
  const bool waits = blocked != nullptr && blocked->may_block && blocked->open > 0;
  const auto upstream_id = waits ? core_.effects.upstream_id(blocked->id) : 0;
  if (upstream_id == 0) return answer(integer_reply(0));
  wire_.clear();
  const auto number = std::to_string(upstream_id);
  if (has_reason) {
    protocol::append_command(wire_, {"CLIENT", "UNBLOCK", number, words[1]});
  } else {
    protocol::append_command(wire_, {"CLIENT", "UNBLOCK", number});
  }
  const bool is_3 = client.resp == Resp::v3;
  return pass_on_link(client, {is_3 ? Link::Kind::plain3 : Link::Kind::plain2, client.db, 0},
                      wire_);
}

std::optional<Verdict> Pipeline::track(Client& client, const protocol::Command& command) {
  const Words args(command.args);
  const bool on = equals_nocase(args[2], "on");
  if (!client.tracking && !on) {
    if (equals_nocase(args[2], "off") && args.size() == 3) return answer("+OK\r\n");
    return std::nullopt;
  }
  const Link own{Link::Kind::own, client.db, client.id};
  if (client.open > 0) return Hold{};
  client.fence_due = true;
  const Ticket ticket{client.id, client.next};
  const bool before = std::exchange(client.tracking, on);
  std::size_t redirect_at = 0;
  for (std::size_t i = 3; i + 1 < args.size(); ++i) {
    if (equals_nocase(args[i], "redirect")) redirect_at = i + 1;
  }
  const auto redirect = redirect_at == 0 ? std::nullopt : protocol::to_integer(args[redirect_at]);
  if (!redirect) {
    if (on) client.redirect = 0;
    core_.begin(client, own);
    core_.send(own, command.wire, 1, std::make_unique<Tracking>(ticket, before));
    return Wait{};
  }
  auto* target = core_.find(static_cast<ClientId>(*redirect));
  if (target == nullptr || target->internal) {
    client.tracking = before;
    return answer(error_reply("ERR The client ID you want redirect to does not exist"));
  }
  client.redirect = target->id;
  target->keeps_own = true;
  core_.begin(client, own);
  if (const auto id = core_.effects.upstream_id(target->id); id != 0) {
    core_.send(own, tracking_wire(args, redirect_at, id), 1,
               std::make_unique<Tracking>(ticket, before));
    return Wait{};
  }
  wire_.clear();
  protocol::append_command(wire_, {"CLIENT", "ID"});
  core_.send({Link::Kind::own, target->db, target->id}, wire_, 1,
             std::make_unique<RedirectedTracking>(ticket, own, args, redirect_at, before));
  return Wait{};
}

}  // namespace pannier::policies
