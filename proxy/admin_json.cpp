#include "proxy/admin_json.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <charconv>
#include <cmath>
#include <optional>

#include "protocol/reply.hpp"
#include "proxy/utf8.hpp"

namespace pannier::proxy {

namespace json = boost::json;
using protocol::ReplyReader;
using protocol::ReplyView;

namespace {

/// Deeper than anything we or Redis answer; a recursion's bound against a hostile upstream.
constexpr int most_levels = 32;

json::string text_of(std::string_view bytes) { return json::string(valid_utf8(bytes)); }

json::value number_of(std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(value)) {
    return text_of(text);
  }
  return value;
}

json::value value_of(ReplyReader& reader, int level);

json::value list_of(ReplyReader& reader, std::int64_t elements, int level) {
  json::array list;
  for (; elements > 0 && !reader.done(); --elements) list.push_back(value_of(reader, level));
  return list;
}

/// A name that is not a text stands there as its JSON.
json::string name_of(ReplyReader& reader, int level) {
  auto name = value_of(reader, level);
  return name.is_string() ? std::move(name.get_string()) : json::string(json::serialize(name));
}

json::value map_of(ReplyReader& reader, std::int64_t elements, int level) {
  json::object map;
  for (; elements > 1 && !reader.done(); elements -= 2) {
    auto name = name_of(reader, level);
    map.insert_or_assign(name, value_of(reader, level));
  }
  return map;
}

json::value value_of(ReplyReader& reader, int level) {
  if (level > most_levels) {
    reader.skip();
    return nullptr;
  }
  const ReplyView view = reader.next();
  if (view.null) return nullptr;
  switch (view.kind) {
    case '*':
    case '~':
    case '>':
      return list_of(reader, view.number, level + 1);
    case '%':
      return map_of(reader, view.number, level + 1);
    case ':':
      return view.number;
    case ',':
      return number_of(view.text);
    case '#':
      return view.text == "t";
    default:  // A text of some kind; an error inside of a list is shown as one.
      return text_of(view.text);
  }
}

Response json_response(unsigned status, const json::value& value) {
  Response response;
  response.status = status;
  response.body = json::serialize(value) + "\n";
  return response;
}

/// Our own error texts tell whether the request or upstream is at fault; others are Redis's, about
/// a command that we made.
unsigned status_of(std::string_view error) {
  constexpr std::string_view own = "ERR pannier: ";
  if (!error.starts_with(own)) return 502;
  const auto text = error.substr(own.size());
  if (text.starts_with("there is no warm set")) return 404;
  for (const std::string_view begin : {"upstream ", "overloaded ", "shutting down"}) {
    if (text.starts_with(begin)) return 503;
  }
  return 400;
}

void add_lines(const std::string& name, const json::value& value, std::vector<std::string>& to) {
  if (const auto* object = value.if_object()) {
    for (const auto& [inner, part] : *object) {
      add_lines(name.empty() ? std::string(inner) : name + '.' + std::string(inner), part, to);
    }
  } else if (const auto* text = value.if_string()) {
    to.push_back(name + ": " + std::string(*text));
  } else {
    to.push_back(name + ": " + (value.is_null() ? "none" : json::serialize(value)));
  }
}

/// The number of `+job 7: ...`.
std::optional<std::int64_t> job_of(const ReplyView& reply) {
  constexpr std::string_view begin = "job ";
  if (reply.kind != '+' || !reply.text.starts_with(begin)) return {};
  const auto number = reply.text.substr(begin.size());
  return protocol::to_integer(number.substr(0, number.find(':')));
}

}  // namespace

Response response_of(std::string_view reply) {
  ReplyReader reader(reply);
  const auto first = ReplyReader(reply).next();
  if (first.error()) return error_response({status_of(first.text), std::string(first.text)});
  // It will be carried out when upstream is back, or goes on.
  const bool is_journaled = first.kind == '+' && first.text.starts_with("journaled:");
  if (const auto job = job_of(first)) return json_response(202, json::object{{"job", *job}});
  return json_response(is_journaled ? 202 : 200, value_of(reader, 0));
}

Response response_of_value(std::string_view reply) {
  const auto value = ReplyReader(reply).next();
  if (value.error()) {
    // What the database says is nothing that who asked could mend.
    const bool is_ours = value.text.starts_with("ERR pannier: origin ") &&
                         value.text.find(": parameter $") == value.text.npos;
    return is_ours ? error_response({502, std::string(value.text)}) : response_of(reply);
  }
  if (value.null) return error_response({404, "no value"});
  Response response;
  response.body = value.text;
  boost::system::error_code error;
  json::parse(json::string_view(value.text.data(), value.text.size()), error);
  if (error) response.content_type = "application/octet-stream";
  return response;
}

Response error_response(const Refusal& refusal) {
  auto response = json_response(refusal.status, json::object{{"error", text_of(refusal.error)}});
  response.allow = refusal.allow;
  return response;
}

Response readiness_response(bool ready, std::string_view reason, std::string_view upstream,
                            std::string_view coherence) {
  return json_response(ready ? 200 : 503, json::object{{"ready", ready},
                                                       {"reason", text_of(reason)},
                                                       {"upstream", text_of(upstream)},
                                                       {"coherence", text_of(coherence)}});
}

std::vector<std::string> json_lines(std::string_view text) {
  boost::system::error_code error;
  const auto value = json::parse(json::string_view(text.data(), text.size()), error);
  std::vector<std::string> lines;
  if (!error && value.is_object()) add_lines({}, value, lines);
  return lines;
}

bool is_json_object(std::string_view text) {
  boost::system::error_code error;
  const auto value = json::parse(json::string_view(text.data(), text.size()), error);
  return !error && value.is_object();
}

}  // namespace pannier::proxy
