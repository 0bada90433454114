#include "policies/checked_read.hpp"

#include <algorithm>

#include "policies/outdated_copies.hpp"
#include "protocol/reply.hpp"

namespace pannier::policies {

namespace {

/// The removal of an invalid key, then the read again: its reply is the client's.
class ReadAgain final : public Exchange {
 public:
  ReadAgain(Link link, Ticket ticket) : link_(link), ticket_(ticket) {}
  void settle(std::size_t part, std::string_view reply, Core& core) override {
    if (part == 1) core.reply_from(link_, ticket_, reply);
  }
  void fail(std::string_view error, Core& core) override { core.reply(ticket_, error); }

 private:
  Link link_;
  Ticket ticket_;
};

}  // namespace

void CheckedRead::start(const std::vector<SubjectRef>& subjects, Link link, Ticket ticket,
                        Asked asked, Core& core) {
  auto exchange = std::make_unique<CheckedRead>(link, ticket, std::move(asked));
  const auto& read = exchange->asked_;
  std::string all;
  std::size_t total = 0;
  for (const auto& subject : subjects) {
    auto& part = exchange->parts_.emplace_back(Part{total, ValidityCheck(subject, link)});
    total += part.check.ask(all, core, {false, read.question.has_value()});
  }
  if (read.question) {
    exchange->view_ = core.copies.look(subjects.front()->key, core.now, core.tracks);
  }
  exchange->total_ = total;
  all += read.wire;
  all += read.after;
  const auto replies = static_cast<std::uint32_t>(total + (read.after.empty() ? 1 : 2));
  core.send(link, all, replies, std::move(exchange));
}

void CheckedRead::settle(std::size_t part, std::string_view reply, Core& core) {
  if (part == total_) return conclude(reply, core);
  if (part > total_) return;
  while (part >= parts_[at_].begins + parts_[at_].check.parts()) ++at_;
  parts_[at_].check.settle(part - parts_[at_].begins, reply, core);
}

void CheckedRead::conclude(std::string_view reply, Core& core) {
  concluded_ = true;
  asked_.write.reset();
  std::vector<std::string_view> invalid;
  for (auto& part : parts_) {
    const auto standing = part.check.judge(core);
    if (part.check.absent() || standing.state != Standing::State::invalid) continue;
    ++part.check.subject().counters().invalid_reads;
    invalid.push_back(part.check.subject().key);
  }
  if (asked_.question) keep(reply, core);
  if (invalid.empty()) return core.reply_from(link_, ticket_, reply);
  std::string wire;
  protocol::append_command(wire, invalid.size() + 1);
  protocol::append_bulk(wire, "UNLINK");
  for (const auto key : invalid) protocol::append_bulk(wire, key);
  wire += asked_.wire;
  core.send(link_, wire, 2, std::make_unique<ReadAgain>(link_, ticket_));
}

void CheckedRead::keep(std::string_view reply, Core& core) {
  const auto& check = parts_.front().check;
  // Of what is kept an error says nothing.
  if (reply.starts_with('-') || reply.starts_with('!')) return;
  const auto until = copy_deadline(check, view_, core);
  core.copies.replace(check.subject().db, check.subject().key, view_, *asked_.question, reply,
                      until, core.now, check.subject().rule->kept_past_end());
}

void CheckedRead::fail(std::string_view error, Core& core) {
  if (concluded_) return;  // Only the reply of what was sent behind the read is missing.
  const auto& subject = parts_.front().check.subject();
  if (const auto copy =
          asked_.question ? outdated_copy(core, subject, *asked_.question) : std::nullopt) {
    count_outdated(subject.counters(), 1);
    return core.reply_from(link_, ticket_, std::string(*copy));
  }
  for (const auto& part : parts_) ++part.check.subject().counters().errors;
  core.reply(ticket_, error);
}

void ExpiryRead::start(const SubjectRef& subject, Link link, Ticket ticket, Unit unit, Core& core) {
  auto exchange = std::make_unique<ExpiryRead>(subject, link, ticket, unit);
  std::string wire;
  const auto asked = exchange->check_.ask(wire, core);
  core.send(link, wire, asked, std::move(exchange));
}

void ExpiryRead::settle(std::size_t part, std::string_view reply, Core& core) {
  check_.settle(part, reply, core);
  if (part + 1 < check_.parts()) return;
  std::string out;
  protocol::append_integer(out, shown(core));
  core.reply(ticket_, out);
}

std::int64_t ExpiryRead::shown(Core& core) {
  if (check_.absent()) return -2;
  const auto standing = check_.judge(core);
  if (standing.state == Standing::State::invalid) return -2;
  if (check_.expiretime() < 0) return check_.expiretime();
  const auto& life = check_.subject().life;
  auto remaining = standing.remaining;
  if (standing.state != Standing::State::foreign) remaining -= life.total - life.fresh;
  remaining = std::max(remaining, milliseconds(0));
  const auto at = (check_.asked_at() + remaining).time_since_epoch();
  switch (unit_) {
    case Unit::ttl:
      return (remaining.count() + 500) / 1000;
    case Unit::pttl:
      return remaining.count();
    case Unit::expiretime:
      return (at.count() + 500) / 1000;
    case Unit::pexpiretime:
      return at.count();
  }
  return -1;
}

}  // namespace pannier::policies
