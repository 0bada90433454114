#include "policies/ban_record.hpp"

#include <charconv>

#include "policies/scripts.hpp"
#include "protocol/reply.hpp"

namespace pannier::policies {

namespace {

/// `CLIENT CACHING YES, ZRANGEBYSCORE pn:b <the newest known> +inf WITHSCORES`.
class RecordRead final : public Exchange {
 public:
  RecordRead(Link lane, std::optional<Bans::Placed> last) : lane_(lane), last_(std::move(last)) {}

  void settle(std::size_t part, std::string_view reply, Core& core) override {
    if (part == 0) return;
    protocol::ReplyReader reader(reply);
    const auto head = reader.next();
    if (head.kind != '*') return core.bans.set_known(lane_.db, Bans::Known::no);
    bool has_last = false;
    for (std::int64_t i = 0; i < head.number; ++i) {
      if (reader.next().kind != '*') break;  // Pairs, as RESP3 has them.
      const auto text = reader.next().text;
      const auto score = reader.next().text;
      double at = 0;
      std::from_chars(score.data(), score.data() + score.size(), at);
      const ServerTime time{milliseconds(static_cast<std::int64_t>(at))};
      // What nobody here understands is of a later build, and as good as one on everything.
      const auto ban = Ban::parse(text);
      if (last_ && text == last_->ban.text() && time >= last_->at) has_last = true;
      learn_bans(core, lane_.db, {ban.value_or(Ban{})}, time);
    }
    const bool lost = last_ && !has_last && last_->until > core.server_floor();
    if (lost) give_back(core);
    if (core.bans.known(lane_.db) == Bans::Known::asked) {
      core.bans.set_known(lane_.db, Bans::Known::all);
    }
    for (const auto& [id, client] : core.clients) core.effects.resume(id);
  }
  void fail(std::string_view, Core& core) override {
    core.bans.set_known(lane_.db, Bans::Known::no);
    for (const auto& [id, client] : core.clients) core.effects.resume(id);
  }

 private:
  /// Evicted, or gone with a failover: who does not know them must learn of them.
  void give_back(Core& core) const {
    std::string wire;
    const auto bans = core.bans.all(lane_.db);
    protocol::append_command(wire, 3 + 2 * bans.size());
    for (const auto word : {std::string_view("ZADD"), Bans::key, std::string_view("GT")}) {
      protocol::append_bulk(wire, word);
    }
    for (const auto& placed : bans) {
      protocol::append_bulk(wire, std::to_string(placed.at.time_since_epoch().count()));
      protocol::append_bulk(wire, placed.ban.text());
    }
    protocol::append_command(
        wire, {"PEXPIRE", Bans::key, std::to_string(core.generation_life().count())});
    core.send(lane_, wire, 2, std::make_unique<Unheeded>());
  }

  Link lane_;
  std::optional<Bans::Placed> last_;
};

}  // namespace

void read_bans(Core& core, std::uint32_t db) {
  const bool is_there = core.upstream == Core::UpstreamState::up && core.mode != Mode::memory;
  if (!is_there || core.bans.known(db) != Bans::Known::no) return;
  const auto* last = core.bans.last(db);
  const auto from = last == nullptr ? 0 : last->at.time_since_epoch().count();
  std::string wire;
  protocol::append_command(wire, {"CLIENT", "CACHING", "YES"});
  protocol::append_command(
      wire, {"ZRANGEBYSCORE", Bans::key, std::to_string(from), "+inf", "WITHSCORES"});
  const Link lane{Link::Kind::lane, db, 0};
  core.bans.set_known(db, Bans::Known::asked);
  core.send(lane, wire, 2,
            std::make_unique<RecordRead>(lane, last ? std::optional(*last) : std::nullopt));
}

bool has_bans(Core& core, std::uint32_t db) {
  read_bans(core, db);
  return core.bans.known(db) == Bans::Known::all || core.upstream != Core::UpstreamState::up;
}

void append_bans(std::string& wire, const std::vector<Ban>& bans, const Core& core) {
  protocol::append_command(wire, 6 + bans.size());
  protocol::append_bulk(wire, "EVAL");
  protocol::append_bulk(wire, scripts::raise_bans);
  protocol::append_bulk(wire, "1");
  protocol::append_bulk(wire, Bans::key);
  protocol::append_bulk(wire, std::to_string(core.generation_life().count()));
  protocol::append_bulk(wire, std::to_string(Bans::capacity));
  for (const auto& ban : bans) protocol::append_bulk(wire, ban.text());
}

void learn_bans(Core& core, std::uint32_t db, const std::vector<Ban>& bans, ServerTime at) {
  bool is_news = false;
  for (const auto& ban : bans) {
    is_news |= core.bans.add(db, ban, at, at + core.longest_life());
  }
  if (is_news) core.copies.outdate_all();
}

}  // namespace pannier::policies
