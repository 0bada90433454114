#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "policies/core.hpp"
#include "policies/validity.hpp"

namespace pannier::policies {

/// One read of a key under a rule on its way upstream, with everybody who shares it.
///
/// It ends in one of three ways: all readers get the value; or the value is stale, then one reader
/// gets nil and all others the stale value; or there is none, then one reader gets nil together
/// with the lease to load it, and the others wait for its SET.
class ReadFlight final : public Exchange {
 public:
  struct Reader {
    Ticket ticket;
    TimePoint since;
    bool counted = true;  ///< Whether Client::open counts it; false after waiting for a lease.
    bool shared = false;  ///< Joined another one's read.
  };

  /// Sends the read. Others may join until a write of the key is sent.
  static void start(const SubjectRef& subject, std::vector<Reader> readers, Core& core);

  /// Those who waited for a load look for themselves what became of the key.
  static void restart(const SubjectRef& subject, const std::vector<LeaseTable::Waiter>& waiters,
                      Core& core);

  ReadFlight(SubjectRef subject, Link link, std::vector<Reader> readers)
      : check_(std::move(subject), link), link_(link), readers_(std::move(readers)) {}

  void settle(std::size_t part, std::string_view reply, Core& core) override;
  void fail(std::string_view error, Core& core) override;

  /// Whether a reader may share it (rules R13 to R15 of the coherence rules).
  bool joinable(const Client& client, const Core& core) const;
  void join(Ticket reader, TimePoint now);
  /// A write of the key is being sent: nobody joins any more, and it is not asked again.
  void close() { closed_ = true; }

 private:
  /// Makes the reply a copy, or sees to it that there is none.
  void keep(std::string_view value, bool error, bool null, Core& core);
  /// The connection broke: a read may be asked again on the next one, once and within the budget.
  bool ask_again(std::string_view error, Core& core);
  void conclude(std::string_view value, Core& core);
  void give(const Reader& reader, std::string_view value, Core& core);
  void give_all(std::string_view value, Core& core);
  void give_stale(std::string_view value, Core& core);
  void missing(Core& core);
  void tell_missing(const Reader& reader, Core& core);
  void wait_or_load(const Reader& reader, Core& core);
  void adopt(Core& core);

  ValidityCheck check_;
  Link link_;
  std::vector<Reader> readers_;
  ExchangeId id_ = 0;
  bool keeps_ = false, asks_tracking_ = false;
  LocalCopies::View view_;
  bool retried_ = false;
  bool closed_ = false;
  TimePoint sent_{};
};

}  // namespace pannier::policies
