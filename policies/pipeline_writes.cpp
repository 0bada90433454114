// Writes of keys under a rule: their expiry comes from the tier, and whoever waits learns of them.

#include <algorithm>

#include "policies/checked_read.hpp"
#include "policies/fleet_lease.hpp"
#include "policies/found_tags.hpp"
#include "policies/guard.hpp"
#include "policies/pipeline.hpp"
#include "policies/removal.hpp"
#include "policies/store.hpp"
#include "policies/table_writes.hpp"
#include "policies/test_bugs.hpp"
#include "protocol/reply.hpp"

namespace pannier::policies {

using protocol::Access;
using protocol::equals_nocase;
using protocol::Verb;

namespace {

/// What an EXPIRE-family command or GETEX asks for, as a TTL from now; nothing when its arguments
/// are not in order or it would delete the key.
std::optional<milliseconds> asked_ttl(std::string_view number, bool in_seconds, bool absolute,
                                      ServerTime now) {
  constexpr std::int64_t limit = std::int64_t{1} << 50;
  const auto value = protocol::to_integer(number);
  if (!value || *value <= 0 || *value > limit) return std::nullopt;
  milliseconds time(in_seconds ? *value * 1000 : *value);
  if (absolute) time -= now.time_since_epoch();
  return time > milliseconds(0) ? std::optional(time) : std::nullopt;
}

/// A TTL set from outside never makes a value look younger than its tier allows.
milliseconds physical_ttl(const Subject& subject, milliseconds asked) {
  const auto window = subject.life.total - subject.life.fresh;
  const auto& tier = *subject.rule->tier;
  const bool bounded = tier.ttl_mode != TtlMode::by_default || !subject.tags.empty();
  return (bounded ? std::min(asked, subject.life.fresh) : asked) + window;
}

/// `PEXPIRE key ms LT, EXISTS key`: a key with tags may only be made to die sooner, since a later
/// expiry would make its value look younger than an invalidation; the reply is EXPIRE's.
class Shortening final : public Exchange {
 public:
  Shortening(Ticket ticket, WriteUnderWay write) : ticket_(ticket), write_(std::move(write)) {}
  void settle(std::size_t part, std::string_view reply, Core& core) override {
    if (part == 0) write_.end();
    if (part == 1) core.reply(ticket_, reply);
  }
  void fail(std::string_view error, Core& core) override { core.reply(ticket_, error); }

 private:
  Ticket ticket_;
  WriteUnderWay write_;
};

bool removes(Verb verb) {
  return verb == Verb::del || verb == Verb::unlink || verb == Verb::getdel;
}

/// What an MSET stores, and on which condition.
std::vector<guard::Pair> pairs_of(const Request& request,
                                  std::vector<std::pair<std::uint32_t, std::string>> fills) {
  std::vector<guard::Pair> pairs;
  auto fill = fills.begin();
  for (const auto& use : request.keys) {
    auto& pair = pairs.emplace_back(
        guard::Pair{request.upstream_key(use), request.args()[use.position + 1], std::nullopt});
    if (fill != fills.end() && fill->first == use.position) pair.expected = (fill++)->second;
  }
  return pairs;
}

/// What this SET fills, if anything.
std::optional<OpenMisses::Miss> taken_miss(const Subject& subject, const StoreRequest& request,
                                           const Core::Newest& newest, Core& core) {
  const auto* load = core.storing;
  if (load == nullptr) {
    if (request.only_absent || !core.misses.any(subject.table_key)) return std::nullopt;
    const OpenMisses::Arrival arrival{newest.either(),
                                      std::hash<std::string_view>{}(request.value)};
    return core.misses.take(subject.table_key, core.now, arrival);
  }
  const OpenMisses::Miss began{load->begins, core.now, !load->is_row, load->generation};
  return load->is_row ? began
                      : core.misses.take_load(load->table_key, load->loader).value_or(began);
}

}  // namespace

Verdict Pipeline::store(Request& request, Link link) {
  const auto now = core_.server_floor();
  const auto asked = parse_store(request.spec.name, request.args(), now);
  if (!asked) return write(request, link);
  const auto subject = with_tags_of(request.subject(request.ruled_key(), core_), asked->value);
  auto write = core_.begin_write(*subject);
  // SET NX with a time of its own is a lock: its time is the client's, untouched.
  const bool lock = asked->only_absent && asked->ttl;
  const auto* row = core_.storing != nullptr && core_.storing->is_row ? core_.storing : nullptr;
  const auto known = core_.newest(*subject);
  const auto miss = taken_miss(*subject, *asked, known, core_);
  const auto born = miss ? miss->at : core_.born_now(*subject);
  // Its age must stay visible where an invalidation may still have to be held against it.
  const bool dated = !subject->tags.empty() || (known.at && *known.at >= born);
  auto expiry = expiry_for(*subject->rule->tier, subject->life, born, asked->ttl, dated);
  if (lock) expiry = now + *asked->ttl;
  // Nobody tells of other sidecars' writes then, but the row does.
  const bool is_away = link.kind == Link::Kind::memory && core_.has_table(*subject->rule, link.db);
  if (is_away) expiry = std::min(expiry, now + row_kept_away);
  std::string wire;
  const auto expected = guard::expected(*subject, miss, core_);
  std::uint32_t before = append_record_upkeep(
      wire, *subject, asked->only_absent ? Replaces::part : Replaces::all, core_);
  if (miss) before += append_creations(wire, *subject, miss->at, core_);
  if (!miss && guard::in_fleet(*subject, core_)) {
    guard::append_move(wire, subject->key);
    ++before;
  }
  if (!miss) core_.removed(*subject, link, false);
  if (expected) {
    guard::append_store(wire, *subject, *asked, expiry, *expected, false);
  } else if (!miss && !lock && !asked->keep_ttl && must_begin_upstream(*subject, core_)) {
    append_store_now(wire, *subject, *asked, expiry - born, core_);
  } else {
    append_store(wire, *subject, *asked, expiry);
  }
  auto exchange = std::make_unique<Store>(subject, std::move(write), link, request.ticket, *asked);
  exchange->born(born);
  if (core_.storing != nullptr) exchange->of_load();
  exchange->answered_at(before);
  if (expected) exchange->guarded(core_.next_exchange);
  if (request.spec.verb == Verb::setnx) exchange->answer_as_setnx();
  const bool has_row = core_.has_table(*subject->rule, subject->db);
  if (has_row) exchange->row(row ? Store::Row::source : Store::Row::written);
  if (miss && row == nullptr) exchange->ends_load(miss->told);
  if (!core_.leases.empty() && core_.leases.held(subject->table_key)) exchange->keep(asked->value);
  auto behind = lock ? 0 : append_index(wire, *subject, expiry);
  if (!core_.leases.empty() && !asked->only_absent) {
    if (const auto token = core_.leases.drop_token(subject->table_key); !token.empty()) {
      fleet_lease::append_release(wire, subject->key, token);
      ++behind;
    }
  }
  return begin(request, link, wire, before + 1 + behind, std::move(exchange));
}

Verdict Pipeline::write(Request& request, Link link) {
  std::vector<SubjectRef> subjects;
  std::vector<WriteUnderWay> writes;
  std::string ahead, behind;
  std::uint32_t ahead_replies = 0, replies = 1;
  const bool removal = removes(request.spec.verb);
  // Only what certainly ends with one reply may be followed by more, and EVAL sets its own times.
  const bool expires = request.spec.access == Access::write && !removal &&
                       request.spec.verb != Verb::persist && !request.spec.movable_keys;
  std::vector<SubjectRef> guarded;
  std::vector<std::pair<std::uint32_t, std::string>> fills;  ///< Keys by place, as guard::Pair.
  std::vector<std::pair<SubjectRef, std::string>> filled_rows;
  for (const auto& use : request.keys) {
    if (!use.match) continue;
    auto subject = request.subject(use, core_);
    const bool has_value =
        request.spec.verb == Verb::mset && use.position + 1 < request.args().size();
    if (has_value) subject = with_tags_of(subject, request.args()[use.position + 1]);
    writes.push_back(core_.begin_write(*subject));
    if (removal) ++subject->counters().deletes;
    if (guard::in_fleet(*subject, core_)) guarded.push_back(subject);
    const auto miss = request.spec.verb == Verb::mset
                          ? core_.misses.take(subject->table_key, core_.now)
                          : std::nullopt;
    if (!miss) core_.removed(*subject, link, false);
    if (auto expected = guard::expected(*subject, miss, core_)) {
      if (core_.has_table(*subject->rule, link.db)) filled_rows.emplace_back(subject, *expected);
      fills.emplace_back(use.position, std::move(*expected));
    }
    if (expires) {
      const auto what = has_value ? Replaces::all : Replaces::part;
      ahead_replies += append_record_upkeep(ahead, *subject, what, core_);
      if (miss) replies += append_creations(behind, *subject, miss->at, core_);
      auto born = miss ? std::optional(miss->at) : std::nullopt;
      if (!born && !core_.lacks_generation(*subject)) {
        born = core_.born_now(*subject);
        ahead_replies += announce_if_ahead(ahead, *subject, *born, core_);
      }
      append_expiry(behind, *subject, core_, born);
      replies += 1 + append_index(behind, *subject, core_.server_floor() + subject->life.total);
    }
    subjects.push_back(std::move(subject));
  }
  std::string wire = std::move(ahead);
  std::uint32_t before = ahead_replies;
  const bool only_keys = request.keys.size() == request.args().size() - 1;
  if (!fills.empty()) {
    guard::append_mset(wire, pairs_of(request, std::move(fills)));
  } else if (!guarded.empty() && removal && only_keys) {
    guard::append_removal(wire, request, guarded);
  } else {
    if (request.spec.verb == Verb::mset) guarded.clear();
    for (const auto& subject : guarded) guard::append_move(wire, subject->key);
    before += static_cast<std::uint32_t>(guarded.size());
    wire += request.wire(wire_);
  }
  wire += behind;
  const bool may_be_late = removal && before == 0 && request.spec.verb != Verb::getdel &&
                           subjects.size() == request.keys.size();
  if (may_be_late && Removal::keeps(subjects)) {
    auto exchange =
        std::make_unique<Removal>(link, request.ticket, std::move(subjects), std::move(writes));
    exchange->sent(core_);
    return begin(request, link, wire, replies, std::move(exchange));
  }
  auto exchange =
      std::make_unique<Write>(link, request.ticket, std::move(subjects), std::move(writes));
  exchange->answered_at(before);
  for (const auto& [subject, expected] : filled_rows) guard::append_question(wire, subject->key);
  auto& step = request.client.table_step;
  const auto from = before + replies;
  replies += static_cast<std::uint32_t>(filled_rows.size());
  if (step) exchange->rows(std::move(step->written), std::move(filled_rows), from);
  if (has(Bug::retry_incr)) exchange->wire(request.wire(wire_));
  return begin(request, link, wire, before + replies, std::move(exchange));
}

Verdict Pipeline::expire(Request& request, Link link) {
  const auto& args = request.args();
  const auto verb = request.spec.verb;
  const bool in_seconds = verb == Verb::expire || verb == Verb::expireat;
  const bool absolute = verb == Verb::expireat || verb == Verb::pexpireat;
  const auto asked = asked_ttl(args[2], in_seconds, absolute, core_.server_floor());
  if (!asked || args.size() > 4) {
    const auto subject = request.subject(request.ruled_key(), core_);
    std::vector<WriteUnderWay> writes;
    writes.push_back(core_.begin_write(*subject));
    return begin(
        request, link, request.wire(wire_), 1,
        std::make_unique<Write>(link, request.ticket, std::vector{subject}, std::move(writes)));
  }
  const auto subject = request.subject(request.ruled_key(), core_);
  const auto ttl = std::to_string(physical_ttl(*subject, *asked).count());
  auto under_way = core_.begin_write(*subject);
  std::string wire;
  const auto newest = core_.newest(*subject);
  if (subject->tags.empty() && !newest.at && !newest.soft) {
    protocol::append_command(wire, args.size() == 4 ? 4 : 3);
    protocol::append_bulk(wire, "PEXPIRE");
    protocol::append_bulk(wire, subject->key);
    protocol::append_bulk(wire, ttl);
    if (args.size() == 4) protocol::append_bulk(wire, args[3]);
    std::vector<WriteUnderWay> writes;
    writes.push_back(std::move(under_way));
    return begin(request, link, wire, 1,
                 std::make_unique<Write>(link, request.ticket, std::vector<SubjectRef>{},
                                         std::move(writes)));
  }
  // With NX or GT the answer for a key with tags is always "not changed".
  if (args.size() == 4 && (equals_nocase(args[3], "nx") || equals_nocase(args[3], "gt"))) {
    return answer(":0\r\n");
  }
  protocol::append_command(wire, {"PEXPIRE", subject->key, ttl, "LT"});
  protocol::append_command(wire, {"EXISTS", subject->key});
  return begin(request, link, wire, 2,
               std::make_unique<Shortening>(request.ticket, std::move(under_way)));
}

Verdict Pipeline::get_and_expire(Request& request, Link link) {
  const auto& args = request.args();
  const auto subject = request.subject(request.ruled_key(), core_);
  std::optional<milliseconds> asked;
  if (args.size() == 4) {
    const bool ex = equals_nocase(args[2], "ex"), exat = equals_nocase(args[2], "exat");
    const bool px = equals_nocase(args[2], "px"), pxat = equals_nocase(args[2], "pxat");
    if (ex || exat || px || pxat) {
      asked = asked_ttl(args[3], ex || exat, exat || pxat, core_.server_floor());
    }
  }
  if (args.size() > 2 && !asked) return write(request, link);
  CheckedRead::Asked read;
  protocol::append_command(read.wire, {"GET", subject->key});
  if (asked) {
    const auto ttl = std::to_string(physical_ttl(*subject, *asked).count());
    if (subject->tags.empty()) {
      protocol::append_command(read.after, {"PEXPIRE", subject->key, ttl});
    } else {
      protocol::append_command(read.after, {"PEXPIRE", subject->key, ttl, "LT"});
    }
  }
  read.write.emplace(core_.begin_write(*subject));
  core_.begin(request.client, link);
  CheckedRead::start({subject}, link, request.ticket, std::move(read), core_);
  return Wait{};
}

}  // namespace pannier::policies
