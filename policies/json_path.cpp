#include "policies/json_path.hpp"

#include <boost/json/monotonic_resource.hpp>
#include <boost/json/parser.hpp>
#include <boost/json/value.hpp>
#include <charconv>
#include <span>
#include <utility>

namespace pannier::policies {

namespace json = boost::json;

namespace {

constexpr std::size_t most_steps = 16;

bool belongs_to_name(char byte) {
  return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
         (byte >= '0' && byte <= '9') || byte == '_' || byte == '-' ||
         static_cast<unsigned char>(byte) >= 0x80;
}

/// Reads one path from its beginning to its end.
class Compiler {
 public:
  explicit Compiler(std::string_view text) : rest_(text) {}

  /// \returns what is wrong; empty when nothing.
  std::string run(std::vector<JsonPath::Step>& steps) {
    if (!take('$')) return "it does not begin with $";
    while (!rest_.empty()) {
      if (steps.size() == most_steps) return "it has more than 16 steps";
      JsonPath::Step step;
      auto problem = read(step);
      if (!problem.empty()) return problem;
      steps.push_back(std::move(step));
    }
    return {};
  }

 private:
  bool take(char byte) {
    if (!rest_.starts_with(byte)) return false;
    rest_.remove_prefix(1);
    return true;
  }

  std::string read(JsonPath::Step& step) {
    if (take('.')) return read_name(step);
    if (!take('[')) return "after a step comes . or [, not '" + std::string(1, rest_[0]) + "'";
    if (take('*')) return close();
    if (rest_.starts_with('\'') || rest_.starts_with('"')) return read_quoted(step);
    return read_index(step);
  }

  std::string read_name(JsonPath::Step& step) {
    std::size_t size = 0;
    while (size < rest_.size() && belongs_to_name(rest_[size])) ++size;
    if (size == 0) {
      if (rest_.starts_with('.')) return ".. is not supported; name every step";
      if (rest_.starts_with('*')) return "for every member write [*]";
      return "a name is missing after a dot; other names are written ['...']";
    }
    step.kind = JsonPath::Step::Kind::member;
    step.name = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return {};
  }

  std::string read_quoted(JsonPath::Step& step) {
    const char quote = rest_.front();
    rest_.remove_prefix(1);
    step.kind = JsonPath::Step::Kind::member;
    while (!rest_.empty() && rest_.front() != quote) {
      if (take('\\') &&
          (rest_.empty() || (rest_[0] != '\\' && rest_[0] != '\'' && rest_[0] != '"')))
        return "a backslash in a quoted name stands before a quote or a backslash";
      step.name += rest_.front();
      rest_.remove_prefix(1);
    }
    if (!take(quote)) return "a quoted name has no end";
    return close();
  }

  std::string read_index(JsonPath::Step& step) {
    step.kind = JsonPath::Step::Kind::element;
    std::uint32_t index = 0;
    const auto [end, error] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), index);
    if (error != std::errc()) return "in brackets stands *, a 'name' or a number from 0";
    step.index = index;
    rest_.remove_prefix(static_cast<std::size_t>(end - rest_.data()));
    return close();
  }

  std::string close() { return take(']') ? std::string() : "a bracket is not closed"; }

  std::string_view rest_;
};

template <typename Number>
std::string digits(Number number) {
  char text[64];
  const auto [end, error] = std::to_chars(text, text + sizeof text, number);
  return error == std::errc() ? std::string(text, end) : std::string();
}

std::optional<std::string> scalar(const json::value& value) {
  switch (value.kind()) {
    case json::kind::string:
      return std::string(value.get_string());
    case json::kind::int64:
      return digits(value.get_int64());
    case json::kind::uint64:
      return digits(value.get_uint64());
    case json::kind::double_:
      return digits(value.get_double());
    case json::kind::bool_:
      return value.get_bool() ? "true" : "false";
    case json::kind::null:
    case json::kind::array:
    case json::kind::object:
      break;
  }
  return std::nullopt;
}

/// Walks down one path. It goes no deeper than the path is long.
struct Search {
  std::vector<std::string>& found;
  std::size_t most;

  void all(const json::value& value, std::span<const JsonPath::Step> steps) {
    if (const auto* array = value.if_array()) {
      for (const auto& element : *array) {
        if (found.size() < most) run(element, steps);
      }
    } else if (const auto* object = value.if_object()) {
      for (const auto& member : *object) {
        if (found.size() < most) run(member.value(), steps);
      }
    }
  }

  void run(const json::value& value, std::span<const JsonPath::Step> steps) {
    if (found.size() >= most) return;
    if (steps.empty()) {
      if (auto text = scalar(value)) found.push_back(std::move(*text));
      return;
    }
    const auto& step = steps.front();
    const auto rest = steps.subspan(1);
    const json::value* next = nullptr;
    switch (step.kind) {
      case JsonPath::Step::Kind::all:
        return all(value, rest);
      case JsonPath::Step::Kind::member:
        if (const auto* object = value.if_object()) next = object->if_contains(step.name);
        break;
      case JsonPath::Step::Kind::element:
        if (const auto* array = value.if_array()) next = array->if_contains(step.index);
        break;
    }
    if (next != nullptr) run(*next, rest);
  }
};

}  // namespace

boost::system::result<JsonPath, std::string> JsonPath::compile(std::string_view text) {
  JsonPath path;
  path.text_ = text;
  auto problem = Compiler(text).run(path.steps_);
  if (!problem.empty()) return problem;
  return path;
}

/// The values lie in the resource, which must outlive them; neither is ever freed piecemeal.
struct JsonDocument::Parsed {
  json::monotonic_resource memory;
  json::value root = json::value(json::storage_ptr(&memory));
};

JsonDocument::JsonDocument(std::unique_ptr<Parsed> parsed) : parsed_(std::move(parsed)) {}
JsonDocument::JsonDocument(JsonDocument&&) noexcept = default;
JsonDocument& JsonDocument::operator=(JsonDocument&&) noexcept = default;
JsonDocument::~JsonDocument() = default;

std::optional<JsonDocument> JsonDocument::parse(std::string_view text) {
  if (text.size() > max_bytes) return std::nullopt;
  json::parse_options options;
  options.max_depth = max_depth;
  auto parsed = std::make_unique<Parsed>();
  json::parser parser(json::storage_ptr(), options);
  parser.reset(&parsed->memory);
  json::error_code error;
  parser.write(text.data(), text.size(), error);
  if (error) return std::nullopt;
  parsed->root = parser.release();  // Both lie in the same resource: nothing is copied.
  return JsonDocument(std::move(parsed));
}

std::vector<std::string> JsonDocument::find(const JsonPath& path, std::size_t most) const {
  std::vector<std::string> found;
  Search{found, most}.run(parsed_->root, path.steps());
  return found;
}

std::optional<std::string> JsonDocument::find_one(const JsonPath& path) const {
  auto found = find(path, 1);
  return found.empty() ? std::nullopt : std::optional(std::move(found.front()));
}

}  // namespace pannier::policies
