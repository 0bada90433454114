#include "policies/dated_ttl.hpp"

#include <utility>

#include "policies/spelling.hpp"

namespace pannier::policies {

namespace {

constexpr std::pair<std::string_view, DatedTtl::Days> endings[] = {
    {"is today", DatedTtl::Days::today},
    {"is before today", DatedTtl::Days::before},
    {"is after today", DatedTtl::Days::after}};

}  // namespace

milliseconds DatedTtl::ttl(std::string_view captured, Date today) const {
  const auto date = parse_date(captured);
  if (!date) return otherwise;
  bool holds = false;
  switch (days) {
    case Days::none:
      break;
    case Days::today:
      holds = *date >= today;
      break;
    case Days::before:
      holds = *date < today;
      break;
    case Days::after:
      holds = *date > today;
      break;
  }
  return holds ? then : otherwise;
}

std::string DatedTtl::read_condition(std::string_view text) {
  const auto complaint = quoted(text) +
                         " is no condition; write date({capture}) is today, "
                         "is before today or is after today";
  constexpr std::string_view begin = "date({", middle = "}) ";
  const auto end = text.find(middle);
  if (!text.starts_with(begin) || end == text.npos || end == begin.size()) return complaint;
  for (const auto& [ending, meaning] : endings) {
    if (text.substr(end + middle.size()) != ending) continue;
    capture = text.substr(begin.size(), end - begin.size());
    days = meaning;
    return {};
  }
  return complaint;
}

std::string DatedTtl::condition() const {
  for (const auto& [ending, meaning] : endings) {
    if (meaning == days) return "date({" + capture + "}) " + std::string(ending);
  }
  return {};
}

}  // namespace pannier::policies
