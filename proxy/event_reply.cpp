#include "proxy/event_reply.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <optional>

#include "policies/field_template.hpp"
#include "policies/spelling.hpp"

namespace pannier::proxy {

namespace json = boost::json;
using policies::FieldTemplate;
using policies::JsonDocument;

namespace {

/// `{a.b}` alone.
std::optional<std::string> only_field(std::string_view text) {
  const bool is_one = text.starts_with('{') && text.find('}') == text.size() - 1;
  return is_one ? std::optional(std::string(text.substr(1, text.size() - 2))) : std::nullopt;
}

class Filler {
 public:
  Filler(std::string_view payload, const EventResult& result) : count_(result.count) {
    boost::system::error_code ignored;
    payload_ = json::parse(payload, ignored);
    auto* object = payload_.if_object();
    if (object != nullptr) (*object)["count"] = result.count;
    document_ = JsonDocument::parse(json::serialize(payload_));
  }

  json::value fill(const json::value& value) const {
    if (const auto* list = value.if_array()) {
      json::array out;
      for (const auto& item : *list) out.push_back(fill(item));
      return out;
    }
    if (const auto* object = value.if_object()) {
      json::object out;
      for (const auto& [name, item] : *object) out[name] = fill(item);
      return out;
    }
    return value.is_string() ? filled(value.get_string()) : value;
  }

 private:
  json::value filled(std::string_view text) const {
    if (const auto field = only_field(text)) {
      if (*field == "count") return count_;
      return at(*field);
    }
    const auto made = FieldTemplate::compile(text);
    if (!made || !document_) return json::string(text);
    const auto texts = made->fill(*document_, FieldTemplate::As::text, 1);
    return texts && !texts->empty() ? json::value(texts->front()) : json::value(nullptr);
  }

  /// The member at `a.b`, as it is.
  json::value at(std::string_view field) const {
    const json::value* value = &payload_;
    while (!field.empty()) {
      const auto name = field.substr(0, field.find('.'));
      const auto* object = value->if_object();
      value = object ? object->if_contains(name) : nullptr;
      if (value == nullptr) return nullptr;
      field.remove_prefix(std::min(name.size() + 1, field.size()));
    }
    return *value;
  }

  std::int64_t count_;
  json::value payload_;
  std::optional<JsonDocument> document_;
};

std::string objection(const json::value& value) {
  if (const auto* text = value.if_string()) {
    const auto made = FieldTemplate::compile(std::string_view(*text));
    return made ? std::string() : policies::quoted(*text) + ": " + made.error();
  }
  std::string wrong;
  if (const auto* list = value.if_array()) {
    for (const auto& item : *list) {
      if (wrong.empty()) wrong = objection(item);
    }
  }
  if (const auto* object = value.if_object()) {
    for (const auto& [name, item] : *object) {
      if (wrong.empty()) wrong = objection(item);
    }
  }
  return wrong;
}

}  // namespace

std::string event_reply(std::string_view reply, std::string_view payload,
                        const EventResult& result) {
  boost::system::error_code error;
  auto shape = json::parse(reply.empty() ? R"({"count": "{count}"})" : reply, error);
  auto filled = Filler(payload, result).fill(shape);
  if (!result.pending.empty() && filled.is_object()) filled.get_object()[result.pending] = true;
  return json::serialize(filled);
}

std::string objection_to_reply(std::string_view reply) {
  boost::system::error_code error;
  const auto shape = json::parse(reply, error);
  return error ? error.message() : objection(shape);
}

}  // namespace pannier::proxy
