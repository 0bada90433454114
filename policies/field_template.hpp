#pragma once

#include <boost/system/result.hpp>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "policies/json_path.hpp"

namespace pannier::policies {

/// A text in which `{field}` stands for what a JSON document says there: `{id}`, `{order.id}`,
/// `{items[*].id}`. `\{` and `\}` are braces; every other backslash is left as it is.
class FieldTemplate {
 public:
  /// \returns the compiled template, or a sentence that says what is wrong with it.
  static boost::system::result<FieldTemplate, std::string> compile(std::string_view text);

  /// What becomes of what a field says.
  enum class As {
    text,  ///< It stands there as it is.
    glob,  ///< What a glob would treat specially is escaped: a value never widens a pattern.
  };
  static constexpr std::size_t most_bytes = 1024;  ///< Of one text that is made.

  /// The texts that `document` makes of it: one, or one for each value of a field with `[*]` (for
  /// each combination, if there are several such fields); none if a list is empty. At most `most`:
  /// one more than that are never made. \returns them, or which field is missing, empty or of no
  /// use.
  boost::system::result<std::vector<std::string>, std::string> fill(const JsonDocument& document,
                                                                    As as, std::size_t most) const;

  /// A glob that every text matches that could be made of it. With `As::text` its own bytes are
  /// taken literally, with `As::glob` they are a glob already.
  std::string widest(As as) const;

  const std::string& text() const { return text_; }
  bool has_fields() const { return !paths_.empty(); }

 private:
  struct Piece {
    std::string text;
    std::size_t path = no_path;  ///< Index into paths_: what stands behind the text.
  };
  static constexpr std::size_t no_path = ~std::size_t{0};

  /// \returns what is wrong, or nothing.
  std::string join(const std::vector<std::vector<std::string>>& values,
                   const std::vector<std::size_t>& chosen, As as, std::string& text) const;

  std::string text_;
  std::vector<Piece> pieces_;
  std::vector<JsonPath> paths_;      ///< Each once.
  std::vector<std::string> fields_;  ///< As they are written.
};

}  // namespace pannier::policies
