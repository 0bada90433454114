#include "policies/multi_read.hpp"

#include "policies/fleet_lease.hpp"
#include "protocol/reply.hpp"

namespace pannier::policies {

void MultiRead::start(Link link, Ticket ticket, std::string_view wire, std::vector<Ruled> ruled,
                      Core& core) {
  auto exchange = std::make_unique<MultiRead>(link, ticket);
  exchange->since_ = core.now;
  std::string all;
  std::size_t total = 0;
  for (auto& [place, subject] : ruled) {
    ++subject->counters().reads;
    auto& part =
        exchange->parts_.emplace_back(Part{place, total, ValidityCheck(std::move(subject), link)});
    total += part.check.ask(all, core, true);
  }
  exchange->total_ = total;
  all += wire;
  exchange->id_ = core.next_exchange;
  core.send(link, all, static_cast<std::uint32_t>(total + 1), std::move(exchange));
}

void MultiRead::settle(std::size_t part, std::string_view reply, Core& core) {
  if (part == total_) return conclude(reply, core);
  while (part >= parts_[at_].begins + parts_[at_].check.parts()) ++at_;
  parts_[at_].check.settle(part - parts_[at_].begins, reply, core);
}

bool MultiRead::load(const ValidityCheck& check, bool over_value, Core& core) {
  const auto& subject = check.subject_ref();
  if (over_value && core.throttle.holds(subject->table_key, core.now)) return false;
  if (!core.grant(subject, ticket_.client, {{}, over_value})) return false;
  if (core.needs_fleet(*subject)) fleet_lease::claim_behind(core, subject);
  return true;
}

bool MultiRead::judge(Part& part, bool found, Core& core) {
  auto& check = part.check;
  auto& counters = check.subject().counters();
  const auto standing = check.judge(core);
  bool give = found && !check.absent();
  if (give && standing.state == Standing::State::invalid) {
    ++counters.invalid_reads;
    give = false;
  }
  if (give && standing.state == Standing::State::foreign) {
    ++counters.foreign_values;
    give = check.subject().rule->tier->foreign != Foreign::miss;
  }
  if (give && standing.state == Standing::State::stale) {
    give = !load(check, true, core);
    if (give) ++counters.stale_served;
  } else if (!give && check.subject().rule->leases()) {
    load(check, false, core);
  }
  if (give) {
    ++counters.hits;
    counters.hit_seconds.add(core.now - since_);
  } else {
    core.count_miss(check.subject(), check.load_begins(), since_, check.look_of(id_));
  }
  return give;
}

void MultiRead::conclude(std::string_view reply, Core& core) {
  const auto* client = core.find(ticket_.client);
  protocol::ReplyReader reader(reply);
  const auto head = reader.next();
  if (client == nullptr || head.kind != '*') return core.reply_from(link_, ticket_, reply);
  std::string out;
  const auto keys = static_cast<std::size_t>(head.number);
  protocol::append_array(out, keys);
  auto part = parts_.begin();
  for (std::size_t i = 0; i < keys; ++i) {
    const auto value = reader.next();
    bool give = !value.null;
    if (part != parts_.end() && part->place == i) give = judge(*part++, give, core);
    if (give) {
      protocol::append_bulk(out, value.text);
    } else {
      protocol::append_null(out, client->resp);
    }
  }
  core.reply(ticket_, out);
}

void MultiRead::fail(std::string_view error, Core& core) {
  for (const auto& part : parts_) ++part.check.subject().counters().errors;
  core.reply(ticket_, error);
}

}  // namespace pannier::policies
