#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "policies/core.hpp"

namespace pannier::policies {

// Invalidations while upstream is away: they take effect here at once, are kept in the journal, and
// reach upstream before anything it says is believed again.

/// An invalidation could not be carried out upstream, or nobody knows whether it was.
void journal_invalidation(Core& core, Journal::Entry entry);

/// Its place upstream was taken by the memory store, where it was carried out.
void journal_for_later(Core& core, Journal::Entry entry);

/// Upstream was lost, and with it perhaps what it had been told in the last seconds (a failover):
/// that is told again.
void journal_recent(Core& core);

/// Appends what raises a tag's generation. One reply, its record ...
void append_raise(std::string& wire, const Journal::Entry& tag, const Core& core);
/// ... and this is what follows from it.
void carry_out_tag(Core& core, Link lane, const Journal::Entry& tag, std::string_view record);

/// Sends the journal upstream, if it is there: in order, a batch at a time, each when the one
/// before was answered. What is refused is tried again after a pause.
void replay_journal(Core& core);
inline constexpr std::size_t replay_batch = 100;
inline constexpr milliseconds replay_pause{100};

/// What a client is told whose invalidation was journaled: a status reply.
inline constexpr std::string_view journaled_reply =
    "+journaled: upstream is away; in effect here, and there before it is trusted again\r\n";

/// DEL or UNLINK of keys whose rules keep removals: where it cannot reach upstream it is journaled,
/// and answered as if all of the keys had been there.
class Removal final : public Exchange {
 public:
  Removal(Link link, Ticket ticket, std::vector<SubjectRef> subjects,
          std::vector<WriteUnderWay> writes)
      : link_(link), ticket_(ticket), subjects_(std::move(subjects)), writes_(std::move(writes)) {}

  /// Whether the removal of these keys must not be lost: the values of all of them are served while
  /// upstream is away, or stay there unseen meanwhile.
  static bool keeps(const std::vector<SubjectRef>& subjects);

  /// It is about to be. What the memory store does in upstream's place is to be done there later.
  void sent(Core& core) const;

  void settle(std::size_t part, std::string_view reply, Core& core) override;
  void fail(std::string_view error, Core& core) override;

 private:
  Link link_;
  Ticket ticket_;
  std::vector<SubjectRef> subjects_;
  std::vector<WriteUnderWay> writes_;
  bool answered_ = false;
};

}  // namespace pannier::policies
