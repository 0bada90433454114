#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "policies/core.hpp"
#include "policies/tagged_check.hpp"

namespace pannier::policies {

/// A read of keys under rules that is not a plain GET (EXISTS, HGETALL, SINTER, GETEX ...): sent
/// together with the question whether the keys are valid. Those that are not are removed and the
/// command sent again, so that the client gets Redis's own reply for keys that are not there.
class CheckedRead final : public Exchange {
 public:
  struct Asked {
    std::string wire;   ///< The read.
    std::string after;  ///< Sent behind it, and its reply dropped: an EXPIRE, or nothing.
    std::optional<WriteUnderWay> write;   ///< Of what is sent behind.
    std::optional<std::string> question;  ///< The reply is to be kept as a copy, under this.
  };
  static void start(const std::vector<SubjectRef>& subjects, Link link, Ticket ticket, Asked asked,
                    Core& core);

  CheckedRead(CheckedRead&&) = default;
  CheckedRead(Link link, Ticket ticket, Asked asked)
      : link_(link), ticket_(ticket), asked_(std::move(asked)) {}

  void settle(std::size_t part, std::string_view reply, Core& core) override;
  void fail(std::string_view error, Core& core) override;

 private:
  struct Part {
    std::size_t begins;  ///< First reply of its check.
    TaggedCheck check;
    std::uint32_t expiry_parts = 0;  ///< Its replies behind that of the command.
  };
  /// All replies are here.
  void found(std::string_view reply, Core& core);
  /// The reply is here. \returns whether generations must be asked for before it is judged.
  bool ask_generations(std::string_view reply, Core& core);
  void conclude(std::string_view reply, Core& core);
  void keep(std::string_view reply, Core& core);

  Link link_;
  Ticket ticket_;
  Asked asked_;
  LocalCopies::View view_;
  std::vector<Part> parts_;
  std::size_t at_ = 0;      ///< The part whose replies are arriving.
  std::size_t total_ = 0;   ///< Replies of all checks.
  std::size_t behind_ = 0;  ///< And behind that of the command.
  bool concluded_ = false;
  bool judges_ = false;  ///< Only generations are still to come.
  std::string reply_;    ///< Of the read, while more is to come.
};

/// TTL, PTTL, EXPIRETIME and PEXPIRETIME of a key under a rule: answered with the tier's TTL, which
/// is the expiry in Redis less the stale window.
class ExpiryRead final : public Exchange {
 public:
  enum class Unit { ttl, pttl, expiretime, pexpiretime };
  static void start(const SubjectRef& subject, Link link, Ticket ticket, Unit unit, Core& core);

  ExpiryRead(const SubjectRef& subject, Link link, Ticket ticket, Unit unit)
      : check_(subject, link), link_(link), ticket_(ticket), unit_(unit) {}
  ExpiryRead(ExpiryRead&&) = default;

  void settle(std::size_t part, std::string_view reply, Core& core) override;
  void fail(std::string_view error, Core& core) override { core.reply(ticket_, error); }

 private:
  std::int64_t shown(Core& core);

  TaggedCheck check_;
  Link link_;
  Ticket ticket_;
  Unit unit_;
  bool judges_ = false;
};

}  // namespace pannier::policies
