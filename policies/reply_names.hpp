#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace pannier::policies {

/// What a client calls a key of upstream's, if it may see it: its own name under a rule with
/// transparent versions (`k:v2` is k for whoever uses version 2), and as it is where no such rule
/// applies. Nothing for other versions, and for what is the sidecar's own.
class ShownNames {
 public:
  virtual ~ShownNames() = default;
  virtual std::optional<std::string_view> shown(std::string_view upstream) const = 0;
};

/// Under which names the keys in one reply go back to the client.
struct ReplyNames {
  enum class Shape : std::uint8_t {
    first,        ///< An array that begins with the key (BLPOP, LMPOP).
    streams,      ///< Pairs of a stream's name and entries (XREAD).
    all,          ///< An array of keys (KEYS).
    scan,         ///< A cursor, and an array of keys.
    one,          ///< A key (RANDOMKEY); null when the client may not see it.
    transaction,  ///< EXEC's: `parts` says which of its replies are of the others.
  } shape = Shape::first;
  /// What upstream calls the keys that the command named, and what the client did.
  std::vector<std::pair<std::string, std::string>> names;
  std::string pattern;  ///< all, scan: what the client's names must match; empty: anything may.
  bool has_pattern = false;
  bool is_3 = false;  ///< The client speaks RESP3.
  struct Part;
  std::vector<Part> parts;  ///< By place, ascending.

  /// Appends `reply` with the client's names. What has not the shape that is due (an error, a null,
  /// QUEUED) stays as it is.
  void append(std::string& out, std::string_view reply, const ShownNames& shown) const;
};

/// Of EXEC's replies the one at that place.
struct ReplyNames::Part {
  std::uint32_t place = 0;
  ReplyNames names;
};

/// The pattern to ask upstream for so that no key is missed whose name, without the end that tells
/// its version, matches `pattern`: it may match more.
std::string wider_pattern(std::string_view pattern);

/// An upstream name without its version, and that; nothing when it does not end in `:v<number>`.
std::optional<std::pair<std::string_view, std::uint64_t>> split_version(std::string_view upstream);

}  // namespace pannier::policies
