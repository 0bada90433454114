// The versions that upstream knows: read, tracked, and written back where it has lost them.

#include "policies/pipeline.hpp"
#include "policies/scripts.hpp"
#include "protocol/reply.hpp"

namespace pannier::policies {

namespace {

/// Writes a version back that upstream has lost or never had.
class VersionReturn final : public Exchange {
 public:
  explicit VersionReturn(std::string name) : name_(std::move(name)) {}
  void settle(std::size_t, std::string_view reply, Core& core) override {
    protocol::ReplyReader reader(reply);
    const auto record = reader.next();
    if (!record.error() && !record.null) core.versions.learn(name_, record.text);
  }
  void fail(std::string_view, Core& core) override { core.versions.outdate(name_); }

 private:
  std::string name_;
};

void give_back(Core& core, Link lane, const std::string& name) {
  const auto* version = core.versions.find(name);
  if (version == nullptr || !version->configured_later) return;
  std::string wire;
  const auto bumped_at = version->bumped_at.time_since_epoch().count();
  protocol::append_command(
      wire, {"EVAL", scripts::restore_version, "1", std::string(KeyVersions::key_prefix) + name,
             std::to_string(version->current), std::to_string(bumped_at), version->rest()});
  core.send(lane, wire, 1, std::make_unique<VersionReturn>(name));
}

/// `CLIENT CACHING YES, MGET pn:v:<name>...`: reads and tracks the versions.
class VersionRead final : public Exchange {
 public:
  VersionRead(Link lane, std::vector<std::string> names) : lane_(lane), names_(std::move(names)) {}

  void settle(std::size_t part, std::string_view reply, Core& core) override {
    if (part == 0) return;
    protocol::ReplyReader reader(reply);
    const auto head = reader.next();
    for (const auto& name : names_) {
      if (head.error()) {
        core.versions.unreadable(name, head.text);
        continue;
      }
      const auto record = reader.next();
      core.versions.learn(name, record.null ? std::string_view() : record.text);
      give_back(core, lane_, name);
    }
    for (const auto& [id, client] : core.clients) core.effects.resume(id);
  }
  void fail(std::string_view, Core& core) override {
    for (const auto& name : names_) core.versions.outdate(name);
  }

 private:
  Link lane_;
  std::vector<std::string> names_;
};

}  // namespace

void Pipeline::read_versions() {
  if (core_.upstream != Core::UpstreamState::up) return;
  std::vector<std::string> names;
  std::string wire;
  protocol::append_command(wire, {"CLIENT", "CACHING", "YES"});
  for (const auto& [name, version] : core_.versions.all()) {
    if (version.must_read) names.push_back(name);
  }
  if (names.empty()) return;
  protocol::append_command(wire, names.size() + 1);
  protocol::append_bulk(wire, "MGET");
  for (const auto& name : names) {
    protocol::append_bulk(wire, std::string(KeyVersions::key_prefix) + name);
    core_.versions.reading(name);
  }
  const Link lane{Link::Kind::lane, 0, 0};
  core_.send(lane, wire, 2, std::make_unique<VersionRead>(lane, std::move(names)));
}

}  // namespace pannier::policies
