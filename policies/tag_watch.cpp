#include "policies/tag_watch.hpp"

#include <algorithm>
#include <vector>

#include "policies/core.hpp"
#include "policies/validity.hpp"
#include "protocol/reply.hpp"

namespace pannier::policies {

namespace {

constexpr std::size_t tags_at_once = 500;

}  // namespace

/// `CLIENT CACHING YES, MGET pn:g:<tag>...`.
class WatchedRead final : public Exchange {
 public:
  WatchedRead(Link lane, std::vector<std::string> tags) : lane_(lane), tags_(std::move(tags)) {}

  void settle(std::size_t part, std::string_view reply, Core& core) override {
    if (part == 0) return;
    protocol::ReplyReader reader(reply);
    if (reader.next().kind != '*') return;  // Refused: nothing is known, and nothing told.
    for (const auto& tag : tags_) {
      const auto record = reader.next();
      if (record.null) {
        create(core, tag);
      } else if (const auto generation = Generation::parse(record.text)) {
        learn(core, tag, *generation);
      }
    }
  }
  void fail(std::string_view, Core& core) override {
    for (const auto& tag : tags_) core.watch.outdate(tag);
  }

 private:
  /// Without one the next invalidation could not be told from the first value under the tag.
  void create(Core& core, const std::string& tag) const {
    const auto at = core.server_floor() - milliseconds(1);
    create_generation(core, lane_, tag, at);
    core.watch.told(tag, at);
    core.watch.outdate(tag);  // It has to be read to be tracked.
  }
  void learn(Core& core, const std::string& tag, Generation generation) const {
    core.learn_generation(lane_.db, tag, generation, TagGenerations::Source::tracked_read);
    const auto at = core.watch.tags_.find(tag);
    if (at == core.watch.tags_.end()) return;
    const auto told = at->second;
    core.watch.told(tag, generation);
    if (!told) return;
    const bool is_hard = told->hard < generation.hard;
    if (!is_hard && !(told->soft < generation.soft)) return;
    core.effects.changed({Change::Kind::tag, tag, {}, !is_hard});
  }

  Link lane_;
  std::vector<std::string> tags_;
};

void TagWatch::set(std::uint32_t db, const std::set<std::string>& tags, bool on, ServerTime floor) {
  if (on && !on_) since_ = floor;
  on_ = on;
  if (db != db_) tags_.clear();
  db_ = db;
  std::erase_if(tags_, [&](const auto& known) { return !on || !tags.contains(known.first); });
  std::erase_if(due_, [&](const auto& tag) { return !tags_.contains(tag); });
  if (!on) return;
  for (const auto& tag : tags) {
    if (tags_.try_emplace(tag).second) due_.insert(tag);
  }
}

void TagWatch::outdate(std::string_view tag) {
  if (has(tag)) due_.emplace(tag);
  // What has another name upstream is pushed by that one.
  if (tag.find_first_of("%~") == tag.npos) return;
  for (const auto& [odd, told] : tags_) {
    if (!is_tag_name(odd) && tag_name(odd) == tag) due_.insert(odd);
  }
}

void TagWatch::outdate_all() {
  for (const auto& [tag, told] : tags_) due_.insert(tag);
}

void TagWatch::told(std::string_view tag, Generation generation) {
  const auto at = tags_.find(std::string(tag));
  if (at == tags_.end()) return;
  auto& told = at->second;
  if (!told) told.emplace();
  told->hard = std::max(told->hard, generation.hard);
  told->soft = std::max(told->soft, generation.soft);
}

void read_watched(Core& core) {
  auto& due = core.watch.due_;
  if (due.empty() || core.upstream != Core::UpstreamState::up || core.mode == Mode::memory) return;
  const Link lane{Link::Kind::lane, core.watch.db(), 0};
  std::vector<std::string> tags;
  for (const auto& tag : due) {
    if (tags.size() == tags_at_once) break;
    // What this sidecar raises right now is told when it is done.
    if (!core.invalidates(tag)) tags.push_back(tag);
  }
  if (tags.empty()) return;
  for (const auto& tag : tags) due.erase(tag);
  std::string wire;
  protocol::append_command(wire, {"CLIENT", "CACHING", "YES"});
  protocol::append_command(wire, tags.size() + 1);
  protocol::append_bulk(wire, "MGET");
  for (const auto& tag : tags) protocol::append_bulk(wire, TagGenerations::key(tag));
  core.send(lane, wire, 2, std::make_unique<WatchedRead>(lane, std::move(tags)));
}

void tell_stored(Core& core, const Subject& subject) {
  if (subject.db != core.watch.db()) return;
  const auto is_watched = [&](const std::string& tag) { return core.watch.has(tag); };
  if (std::ranges::none_of(subject.tags, is_watched)) return;
  core.effects.changed({Change::Kind::stored, subject.client_key, subject.tags});
}

}  // namespace pannier::policies
