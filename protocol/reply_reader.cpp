#include <algorithm>
#include <limits>

#include "protocol/line.hpp"
#include "protocol/reply.hpp"

namespace pannier::protocol {
namespace {

/// A reply's integer; unlike to_integer it takes `+1`, `-0` and `007`, and stops at the bounds.
std::int64_t integer_of(std::string_view text) {
  const bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) text.remove_prefix(1);
  constexpr std::uint64_t top = std::numeric_limits<std::int64_t>::max();
  const std::uint64_t bound = top + negative;
  std::uint64_t value = 0;
  for (const char c : text) {
    const auto digit = static_cast<std::uint64_t>(c - '0');
    if (digit > 9) break;
    value = value > (bound - digit) / 10 ? bound : value * 10 + digit;
  }
  return static_cast<std::int64_t>(negative ? 0 - value : value);
}

bool is_bulk(char kind) { return kind == '$' || kind == '!' || kind == '='; }

bool is_aggregate(char kind) {
  return kind == '*' || kind == '%' || kind == '~' || kind == '>' || kind == '|';
}

/// Takes one scalar, or the header of one aggregate or attribute, off `rest`.
ReplyView take_one(std::string_view& rest) {
  const char* const end = rest.data() + rest.size();
  const char* const cr = find_cr(rest.data(), rest.size());
  if (!cr || end - cr < 2) {
    rest = {};
    return {};
  }
  ReplyView view;
  view.kind = rest[0];
  view.text = {rest.data() + 1, static_cast<std::size_t>(cr - rest.data() - 1)};
  rest.remove_prefix(view.text.size() + 3);
  view.null = view.kind == '_' ||
              ((is_bulk(view.kind) || is_aggregate(view.kind)) && view.text.starts_with('-'));
  if (view.null) {
    view.text = {};
  } else if (is_bulk(view.kind)) {
    const auto size = std::min(static_cast<std::size_t>(integer_of(view.text)), rest.size());
    view.text = rest.substr(0, size);
    rest.remove_prefix(std::min(size + 2, rest.size()));
    if (view.kind == '=') view.text.remove_prefix(std::min<std::size_t>(4, view.text.size()));
  } else if (is_aggregate(view.kind)) {
    view.number = integer_of(view.text);
    if (view.kind == '%' || view.kind == '|') view.number *= 2;
    view.text = {};
  } else if (view.kind == ':') {
    view.number = integer_of(view.text);
  }
  return view;
}

/// Takes `elements` elements with everything in them off `rest`.
void drop(std::string_view& rest, std::int64_t elements) {
  while (elements > 0 && !rest.empty()) {
    const ReplyView view = take_one(rest);
    if (view.kind != '|') --elements;
    if (is_aggregate(view.kind)) elements += view.number;
  }
}

}  // namespace

ReplyView ReplyReader::next() {
  skip_attributes();
  return take_one(rest_);
}

void ReplyReader::skip_attributes() {
  while (rest_.starts_with('|')) {
    const ReplyView attribute = take_one(rest_);
    drop(rest_, attribute.number);
  }
}

std::string_view ReplyReader::skip() {
  const std::string_view before = rest_;
  drop(rest_, 1);
  return before.substr(0, before.size() - rest_.size());
}

std::optional<std::int64_t> to_integer(std::string_view text) {
  const bool negative = text.starts_with('-');
  const std::string_view digits = text.substr(negative);
  if (digits.empty() || digits.size() > 19) return std::nullopt;
  if (digits[0] == '0' && text.size() > 1) return std::nullopt;
  std::uint64_t value = 0;
  for (const char c : digits) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + static_cast<std::uint64_t>(c - '0');
  }
  constexpr std::uint64_t top = std::numeric_limits<std::int64_t>::max();
  if (value > top + negative) return std::nullopt;
  return static_cast<std::int64_t>(negative ? 0 - value : value);
}

}  // namespace pannier::protocol
