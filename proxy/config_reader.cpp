#include "proxy/config_reader.hpp"

namespace pannier::proxy {
namespace {

std::string_view name_of(ConfigNode::Kind kind) {
  switch (kind) {
    case ConfigNode::Kind::nothing:
      return "nothing";
    case ConfigNode::Kind::scalar:
      return "a single value";
    case ConfigNode::Kind::list:
      return "a list";
    case ConfigNode::Kind::map:
      return "a map of settings";
  }
  return {};
}

}  // namespace

void Findings::error(Mark mark, std::string_view sentence) {
  if (first_ && *first_ <= mark) return;
  first_ = mark;
  text_ = at(name_, mark, sentence);
}

void Findings::warning(Mark mark, std::string_view sentence) {
  warnings_.push_back(at(name_, mark, sentence));
}

bool expect(ConfigNode::Kind kind, const ConfigNode& node, std::string_view what,
            Findings& findings) {
  if (node.kind == kind) return true;
  std::string sentence(what);
  if (node.kind == ConfigNode::Kind::nothing) {
    sentence += " has no value; write one, or leave the line out";
  } else {
    sentence.append(" must be ").append(name_of(kind)).append(", not ").append(name_of(node.kind));
  }
  findings.error(node.mark, sentence);
  return false;
}

void report_unknown(const ConfigNode::Entry& entry, std::string_view where,
                    const std::vector<std::string_view>& names, Findings& findings) {
  std::string sentence = "unknown key " + policies::quoted(entry.key);
  if (!where.empty()) sentence.append(" ").append(where);
  findings.error(entry.mark, sentence + policies::suggestion(entry.key, names));
}

Mark mark_of(const ConfigNode& section, std::string_view setting) {
  const ConfigNode* value = section.find(setting);
  return value ? value->mark : section.mark;
}

std::vector<std::string> read_texts(const ConfigNode& node, std::string_view what,
                                    Findings& findings) {
  std::vector<std::string> texts;
  if (!expect(ConfigNode::Kind::list, node, what, findings)) return texts;
  for (const ConfigNode& item : node.items) {
    read_scalar(item, "each of " + std::string(what), texts.emplace_back(), findings);
  }
  return texts;
}

}  // namespace pannier::proxy
