// Without it the library ends the process where a schema is wrong.
#define VALIJSON_USE_EXCEPTIONS 1

#include "proxy/json_schema.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <exception>
#include <regex>
#include <valijson/adapters/boost_json_adapter.hpp>
#include <valijson/schema.hpp>
#include <valijson/schema_parser.hpp>
#include <valijson/validator.hpp>
#include <vector>

#include "policies/date.hpp"
#include "policies/spelling.hpp"

namespace pannier::proxy {

namespace json = boost::json;
using policies::quoted;
using valijson::adapters::BoostJsonAdapter;

namespace {

constexpr std::size_t most_bytes = std::size_t{1} << 20, most_levels = 32;
/// std::regex recurses for each byte of what it matches: a longer text could exhaust the stack.
constexpr std::size_t longest_matched = 1024;
constexpr std::size_t most_errors = 3;

enum class Format { date, date_time };
/// A place in a payload: names of members; nothing stands for each element of an array.
struct FormatAt {
  std::vector<std::string> path;
  Format format;
};
constexpr std::string_view each = "[*]";

json::value parsed(std::string_view text, boost::system::error_code& error) {
  json::parse_options options;
  options.max_depth = most_levels;
  return json::parse(text, error, {}, options);
}

bool is_two_digits(std::string_view text, unsigned most) {
  if (text.size() != 2 || text[0] < '0' || text[0] > '9' || text[1] < '0' || text[1] > '9') {
    return false;
  }
  return static_cast<unsigned>((text[0] - '0') * 10 + (text[1] - '0')) <= most;
}

bool is_date(std::string_view text) {
  return text.size() == 10 && policies::parse_date(text).has_value();
}

/// RFC 3339: `2026-11-21T10:20:30.5Z`, `2026-11-21t10:20:30+02:00`.
bool is_date_time(std::string_view text) {
  if (text.size() < 20 || (text[10] | 0x20) != 't' || !is_date(text.substr(0, 10))) return false;
  const auto time = text.substr(11);
  if (!is_two_digits(time.substr(0, 2), 23) || time[2] != ':' ||
      !is_two_digits(time.substr(3, 2), 59) || time[5] != ':' ||
      !is_two_digits(time.substr(6, 2), 60)) {
    return false;
  }
  auto rest = time.substr(8);
  if (rest.starts_with('.')) {
    const auto end = rest.find_first_not_of("0123456789", 1);
    if (end == rest.npos || end == 1) return false;
    rest.remove_prefix(end);
  }
  if (rest == "Z" || rest == "z") return true;
  return rest.size() == 6 && (rest[0] == '+' || rest[0] == '-') && rest[3] == ':' &&
         is_two_digits(rest.substr(1, 2), 23) && is_two_digits(rest.substr(4, 2), 59);
}

/// Takes the formats out of a schema: they are checked here, since what the library has for them
/// is a regular expression that a long text makes recurse.
class Formats {
 public:
  /// \returns what is wrong.
  std::string take_from(json::value& schema) { return take(schema, {}, true); }
  std::vector<FormatAt> found;

 private:
  /// `is_known`: the place in the payload that this schema is about is known.
  std::string take(json::value& schema, const std::vector<std::string>& path, bool is_known) {
    if (auto* list = schema.if_array()) {
      for (auto& item : *list) {
        if (auto wrong = take(item, path, false); !wrong.empty()) return wrong;
      }
      return {};
    }
    auto* object = schema.if_object();
    if (object == nullptr) return {};
    if (const auto* format = object->if_contains("format"); format && format->is_string()) {
      if (!is_known) return "format is understood below properties and items only";
      const std::string_view name = format->get_string();
      if (name != "date" && name != "date-time") {
        return "format " + quoted(name) + " is unknown; there are date and date-time";
      }
      found.push_back({path, name == "date" ? Format::date : Format::date_time});
      object->erase("format");
    }
    for (auto& [key, value] : *object) {
      auto wrong = take_below(key, value, path, is_known);
      if (!wrong.empty()) return wrong;
    }
    return {};
  }

  std::string take_below(std::string_view key, json::value& value,
                         const std::vector<std::string>& path, bool is_known) {
    if (key == "enum" || key == "const" || key == "default" || key == "examples") return {};
    auto below = path;
    if (key == "items" && value.is_object()) {
      below.emplace_back(each);
      return take(value, below, is_known);
    }
    if (key != "properties" || !value.is_object()) return take(value, path, false);
    for (auto& [name, property] : value.get_object()) {
      below = path;
      below.emplace_back(name);
      if (auto wrong = take(property, below, is_known); !wrong.empty()) return wrong;
    }
    return {};
  }
};

std::string check(const json::value& value, const FormatAt& at, std::size_t step,
                  const std::string& place) {
  if (step == at.path.size()) {
    if (!value.is_string()) return {};  // Its type is another check.
    const std::string_view text = value.get_string();
    const bool fits = at.format == Format::date ? is_date(text) : is_date_time(text);
    if (fits) return {};
    return place + ": " + quoted(text) +
           (at.format == Format::date ? " is not a date such as 2026-11-21"
                                      : " is not a time such as 2026-11-21T10:20:30Z");
  }
  const auto& name = at.path[step];
  if (name == each) {
    const auto* list = value.if_array();
    for (std::size_t i = 0; list && i < list->size(); ++i) {
      auto wrong = check((*list)[i], at, step + 1, place + "[" + std::to_string(i) + "]");
      if (!wrong.empty()) return wrong;
    }
    return {};
  }
  const auto* object = value.if_object();
  const auto* member = object ? object->if_contains(name) : nullptr;
  if (member == nullptr) return {};
  return check(*member, at, step + 1, place + (place.empty() ? "" : ".") + name);
}

bool has_text_over(const json::value& value, std::size_t most) {
  if (const auto* text = value.if_string()) return text->size() > most;
  if (const auto* list = value.if_array()) {
    for (const auto& item : *list) {
      if (has_text_over(item, most)) return true;
    }
  }
  if (const auto* object = value.if_object()) {
    for (const auto& [name, item] : *object) {
      if (name.size() > most || has_text_over(item, most)) return true;
    }
  }
  return false;
}

/// \throws std::regex_error for a regular expression in the schema that is none.
void try_regexes(const json::value& schema) {
  if (const auto* list = schema.if_array()) {
    for (const auto& item : *list) try_regexes(item);
  }
  const auto* object = schema.if_object();
  if (object == nullptr) return;
  for (const auto& [key, value] : *object) {
    if (key == "pattern" && value.is_string()) std::regex(std::string(value.get_string()));
    if (key == "patternProperties" && value.is_object()) {
      for (const auto& [pattern, ignored] : value.get_object()) std::regex(std::string(pattern));
    }
    try_regexes(value);
  }
}

/// `<root>[a][b]` as `a.b`.
std::string place_of(const std::vector<std::string>& context) {
  std::string place;
  for (std::size_t i = 1; i < context.size(); ++i) {
    std::string_view step = context[i];
    if (step.starts_with('[') && step.ends_with(']')) step = step.substr(1, step.size() - 2);
    place += (place.empty() ? "" : ".") + std::string(step);
  }
  return place;
}

}  // namespace

struct JsonSchema::Compiled {
  valijson::Schema schema;
  std::vector<FormatAt> formats;
  bool has_regex = false;
};

JsonSchema::JsonSchema(std::unique_ptr<Compiled> compiled) : compiled_(std::move(compiled)) {}
JsonSchema::JsonSchema(JsonSchema&&) noexcept = default;
JsonSchema& JsonSchema::operator=(JsonSchema&&) noexcept = default;
JsonSchema::~JsonSchema() = default;

boost::system::result<JsonSchema, std::string> JsonSchema::compile(std::string_view text) {
  boost::system::error_code error;
  auto document = parsed(text, error);
  if (error) return "it is not JSON: " + error.message();
  if (!document.is_object()) return std::string("it is not a map");
  auto compiled = std::make_unique<Compiled>();
  Formats formats;
  if (auto wrong = formats.take_from(document); !wrong.empty()) return wrong;
  compiled->formats = std::move(formats.found);
  compiled->has_regex = text.find("\"pattern") != text.npos;
  try {
    valijson::SchemaParser parser(valijson::SchemaParser::kDraft7);
    parser.populateSchema(BoostJsonAdapter(document), compiled->schema);
    // It compiles regular expressions when it needs them; here they are compiled to be checked.
    try_regexes(document);
  } catch (const std::exception& wrong) {
    return std::string(wrong.what());
  }
  return JsonSchema(std::move(compiled));
}

std::string JsonSchema::objection(std::string_view payload) const {
  boost::system::error_code error;
  if (payload.size() > most_bytes) return "more than 1 MiB";
  const auto document = parsed(payload, error);
  if (error) return "it is not JSON: " + error.message();
  if (compiled_->has_regex && has_text_over(document, longest_matched)) {
    return "a text has more than 1024 bytes";
  }
  try {
    valijson::Validator validator;
    valijson::ValidationResults results;
    if (!validator.validate(compiled_->schema, BoostJsonAdapter(document), &results)) {
      // The first ones tell of the place, later ones of what contains it.
      valijson::ValidationResults::Error one;
      std::string text;
      for (std::size_t i = 0; i < most_errors && results.popError(one); ++i) {
        const auto place = place_of(one.context);
        text += (text.empty() ? "" : "; ") + (place.empty() ? "" : place + ": ") + one.description;
      }
      return text.empty() ? "it does not fit" : text;
    }
  } catch (const std::exception& wrong) {
    return std::string("it cannot be checked: ") + wrong.what();
  }
  for (const auto& format : compiled_->formats) {
    auto wrong = check(document, format, 0, "");
    if (!wrong.empty()) return wrong;
  }
  return {};
}

}  // namespace pannier::proxy
