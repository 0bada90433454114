#include "proxy/reply_shape.hpp"

#include <algorithm>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <charconv>
#include <optional>

#include "policies/spelling.hpp"

namespace pannier::proxy {

namespace json = boost::json;
using policies::quoted;

struct ReplyShape::Tree {
  json::value value;
};

namespace {

std::string_view view(const json::string& text) { return {text.data(), text.size()}; }

/// A text in pieces: what stands between braces is a field.
struct Piece {
  std::string_view text;
  bool is_field = false;
};

/// \returns nothing if the braces do not match up.
std::optional<std::vector<Piece>> pieces_of(std::string_view text) {
  std::vector<Piece> pieces;
  while (!text.empty()) {
    const auto begin = text.find_first_of("{}");
    if (begin > 0) pieces.push_back({text.substr(0, begin), false});
    if (begin == text.npos) break;
    const auto end = text.find_first_of("{}", begin + 1);
    if (text[begin] == '}' || end == text.npos || text[end] == '{') return {};
    pieces.push_back({text.substr(begin + 1, end - begin - 1), true});
    text.remove_prefix(end + 1);
  }
  return pieces;
}

std::string objection_to(std::string_view text, std::span<const std::string> roots) {
  const auto pieces = pieces_of(text);
  if (!pieces) return "the braces of " + quoted(text) + " do not match up";
  std::vector<std::string_view> names{"count", "queued"};
  names.insert(names.end(), roots.begin(), roots.end());
  for (const auto& piece : *pieces) {
    if (!piece.is_field) continue;
    const auto root = piece.text.substr(0, piece.text.find('.'));
    const bool is_plain = root == piece.text || (!roots.empty() && root == roots[0]);
    const bool is_whole = !piece.text.ends_with('.') && piece.text.find("..") == root.npos;
    if (std::ranges::find(names, root) == names.end()) {
      return "there is no " + quoted(root) + " for " + quoted(text) +
             policies::suggestion(root, names);
    }
    if (!is_plain || !is_whole) return quoted(piece.text) + " is not the name of a field";
  }
  return {};
}

std::string objection_to(const json::value& value, std::span<const std::string> roots) {
  if (const auto* text = value.if_string()) return objection_to(view(*text), roots);
  std::string objection;
  if (const auto* list = value.if_array()) {
    for (const auto& item : *list) {
      if (objection.empty()) objection = objection_to(item, roots);
    }
  } else if (const auto* map = value.if_object()) {
    for (const auto& item : *map) {
      if (objection.empty()) objection = objection_to(item.value(), roots);
    }
  }
  return objection;
}

/// What fields are looked up in.
struct Sources {
  const json::value& reply;
  std::string_view action;
  const ReplyShape::Captures& captures;
  bool queued;
};

const json::value* child(const json::value& value, std::string_view name) {
  if (const auto* map = value.if_object()) return map->if_contains({name.data(), name.size()});
  const auto* list = value.if_array();
  std::size_t place = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), place);
  const bool is_place = error == std::errc() && end == name.data() + name.size();
  return list != nullptr && is_place ? list->if_contains(place) : nullptr;
}

json::value found(std::string_view field, const Sources& from) {
  if (field == "queued") return from.queued;
  if (field == "count") return from.reply.is_int64() ? from.reply : json::value(0);
  for (const auto& [name, text] : from.captures) {
    if (name == field) return json::string(text);
  }
  const json::value* at = &from.reply;
  field.remove_prefix(std::min(field.size(), from.action.size()));
  while (!field.empty() && at != nullptr) {
    field.remove_prefix(1);
    const auto name = field.substr(0, field.find('.'));
    at = child(*at, name);
    field.remove_prefix(name.size());
  }
  return at == nullptr ? json::value() : *at;
}

json::value filled(std::string_view text, const Sources& from) {
  const auto pieces = *pieces_of(text);
  if (pieces.size() == 1 && pieces[0].is_field) return found(pieces[0].text, from);
  json::string out;
  for (const auto& piece : pieces) {
    if (!piece.is_field) {
      out.append(json::string_view(piece.text.data(), piece.text.size()));
      continue;
    }
    const auto value = found(piece.text, from);
    out.append(value.is_string() ? value.get_string() : json::string(json::serialize(value)));
  }
  return out;
}

json::value filled(const json::value& shape, const Sources& from) {
  if (const auto* text = shape.if_string()) return filled(view(*text), from);
  if (const auto* list = shape.if_array()) {
    json::array out;
    for (const auto& item : *list) out.push_back(filled(item, from));
    return out;
  }
  if (const auto* map = shape.if_object()) {
    json::object out;
    for (const auto& item : *map) out.emplace(item.key(), filled(item.value(), from));
    return out;
  }
  return shape;
}

}  // namespace

ReplyShape::ReplyShape(std::unique_ptr<Tree> tree) : tree_(std::move(tree)) {}
ReplyShape::~ReplyShape() = default;

boost::system::result<std::shared_ptr<const ReplyShape>, std::string> ReplyShape::parse(
    std::string_view text, std::span<const std::string> roots) {
  boost::system::error_code error;
  auto value = json::parse(json::string_view(text.data(), text.size()), error);
  if (error) return std::string("it is not JSON");
  auto objection = objection_to(value, roots);
  if (!objection.empty()) return objection;
  auto tree = std::make_unique<Tree>(Tree{std::move(value)});
  return std::shared_ptr<const ReplyShape>(new ReplyShape(std::move(tree)));
}

Response ReplyShape::apply(Response answer, std::string_view action,
                           const Captures& captures) const {
  if (answer.status >= 400) return answer;
  boost::system::error_code error;
  const auto reply = json::parse(json::string_view(answer.body.data(), answer.body.size()), error);
  const Sources from{reply, action, captures, answer.status == 202};
  answer.body = json::serialize(filled(tree_->value, from)) + "\n";
  return answer;
}

bool is_field_of_shapes(std::string_view name) { return name == "count" || name == "queued"; }

}  // namespace pannier::proxy
