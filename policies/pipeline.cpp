#include "policies/pipeline.hpp"

#include <utility>

#include "policies/fleet_lease.hpp"
#include "policies/read_flight.hpp"
#include "policies/table_writes.hpp"
#include "policies/test_bugs.hpp"
#include "protocol/reply.hpp"

namespace pannier::policies {

using protocol::Access;
using protocol::Resp;
using protocol::Route;
using protocol::Verb;

namespace {

constexpr microseconds lease_extension = seconds(3);

/// A command that empties a database: whatever is known of upstream must be read again.
class Flush final : public Exchange {
 public:
  Flush(Ticket ticket, Link link) : ticket_(ticket), link_(link) {}
  void settle(std::size_t, std::string_view reply, Core& core) override {
    core.flights.clear();
    core.generations.outdate_all();
    core.versions.outdate_all();
    core.copies.outdate_all();
    core.watch.outdate_all();
    core.misses.all_removed(core.next_exchange);
    core.reply_from(link_, ticket_, reply);
  }
  void fail(std::string_view error, Core& core) override {
    core.copies.outdate_all();  // It was meant to be empty: nothing is served from before.
    core.reply(ticket_, error);
  }

 private:
  Ticket ticket_;
  Link link_;
};

/// SCRIPT DEBUG YES would turn a shared connection into a debugger's.
bool starts_debugger(std::span<const std::string_view> args) {
  return args.size() == 3 && protocol::equals_nocase(args[1], "debug") &&
         (protocol::equals_nocase(args[2], "yes") || protocol::equals_nocase(args[2], "sync"));
}

/// What a client may ask before it has said who it is.
bool may_be_anyone(const protocol::CommandSpec* spec) {
  if (spec == nullptr) return false;
  return spec->verb == Verb::auth || spec->verb == Verb::hello || spec->verb == Verb::quit ||
         spec->verb == Verb::reset;
}

bool empties(Verb verb) {
  return verb == Verb::flushall || verb == Verb::flushdb || verb == Verb::swapdb;
}

}  // namespace

Pipeline::Pipeline(Settings settings, Effects& effects, TimePoint now, ServerTime wall)
    : core_(effects) {
  core_.now = now;
  core_.clock.set(wall, now);
  core_.down_error = "-ERR pannier: upstream unavailable (not connected yet); not executed\r\n";
  core_.mode = settings.mode;
  core_.mode_from = settings.mode_from;
  reload(std::move(settings));
  if (core_.mode == Mode::memory) core_.versions.settle_without_upstream();
}

Pipeline::~Pipeline() = default;

void Pipeline::open(Client& client) {
  client.since = client.last_at = core_.now;
  client.db = core_.rules->settings().upstream_db;
  client.authenticated = client.internal || !core_.rules->settings().auth.is_required();
  core_.clients.emplace(client.id, &client);
}

void Pipeline::close(Client& client, TimePoint now) {
  const Call call(*this, now);
  core_.clients.erase(client.id);
  forget_step(client, core_);
  transactions_.erase(client.id);
  core_.gatherings.forget(client.id);
  std::erase_if(core_.reply_names, [&](const auto& one) { return one.first.client == client.id; });
  for (const auto& expired : core_.leases.release(client.id, now, lease_extension)) {
    handle(expired);
  }
}

Verdict Pipeline::decide(Client& client, const protocol::Command& command, TimePoint now) {
  const Call call(*this, now);
  if (client.moves) return Hold{};  // Which database it is in, EXEC will say.
  if (client.settles && client.open > 0) return Hold{};
  client.settles = false;
  ++core_.book.commands;
  const auto* spec = protocol::find_command(command.name());
  client.last = spec;
  client.last_at = now;
  if (!client.subcommand.empty()) client.subcommand.clear();
  auto verdict = route(client, spec, command);
  if (!core_.reply_names.empty()) name_answer(client, verdict);
  if (std::holds_alternative<Hold>(verdict)) {
    --core_.book.commands;
    ++core_.book.held;
  }
  return verdict;
}

Verdict Pipeline::route(Client& client, const protocol::CommandSpec* spec,
                        const protocol::Command& command) {
  // As in Redis, what is wrong in itself is said to be so.
  const bool well_formed = spec == nullptr || spec->accepts(command.args.size());
  const bool reads = spec != nullptr && spec->access == Access::read;
  const bool is_known = client.authenticated || (reads && has(Bug::l1_before_auth));
  if (!is_known && well_formed && !may_be_anyone(spec)) {
    return refuse(client, "NOAUTH Authentication required.");
  }
  if (const auto denied = policy_.refuses(spec, command); !denied.empty()) {
    return refuse(client, "ERR pannier: command '" + std::string(denied) +
                              "' is refused by policy 'deny'; not executed");
  }
  if (spec == nullptr) {
    if (core_.upstream == Core::UpstreamState::connecting && core_.mode != Mode::memory) {
      return Hold{};
    }
    if (client.in_multi && !client.own_error.empty()) return answer(client.own_error);
    if (client.is_pinned()) {
      ++client.queued;
      client.fence_due = true;
      return pass_on_link(client, {Link::Kind::own, client.db, client.id}, command.wire);
    }
    return pass(client, nullptr, command, command.wire);
  }
  if (spec->verb == Verb::pannier) {
    if (client.identity && client.identity->user != core_.rules->settings().auth.user) {
      return refuse(client,
                    "ERR pannier: command 'pannier' is refused by policy 'auth'; not executed");
    }
    // What an operator does comes after what the same connection did before, and before what it
    // does next: no copy, read in flight or version from before may answer that.
    if (client.open > 0) return Hold{};
    client.settles = true;
    return Act{};
  }
  if (spec->verb == Verb::script && starts_debugger(command.args)) {
    return refuse(client,
                  "ERR pannier: 'script debug' is not available through the sidecar; "
                  "not executed");
  }
  const bool needs_own_link = client.is_pinned() || (well_formed && needs_own(*spec, command));
  const bool leaves = spec->verb == Verb::reset || spec->verb == Verb::quit;
  const bool is_local = well_formed && spec->route == Route::local;
  if (is_local && (leaves || !client.in_multi)) return decide_local(client, *spec, command);
  // Whether there is an upstream is known within the time of one attempt to connect.
  if (core_.upstream == Core::UpstreamState::connecting && core_.mode != Mode::memory) {
    return Hold{};
  }
  if (needs_own_link) return decide_pinned(client, *spec, command);
  if (!well_formed) return pass(client, spec, command, command.wire);
  if (spec->verb == Verb::info || spec->verb == Verb::command) {
    return decide_decorated(client, *spec, command);
  }
  if (lists_names(client, *spec)) return list_names(client, *spec, command, std::nullopt);
  const bool without_rules = core_.mode == Mode::bypass || core_.rules->empty() || client.bypass;
  if (without_rules || spec->access == Access::none)
    return pass(client, spec, command, command.wire);

  Request request{client, {client.id, client.next}, command, *spec, std::move(spare_keys_)};
  auto verdict =
      find_rules(request) ? decide_ruled(request) : pass(client, spec, command, command.wire);
  spare_keys_ = std::move(request.keys);
  return verdict;
}

Link Pipeline::pass_link(const Client& client, const protocol::CommandSpec* spec,
                         const protocol::Command& command) const {
  const bool is_3 = client.resp == Resp::v3;
  const Link lane{Link::Kind::lane, client.db, 0};
  // A client stays where it is while that is possible: changing costs it a round trip (R17).
  if (client.link == lane && spec != nullptr && (is_3 || protocol::converts(*spec, command.args))) {
    return lane;
  }
  return {is_3 ? Link::Kind::plain3 : Link::Kind::plain2, client.db, 0};
}

Verdict Pipeline::pass(Client& client, const protocol::CommandSpec* spec,
                       const protocol::Command& command, std::string_view wire) {
  if (core_.from_memory(nullptr)) return answer_from_memory(client, wire);
  const auto link = pass_link(client, spec, command);
  if (spec == nullptr || spec->access == Access::all) {
    if (client.open > 0 && client.link != link) return Hold{};
    client.fence_due = true;
    if (spec != nullptr && empties(spec->verb)) {
      core_.flights.clear();
      core_.begin(client, link);
      const Ticket ticket{client.id, client.next};
      core_.send(link, wire, 1, std::make_unique<Flush>(ticket, link));
      return Wait{};
    }
  }
  return pass_on_link(client, link, wire);
}

Verdict Pipeline::pass_on_link(Client& client, Link link, std::string_view wire) {
  if (client.open > 0 && client.link != link && !has(Bug::no_barrier)) return Hold{};
  if (client.bypass || core_.mode == Mode::bypass) client.fence_due = true;
  ++core_.book.passed;
  if (!core_.reply_names.empty() && core_.reply_names.contains({client.id, client.next})) {
    return pass_named(client, link, wire);
  }
  core_.begin(client, link);
  return Forward{link, wire};
}

Verdict Pipeline::answer(std::string reply, bool close) {
  ++core_.book.answered_here;
  answer_ = std::move(reply);
  return Answer{answer_, close};
}

void Pipeline::settle(ExchangeId id, std::string_view reply, TimePoint now) {
  const Call call(*this, now);
  settle_one(id, reply);
}

void Pipeline::settle_one(ExchangeId id, std::string_view reply) {
  const auto at = core_.running.find(id);
  if (at == core_.running.end()) return;
  auto& running = at->second;
  if (running.lane) core_.copies.answered(*running.lane, running.sent, id);
  const auto part = running.seen++;
  if (running.seen < running.replies) return running.exchange->settle(part, reply, core_);
  const auto last = std::move(running.exchange);
  core_.running.erase(at);
  last->settle(part, reply, core_);
}

void Pipeline::fail(ExchangeId id, std::string_view error, TimePoint now) {
  const Call call(*this, now);
  const auto at = core_.running.find(id);
  if (at == core_.running.end()) return;
  const auto exchange = std::move(at->second.exchange);
  core_.running.erase(at);
  ++core_.book.upstream_errors;
  exchange->fail(error, core_);
}

void Pipeline::handle(const LeaseTable::Expired& expired) {
  const auto& subject = *expired.subject;
  auto& counters = subject.counters();
  for (const auto& waiter : expired.gave_up) {
    if (core_.fall_back(subject, waiter)) continue;
    ++counters.wait_timeouts;
    if (subject.rule->origin != nullptr && subject.rule->origin->on_error == OnError::error) {
      ++counters.errors;
      core_.deliver(waiter.ticket,
                    protocol::error_reply("ERR pannier: origin '" + subject.rule->origin->name +
                                          "': no answer in time; not executed"));
      continue;
    }
    core_.count_miss(subject, core_.server_floor(), waiter.since);
    core_.deliver_null(waiter.ticket);
  }
  if (!expired.look_again.empty()) {
    ReadFlight::restart(expired.subject, expired.look_again, core_);
  }
  if (!expired.lost || expired.is_elsewhere) return;
  ++counters.leases_lost;
  ++subject.rule->loads->failed;
  core_.learning.in_vain(subject.rule->settings->name, subject.table_key, core_.now);
  if (!expired.new_holder) {
    if (!expired.over_value) return fleet_lease::release(core_, subject, expired.token);
    const auto pause = subject.rule->tier->throttle;
    core_.throttle.hold(subject.table_key, core_.now, core_.now + pause);
    return fleet_lease::hold(core_, subject, expired.token, pause);
  }
  fleet_lease::hold(core_, subject, expired.token, lease_extension);
  ++counters.leases_granted;
  core_.count_miss(subject, core_.server_floor(), expired.new_holder->since);
  if (core_.fall_back(subject, *expired.new_holder)) return;
  core_.deliver_null(expired.new_holder->ticket);
}

}  // namespace pannier::policies
