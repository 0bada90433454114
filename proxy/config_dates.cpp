#include "proxy/config_dates.hpp"

#include <algorithm>

namespace pannier::proxy {

using policies::quoted;

void read_dates(const ConfigNode& node, std::vector<std::string>& dates, Findings& findings) {
  if (node.kind == ConfigNode::Kind::scalar) {
    read_scalar(node, "dates", dates.emplace_back(), findings);
  } else {
    dates = read_texts(node, "dates", findings);
  }
  if (dates.empty() || dates.size() > 2) {
    findings.error(node.mark, "dates: name one capture, or that of the first day and the last's");
  }
}

void check_dates(const ConfigNode& node, const policies::RuleSettings& rule, Findings& findings) {
  if (rule.dates.empty()) return;
  const auto mark = mark_of(node, "dates");
  for (const auto& pattern : rule.match) {
    const std::vector<std::string_view> names(pattern.names().begin(), pattern.names().end());
    for (const auto& date : rule.dates) {
      if (std::ranges::find(names, date) != names.end()) continue;
      findings.error(mark, "dates: " + quoted(pattern.text()) + " does not capture {" + date + "}" +
                               policies::suggestion(date, names));
    }
  }
}

}  // namespace pannier::proxy
