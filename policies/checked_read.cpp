#include "policies/checked_read.hpp"

#include <algorithm>

#include "policies/copy_deadline.hpp"
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
    auto& part = exchange->parts_.emplace_back(Part{total, TaggedCheck(subject, link)});
    total += part.check.ask(all, core, {false, read.question.has_value()});
  }
  if (read.question) {
    exchange->view_ = core.copies.look(subjects.front()->key, core.now, core.tracks);
  }
  exchange->total_ = total;
  all += read.wire;
  // A write of its own may change the expiry.
  for (auto& part : exchange->parts_) {
    if (!read.write) part.expiry_parts = part.check.check().ask_behind(all);
    exchange->behind_ += part.expiry_parts;
  }
  all += read.after;
  const auto replies = total + exchange->behind_ + (read.after.empty() ? 1 : 2);
  core.send(link, all, static_cast<std::uint32_t>(replies), std::move(exchange));
}

void CheckedRead::settle(std::size_t part, std::string_view reply, Core& core) {
  if (part == total_) {
    asked_.write.reset();
    if (behind_ == 0) return found(reply, core);
    reply_ = reply;
    at_ = 0;
  }
  if (part >= total_) {
    if (part == total_ || part > total_ + behind_) return;
    while (parts_[at_].expiry_parts == 0) ++at_;
    parts_[at_++].check.check().settle_behind(reply);
    if (part == total_ + behind_) found(std::exchange(reply_, {}), core);
    return;
  }
  while (part >= parts_[at_].begins + parts_[at_].check.parts()) ++at_;
  parts_[at_].check.settle(part - parts_[at_].begins, reply, core);
  if (judges_ && part + 1 == total_) conclude(reply_, core);
}

void CheckedRead::found(std::string_view reply, Core& core) {
  if (!ask_generations(reply, core)) conclude(reply, core);
}

bool CheckedRead::ask_generations(std::string_view reply, Core& core) {
  bool all_known = true;
  for (auto& part : parts_) all_known = part.check.complete(core) && all_known;
  if (all_known) return false;
  auto exchange = std::make_unique<CheckedRead>(std::move(*this));
  concluded_ = true;
  std::string wire;
  std::size_t total = 0;
  for (auto& part : exchange->parts_) {  // Of all: so each has replies of its own.
    part.begins = total;
    total += part.check.ask_generations(wire, core);
  }
  exchange->reply_ = reply;
  exchange->judges_ = true;
  exchange->total_ = total;
  exchange->at_ = exchange->behind_ = 0;
  const auto link = exchange->link_;
  core.send(link, wire, static_cast<std::uint32_t>(total), std::move(exchange));
  return true;
}

void CheckedRead::conclude(std::string_view reply, Core& core) {
  concluded_ = true;
  std::vector<std::string_view> invalid;
  for (auto& part : parts_) {
    auto& check = part.check.check();
    const auto standing = check.judge(core);
    if (check.absent() || standing.state != Standing::State::invalid) continue;
    ++check.subject().counters().invalid_reads;
    invalid.push_back(check.subject().key);
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
  const auto& check = parts_.front().check.check();
  // Of what is kept an error says nothing.
  if (reply.starts_with('-') || reply.starts_with('!')) return;
  const auto until = copy_deadline(check, view_, core);
  core.copies.replace(check.subject().db, check.subject().key, view_, *asked_.question, reply,
                      until, core.now, check.subject().rule->kept_past_end());
}

void CheckedRead::fail(std::string_view error, Core& core) {
  if (concluded_) return;  // Only the reply of what was sent behind the read is missing.
  const auto& subject = parts_.front().check.check().subject();
  if (const auto copy =
          asked_.question ? outdated_copy(core, subject, *asked_.question) : std::nullopt) {
    count_outdated(subject.counters(), 1);
    return core.reply_from(link_, ticket_, std::string(*copy));
  }
  for (const auto& part : parts_) ++part.check.check().subject().counters().errors;
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
  if (!judges_ && !check_.complete(core)) {
    auto exchange = std::make_unique<ExpiryRead>(std::move(*this));
    exchange->judges_ = true;
    std::string wire;
    const auto replies = exchange->check_.ask_generations(wire, core);
    const auto link = exchange->link_;
    core.send(link, wire, replies, std::move(exchange));
    return;
  }
  std::string out;
  protocol::append_integer(out, shown(core));
  core.reply(ticket_, out);
}

std::int64_t ExpiryRead::shown(Core& core) {
  auto& check = check_.check();
  if (check.absent()) return -2;
  const auto standing = check.judge(core);
  if (standing.state == Standing::State::invalid) return -2;
  if (check.expiretime() < 0) return check.expiretime();
  const auto& life = check.subject().life;
  auto remaining = standing.remaining;
  if (standing.state != Standing::State::foreign) remaining -= life.total - life.fresh;
  remaining = std::max(remaining, milliseconds(0));
  const auto at = (check.read_at() + remaining).time_since_epoch();
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
