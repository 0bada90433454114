#include "proxy/admin_body.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>

#include "policies/spelling.hpp"

namespace pannier::proxy {

namespace json = boost::json;
using policies::Invalidation;
using policies::quoted;

namespace {

/// What is wrong is thrown within this file only: readers of parts need no result each.
struct Wrong {
  std::string sentence;
};

std::string text_of(const json::value& value, std::string_view name) {
  const auto* text = value.if_string();
  if (text == nullptr || text->empty()) {
    throw Wrong{quoted(name) + " has something that is no text, or empty"};
  }
  return std::string(text->data(), text->size());
}

const json::array& list_of(const json::value& value, std::string_view name) {
  const auto* list = value.if_array();
  if (list == nullptr) throw Wrong{quoted(name) + " is not a list"};
  return *list;
}

std::vector<std::string> texts_of(const json::value& value, std::string_view name) {
  std::vector<std::string> texts;
  for (const auto& item : list_of(value, name)) texts.push_back(text_of(item, name));
  return texts;
}

policies::Date date_of(const json::object& range, const char* name) {
  const auto* value = range.if_contains(name);
  if (value == nullptr) throw Wrong{"a range has 'rule', 'from' and 'to'"};
  const auto text = text_of(*value, name);
  const auto date = policies::parse_date(text);
  if (!date) throw Wrong{quoted(text) + " is no date; write 2026-11-21"};
  return *date;
}

Invalidation::Range range_of(const json::value& value) {
  const auto* map = value.if_object();
  const auto* rule = map == nullptr ? nullptr : map->if_contains("rule");
  if (rule == nullptr || map->size() != 3) throw Wrong{"a range has 'rule', 'from' and 'to'"};
  Invalidation::Range range{text_of(*rule, "rule"), date_of(*map, "from"), date_of(*map, "to")};
  if (range.to < range.from) throw Wrong{"a range ends before it begins"};
  return range;
}

void take(std::string_view name, const json::value& value, Invalidation& what) {
  if (name == "keys") {
    what.keys = texts_of(value, name);
  } else if (name == "tags") {
    what.tags = texts_of(value, name);
  } else if (name == "patterns") {
    what.patterns = texts_of(value, name);
  } else if (name == "rules") {
    what.rules = texts_of(value, name);
  } else if (name == "all_of") {
    for (const auto& item : list_of(value, name)) what.all_of.push_back(texts_of(item, name));
    for (const auto& tags : what.all_of) {
      if (tags.empty()) throw Wrong{"a list of 'all_of' is empty"};
    }
  } else if (name == "ranges") {
    for (const auto& item : list_of(value, name)) what.ranges.push_back(range_of(item));
  } else if (name == "soft") {
    if (!value.is_bool()) throw Wrong{"'soft' is true or false"};
    what.soft = value.get_bool();
  } else {
    throw Wrong{"there is no " + quoted(name) +
                policies::suggestion(
                    name, {"keys", "tags", "all_of", "patterns", "ranges", "rules", "soft"})};
  }
}

}  // namespace

boost::system::result<Invalidation, std::string> invalidation_of_json(std::string_view body) {
  boost::system::error_code error;
  const auto value = json::parse(json::string_view(body.data(), body.size()), error);
  if (error || !value.is_object()) return std::string("the body is not a JSON object");
  Invalidation what;
  try {
    for (const auto& entry : value.get_object()) {
      take({entry.key().data(), entry.key().size()}, entry.value(), what);
    }
  } catch (const Wrong& wrong) {
    return wrong.sentence;
  }
  if (what.size() == 0) return std::string("it names nothing to invalidate");
  return what;
}

}  // namespace pannier::proxy
