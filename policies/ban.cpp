#include "policies/ban.hpp"

#include <algorithm>

#include "policies/tag_names.hpp"
#include "protocol/glob.hpp"
#include "protocol/reply.hpp"

namespace pannier::policies {

namespace {

constexpr std::string_view kinds = "xptrd";
constexpr std::size_t date_size = 10;

/// Takes `5:abcde` off the front; nothing where that is not what there is.
std::optional<std::string> take_word(std::string_view& text) {
  const auto colon = text.find(':');
  if (colon == text.npos) return std::nullopt;
  const auto size = protocol::to_integer(text.substr(0, colon));
  text.remove_prefix(colon + 1);
  if (!size || *size < 0 || static_cast<std::size_t>(*size) > text.size()) return std::nullopt;
  std::string word(text.substr(0, static_cast<std::size_t>(*size)));
  text.remove_prefix(word.size());
  return word;
}

}  // namespace

bool Ban::covers(const Bannable& key) const {
  switch (kind) {
    case Kind::everything:
      return true;
    case Kind::pattern:
      return protocol::glob_matches(name, key.key);
    case Kind::tags:
      return std::ranges::all_of(tags, [&](const std::string& tag) {
        const auto wanted = tag_name(tag);
        return std::ranges::find(key.tags, wanted, tag_name) != key.tags.end();
      });
    case Kind::rule:
      return key.rule == name;
    case Kind::dates:
      if (key.rule != name) return false;
      return !key.dates || (key.dates->from <= dates.to && dates.from <= key.dates->to);
  }
  return true;
}

std::string Ban::text() const {
  std::string text{kinds[static_cast<std::size_t>(kind)], soft ? 's' : 'h'};
  if (kind == Kind::dates) text += date_text(dates.from) + date_text(dates.to);
  if (kind != Kind::tags) return text + name;
  for (const auto& tag : tags) text += std::to_string(tag.size()) + ':' + tag;
  return text;
}

std::optional<Ban> Ban::parse(std::string_view text) {
  if (text.size() < 2 || (text[1] != 's' && text[1] != 'h')) return std::nullopt;
  const auto kind = kinds.find(text[0]);
  if (kind == kinds.npos) return std::nullopt;
  Ban ban;
  ban.kind = static_cast<Kind>(kind);
  ban.soft = text[1] == 's';
  text.remove_prefix(2);
  if (ban.kind == Kind::tags) {
    while (!text.empty()) {
      auto tag = take_word(text);
      if (!tag) return std::nullopt;
      ban.tags.push_back(std::move(*tag));
    }
    return ban.tags.empty() ? std::nullopt : std::optional(std::move(ban));
  }
  if (ban.kind == Kind::dates) {
    if (text.size() < 2 * date_size) return std::nullopt;
    const auto from = parse_date(text.substr(0, date_size));
    const auto to = parse_date(text.substr(date_size, date_size));
    if (!from || !to) return std::nullopt;
    ban.dates = {*from, *to};
    text.remove_prefix(2 * date_size);
  }
  ban.name = text;
  return ban;
}

}  // namespace pannier::policies
