// MULTI to EXEC: commands are queued by upstream itself, with the same keys and times as outside.

#include "policies/pipeline.hpp"
#include "policies/store.hpp"
#include "protocol/reply.hpp"

namespace pannier::policies {

using protocol::Access;
using protocol::Verb;

namespace {

class Late final : public Exchange {
 public:
  void settle(std::size_t, std::string_view, Core&) override {}
  void fail(std::string_view, Core&) override {}
};

/// EXEC: when it has run, keys under rules get what they could not get inside.
class Execution final : public Exchange {
 public:
  using Written = std::vector<std::pair<SubjectRef, bool>>;
  Execution(Ticket ticket, Written written) : ticket_(ticket), written_(std::move(written)) {}

  void settle(std::size_t, std::string_view reply, Core& core) override {
    protocol::ReplyReader reader(reply);
    const auto result = reader.next();
    if (!result.null && !result.error()) {
      for (const auto& [subject, needs_expiry] : written_) finish(*subject, needs_expiry, core);
    }
    core.reply(ticket_, reply);
  }
  void fail(std::string_view error, Core& core) override { core.reply(ticket_, error); }

 private:
  static void finish(const Subject& subject, bool needs_expiry, Core& core) {
    const auto lane = core.lane(subject.db, subject.rule.get());
    const auto miss = core.misses.take(subject.table_key, core.now);
    std::string wire;
    std::uint32_t replies = append_index(wire, subject, core.server_floor() + subject.life.total);
    if (needs_expiry) {
      append_expiry(wire, subject, core, miss ? std::optional(miss->at) : std::nullopt);
      ++replies;
    }
    if (replies > 0) core.send(lane, wire, replies, std::make_unique<Late>());
    core.touched(subject.table_key);
  }

  Ticket ticket_;
  Written written_;
};

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

bool stores(Verb verb) {
  return verb == Verb::set || verb == Verb::setex || verb == Verb::psetex || verb == Verb::getset;
}

}  // namespace

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
    wire = request.wire(wire_);
  }
  auto verdict = pass_on_link(client, own, wire);
  if (auto* way = std::get_if<Forward>(&verdict)) way->may_block = true;
  return verdict;
}

Verdict Pipeline::queue(Client& client, const protocol::CommandSpec& spec,
                        const protocol::Command& command) {
  const Link own{Link::Kind::own, client.db, client.id};
  const bool without_rules = core_.mode == Mode::bypass || core_.rules->empty() || client.bypass;
  Request request{client, {client.id, client.next}, command, spec, {}};
  if (without_rules || spec.access == Access::none || !find_rules(request)) {
    return pass_on_link(client, own, command.wire);
  }
  if (auto verdict = apply_versions(request)) return std::move(*verdict);
  const auto now = core_.server_floor();
  const auto asked = stores(spec.verb) ? parse_store(spec.name, command.args, now) : std::nullopt;
  const bool rewrites = asked && !(asked->only_absent && asked->ttl);
  if (spec.access != Access::read) {
    for (const auto& use : request.keys) {
      if (!use.match) continue;
      transactions_[client.id].emplace_back(request.subject(use, core_), !rewrites);
    }
  }
  if (!rewrites) return pass_on_link(client, own, request.wire(wire_));
  const auto subject = request.subject(request.ruled_key(), core_);
  const auto miss = core_.misses.look(subject->table_key, core_.now);
  const auto born = miss ? miss->at : core_.born_now(*subject);
  const auto expiry =
      expiry_for(*subject->rule->tier, subject->life, born, asked->ttl, !subject->tags.empty());
  wire_.clear();
  if (!miss && !asked->keep_ttl && core_.lacks_generation(*subject)) {
    append_store_now(wire_, *subject, *asked, expiry - born, core_.generation_life());
  } else {
    append_store(wire_, *subject, *asked, expiry);
  }
  return pass_on_link(client, own, wire_);
}

Verdict Pipeline::execute(Client& client, Link own, std::string_view wire) {
  auto written = transactions_.extract(client.id);
  if (written.empty()) return pass_on_link(client, own, wire);
  for (const auto& [subject, needs_expiry] : written.mapped()) {
    core_.close_flight(subject->table_key);
  }
  core_.begin(client, own);
  const Ticket ticket{client.id, client.next};
  core_.send(own, wire, 1, std::make_unique<Execution>(ticket, std::move(written.mapped())));
  return Wait{};
}

}  // namespace pannier::policies
