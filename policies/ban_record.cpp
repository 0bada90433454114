#include "policies/ban_record.hpp"

#include <charconv>
#include <map>

#include "policies/beginning.hpp"
#include "policies/scripts.hpp"
#include "protocol/reply.hpp"

namespace pannier::policies {

namespace {

/// `CLIENT CACHING YES, ZRANGEBYSCORE pn:b 0 +inf WITHSCORES`.
class RecordRead final : public Exchange {
 public:
  /// \param known the bans of before the question: the record must have them.
  RecordRead(Link lane, std::vector<Bans::Placed> known) : lane_(lane), known_(std::move(known)) {}

  void settle(std::size_t part, std::string_view reply, Core& core) override {
    if (part == 0) return;
    protocol::ReplyReader reader(reply);
    const auto head = reader.next();
    if (head.kind != '*') return core.bans.set_known(lane_.db, Bans::Known::no);
    for (std::int64_t i = 0; i < head.number; ++i) {
      if (reader.next().kind != '*') break;  // Pairs, as RESP3 has them.
      const auto text = reader.next().text;
      const auto score = reader.next().text;
      double at = 0;
      std::from_chars(score.data(), score.data() + score.size(), at);
      const ServerTime time{milliseconds(static_cast<std::int64_t>(at))};
      // What nobody here understands is of a later build, and as good as one on everything.
      const auto ban = Ban::parse(text).value_or(Ban{});
      const bool is_news = learn_bans(core, lane_.db, {ban}, time);
      if (is_news && core.watch.awaits(lane_.db, time)) {
        core.effects.changed({Change::Kind::ban, text, {}, ban.soft});
      }
      if (ban.kind == Ban::Kind::everything) everything_ = std::max(everything_, time);
      there_[std::string(text)] = time;
    }
    give_back(core);
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
  /// Evicted, or gone with a failover: who does not know them must learn of them. What gave way to
  /// a ban on everything is not lost.
  void give_back(Core& core) const {
    const auto now = core.server_floor();
    std::vector<const Bans::Placed*> lost;
    for (const auto& placed : known_) {
      const auto at = there_.find(placed.ban.text());
      const bool is_there = at != there_.end() && at->second >= placed.at;
      if (!is_there && placed.at > everything_ && placed.until > now) lost.push_back(&placed);
    }
    if (lost.empty()) return;
    std::string wire;
    protocol::append_command(wire, 3 + 2 * lost.size());
    for (const auto word : {std::string_view("ZADD"), Bans::key, std::string_view("GT")}) {
      protocol::append_bulk(wire, word);
    }
    for (const auto* placed : lost) {
      protocol::append_bulk(wire, std::to_string(placed->at.time_since_epoch().count()));
      protocol::append_bulk(wire, placed->ban.text());
    }
    protocol::append_command(
        wire, {"PEXPIRE", Bans::key, std::to_string(core.generation_life().count())});
    core.send(lane_, wire, 2, std::make_unique<Unheeded>());
  }

  Link lane_;
  std::vector<Bans::Placed> known_;
  std::map<std::string, ServerTime> there_;
  ServerTime everything_{};
};

}  // namespace

void read_bans(Core& core, std::uint32_t db) {
  const bool is_there = core.upstream == Core::UpstreamState::up && core.mode != Mode::memory;
  if (!is_there || core.bans.known(db) != Bans::Known::no) return;
  std::string wire;
  protocol::append_command(wire, {"CLIENT", "CACHING", "YES"});
  protocol::append_command(wire, {"ZRANGEBYSCORE", Bans::key, "0", "+inf", "WITHSCORES"});
  const Link lane{Link::Kind::lane, db, 0};
  core.bans.set_known(db, Bans::Known::asked);
  core.send(lane, wire, 2, std::make_unique<RecordRead>(lane, core.bans.all(db)));
}

void read_lost_bans(Core& core) {
  for (const auto db : core.bans.databases()) {
    if (!core.bans.empty(db)) read_bans(core, db);
  }
}

bool has_bans(Core& core, std::uint32_t db) {
  read_bans(core, db);
  return core.bans.known(db) == Bans::Known::all || core.upstream != Core::UpstreamState::up;
}

void append_bans(std::string& wire, const std::vector<Ban>& bans, const Core& core) {
  protocol::append_command(wire, 7 + bans.size());
  protocol::append_bulk(wire, "EVAL");
  protocol::append_bulk(wire, scripts::raise_bans);
  protocol::append_bulk(wire, "2");
  protocol::append_bulk(wire, Bans::key);
  protocol::append_bulk(wire, beginning::key);
  protocol::append_bulk(wire, std::to_string(core.generation_life().count()));
  protocol::append_bulk(wire, std::to_string(Bans::capacity));
  for (const auto& ban : bans) protocol::append_bulk(wire, ban.text());
}

bool learn_bans(Core& core, std::uint32_t db, const std::vector<Ban>& bans, ServerTime at) {
  core.origin_memory.clear();  // There may be such rows now.
  bool is_news = false;
  for (const auto& ban : bans) {
    is_news |= core.bans.add(db, ban, at, at + core.longest_life());
  }
  if (is_news) core.copies.outdate_all();
  return is_news;
}

}  // namespace pannier::policies
