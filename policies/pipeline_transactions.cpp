// What stands between MULTI and EXEC: queued by upstream itself, with the same keys and times as
// outside.

#include <iterator>

#include "policies/found_tags.hpp"
#include "policies/guard.hpp"
#include "policies/pipeline.hpp"
#include "policies/store.hpp"
#include "protocol/reply.hpp"

namespace pannier::policies {

using protocol::Access;
using protocol::equals_nocase;
using protocol::Verb;

namespace {

bool stores(Verb verb) {
  return verb == Verb::set || verb == Verb::setex || verb == Verb::psetex || verb == Verb::getset;
}

/// Whether upstream, too, would take the words of a CLIENT for what they say; else it refuses them.
bool is_whole_client(std::span<const std::string_view> args, bool is_7_2) {
  struct Form {
    std::string_view name;
    std::size_t least, most;
  };
  constexpr std::size_t any = ~std::size_t{0};
  constexpr Form forms[] = {{"id", 2, 2},         {"getname", 2, 2}, {"setname", 3, 3},
                            {"no-evict", 3, 3},   {"list", 2, any},  {"info", 2, 2},
                            {"getredir", 2, 2},   {"kill", 3, any},  {"reply", 3, 3},
                            {"tracking", 3, any}, {"caching", 3, 3}, {"unblock", 3, any}};
  if (is_7_2 && equals_nocase(args[1], "setinfo")) return args.size() == 4;
  if (is_7_2 && equals_nocase(args[1], "no-touch")) return args.size() == 3;
  for (const auto& form : forms) {
    if (equals_nocase(args[1], form.name))
      return args.size() >= form.least && args.size() <= form.most;
  }
  return false;
}

/// Whether a command about the client's connection has an answer that nobody else must give.
bool answered_here(const Client& client, Verb verb, std::span<const std::string_view> args) {
  if (verb == Verb::auth) return true;
  if (verb == Verb::hello) {  // EXEC's reply cannot be in two protocols.
    return args.size() == 1 || args[1] != (client.resp == protocol::Resp::v3 ? "2" : "3");
  }
  if (equals_nocase(args[1], "no-evict")) {
    return equals_nocase(args[2], "on") || equals_nocase(args[2], "off");
  }
  for (const auto word : {"id", "getname", "setname", "setinfo", "list", "info", "getredir"}) {
    if (equals_nocase(args[1], word)) return true;
  }
  return false;
}

/// What a shared connection must not be told.
bool changes_connection(Verb verb, std::span<const std::string_view> args) {
  if (verb == Verb::hello || protocol::subscribes(verb)) return true;
  if (verb != Verb::client) return false;
  for (const auto word : {"reply", "tracking", "caching", "kill", "unblock", "no-touch"}) {
    if (equals_nocase(args[1], word)) return true;
  }
  return false;
}

}  // namespace

/// Commands about the client's own connection inside MULTI. \returns nothing for all others.
std::optional<Verdict> Pipeline::queue_own(Client& client, const protocol::CommandSpec& spec,
                                           const protocol::Command& command) {
  if (spec.verb == Verb::select) {
    const auto db = protocol::to_integer(command.args[1]);
    if (db && *db >= 0 && *db < core_.databases) client.multi_db = static_cast<std::uint32_t>(*db);
    return std::nullopt;
  }
  if (spec.verb == Verb::client && !is_whole_client(command.args, core_.server_at_least(7, 2))) {
    return std::nullopt;
  }
  const bool is_own =
      spec.verb == Verb::auth || spec.verb == Verb::hello || spec.verb == Verb::client;
  const bool asks_upstream =
      spec.verb == Verb::auth && core_.rules->settings().auth.mode == AuthMode::pass_through;
  if (asks_upstream) return decide_auth(client, command);
  if (is_own && answered_here(client, spec.verb, command.args)) {
    transactions_[client.id].own.emplace_back(
        client.queued, std::vector<std::string>(command.args.begin(), command.args.end()));
    wire_.clear();
    protocol::append_command(wire_, {"PING"});
    return pass_on_link(client, {Link::Kind::own, client.db, client.id}, wire_);
  }
  if (!changes_connection(spec.verb, command.args)) return std::nullopt;
  return refuse(client, "ERR pannier: '" + std::string(spec.name) +
                            " inside MULTI' is not available through the sidecar; not executed");
}

Verdict Pipeline::queue(Client& client, const protocol::CommandSpec& spec,
                        const protocol::Command& command) {
  const Link own{Link::Kind::own, client.db, client.id};
  if (client.in_multi) {
    if (auto verdict = queue_own(client, spec, command)) return std::move(*verdict);
  }
  const bool without_rules = core_.mode == Mode::bypass || core_.rules->empty() || client.bypass;
  if (lists_names(client, spec)) return list_names(client, spec, command, own);
  Request request{client, {client.id, client.next}, command, spec, {}};
  if (without_rules || spec.access == Access::none || !find_rules(request)) {
    return pass_on_link(client, own, command.wire);
  }
  if (auto verdict = apply_versions(request)) {
    const auto* here = std::get_if<Answer>(&*verdict);
    const bool refused = here != nullptr && here->reply.starts_with('-');
    if (here == nullptr || refused || !client.in_multi) {
      if (refused) client.multi_failed = client.in_multi;
      return std::move(*verdict);
    }
  }
  use_versions(request);
  name_reply(request);
  Written written;
  const auto now = core_.server_floor();
  const auto asked = stores(spec.verb) ? parse_store(spec.name, command.args, now) : std::nullopt;
  const bool rewrites = asked && !(asked->only_absent && asked->ttl);
  if (spec.access != Access::read) {
    for (const auto& use : request.keys) {
      if (!use.match) continue;
      const bool fills = rewrites || spec.verb == Verb::mset;
      auto subject = request.subject(use, core_);
      if (rewrites) subject = with_tags_of(subject, asked->value);
      const bool has_value = spec.verb == Verb::mset && use.position + 1 < command.args.size();
      if (has_value) subject = with_tags_of(subject, command.args[use.position + 1]);
      written.push_back({std::move(subject), !rewrites, fills});
    }
  }
  if (!rewrites) {
    std::vector<SubjectRef> guarded;
    for (const auto& [subject, needs_expiry, fills] : written) {
      if (!fills) core_.removed(*subject, own, false);
      if (guard::in_fleet(*subject, core_)) guarded.push_back(subject);
    }
    const bool removes = spec.verb == Verb::del || spec.verb == Verb::unlink;
    if (guarded.empty() || !removes) {
      return enqueue(client, own, request.wire(wire_), std::move(written));
    }
    wire_.clear();
    guard::append_removal(wire_, request, guarded);
    return enqueue(client, own, wire_, std::move(written));
  }
  const auto subject = with_tags_of(request.subject(request.ruled_key(), core_), asked->value);
  const auto miss = core_.misses.look(subject->table_key, core_.now);
  const auto born = miss ? miss->at : core_.born_now(*subject);
  const auto expiry =
      expiry_for(*subject->rule->tier, subject->life, born, asked->ttl, !subject->tags.empty());
  wire_.clear();
  if (const auto expected = guard::expected(*subject, miss, core_)) {
    guard::append_store(wire_, *subject, *asked, expiry, *expected, true);
  } else if (!miss && !asked->keep_ttl && must_begin_upstream(*subject, core_)) {
    append_store_now(wire_, *subject, *asked, expiry - born, core_);
  } else {
    append_store(wire_, *subject, *asked, expiry);
  }
  return enqueue(client, own, wire_, std::move(written));
}

Verdict Pipeline::enqueue(Client& client, Link own, std::string_view wire, Written written) {
  if (client.in_multi) {
    auto& open = transactions_[client.id].written;
    std::move(written.begin(), written.end(), std::back_inserter(open));
    return pass_on_link(client, own, wire);
  }
  if (written.empty()) return pass_on_link(client, own, wire);
  Outcome outcome;
  outcome.written = std::move(written);
  return run(client, own, wire, std::move(outcome));
}

Verdict Pipeline::run(Client& client, Link own, std::string_view wire, Outcome outcome) {
  for (const auto& written : outcome.written) {
    outcome.writes.push_back(core_.begin_write(*written.subject));
  }
  core_.begin(client, own);
  core_.send(own, wire, 1, make_execution({client.id, client.next}, std::move(outcome)));
  return Wait{};
}

Verdict Pipeline::execute(Client& client, Link own, std::string_view wire) {
  auto transaction = std::move(transactions_[client.id]);
  transactions_.erase(client.id);
  Outcome outcome;
  outcome.written = std::move(transaction.written);
  outcome.db = client.multi_db;
  outcome.name = client.name;
  outcome.library = client.library;
  outcome.library_version = client.library_version;
  if (!transaction.names.empty()) {
    auto& names = core_.reply_names[{client.id, client.next}];
    names.shape = ReplyNames::Shape::transaction;
    names.parts = std::move(transaction.names);
  }
  const bool failed = client.multi_failed;
  const auto queued = client.queued;
  client.forget_transaction();
  if (failed) {
    wire_.clear();
    protocol::append_command(wire_, {"DISCARD"});
    core_.begin(client, own);
    core_.send(own, wire_, 1, make_abort({client.id, client.next}));
    return Wait{};
  }
  // What asks is the transaction, in its turn.
  const auto open = std::exchange(client.open, 0);
  client.in_multi = true;
  client.queued = queued;
  for (const auto& [place, words] : transaction.own) {
    const std::vector<std::string_view> args(words.begin(), words.end());
    const auto* spec = protocol::find_command(args[0]);
    const auto verdict = decide_local(client, *spec, {args, {}});
    if (const auto* here = std::get_if<Answer>(&verdict)) {
      outcome.answers.emplace_back(place, here->reply);
    }
  }
  client.open = open;
  client.in_multi = false;
  client.queued = 0;
  if (outcome.written.empty() && outcome.answers.empty() && !outcome.db) {
    return pass_on_link(client, own, wire);
  }
  client.moves = outcome.db.has_value() || !outcome.answers.empty();
  return run(client, own, wire, std::move(outcome));
}

}  // namespace pannier::policies
