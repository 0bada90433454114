#pragma once

#include <string>
#include <string_view>

#include "policies/time.hpp"

namespace pannier::tests {

/// The keys of a simulation, and what its configuration makes of them.
struct SimulatedKey {
  std::string_view name;
  enum class Kind {
    plain,    ///< Without a rule.
    ruled,    ///< A TTL, and reads in flight are shared.
    leased,   ///< Readers wait for the one who loads.
    tagged,   ///< Filled by loads only, and invalidated; leased or not.
    version,  ///< Under a transparent version.
    memory,   ///< Served from memory while Redis is away.
    count,    ///< Only ever incremented.
  } kind;
};

inline constexpr SimulatedKey simulated_keys[] = {
    {"plain:1", SimulatedKey::Kind::plain},  {"plain:2", SimulatedKey::Kind::plain},
    {"read:1", SimulatedKey::Kind::ruled},   {"read:2", SimulatedKey::Kind::ruled},
    {"never:1", SimulatedKey::Kind::plain},  {"lease:1", SimulatedKey::Kind::leased},
    {"lease:2", SimulatedKey::Kind::leased}, {"old:1", SimulatedKey::Kind::leased},
    {"tag:1", SimulatedKey::Kind::tagged},   {"tag:2", SimulatedKey::Kind::tagged},
    {"free:1", SimulatedKey::Kind::tagged},  {"soft:1", SimulatedKey::Kind::tagged},
    {"ver:1", SimulatedKey::Kind::version},  {"ver:2", SimulatedKey::Kind::version},
    {"guard:1", SimulatedKey::Kind::tagged}, {"guard:2", SimulatedKey::Kind::tagged},
    {"kept:1", SimulatedKey::Kind::memory},  {"count:1", SimulatedKey::Kind::count},
    {"sum:1", SimulatedKey::Kind::count},    {"json:1", SimulatedKey::Kind::tagged},
};

/// Removing one of these is how its source's change is told: what was loaded before is not stored.
inline bool is_guarded(std::string_view key) { return key.starts_with("guard:"); }
/// So long after a bump the version before may be served, where it is.
inline constexpr policies::milliseconds fallback_grace{2'000};
/// The values of these say themselves which tags they have.
inline bool is_json(std::string_view key) { return key.starts_with("json:"); }
/// A value of such a key, around what all values have; of any other key that itself.
inline std::string dressed(std::string_view key, std::string text) {
  return is_json(key) ? R"({"tags":["t","j:1"],"value":")" + text + "\"}" : text;
}
/// What clients must say where they are asked who they are.
inline constexpr const char* password = "secret";

inline const SimulatedKey* find_simulated(std::string_view name) {
  for (const auto& key : simulated_keys) {
    if (key.name == name) return &key;
  }
  return nullptr;
}

}  // namespace pannier::tests
