#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "policies/setting_types.hpp"
#include "policies/spelling.hpp"
#include "proxy/config_document.hpp"

namespace pannier::proxy {

/// What is wrong with a configuration: all readers and checks report here and go on, and the
/// error that stands first in the file is the one that is told.
class Findings {
 public:
  explicit Findings(std::string_view name) : name_(name) {}

  void error(Mark mark, std::string_view sentence);
  void warning(Mark mark, std::string_view sentence);

  bool failed() const { return first_.has_value(); }
  const std::string& first() const { return text_; }  ///< REQUIRES failed().
  std::vector<std::string> take_warnings() { return std::move(warnings_); }

 private:
  std::string name_;
  std::optional<Mark> first_;
  std::string text_;
  std::vector<std::string> warnings_;
};

/// A setting of a section: its name, and the function that reads its value.
template <class Section>
struct Field {
  std::string_view name;
  void (*read)(const ConfigNode& node, Section& section, Findings& findings);
};

/// Whether `node` has the kind that is due; reports it if not. `what` is the setting's name.
bool expect(ConfigNode::Kind kind, const ConfigNode& node, std::string_view what,
            Findings& findings);

/// Reports `entry` as a key that `where` ("in tier 'kpi'") does not have.
void report_unknown(const ConfigNode::Entry& entry, std::string_view where,
                    const std::vector<std::string_view>& names, Findings& findings);

/// Where a setting's value stands; where its section begins when it is not given.
Mark mark_of(const ConfigNode& section, std::string_view setting);

template <class T>
void read_scalar(const ConfigNode& node, std::string_view what, T& out, Findings& findings) {
  if (!expect(ConfigNode::Kind::scalar, node, what, findings)) return;
  const std::string complaint = policies::parse_setting(node.text, out);
  if (!complaint.empty()) findings.error(node.mark, std::string(what) + ": " + complaint);
}

/// Reads a map whose keys are the names of `fields`. `what` is the setting's name, `where` as in
/// report_unknown().
template <class Section>
void read_map(const ConfigNode& node, std::string_view what, std::string_view where,
              std::span<const Field<Section>> fields, Section& section, Findings& findings) {
  if (!expect(ConfigNode::Kind::map, node, what, findings)) return;
  std::vector<std::string_view> names;
  for (const auto& field : fields) names.push_back(field.name);
  for (const auto& entry : node.entries) {
    std::size_t i = 0;
    while (i < names.size() && names[i] != entry.key) ++i;
    if (i < names.size()) {
      fields[i].read(entry.value, section, findings);
    } else {
      report_unknown(entry, where, names, findings);
    }
  }
}

/// The list of texts that `node` is; empty when it is none, which is reported.
std::vector<std::string> read_texts(const ConfigNode& node, std::string_view what,
                                    Findings& findings);

/// One line of settings.def as a Field.
#define PANNIER_FIELD(type, name, value, text)                            \
  {#name, [](const ConfigNode& node, auto& section, Findings& findings) { \
     read_scalar(node, #name, section.name, findings);                    \
   }},

}  // namespace pannier::proxy
