#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "policies/rule_set.hpp"
#include "policies/time.hpp"
#include "policies/verdict.hpp"

namespace pannier::policies {

#define PANNIER_MEMBER(type, name, value, text) type name = value;

/// A database that origins ask.
struct PostgresSettings {
  std::string name;
#define PANNIER_POSTGRES PANNIER_MEMBER
#include "policies/settings.def"
  std::string address;  ///< The url, wherever it was given; never printed.
};

/// A query whose result is the value of a key that is missing.
struct OriginSettings {
  /// `$1` and so on, in their order.
  struct Parameter {
    std::string value;  ///< A text with captures of the key: `{day}`.
    ParameterType type = ParameterType::text;
  };
  std::string name;
  std::size_t database = 0;  ///< Index into Origins::databases.
  std::string sql;
  std::vector<Parameter> params;
  bool is_second_tier = false;  ///< Not of the configuration: it reads a tier's table.
#define PANNIER_ORIGIN PANNIER_MEMBER
#include "policies/settings.def"
};

struct Origins {
  std::vector<PostgresSettings> databases;
  std::vector<OriginSettings> all;
};

#undef PANNIER_MEMBER

/// What is wrong with a parameter of that type, in words that follow its name; empty if nothing is.
/// Nothing of it would be SQL in any case: this spares the database what it would refuse.
std::string objection_to_parameter(ParameterType type, std::string_view value);

/// The parameters of a query for the key that matched, or a sentence that says why there are none.
struct OriginCall {
  std::vector<std::string> params;
  std::string wrong;
};
OriginCall origin_call(const OriginSettings& origin, const Match& match);

/// Keys that their origin had no value for a moment ago, and why. Bounded: a full table forgets
/// what is over, or else everything, which costs a query more.
class OriginMemory {
 public:
  static constexpr std::size_t capacity = 10'000;

  /// `error` is a whole error reply, or empty: there is no such row.
  void keep(const std::string& table_key, std::string error, TimePoint now, TimePoint until);
  /// What is remembered; null when nothing is.
  const std::string* find(const std::string& table_key, TimePoint now) const;
  void forget(const std::string& table_key) {
    if (!kept_.empty()) kept_.erase(table_key);
  }
  void clear() { kept_.clear(); }

 private:
  struct Kept {
    std::string error;
    TimePoint until;
  };
  std::unordered_map<std::string, Kept> kept_;
};

}  // namespace pannier::policies
