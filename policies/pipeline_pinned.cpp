// Commands that need an upstream connection of the client's own, and how a transaction begins.

#include "policies/pipeline.hpp"
#include "policies/table_writes.hpp"

namespace pannier::policies {

using protocol::Verb;

namespace {

/// MULTI or WATCH: there is a transaction only when upstream has said OK.
class Beginning final : public Exchange {
 public:
  explicit Beginning(Ticket ticket) : ticket_(ticket) {}
  void settle(std::size_t, std::string_view reply, Core& core) override {
    auto* client = core.find(ticket_.client);
    const bool lasts = client != nullptr && (client->in_multi || client->watching);
    if (lasts && reply.front() == '+') client->confirmed = true;
    if (client != nullptr && reply.front() == '-') forget(*client);
    core.reply(ticket_, reply);
  }
  void fail(std::string_view error, Core& core) override {
    auto* client = core.find(ticket_.client);
    if (client != nullptr && client->own_error.empty()) forget(*client);
    core.reply(ticket_, error);
  }

 private:
  static void forget(Client& client) {
    if (!client.confirmed) client.forget_transaction();
  }
  Ticket ticket_;
};

}  // namespace

Verdict Pipeline::decide_pinned(Client& client, const protocol::CommandSpec& spec,
                                const protocol::Command& command) {
  const Link own{Link::Kind::own, client.db, client.id};
  const bool ends = spec.verb == Verb::exec || spec.verb == Verb::discard;
  if (auto verdict = await_replay()) {
    if (std::holds_alternative<Hold>(*verdict)) return Hold{};
    if (client.in_multi && client.own_error.empty()) {
      // Upstream has its MULTI open still: EXEC ends it, and runs nothing.
      client.multi_failed = true;
      if (!ends) return std::move(*verdict);
    } else if (!client.in_multi) {
      if (spec.verb != Verb::multi) return std::move(*verdict);
      client.own_error = std::get<Answer>(*verdict).reply;
    }
  }
  if (protocol::subscribes(spec.verb) && !client.in_multi) {
    if (client.open > 0) return Hold{};
    return Tunnel{own, command.wire};
  }
  if (core_.rules->has_second_tiers() && core_.mode != Mode::bypass && !client.bypass) {
    Request request{client, {client.id, client.next}, command, spec, {}};
    const bool is_ruled = spec.accepts(command.args.size()) && find_rules(request);
    const auto wrong = is_ruled ? objection_to_tables(request, core_) : std::string();
    if (!wrong.empty()) return refuse(client, "ERR pannier: " + wrong + "; not executed");
  }
  if (client.open > 0 && client.link != own) return Hold{};
  const bool forgets = ends || spec.verb == Verb::unwatch;
  if (!client.own_error.empty()) {
    // A transaction that would be unguarded begins all the same: nothing of it may run, and who
    // sends it whole does not look at this reply.
    if (spec.verb == Verb::multi && !client.in_multi) {
      client.in_multi = true;
      return answer("+OK\r\n");
    }
    auto lost = client.own_error;
    if (forgets) client.forget_transaction();
    return answer(std::move(lost));
  }
  const bool well_formed = spec.accepts(command.args.size());
  const bool was_in_multi = client.in_multi;
  client.fence_due = true;
  client.may_block = spec.may_block && !was_in_multi;
  const bool begins = spec.verb == Verb::multi || spec.verb == Verb::watch;
  if (begins && !was_in_multi) return begin_transaction(client, spec, command);
  if (spec.verb == Verb::exec && was_in_multi) return execute(client, own, command.wire);
  if (spec.verb == Verb::discard) transactions_.erase(client.id);
  if ((ends && was_in_multi) || (spec.verb == Verb::unwatch && !was_in_multi)) {
    client.forget_transaction();
    return pass_on_link(client, own, command.wire);
  }
  if (!well_formed || ends || begins) return pass_on_link(client, own, command.wire);
  if (was_in_multi) {
    auto verdict = queue(client, spec, command);
    const bool is_queued = std::holds_alternative<Forward>(verdict);
    if (is_queued) ++client.queued;
    return verdict;
  }
  if (client.may_block) return block(client, spec, command);
  if (client.is_pinned()) return queue(client, spec, command);
  return pass_on_link(client, own, command.wire);
}

std::optional<Verdict> Pipeline::decide_unfinished(Client& client,
                                                   std::span<const std::string_view> known,
                                                   std::string_view wire, TimePoint now) {
  const Call call(*this, now);
  const auto* spec = protocol::find_command(known[0]);
  const protocol::Command begun{known, wire};
  if (!client.authenticated || !policy_.refuses(spec, begun).empty() || spec == nullptr) {
    return std::nullopt;
  }
  const bool may_go = spec->route == protocol::Route::lane || spec->route == protocol::Route::plain;
  const bool is_one_key =
      !spec->movable_keys && (spec->first_key == 0 || spec->first_key == spec->last_key);
  const auto key = static_cast<std::size_t>(spec->first_key);
  if (!may_go || spec->access == protocol::Access::all || !is_one_key || key >= known.size() ||
      client.moves || client.settles || !client.own_error.empty() || core_.from_memory(nullptr)) {
    return std::nullopt;
  }
  if (core_.mode != Mode::bypass && !client.bypass && key > 0) {
    Match match;
    core_.rules->find(known[key], match);
    if (match && !match.rule->never()) return std::nullopt;
  }
  if (core_.upstream == Core::UpstreamState::connecting) return Hold{};
  client.fence_due = true;
  client.may_block = false;
  auto verdict = pass_on_link(client, {Link::Kind::own, client.db, client.id}, wire);
  if (std::holds_alternative<Forward>(verdict)) {
    ++core_.book.commands;
    if (client.in_multi) ++client.queued;
  }
  return verdict;
}

Verdict Pipeline::begin_transaction(Client& client, const protocol::CommandSpec& spec,
                                    const protocol::Command& command) {
  const Link own{Link::Kind::own, client.db, client.id};
  Request request{client, {client.id, client.next}, command, spec, {}};
  auto wire = command.wire;
  if (spec.verb == Verb::watch && core_.mode != Mode::bypass && !client.bypass &&
      find_rules(request)) {
    if (auto verdict = apply_versions(request)) return std::move(*verdict);
    wire = request.wire(wire_);
  }
  (spec.verb == Verb::multi ? client.in_multi : client.watching) = true;
  core_.begin(client, own);
  core_.send(own, wire, 1, std::make_unique<Beginning>(request.ticket));
  return Wait{};
}

Verdict Pipeline::block(Client& client, const protocol::CommandSpec& spec,
                        const protocol::Command& command) {
  const Link own{Link::Kind::own, client.db, client.id};
  Request request{client, {client.id, client.next}, command, spec, {}};
  auto wire = command.wire;
  if (core_.mode != Mode::bypass && !client.bypass && find_rules(request)) {
    if (auto verdict = apply_versions(request)) return std::move(*verdict);
    use_versions(request);
    name_reply(request);
    wire = request.wire(wire_);
  }
  auto verdict = pass_on_link(client, own, wire);
  if (auto* way = std::get_if<Forward>(&verdict)) way->may_block = true;
  return verdict;
}

}  // namespace pannier::policies
