#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "policies/core.hpp"
#include "policies/found_tags.hpp"
#include "policies/validity.hpp"

namespace pannier::policies {

/// MGET with keys under rules. Never waits for other clients: an invalid value reads as nil, and
/// each miss takes the key's lease if it is free. What origins load is waited for, all of it at
/// once, and is of a later moment than the rest; what the client sends meanwhile is held.
///
/// Keys with a local copy need not be asked. The reply is still of one moment, as Redis's is: when
/// the others' values arrive, every change before them has been heard of, and if one concerned a
/// copy, all keys are asked. Not where later commands of the client are under way: one of them may
/// write a key, and what is asked again would overtake it. Then the copies stand.
class MultiRead final : public Exchange {
 public:
  using Ruled = std::pair<std::size_t, SubjectRef>;  ///< Place among the keys, and the key.
  /// A key that is not asked.
  struct Known {
    std::size_t place;
    SubjectRef subject;
    std::string reply;  ///< Its copy: a value, or that there is none.
    LocalCopies::View view;
  };
  struct Asked {
    std::string_view wire;     ///< MGET of the keys without a copy, with upstream's names.
    std::string_view whole;    ///< MGET of all keys; only if some have a copy.
    std::vector<Ruled> ruled;  ///< Of the keys that are asked.
    std::vector<Known> known;
    std::size_t keys = 0;  ///< All of them, with those that have no rule.
  };

  static void start(Link link, Ticket ticket, Asked asked, TimePoint since, Core& core);

  MultiRead(MultiRead&&) = default;

  MultiRead(Link link, Ticket ticket, TimePoint since)
      : link_(link), ticket_(ticket), since_(since) {}

  void settle(std::size_t part, std::string_view reply, Core& core) override;
  void fail(std::string_view error, Core& core) override;

 private:
  static constexpr std::size_t unasked = ~std::size_t{0};
  struct Part {
    std::size_t place;   ///< Among the keys.
    std::size_t begins;  ///< First reply of its check.
    ValidityCheck check;
    std::optional<LocalCopies::View> view;  ///< Its value becomes a copy.
    std::unique_ptr<FoundTags> tags;        ///< Its value may have some its rule does not tell.
    std::uint32_t record_parts = 0;         ///< Replies behind the values that say which.
    std::uint32_t expiry_parts = 0;         ///< And of the check.
  };
  /// A key that is missing, in the version before it: as in ReadFlight.
  struct Before {
    std::size_t place;   ///< Among the keys.
    std::size_t begins;  ///< First reply of its check.
    ValidityCheck check;
    std::string value;  ///< Empty if there is none to serve.
  };
  /// Asks for those. \returns false if there are none that the client may get.
  bool look_before(std::string_view reply, Core& core);
  void settle_before(std::size_t part, std::string_view reply, Core& core);
  /// What the client gets of the version before where it is not elected to load: else null.
  const Before* take_before(const Part& part, Core& core);
  /// Whether all keys can be judged, where no value may have tags of its own.
  bool all_complete(const Core& core) const;
  /// All replies are here. \returns whether generations must be asked for first, and are.
  bool ask_generations(Core& core);
  void settle_behind(std::size_t part, std::string_view reply);
  void conclude(std::string_view reply, Core& core);
  void answer(std::string_view reply, Core& core);
  /// Keys that are missing and have an origin, and where in the reply their values belong.
  struct Gathered {
    std::vector<std::string> keys;
    std::vector<std::size_t> places;
  };
  /// Answers once these have been loaded; with the first error, if one of them has one.
  void gather(std::string out, Gathered gathered, const Client& client, Core& core) const;
  /// Makes the client the one who loads the key, if nobody does. \returns whether it is.
  bool load(const ValidityCheck& check, bool over_value, Core& core);
  /// All keys, because a copy is not of the same moment as the values that came.
  bool ask_all(Client& client, Core& core);
  /// Whether the client gets the value that was found.
  bool judge(Part& part, bool found, Core& core);
  /// Whether there is one that it could get.
  static bool is_missing(const Part& part, bool found, const Core& core);
  static void keep(const Part& part, std::string_view value, bool null, Core& core);
  void give(const Known& known, std::string& out, const Client& client, Core& core) const;

  Link link_;
  Ticket ticket_;
  ExchangeId id_ = 0;
  TimePoint since_;
  std::size_t keys_ = 0;
  std::vector<Part> parts_;
  std::vector<Known> known_;
  std::vector<Before> befores_;
  std::string reply_;  ///< While they are asked for: what came before.
  std::size_t before_total_ = 0;
  std::string whole_;
  std::size_t at_ = 0;     ///< The part whose replies are arriving.
  std::size_t total_ = 0;  ///< Replies before that of the MGET.
  std::size_t behind_ = 0;
  std::string values_;  ///< Its reply, while something that is asked behind it is not here.
  bool finds_tags_ = false;
  bool judges_ = false;  ///< Only generations are still to come.
};

}  // namespace pannier::policies
