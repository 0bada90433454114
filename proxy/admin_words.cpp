#include "proxy/admin_words.hpp"

#include "protocol/command_table.hpp"

namespace pannier::proxy {

using policies::Invalidation;
using protocol::equals_nocase;

namespace {

using Words = std::span<const std::string_view>;

/// Takes an option off the end.
bool take_option(Words& words, std::string_view option) {
  if (words.size() < 3 || !equals_nocase(words.back(), option)) return false;
  words = words.first(words.size() - 1);
  return true;
}

}  // namespace

boost::system::result<Invalidation, std::string> invalidation_of(Words words) {
  Invalidation what;
  what.soft = take_option(words, "soft");
  const bool all = take_option(words, "all");
  what.soft = take_option(words, "soft") || what.soft;  // They may stand the other way round.
  if (words.size() < 2) return std::string();
  const auto kind = words.front();
  const auto names = words.subspan(1);
  const std::vector<std::string> all_names(names.begin(), names.end());
  const bool is_tag = equals_nocase(kind, "tag");
  if (all && !is_tag) return std::string("ALL is for tags");
  if (is_tag && all && names.size() > 1) {
    what.all_of.push_back(all_names);
  } else if (is_tag) {
    what.tags = all_names;
  } else if (equals_nocase(kind, "key")) {
    what.keys = all_names;
  } else if (equals_nocase(kind, "pattern")) {
    what.patterns = all_names;
  } else if (equals_nocase(kind, "range") && names.size() == 3) {
    const auto from = policies::parse_date(names[1]), to = policies::parse_date(names[2]);
    for (const auto& [date, text] : {std::pair(from, names[1]), std::pair(to, names[2])}) {
      if (!date) return "'" + std::string(text) + "' is no date; write 2026-11-21";
    }
    if (*to < *from) return std::string("the range ends before it begins");
    what.ranges.push_back({std::string(names[0]), *from, *to});
  } else {
    return std::string();
  }
  return what;
}

}  // namespace pannier::proxy
