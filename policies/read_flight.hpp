#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "policies/core.hpp"
#include "policies/fleet_lease.hpp"
#include "policies/found_tags.hpp"
#include "policies/validity.hpp"

namespace pannier::policies {

/// One read of a key under a rule on its way upstream, with everybody who shares it.
///
/// It ends in one of three ways: all readers get the value; or the value is stale (or due to be
/// refreshed), then one reader gets nil and all others the value; or there is none, then one reader
/// gets nil together with the lease to load it, and the others wait for its SET.
///
/// Where the lease or the guard is the fleet's, whoever finds nothing reads once more, asking for
/// them in the same breath: the value may have come since, and if another sidecar has the lease,
/// upstream will tell of the end of its load from this read on.
///
/// Where values may have tags that their rule does not tell, or a tag was invalidated while this
/// was under way, the value waits here until the generations of its tags are known. Only they are
/// asked for, not the value again: it might be another one by then, with other tags, and newer than
/// what its readers have asked for.
class ReadFlight final : public Exchange {
 public:
  struct Reader {
    Ticket ticket;
    TimePoint since;
    bool counted = true;  ///< Whether Client::open counts it; false after waiting for a lease.
    bool shared = false;  ///< Joined another one's read.
  };

  /// What is asked of the fleet with it: nothing, or what the key's guard must know before a client
  /// is told that it is missing, or that and for its lease.
  enum class Claims { nothing, guard, lease };

  /// Sends the read. Others may join until a write of the key is sent.
  static void start(const SubjectRef& subject, std::vector<Reader> readers, Core& core,
                    Claims claims = Claims::nothing);

  /// Those who waited for a load look for themselves what became of the key.
  static void restart(const SubjectRef& subject, const std::vector<LeaseTable::Waiter>& waiters,
                      Core& core);

  ReadFlight(SubjectRef subject, Link link, std::vector<Reader> readers)
      : check_(std::move(subject), link), link_(link), readers_(std::move(readers)) {}
  ReadFlight(ReadFlight&&) noexcept = default;

  ~ReadFlight() override;

  void settle(std::size_t part, std::string_view reply, Core& core) override;
  void fail(std::string_view error, Core& core) override;

  /// Whether a reader may share it (rules R13 to R15 of the coherence rules).
  bool joinable(const Client& client, const Core& core) const;
  void join(Ticket reader, TimePoint now);
  /// A write of the key is being sent: nobody joins any more, and it is not asked again.
  void close() { closed_ = true; }
  /// The fleet's lease changed hands while this asked for it.
  void move_lease() { lease_moved_ = true; }

 private:
  /// What whoever may tell a client that the key is missing has to know of the fleet first.
  struct Asking {
    explicit Asking(Core& core) : open(core.claims) { ++open; }
    ~Asking() { --open; }
    /// Appends the questions. \returns the number of replies.
    std::uint32_t ask(std::string& wire, const Subject& subject, bool for_lease, Core& core);
    void settle(std::size_t part, std::string_view reply);
    bool lost() const { return claim && !claim->won(); }

    std::uint32_t& open;
    std::optional<fleet_lease::Claim> claim;
    std::string removals;                   ///< What we would write into the record of removals.
    std::optional<std::string> generation;  ///< What it says.
    std::string absence;                    ///< The reply about that, where there is an origin.
    std::uint32_t claim_parts = 0, absence_parts = 0, parts = 0;
  };
  /// The key in the version before it, which may be served where this one is missing. It is asked
  /// for only then, and the key itself is not asked again: it may have been written since by those
  /// who read here.
  struct Before {
    Before(SubjectRef subject, Link link) : check(std::move(subject), link) {}
    ValidityCheck check;
    std::string value;     ///< Its reply; empty if there is none to serve.
    bool settled = false;  ///< All was answered.
  };
  /// Answers those who may get that, or asks for it. \returns whether nobody is left.
  bool look_before(Core& core);
  void settle_before(std::size_t part, std::string_view reply, Core& core);
  /// The value is here, and so is all that says which tags it has.
  void found(std::string_view value, Core& core);
  /// Whether it can be judged now.
  bool complete(std::string_view value, Core& core);
  /// Then it is.
  void ask_generations(std::string_view value, Core& core);
  /// Says upstream that a load begins now, before anybody is told to load; then it goes on.
  void announce(std::string_view value, Core& core);
  /// Nobody joins any more.
  void leave(Core& core);
  /// Makes the reply a copy, or sees to it that there is none.
  void keep(std::string_view value, bool error, bool null, Core& core);
  /// The connection broke: a read may be asked again on the next one, once and within the budget.
  bool ask_again(std::string_view error, Core& core);
  void conclude(std::string_view value, Core& core);
  void give(const Reader& reader, std::string_view value, Core& core);
  void give_all(std::string_view value, Core& core);
  /// Whether one of the readers of a fresh value should load it anew.
  bool due(const Standing& standing, Core& core);
  /// A value that the fleet waits for is there, whoever stored it: who waits here gets it.
  void take_waiters(Core& core);
  /// All get the value but one, if nobody loads yet.
  void give_but_one(std::string_view value, Standing::State state, Core& core);
  void missing(Core& core);
  void tell_missing(const Reader& reader, Core& core);
  void wait_or_load(const Reader& reader, Core& core);
  /// Reads again for these, and for the fleet's lease. \returns false if that is not needed.
  bool claim(std::vector<Reader>& readers, Core& core);
  /// Whether the lease that was lost may be free by now. Of what happened while more had to be
  /// asked nobody has told; to claim it once more for that may again take more to be asked, so only
  /// once.
  bool lease_moved() const { return lease_moved_ || (lease_unheard_ && !claims_again_); }
  /// What a claim that was lost tells: that another sidecar's client loads.
  void follow(bool over_value, Core& core);
  /// What its origin said a moment ago, or null.
  const std::string* remembered(const Core& core) const;
  /// Whether the fleet knows that its origin has no row; then that is remembered here, too.
  bool learn_absence(Core& core);
  /// Its origin is asked for it, unless that goes on. \returns false where it cannot be.
  bool load_by_origin(bool over_value, Core& core);
  /// Has an origin, or the table (`is_row`), asked. \returns false where it cannot be.
  bool begin_load(std::size_t origin, std::vector<std::string> params, bool is_row, bool over_value,
                  Core& core);
  /// Whether its row in the second tier is to be read now.
  bool asks_table(const Core& core) const;
  /// Has that done; the reader waits for it.
  void await_row(const Reader& reader, Core& core);
  /// The value is to be loaded, or replaced, and nobody waits for that.
  void refresh_by_origin(bool over_value, Core& core);
  /// The reader waits for the origin, or is told what that said.
  void await_origin(const Reader& reader, Core& core);
  /// Those who may wait a little for a value that is not stale do so.
  void await_fresh(std::string_view value, Core& core);
  /// Puts the reader in the queue of those who wait for a load. \returns whether it waits.
  bool wait(const Reader& reader, TimePoint until, Core& core,
            std::shared_ptr<const std::string> fallback = nullptr);
  /// Grants the lease to a reader. \returns false if it cannot be.
  bool elect(const Reader& reader, bool over_value, Core& core);
  OpenMisses::Look look() const;
  /// The token of a lease that is granted now; the fleet's, if it was won.
  std::string take_token();
  /// The fleet's lease was won and is not needed.
  void give_back(Core& core);
  void adopt(Core& core);

  std::unique_ptr<Asking> asking_;
  std::unique_ptr<Before> before_;
  bool gives_before_ = false;        ///< What is given is of the version before.
  std::unique_ptr<FoundTags> tags_;  ///< Only under a rule whose values may have others.
  std::uint32_t record_parts_ = 0, expiry_parts_ = 0;  ///< Replies behind the value.
  bool judges_ = false;  ///< The value is here; its tags' generations are on their way.
  enum class Announces : std::uint8_t { no, asked, done };
  Announces announces_ = Announces::no;
  std::string value_;  ///< While something that is asked behind it is not.
  bool lease_moved_ = false, lease_unheard_ = false, claims_again_ = false;
  ValidityCheck check_;
  Link link_;
  std::vector<Reader> readers_;
  ExchangeId id_ = 0;
  bool keeps_ = false;
  LocalCopies::View view_;
  bool retried_ = false;
  bool closed_ = false;
  TimePoint sent_{};
};

}  // namespace pannier::policies
