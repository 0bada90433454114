#pragma once

#include <boost/system/result.hpp>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "policies/settings.hpp"
#include "proxy/admin_request.hpp"
#include "proxy/reply_shape.hpp"

namespace pannier::proxy {

/// One of an application's paths, which leads to one of ours.
///
/// `/cache/tag/{tag}` takes `/cache/tag/a%2Fb`, and `/invalidate/tag/{tag}` then gets the word
/// `a/b`: what is captured is decoded first and never split, so it can be no further word. Within a
/// longer word of a pattern (`page:{site}:*`) it is taken literally, whatever it holds.
class AdminAlias {
 public:
  /// Which part of an alias is wrong, and how.
  struct Wrong {
    enum class Part { path, method, to, reply } part;
    std::string sentence;
  };
  static boost::system::result<AdminAlias, Wrong> compile(
      const policies::AdminSettings::Alias& settings);

  using Captures = ReplyShape::Captures;
  /// What the captures are if `words` are of this path; nothing if they are not.
  std::optional<Captures> match(const std::vector<std::string>& words) const;
  /// The words it leads to.
  std::vector<std::string> words(const Captures& captures) const;

  const std::string& method() const { return method_; }
  const std::shared_ptr<const ReplyShape>& shape() const { return shape_; }

 private:
  /// Texts and names of captures, by turns; a text is first and may be empty.
  struct Word {
    std::vector<std::string> parts;
    bool is_literal() const { return parts.size() == 1; }
    bool is_capture() const { return parts.size() == 3 && parts[0].empty() && parts[2].empty(); }
  };
  static boost::system::result<std::vector<Word>, std::string> read(std::string_view path);
  std::optional<Wrong> check(const policies::AdminSettings::Alias& settings);

  std::vector<Word> path_, to_;
  std::string method_;
  std::shared_ptr<const ReplyShape> shape_;
};

/// All of them. The first that a path is of counts.
class AdminAliases {
 public:
  /// REQUIRES that each can be compiled.
  explicit AdminAliases(const std::vector<policies::AdminSettings::Alias>& settings);

  /// What the answer to a request needs that came over an alias.
  struct Used {
    std::shared_ptr<const ReplyShape> shape;  ///< May be null.
    AdminAlias::Captures captures;
  };
  /// Makes `head` a request for the path it leads to; leaves it where it is of no alias.
  boost::system::result<std::optional<Used>, Refusal> resolve(RequestHead& head) const;

 private:
  std::vector<AdminAlias> aliases_;
};

}  // namespace pannier::proxy
