#include "policies/field_template.hpp"

#include <algorithm>

#include "policies/spelling.hpp"
#include "protocol/glob.hpp"

namespace pannier::policies {

template <class T>
using Result = boost::system::result<T, std::string>;

namespace {

bool is_list(const JsonPath& path) {
  return std::ranges::any_of(path.steps(), [](const JsonPath::Step& step) {
    return step.kind == JsonPath::Step::Kind::all;
  });
}

/// `id` is short for `$.id`.
std::string path_text(std::string_view field) {
  return (field.starts_with('[') ? "$" : "$.") + std::string(field);
}

}  // namespace

Result<FieldTemplate> FieldTemplate::compile(std::string_view text) {
  FieldTemplate made;
  made.text_ = text;
  std::string literal;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const char byte = text[at];
    if (byte == '\\' && at + 1 < text.size() && (text[at + 1] == '{' || text[at + 1] == '}')) {
      literal += text[++at];
    } else if (byte == '{') {
      const auto end = text.find('}', at);
      if (end == text.npos) return "'{' without '}'; write \\{ for the brace itself";
      const std::string field(text.substr(at + 1, end - at - 1));
      auto path = JsonPath::compile(path_text(field));
      if (!path) return "{" + field + "} is not a field: " + path.error();
      const auto known = std::ranges::find(made.fields_, field) - made.fields_.begin();
      if (static_cast<std::size_t>(known) == made.fields_.size()) {
        made.fields_.push_back(field);
        made.paths_.push_back(std::move(*path));
      }
      made.pieces_.push_back({std::move(literal), static_cast<std::size_t>(known)});
      literal.clear();
      at = end;
    } else if (byte == '}') {
      return "'}' without '{'; write \\} for the brace itself";
    } else {
      literal += byte;
    }
  }
  if (!literal.empty() || made.pieces_.empty()) made.pieces_.push_back({std::move(literal)});
  return made;
}

Result<std::vector<std::string>> FieldTemplate::fill(const JsonDocument& document, As as,
                                                     std::size_t most) const {
  std::vector<std::vector<std::string>> values;
  std::size_t texts = 1;
  for (std::size_t i = 0; i < paths_.size(); ++i) {
    const bool list = is_list(paths_[i]);
    values.push_back(document.find(paths_[i], list ? most + 1 : 1));
    if (values.back().empty() && !list) return "the payload says nothing of " + quoted(fields_[i]);
    texts *= values.back().size();
    if (texts > most) {
      return quoted(text_) + " stands for too many targets (limits.max_targets)";
    }
  }
  std::vector<std::string> made;
  std::vector<std::size_t> chosen(values.size(), 0);
  for (std::size_t n = 0; n < texts; ++n) {
    auto wrong = join(values, chosen, as, made.emplace_back());
    if (!wrong.empty()) return wrong;
    for (std::size_t i = 0; i < chosen.size() && ++chosen[i] == values[i].size(); ++i) {
      chosen[i] = 0;
    }
  }
  return made;
}

std::string FieldTemplate::join(const std::vector<std::vector<std::string>>& values,
                                const std::vector<std::size_t>& chosen, As as,
                                std::string& text) const {
  for (const Piece& piece : pieces_) {
    text += piece.text;
    if (piece.path == no_path) continue;
    const auto& value = values[piece.path][chosen[piece.path]];
    // `{site}*` would become `*`.
    if (value.empty()) return quoted(fields_[piece.path]) + " is empty in the payload";
    text += as == As::glob ? protocol::glob_escaped(value) : value;
    if (text.size() > most_bytes) {
      return quoted(text_) + " would have more than " + std::to_string(most_bytes) + " bytes";
    }
  }
  return {};
}

std::string FieldTemplate::widest(As as) const {
  std::string glob;
  for (const Piece& piece : pieces_) {
    glob += as == As::glob ? piece.text : protocol::glob_escaped(piece.text);
    if (piece.path != no_path && !glob.ends_with('*')) glob += '*';
  }
  return glob;
}

}  // namespace pannier::policies
