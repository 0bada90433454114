#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "policies/core.hpp"

namespace pannier::policies {

/// Walks all keys of a database that match a glob, in batches, and removes those that are `wanted`:
/// SCAN and UNLINK, never KEYS, one batch in flight, so that Redis is never held for long. Keys
/// created while it runs may be missed (as SCAN has it). The sidecar's own keys are left alone.
class KeySweep final : public Exchange {
 public:
  using Wanted = std::function<bool(std::string_view key)>;
  /// `count` leaves them where they are; a key may then be counted twice, as SCAN has it.
  enum class Does : std::uint8_t { remove, count };
  /// Told once at the end: how many keys were removed, or the error that stopped it.
  using Done = std::function<void(std::uint64_t removed, std::string_view error, Core& core)>;

  static void start(Link link, std::string glob, Wanted wanted, Done done, Core& core,
                    Does does = Does::remove);

  void settle(std::size_t part, std::string_view reply, Core& core) override;
  void fail(std::string_view error, Core& core) override {
    if (done_) done_(removed_, error, core);
  }

  static constexpr std::size_t batch = 50;  ///< Of SCAN's steps.

 private:
  class Step;
  static void step(std::unique_ptr<KeySweep> sweep, std::vector<std::string> keys, Core& core);
  std::unique_ptr<KeySweep> next();

  Link link_;
  std::string glob_, cursor_ = "0";
  Wanted wanted_;
  Done done_;  ///< Empty once it was told.
  Does does_ = Does::remove;
  std::uint64_t removed_ = 0;
  bool unlinks_ = false;  ///< The first reply is of an UNLINK.
  bool last_ = false;     ///< No further SCAN is needed.
};

/// Those that upstream's loss has stopped begin again.
void resume_purges(Core& core);
inline constexpr std::size_t kept_purges = 100;

/// Removes what a tag's invalidation made invalid, in the background: walks the tag's list and
/// unlinks each key whose expiry says that it began before, so that new values stay.
class TagPurge final : public Exchange {
 public:
  static void start(Link link, const std::string& tag, ServerTime generation, Core& core);

  void settle(std::size_t part, std::string_view reply, Core& core) override;
  /// It goes on from the beginning when upstream is back.
  void fail(std::string_view, Core& core) override;

  static constexpr std::size_t batch = 20;

 private:
  struct Listed {
    std::string key;
    std::int64_t expiry;  ///< As the list has it: not later than the key's own.
  };
  void read_list(std::string_view reply, Core& core);
  /// Whether only a look at the value tells if it has the tag.
  bool needs_look(const Match& match, const Core& core) const;
  /// Looks, and goes on with the list when all have.
  struct Looks;
  void look(const Listed& listed, SubjectRef subject, std::int64_t latest,
            const std::shared_ptr<Looks>& looks, Core& core) const;
  class Step;
  void end(Core& core);
  /// Reads the next piece of the list, when it is its turn.
  void list(Core& core);
  static void ask(std::unique_ptr<TagPurge> purge, Core& core);

  Link link_;
  std::string tag_;
  ServerTime generation_{};
  std::uint64_t kept_ = 0;  ///< Entries at the beginning of the list that are valid.
  bool removing_ = false, more_ = false;
  std::uint64_t in_this_pass_ = 0;  ///< Removed since the beginning of the list.
  std::shared_ptr<PurgeProgress> progress_;
};

}  // namespace pannier::policies
