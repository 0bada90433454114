#include "policies/transaction.hpp"

#include "policies/core.hpp"
#include "policies/found_tags.hpp"
#include "policies/guard.hpp"
#include "policies/store.hpp"
#include "protocol/reply.hpp"

namespace pannier::policies {

namespace {

/// EXEC: when it has run, keys under rules get what they could not get inside.
class Execution final : public Exchange {
 public:
  Execution(Ticket ticket, Outcome outcome) : ticket_(ticket), outcome_(std::move(outcome)) {}

  void settle(std::size_t, std::string_view reply, Core& core) override {
    protocol::ReplyReader reader(reply);
    const auto result = reader.next();
    const bool ran = !result.null && !result.error();
    outcome_.writes.clear();
    if (ran) {
      for (const auto& written : outcome_.written) finish(written, core);
    }
    moved(ran, core);
    if (ran && !outcome_.answers.empty()) return core.reply(ticket_, with_answers(reply));
    core.reply(ticket_, reply);
  }
  void fail(std::string_view error, Core& core) override {
    moved(false, core);
    core.reply(ticket_, error);
  }

 private:
  static void finish(const WrittenKey& written, Core& core) {
    const auto& subject = *written.subject;
    const auto lane = core.lane(subject.db, subject.rule.get());
    const auto miss = written.fills ? core.misses.take(subject.table_key, core.now) : std::nullopt;
    std::string wire;
    std::uint32_t replies = append_index(wire, subject, core.server_floor() + subject.life.total);
    replies +=
        append_record_upkeep(wire, subject, written.fills ? Replaces::all : Replaces::part, core);
    if (miss) replies += append_creations(wire, subject, miss->at, core);
    if (written.needs_expiry) {
      append_expiry(wire, subject, core, miss ? std::optional(miss->at) : std::nullopt);
      ++replies;
      // What was rewritten was compared where it stood.
      if (const auto expected = guard::expected(subject, miss, core)) {
        guard::append_check(wire, subject.key, *expected);
        ++replies;
      }
    }
    if (!miss) core.removed(subject, {Link::Kind::own, 0, 0}, true);
    if (!miss && guard::in_fleet(subject, core)) {
      guard::append_move(wire, subject.key);
      ++replies;
    }
    if (replies > 0) core.send(lane, wire, replies, std::make_unique<Unheeded>());
    core.written(subject.table_key);
  }

  void moved(bool ran, Core& core) {
    auto* client = core.find(ticket_.client);
    if (client == nullptr) return;
    client->moves = false;
    if (!ran && !outcome_.answers.empty()) {
      client->name = outcome_.name;
      client->library = outcome_.library;
      client->library_version = outcome_.library_version;
    }
    if (!ran || !outcome_.db) return;
    client->db = *outcome_.db;
    core.effects.drop_own(client->id);  // Its connection is in another database than we think.
  }

  /// Puts the replies that were given here in their places.
  std::string with_answers(std::string_view reply) const {
    protocol::ReplyReader reader(reply);
    const auto head = reader.next();
    std::string whole;
    protocol::append_array(whole, static_cast<std::size_t>(head.number));
    auto answer = outcome_.answers.begin();
    for (std::uint32_t i = 0; i < head.number; ++i) {
      const auto element = reader.skip();
      const bool is_ours = answer != outcome_.answers.end() && answer->first == i;
      whole += is_ours ? std::string_view(answer->second) : element;
      if (is_ours) ++answer;
    }
    return whole;
  }

  Ticket ticket_;
  Outcome outcome_;
};

/// EXEC after a command was refused here: nothing of the transaction may run.
class Abort final : public Exchange {
 public:
  explicit Abort(Ticket ticket) : ticket_(ticket) {}
  void settle(std::size_t, std::string_view, Core& core) override {
    core.reply(ticket_, "-EXECABORT Transaction discarded because of previous errors.\r\n");
  }
  void fail(std::string_view error, Core& core) override { core.reply(ticket_, error); }

 private:
  Ticket ticket_;
};

}  // namespace

std::unique_ptr<Exchange> make_execution(Ticket ticket, Outcome outcome) {
  return std::make_unique<Execution>(ticket, std::move(outcome));
}

std::unique_ptr<Exchange> make_abort(Ticket ticket) { return std::make_unique<Abort>(ticket); }

}  // namespace pannier::policies
