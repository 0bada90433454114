#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "policies/core.hpp"

namespace pannier::policies {

/// The part of a conversation that finds out whether what upstream holds under a key is valid:
///
///     [EVAL announce]  [GET pn:d:<key>]  [CLIENT CACHING YES, MGET pn:g:<tag>...]
///     TIME  [CLIENT CACHING YES]  PEXPIRETIME key
///
/// followed by whatever looks at the value. The generations are asked for only when they are not
/// known for sure; over the lane they are tracked from then on. Bans are asked for before all this.
/// The expiry comes before the value: where a writer gets in between, the new value looks older
/// than it is, never the other way round, unless its load began before that of the value which it
/// replaces. Where there may be such values, because something was invalidated within their life,
/// the expiry is asked for behind the value as well (ask_behind()), and the sooner one counts. The
/// first is the record of the key's removals, where the fleet guards it; before it, what begins now
/// though upstream's clock is not there yet. Where the value is to become a copy the key is tracked
/// from its expiry on: a writer in between is then heard of, whose value may end before the expiry
/// that was read.
class ValidityCheck {
 public:
  ValidityCheck(SubjectRef subject, Link link) : subject_(std::move(subject)), link_(link) {}

  struct Ask {
    bool removals = false;  ///< The reply may be a miss under a guard.
    bool tracks = false;    ///< Changes of the key are to be pushed from then on.
  };
  /// Appends its commands to `wire`. \returns how many they are.
  std::uint32_t ask(std::string& wire, Core& core, Ask what);
  std::uint32_t ask(std::string& wire, Core& core) { return ask(wire, core, {}); }

  /// Appends what is asked behind the value. \returns how many replies that has, for
  /// settle_behind().
  std::uint32_t ask_behind(std::string& wire) const;
  void settle_behind(std::string_view reply);

  /// Takes reply number `part`, which must be one of its own.
  void settle(std::size_t part, std::string_view reply, Core& core);
  std::uint32_t parts() const { return parts_; }

  /// When all replies are here: whether nothing that was not asked for has been invalidated since.
  /// On the lane upstream tells of that before it answers, so whoever asks when an invalidation has
  /// been answered, by whomever, knows of it. \returns false if ask_generations() must come first.
  bool complete(const Core& core) const;
  /// The value has turned out to have other tags: from here on it is judged as `subject`.
  /// \returns whether their generations are known for sure; else ask for them.
  bool retag(SubjectRef subject, const Core& core);
  /// Appends that question. What was read stays as it is: all generations are newer than it, so
  /// whatever is valid by them was valid when it was read. Its replies are settled from part 0 on,
  /// and parts() is their number.
  std::uint32_t ask_generations(std::string& wire, Core& core);

  /// What the replies say, with everything known at this moment. Creates generations that
  /// upstream does not have, as old as this very question.
  Standing judge(Core& core);
  /// The same without creating anything: what judge() would say.
  Standing look(const Core& core) const;

  const Subject& subject() const { return *subject_; }
  const SubjectRef& subject_ref() const { return subject_; }
  std::int64_t expiretime() const { return expiretime_; }
  ServerTime asked_at() const { return asked_at_; }
  ServerTime read_at() const { return read_at_; }
  /// When a load that this check caused begins: at the question, and after every invalidation that
  /// was carried out before it, even one of the same millisecond.
  /// Where that is still to come and was not announced, at the question: its value is then loaded
  /// once more, if somebody loads it at all.
  ServerTime load_begins() const;
  /// Whether to announce it would spare that.
  bool needs_announcement() const;
  /// Appends that (see beginning.hpp): one reply, for announced().
  void announce(std::string& wire);
  void announced(std::string_view reply);
  /// What a miss that this check found remembers.
  OpenMisses::Look look_of(std::uint64_t exchange) const { return {exchange, removals_}; }
  bool absent() const { return expiretime_ == -2; }

 private:
  ServerTime after_all() const { return newest_before_.after(asked_at_); }
  void append_generations(std::string& wire) const;
  void learn_generations(std::string_view reply, Core& core);
  bool bans_current(const Core& core) const;
  ServerTime created_at() const { return asked_at_ - milliseconds(1); }
  Standing standing(const Core& core, const Core::Newest& known) const;

  SubjectRef subject_;
  Link link_;
  std::uint32_t parts_ = 0;
  bool asks_generations_ = false, tracked_ = false, asks_removals_ = false;
  bool tracks_key_ = false, announces_ = false;
  ServerTime announced_{};               ///< The latest beginning that upstream knows of.
  std::optional<std::string> removals_;  ///< What their record said.
  std::vector<std::string> missing_;     ///< Tags without a generation upstream.
  bool had_generation_ = false, knew_generation_ = false;
  std::int64_t expiretime_ = -2;
  ServerTime asked_at_{};
  ServerTime read_at_{};  ///< Of the question for the key itself: its value is as fresh as then.
  std::uint64_t bans_outdated_ = 0;
  Core::Newest newest_before_;  ///< Of the invalidations known before the question.
};

/// Creates the generation of a tag as of `at`, unless upstream has one by now.
void create_generation(Core& core, Link link, const std::string& tag, ServerTime at);

}  // namespace pannier::policies
