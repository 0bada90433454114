#include "proxy/admin_aliases.hpp"

#include <algorithm>
#include <iterator>
#include <set>

#include "policies/spelling.hpp"
#include "protocol/command_table.hpp"
#include "protocol/glob.hpp"
#include "proxy/admin_roles.hpp"

namespace pannier::proxy {

using policies::quoted;
template <class T, class E>
using Result = boost::system::result<T, E>;

namespace {

using Words = std::vector<std::string>;

/// `a/b` -> `a%2Fb`: written so that words_of() gives it back.
std::string encoded(std::string_view word) {
  constexpr std::string_view hex = "0123456789ABCDEF";
  std::string out;
  for (const char c : word) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (plain || c == '-' || c == '.' || c == '_' || c == '~' || c == ':') {
      out += c;
    } else {
      out.append({'%', hex[byte >> 4], hex[byte & 15]});
    }
  }
  return out;
}

std::optional<Need> need_of_texts(const Words& words) {
  return need_of({words.begin(), words.end()});
}

constexpr std::string_view methods[] = {"", "GET", "POST", "PUT", "DELETE", "PATCH"};

bool is_method(std::string_view method) {
  return std::ranges::find(methods, method) != std::end(methods);
}

}  // namespace

Result<std::vector<AdminAlias::Word>, std::string> AdminAlias::read(std::string_view path) {
  const auto texts = words_of(path);
  if (!texts) return texts.error();
  std::vector<Word> words;
  // Split again where it is written, so that an escaped brace is no capture.
  while (!path.empty()) {
    path.remove_prefix(1);
    auto piece = path.substr(0, path.find('/'));
    path.remove_prefix(piece.size());
    auto& parts = words.emplace_back().parts;
    while (true) {
      const auto begin = piece.find_first_of("{}");
      const auto text = words_of("/" + std::string(piece.substr(0, begin)) + "_");
      if (!text) return text.error();
      parts.push_back(text->front().substr(0, text->front().size() - 1));
      if (begin == piece.npos) break;
      const auto end = piece.find_first_of("{}", begin + 1);
      if (piece[begin] == '}' || end == piece.npos || piece[end] == '{' || end == begin + 1) {
        return std::string("its braces do not match up");
      }
      parts.emplace_back(piece.substr(begin + 1, end - begin - 1));
      piece.remove_prefix(end + 1);
    }
  }
  return words;
}

Result<AdminAlias, AdminAlias::Wrong> AdminAlias::compile(
    const policies::AdminSettings::Alias& settings) {
  AdminAlias alias;
  auto path = read(settings.path), to = read(settings.to);
  if (!path) return Wrong{Wrong::Part::path, path.error()};
  if (!to) return Wrong{Wrong::Part::to, to.error()};
  alias.path_ = std::move(*path);
  alias.to_ = std::move(*to);
  alias.method_ = settings.method;
  if (auto wrong = alias.check(settings)) return std::move(*wrong);
  return alias;
}

std::optional<AdminAlias::Wrong> AdminAlias::check(const policies::AdminSettings::Alias& settings) {
  using Part = Wrong::Part;
  const auto& first = path_.front();
  if (!first.is_literal()) return Wrong{Part::path, "its first word is no capture"};
  if (is_own_name(first.parts[0])) {
    return Wrong{Part::path, "it would hide /" + first.parts[0] + ", a path of the sidecar's own"};
  }
  const auto& target = to_.front();
  const auto own = target.is_literal() ? target.parts[0] : std::string();
  Words roots{own};
  std::set<std::string> names;
  for (const auto& word : path_) {
    if (word.is_literal()) continue;
    if (!word.is_capture()) return Wrong{Part::path, "a capture is all there is between slashes"};
    const auto& name = word.parts[1];
    const bool is_taken = is_field_of_shapes(name) || name == own || !names.insert(name).second;
    if (is_taken) return Wrong{Part::path, "{" + name + "} is another thing's name"};
    roots.push_back(name);
  }
  if (!is_own_name(own)) return Wrong{Part::to, "there is no path /" + own};
  const std::vector<std::string_view> known(names.begin(), names.end());
  for (const auto& word : to_) {
    for (std::size_t i = 1; i < word.parts.size(); i += 2) {
      if (names.contains(word.parts[i])) continue;
      return Wrong{Part::to, "the path captures no {" + word.parts[i] + "}" +
                                 policies::suggestion(word.parts[i], known)};
    }
  }
  if (!is_method(method_)) return Wrong{Part::method, quoted(method_) + " is no method"};
  Captures samples;
  for (const auto& name : names) samples.emplace_back(name, "x");
  const auto need = need_of_texts(words(samples));
  if (method_ == "GET" && need && !need->looks) {
    return Wrong{Part::method, "a GET changes nothing, and " + quoted(settings.to) + " does"};
  }
  if (settings.reply.empty()) return {};
  if (!need) return Wrong{Part::reply, quoted(settings.to) + " has no reply to take it from"};
  auto shape = ReplyShape::parse(settings.reply, roots);
  if (!shape) return Wrong{Part::reply, shape.error()};
  shape_ = std::move(*shape);
  return {};
}

std::optional<AdminAlias::Captures> AdminAlias::match(const Words& words) const {
  if (words.size() != path_.size()) return {};
  Captures captures;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const auto& parts = path_[i].parts;
    if (path_[i].is_capture()) {
      captures.emplace_back(parts[1], words[i]);
    } else if (parts[0] != words[i]) {
      return {};
    }
  }
  return captures;
}

Words AdminAlias::words(const Captures& captures) const {
  Words words;
  const auto& kind = to_.size() > 1 ? to_[1].parts[0] : to_[0].parts[0];
  const bool is_glob = protocol::equals_nocase(kind, "pattern");
  for (const auto& word : to_) {
    auto& text = words.emplace_back(word.parts[0]);
    for (std::size_t i = 1; i + 1 < word.parts.size(); i += 2) {
      const auto at = std::ranges::find(captures, word.parts[i], &Captures::value_type::first);
      const bool is_literal = is_glob && !word.is_capture();
      text += is_literal ? protocol::glob_escaped(at->second) : at->second;
      text += word.parts[i + 1];
    }
  }
  return words;
}

AdminAliases::AdminAliases(const std::vector<policies::AdminSettings::Alias>& settings) {
  for (const auto& alias : settings) {
    if (auto compiled = AdminAlias::compile(alias)) aliases_.push_back(std::move(*compiled));
  }
}

Result<std::optional<AdminAliases::Used>, Refusal> AdminAliases::resolve(RequestHead& head) const {
  if (aliases_.empty()) return std::nullopt;
  const auto query = head.target.find('?');
  const auto words = words_of(std::string_view(head.target).substr(0, query));
  if (!words) return std::nullopt;  // What is wrong with it is said where paths are judged.
  for (const auto& alias : aliases_) {
    auto captures = alias.match(*words);
    if (!captures) continue;
    const auto target = alias.words(*captures);
    const auto need = need_of_texts(target);
    const bool looks = need ? need->looks : target.front() != "events";
    if (!alias.method().empty()) {
      const bool is_head = head.method == "HEAD" && alias.method() == "GET";
      if (head.method != alias.method() && !is_head) {
        const auto allow = *std::ranges::find(methods, alias.method());
        return Refusal{405, "this path is for " + alias.method(), allow};
      }
      // Nothing that is asked for with GET may change something, whatever was captured.
      if (!is_head && (looks || alias.method() != "GET")) head.method = looks ? "GET" : "POST";
    }
    std::string path;
    for (const auto& word : target) path += "/" + encoded(word);
    head.target = path + (query == head.target.npos ? "" : head.target.substr(query));
    return std::optional(Used{alias.shape(), std::move(*captures)});
  }
  return std::nullopt;
}

}  // namespace pannier::proxy
