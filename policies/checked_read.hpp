#pragma once

#include <string>
#include <string_view>

#include "policies/core.hpp"
#include "policies/validity.hpp"

namespace pannier::policies {

/// A read of a key under a rule that is not a plain GET (EXISTS, HGETALL, STRLEN, GETEX ...): sent
/// together with the question whether the key is valid. Where it is not, the key is removed and the
/// command sent again, so that the client gets Redis's own reply for a key that is not there.
class CheckedRead final : public Exchange {
 public:
  /// \param after commands to send behind the read (an EXPIRE), each with one reply nobody needs.
  static void start(const SubjectRef& subject, Link link, Ticket ticket, std::string_view wire,
                    std::string_view after, std::uint32_t after_count, Core& core);

  CheckedRead(const SubjectRef& subject, Link link, Ticket ticket, std::string_view wire)
      : check_(subject, link), link_(link), ticket_(ticket), wire_(wire) {}

  void settle(std::size_t part, std::string_view reply, Core& core) override;
  void fail(std::string_view error, Core& core) override;

 private:
  ValidityCheck check_;
  Link link_;
  Ticket ticket_;
  std::string wire_;
};

/// TTL, PTTL, EXPIRETIME and PEXPIRETIME of a key under a rule: answered with the tier's TTL, which
/// is the expiry in Redis less the stale window.
class ExpiryRead final : public Exchange {
 public:
  enum class Unit { ttl, pttl, expiretime, pexpiretime };
  static void start(const SubjectRef& subject, Link link, Ticket ticket, Unit unit, Core& core);

  ExpiryRead(const SubjectRef& subject, Link link, Ticket ticket, Unit unit)
      : check_(subject, link), ticket_(ticket), unit_(unit) {}

  void settle(std::size_t part, std::string_view reply, Core& core) override;
  void fail(std::string_view error, Core& core) override { core.reply(ticket_, error); }

 private:
  std::int64_t shown(Core& core);

  ValidityCheck check_;
  Ticket ticket_;
  Unit unit_;
};

}  // namespace pannier::policies
