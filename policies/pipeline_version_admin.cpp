// What operators do to versions: bump; and what a bump leaves to be removed.

#include "policies/key_sweep.hpp"
#include "policies/pipeline.hpp"
#include "policies/scripts.hpp"
#include "protocol/reply.hpp"

namespace pannier::policies {

namespace {

/// Removes what a bump left behind: keys of versions before `current`.
void sweep_versions(const Rule& rule, std::uint64_t current, Link lane, Core& core) {
  const bool is_transparent = rule.settings->version.mode == VersionMode::transparent;
  for (const auto& pattern : rule.settings->match) {
    KeySweep::start(
        lane, pattern.as_glob() + (is_transparent ? ":v*" : ""),
        [current](std::string_view key) {
          const auto at = key.rfind(":v");
          const auto version =
              at == key.npos ? std::nullopt : protocol::to_integer(key.substr(at + 2));
          return version && *version >= 0 && static_cast<std::uint64_t>(*version) < current;
        },
        [](std::uint64_t removed, std::string_view, Core& at_end) {
          at_end.book.keys_purged += removed;
        },
        core);
  }
}

class Bump final : public Exchange {
 public:
  Bump(Ticket ticket, std::string name) : ticket_(ticket), name_(std::move(name)) {}
  void settle(std::size_t, std::string_view reply, Core& core) override {
    protocol::ReplyReader reader(reply);
    const auto record = reader.next();
    if (record.error()) return core.reply(ticket_, reply);
    ++core.book.version_bumps;
    core.versions.learn(name_, record.text);
    std::string out;
    const auto* version = core.versions.find(name_);
    protocol::append_integer(out, version ? static_cast<std::int64_t>(version->current) : 0);
    core.reply(ticket_, out);
  }
  void fail(std::string_view error, Core& core) override { core.reply(ticket_, error); }

 private:
  Ticket ticket_;
  std::string name_;
};

}  // namespace

void Pipeline::bump_version(Client& client, std::string_view name,
                            std::optional<milliseconds> grace, TimePoint now) {
  const Call call(*this, now);
  const Ticket ticket{client.id, client.next};
  const auto* version = core_.versions.find(name);
  const auto lane = core_.lane(0, nullptr);
  core_.begin(client, lane);
  if (version == nullptr) {
    std::string out;
    protocol::append_error(out, "ERR pannier: no rule has a version named '" + std::string(name) +
                                    "' (see PANNIER VERSION LIST); not executed");
    return core_.reply(ticket, out);
  }
  std::string wire;
  protocol::append_command(wire, {"EVAL", scripts::raise_version, "1",
                                  std::string(KeyVersions::key_prefix) + std::string(name), "0",
                                  std::to_string(grace.value_or(version->grace).count()),
                                  std::to_string(version->current)});
  core_.send(lane, wire, 1, std::make_unique<Bump>(ticket, std::string(name)));
  sweeps_due_[std::string(name)] = version->current + 1;
}

void Pipeline::sweep_old_versions() {
  for (auto at = sweeps_due_.begin(); at != sweeps_due_.end();) {
    const auto* version = core_.versions.find(at->first);
    if (version == nullptr) {
      at = sweeps_due_.erase(at);
      continue;
    }
    const bool bumped = version->current >= at->second;
    if (!bumped || core_.server_floor() < version->bumped_at + version->grace) {
      ++at;
      continue;
    }
    for (const auto& rule : core_.rules->rules()) {
      if (rule.settings->version.mode == VersionMode::none) continue;
      if (version_name(*rule.settings) != at->first) continue;
      sweep_versions(rule, version->current, core_.lane(0, nullptr), core_);
    }
    at = sweeps_due_.erase(at);
  }
}

}  // namespace pannier::policies
