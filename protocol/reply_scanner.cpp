#include "protocol/reply_scanner.hpp"

#include <algorithm>

#include "protocol/line.hpp"

namespace pannier::protocol {
namespace {

/// Marks a level of open_ whose elements belong to an attribute: it ends without ending an element
/// of the level above.
constexpr std::uint64_t attribute_level = std::uint64_t{1} << 63;

constexpr std::uint64_t max_length = std::uint64_t{4} << 30;

bool is_digits(const char* at, const char* end) {
  if (at == end) return false;
  return std::all_of(at, end, [](char c) { return c >= '0' && c <= '9'; });
}

/// Whether the bytes between a type and its CR LF are what the type allows. Numbers with a
/// fraction or without bound travel as they are: nobody here computes with them.
bool is_scalar(char type, const char* at, const char* end) {
  switch (type) {
    case '+':
    case '-':
      return true;
    case ',':
    case '(':
      return at != end;
    case ':':
      return is_digits(at + (at != end && (*at == '-' || *at == '+')), end);
    case '#':
      return end - at == 1 && (*at == 't' || *at == 'f');
    case '_':
      return at == end;
    default:
      return false;
  }
}

/// Where the flat element at `at` ends, if it is whole and in order; else null: look closer.
const char* end_of_flat(const char* at, const char* end) {
  const char type = *at;
  if (type == '$') {
    const Length length = take_length(at + 1, end);
    if (!length.next || static_cast<std::uint64_t>(end - length.next) < length.value + 2) {
      return nullptr;
    }
    const char* const after = length.next + length.value;
    return after[0] == '\r' && after[1] == '\n' ? after + 2 : nullptr;
  }
  if (type != '+' && type != ':' && type != '-' && type != '_' && type != ',') return nullptr;
  const std::size_t line = std::min(static_cast<std::size_t>(end - at), ReplyScanner::max_line + 1);
  const char* const cr = find_cr(at, line);
  if (!cr || end - cr < 2 || cr[1] != '\n' || !is_scalar(type, at + 1, cr)) return nullptr;
  return cr + 2;
}

}  // namespace

ReplyScanner::Step ReplyScanner::scan(std::string_view bytes) {
  const char* at = bytes.data();
  const char* const end = at + bytes.size();
  const auto step = [&](Status status, Errc error = {}) {
    return Step{status, static_cast<std::size_t>(at - bytes.data()), error};
  };
  if (at == end) return {};
  if (!inside_) {
    kind_ = *at == '|' ? '\0' : *at;
    if (const char* const after = end_of_flat(at, end)) {
      at = after;
      return step(Status::complete);
    }
    inside_ = true;
  }
  while (at != end) {
    switch (payload_ != 0 ? read_payload(at, end) : read_element(at, end)) {
      case Seen::element:
        if (close_element()) return step(Status::complete);
        break;
      case Seen::part:
      case Seen::attribute:
        break;
      case Seen::incomplete:
        return step(Status::incomplete);
      case Seen::bad:
        return step(Status::failed, Errc::bad_reply);
      case Seen::too_deep:
        return step(Status::failed, Errc::reply_too_deep);
    }
  }
  return step(Status::incomplete);
}

/// Reads a flat element, or the line that opens a longer one.
ReplyScanner::Seen ReplyScanner::read_element(const char*& at, const char* end) {
  if (searched_ == 0) {
    if (open_.empty()) kind_ = *at == '|' ? '\0' : *at;
    if (const char* const after = end_of_flat(at, end)) {
      at = after;
      return Seen::element;
    }
  }
  const auto size = std::min(static_cast<std::size_t>(end - at), max_line + 1);
  const char* const cr = find_cr(at + searched_, size - searched_);
  if (!cr && size > max_line) return Seen::bad;
  if (!cr || cr + 1 == end) {
    searched_ = static_cast<std::uint32_t>(cr ? cr - at : static_cast<std::ptrdiff_t>(size));
    return Seen::incomplete;
  }
  searched_ = 0;
  const char type = *at;
  const char* const text = at + 1;
  const bool is_null = (type == '$' || type == '*') && cr - text == 2 && text[0] == '-';
  if (cr[1] != '\n') return Seen::bad;
  at = cr + 2;
  if (is_null) return text[1] == '1' ? Seen::element : Seen::bad;
  switch (type) {
    case '$':
    case '!':
    case '=':
    case '*':
    case '~':
    case '>':
    case '%':
    case '|': {
      const Length length = take_length(text, at);
      if (!length.next || length.value > max_length) return Seen::bad;
      return open_aggregate(type, length.value);
    }
    default:
      return is_scalar(type, text, cr) ? Seen::element : Seen::bad;
  }
}

/// Enters a bulk string's payload or an aggregate's elements.
ReplyScanner::Seen ReplyScanner::open_aggregate(char type, std::uint64_t length) {
  if (type == '$' || type == '!' || type == '=') {
    if (type == '=' && length < 4) return Seen::bad;
    payload_ = length + 2;
    return Seen::part;
  }
  const bool attribute = type == '|';
  const std::uint64_t elements = type == '%' || attribute ? length * 2 : length;
  if (elements == 0) return attribute ? Seen::attribute : Seen::element;
  if (open_.size() == max_depth) return Seen::too_deep;
  open_.push_back(elements | (attribute ? attribute_level : 0));
  return Seen::part;
}

/// Takes what there is of a bulk string; its last two bytes must be CR LF.
ReplyScanner::Seen ReplyScanner::read_payload(const char*& at, const char* end) {
  const auto there = static_cast<std::uint64_t>(end - at);
  const std::uint64_t taken = std::min(there, payload_);
  const std::uint64_t left = payload_ - taken;
  if (payload_ >= 2 && left < 2 && at[payload_ - 2] != '\r') return Seen::bad;
  if (left == 0 && at[payload_ - 1] != '\n') return Seen::bad;
  at += taken;
  payload_ = left;
  return left == 0 ? Seen::element : Seen::incomplete;
}

/// Counts one element as done, with every level that it ends. \returns whether the reply is.
bool ReplyScanner::close_element() {
  while (!open_.empty()) {
    const std::uint64_t left = --open_.back();
    if ((left & ~attribute_level) != 0) return false;
    open_.pop_back();
    if (left == attribute_level) return false;
  }
  inside_ = false;
  return true;
}

}  // namespace pannier::protocol
