#include "policies/other_versions.hpp"

#include <algorithm>

#include "policies/journal_replay.hpp"
#include "protocol/reply.hpp"

namespace pannier::policies {

namespace {

/// UNLINK of what other versions hold of keys that are written or removed. If it fails the removal
/// must not be lost; what is only superseded will end by itself.
class OthersEnd final : public Exchange {
 public:
  OthersEnd(std::vector<Journal::Entry> keys, bool removes)
      : keys_(std::move(keys)), removes_(removes) {}
  void settle(std::size_t, std::string_view, Core& core) override {
    for (const auto& key : keys_) core.touched(table_key(key.db, key.name));
  }
  void fail(std::string_view, Core& core) override {
    if (!removes_) return;
    for (auto& key : keys_) journal_invalidation(core, std::move(key));
  }

 private:
  std::vector<Journal::Entry> keys_;
  bool removes_;
};

}  // namespace

void add_other_versions(const Core& core, std::vector<std::string>& names, std::string_view key,
                        const Rule& rule, std::uint64_t served, bool removes) {
  const auto& settings = *rule.settings;
  if (settings.version.mode != VersionMode::transparent) return;
  const auto* version = core.versions.find(version_name(settings));
  if (version == nullptr) return;
  const auto add = [&](std::uint64_t other) {
    auto name = std::string(key) + ":v" + std::to_string(other);
    const bool is_new = std::ranges::find(names, name) == names.end();
    if (other != served && is_new) names.push_back(std::move(name));
  };
  const bool may_be_served =
      settings.version.fallback == Fallback::stale && version->in_grace(core.server_floor());
  if (may_be_served) add(version->previous);
  if (!removes) return;
  // What is removed because it is wrong is wrong in every version.
  add(version->current);
  if (version->top > version->current) add(version->top);
  for (const auto& one : version->shares()) {
    if (one.weight > 0) add(one.version);
  }
}

void end_other_versions(Core& core, std::uint32_t db, const std::vector<std::string>& names,
                        bool removes) {
  if (names.empty()) return;
  const auto lane = core.lane(db, nullptr);
  std::string wire;
  std::vector<Journal::Entry> entries;
  protocol::append_command(wire, names.size() + 1);
  protocol::append_bulk(wire, "UNLINK");
  for (const auto& name : names) {
    protocol::append_bulk(wire, name);
    entries.push_back({Journal::Kind::key, db, name});
    core.close_flight(table_key(db, name));
  }
  core.send(lane, wire, 1, std::make_unique<OthersEnd>(std::move(entries), removes));
}

}  // namespace pannier::policies
