#pragma once

#include <boost/system/result.hpp>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "proxy/admin_http.hpp"

namespace pannier::proxy {

/// The shape that an application's readers expect of an answer: JSON in whose texts `{stats.totals.
/// hits}` is replaced by what the action's reply has there, names and places in lists joined by
/// points; `{stats}` is the whole reply. A text that is one such field alone keeps the type of what
/// it finds, and is null where there is nothing.
///
/// Beside the action's name there are `{count}`, the reply if it is a number, else 0; `{queued}`,
/// whether it is still to be carried out or goes on (202); and the captures of the alias.
class ReplyShape {
 public:
  using Captures = std::vector<std::pair<std::string, std::string>>;

  /// \returns the shape, or what is wrong with `json`; `roots` are the names a field may begin with
  /// beside `count` and `queued`.
  static boost::system::result<std::shared_ptr<const ReplyShape>, std::string> parse(
      std::string_view json, std::span<const std::string> roots);
  ~ReplyShape();

  /// The answer in this shape; as it is where it is an error. `action` is its name.
  Response apply(Response answer, std::string_view action, const Captures& captures) const;

 private:
  struct Tree;
  explicit ReplyShape(std::unique_ptr<Tree> tree);
  std::unique_ptr<Tree> tree_;
};

/// Names of fields that every shape has.
bool is_field_of_shapes(std::string_view name);

}  // namespace pannier::proxy
