#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "policies/core.hpp"
#include "policies/validity.hpp"

namespace pannier::policies {

/// MGET with keys under rules. Never waits: an invalid value reads as nil, and each miss takes the
/// key's lease if it is free.
class MultiRead final : public Exchange {
 public:
  using Ruled = std::pair<std::size_t, SubjectRef>;  ///< Place among the keys, and the key.

  /// \param wire the MGET itself, with upstream's names.
  static void start(Link link, Ticket ticket, std::string_view wire, std::vector<Ruled> ruled,
                    Core& core);

  MultiRead(Link link, Ticket ticket) : link_(link), ticket_(ticket) {}

  void settle(std::size_t part, std::string_view reply, Core& core) override;
  void fail(std::string_view error, Core& core) override;

 private:
  struct Part {
    std::size_t place;   ///< Among the keys.
    std::size_t begins;  ///< First reply of its check.
    ValidityCheck check;
  };
  void conclude(std::string_view reply, Core& core);
  /// Makes the client the one who loads the key, if nobody does. \returns whether it is.
  bool load(const ValidityCheck& check, bool over_value, Core& core);
  /// Whether the client gets the value that was found.
  bool judge(Part& part, bool found, Core& core);

  Link link_;
  Ticket ticket_;
  ExchangeId id_ = 0;
  TimePoint since_{};
  std::vector<Part> parts_;
  std::size_t at_ = 0;  ///< The part whose replies are arriving.
  std::size_t total_ = 0;
};

}  // namespace pannier::policies
