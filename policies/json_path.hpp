#pragma once

#include <boost/system/result.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pannier::policies {

/// Where in a JSON document something stands: a part of JSONPath (RFC 9535) without filters, slices
/// and descendants, so that a look-up visits no node twice.
///
///     $.items[*].id    $['a key'].b[0]
///
/// A name behind a dot is made of letters, digits, `_`, `-` and bytes beyond ASCII; in brackets it
/// is anything between quotes, with `\'`, `\"` and `\\`. `[*]` is every element of an array and
/// every member of an object. At most 16 steps.
class JsonPath {
 public:
  struct Step {
    enum class Kind : std::uint8_t { member, element, all } kind = Kind::all;
    std::string name;       ///< member
    std::size_t index = 0;  ///< element, from 0
  };

  /// \returns the compiled path, or a sentence that says what is wrong with it.
  static boost::system::result<JsonPath, std::string> compile(std::string_view text);

  const std::string& text() const { return text_; }
  const std::vector<Step>& steps() const { return steps_; }

 private:
  std::string text_;
  std::vector<Step> steps_;
};

/// A JSON text (RFC 8259) that was read whole, in a memory of its own.
class JsonDocument {
 public:
  static constexpr std::size_t max_bytes = std::size_t{1} << 20;
  static constexpr std::size_t max_depth = 32;  ///< Of arrays and objects in each other.
  static constexpr std::size_t max_found = 256;

  /// Nothing when it is no JSON, is larger or deeper than the bounds or is not UTF-8. Where a
  /// member is there twice the last one counts.
  static std::optional<JsonDocument> parse(std::string_view text);

  JsonDocument(JsonDocument&&) noexcept;
  JsonDocument& operator=(JsonDocument&&) noexcept;
  ~JsonDocument();

  /// The scalars at that place in the order of the document, at most `most`: strings as they are,
  /// integers in digits, other numbers in the shortest form that means the same (`1.5`, `1e+30`),
  /// `true`, `false`. What is null, an array or an object is left out.
  std::vector<std::string> find(const JsonPath& path, std::size_t most = max_found) const;
  /// The first of them.
  std::optional<std::string> find_one(const JsonPath& path) const;

 private:
  struct Parsed;
  explicit JsonDocument(std::unique_ptr<Parsed> parsed);
  std::unique_ptr<Parsed> parsed_;
};

}  // namespace pannier::policies
