#include "protocol/command_parser.hpp"

#include <algorithm>

#include "protocol/command_table.hpp"
#include "protocol/line.hpp"
#include "protocol/reply.hpp"

namespace pannier::protocol {
namespace {

/// What an idle connection may keep of each buffer.
constexpr std::size_t keep_bytes = 4096;

template <class Buffer>
void release_large(Buffer& buffer) {
  if (buffer.capacity() * sizeof(*buffer.data()) > keep_bytes) Buffer().swap(buffer);
}

/// The handshake record of TLS 1.0 to 1.3 begins 16 03 00..04. As far as the bytes go.
bool may_be_tls(std::string_view bytes) {
  return bytes[0] == 0x16 && (bytes.size() < 2 || bytes[1] == 3) &&
         (bytes.size() < 3 || static_cast<unsigned char>(bytes[2]) <= 4);
}

/// Words with which a browser or an SSRF speaks HTTP to a Redis port.
bool is_cross_protocol(std::span<const std::string_view> args) {
  const std::string_view name = args[0];
  if (name.size() == 4) return equals_nocase(name, "post");
  if (name.size() == 5) return equals_nocase(name, "host:");
  return name == "PRI" && args.size() == 3 && args[1] == "*" && args[2] == "HTTP/2.0";
}

}  // namespace

CommandParser::Step CommandParser::parse(std::string_view bytes, Command& command) {
  missing_ = 0;
  const bool fresh = searched_ == 0 && position_ == 0;
  if (fresh) release();
  if (bytes.empty()) return {};
  if (bytes[0] == '*') return fresh ? parse_array(bytes, command) : resume_array(bytes, command);
  return parse_inline(bytes, command);
}

/// The fast path: a command that is here whole and in order is cut in one pass. Anything else is
/// left to resume_array, which begins where this one stopped.
CommandParser::Step CommandParser::parse_array(std::string_view bytes, Command& command) {
  const char* const begin = bytes.data();
  const char* const end = begin + std::min(bytes.size(), limits_->request_bytes);
  args_.clear();
  const Length count = take_length(begin + 1, end);
  if (!count.next || count.value == 0 || count.value > limits_->arguments) {
    return resume_array(bytes, command);
  }
  const char* at = count.next;
  std::uint64_t left = count.value;
  for (; left != 0; --left) {
    if (at == end || *at != '$') break;
    const Length size = take_length(at + 1, end);
    if (!size.next || size.value > limits_->bulk) break;
    if (static_cast<std::uint64_t>(end - size.next) < size.value + 2) break;
    const char* const after = size.next + size.value;
    if (after[0] != '\r' || after[1] != '\n') break;
    args_.emplace_back(size.next, size.value);
    at = after + 2;
  }
  const auto done = static_cast<std::size_t>(at - begin);
  if (left == 0) return deliver(bytes.substr(0, done), done, command);
  expected_ = count.value;
  position_ = searched_ = done;
  slices_.clear();
  for (const std::string_view arg : args_) {
    slices_.push_back({static_cast<std::size_t>(arg.data() - begin), arg.size()});
  }
  return resume_array(bytes, command);
}

CommandParser::Step CommandParser::resume_array(std::string_view bytes, Command& command) {
  if (bytes.size() < needed_) {
    missing_ = needed_ - bytes.size();
    return {};
  }
  if (expected_ == 0) {
    const Step step = read_count(bytes);
    if (step.status != Status::complete) return step;
  }
  while (slices_.size() < expected_) {
    const Step step = read_argument(bytes);
    if (step.status != Status::complete) return step;
  }
  args_.clear();
  args_.reserve(slices_.size());
  for (const Slice slice : slices_) args_.push_back(slice.in(bytes));
  const std::size_t done = position_;
  start_over();
  return deliver(bytes.substr(0, done), done, command);
}

/// Reads the `*` line.
CommandParser::Step CommandParser::read_count(std::string_view bytes) {
  const Step line = find_line_end(bytes, Errc::multibulk_count_too_big);
  if (line.status != Status::complete) return line;
  const auto count = to_integer(bytes.substr(1, line.consumed - 1));
  const bool ended = bytes[line.consumed + 1] == '\n';
  if (!count || !ended || *count > static_cast<std::int64_t>(limits_->arguments)) {
    const bool is_only_anyone = count && ended && !limits_->is_authenticated;
    return fail(is_only_anyone ? Errc::unauthenticated_multibulk_length
                               : Errc::invalid_multibulk_length);
  }
  if (*count <= 0) {
    start_over();
    return {Status::nothing, line.consumed + 2};
  }
  expected_ = static_cast<std::size_t>(*count);
  position_ = searched_ = line.consumed + 2;
  return {Status::complete};
}

/// Reads the argument that begins at position_.
CommandParser::Step CommandParser::read_argument(std::string_view bytes) {
  const Step line = find_line_end(bytes, Errc::bulk_count_too_big);
  if (line.status != Status::complete) return line;
  const char* const end = bytes.data() + bytes.size();
  if (bytes[position_] != '$') return fail(Errc::expected_bulk, bytes[position_]);
  const Length size = take_length(bytes.data() + position_ + 1, end);
  if (!size.next || size.value > max_bulk) return fail(Errc::invalid_bulk_length);
  if (size.value > limits_->bulk) return fail(Errc::unauthenticated_bulk_length);
  const auto begin = static_cast<std::size_t>(size.next - bytes.data());
  const std::size_t after = begin + size.value;
  if (after + 2 > limits_->request_bytes) return fail(Errc::request_too_large);
  if (bytes.size() < after + 2) {
    needed_ = after + 2;
    missing_ = needed_ - bytes.size();
    return {};
  }
  if (bytes[after] != '\r' || bytes[after + 1] != '\n') return fail(Errc::expected_crlf);
  slices_.push_back({begin, size.value});
  position_ = searched_ = after + 2;
  return {Status::complete};
}

/// Looks for the CR of the line at position_ and the byte behind it. `complete` with the CR's place
/// in `consumed`.
CommandParser::Step CommandParser::find_line_end(std::string_view bytes, Errc too_long) {
  const std::size_t stop = std::min(bytes.size(), position_ + limits_->inline_bytes + 1);
  const std::size_t from = std::min(searched_, stop);
  const char* const cr = find_cr(bytes.data() + from, stop - from);
  if (!cr) {
    if (bytes.size() - position_ > limits_->inline_bytes) return fail(too_long);
    searched_ = stop;
    return {};
  }
  searched_ = static_cast<std::size_t>(cr - bytes.data());
  if (searched_ + 1 == bytes.size()) return {};
  return {Status::complete, searched_};
}

CommandParser::Step CommandParser::parse_inline(std::string_view bytes, Command& command) {
  if (may_be_tls(bytes)) return bytes.size() < 3 ? Step{} : fail(Errc::tls_on_plain_port);
  const std::size_t stop = std::min(bytes.size(), limits_->inline_bytes + 1);
  const std::size_t newline = bytes.substr(0, stop).find('\n', searched_);
  if (newline == std::string_view::npos) {
    if (bytes.size() > limits_->inline_bytes) return fail(Errc::inline_too_big);
    searched_ = stop;
    return {};
  }
  start_over();
  inline_args_.clear();
  std::string_view line = bytes.substr(0, newline);
  if (line.ends_with('\r')) line.remove_suffix(1);
  const Result<void> split = split_inline(line, inline_args_, slices_);
  if (!split) return fail(static_cast<Errc>(split.error().value()));
  if (slices_.empty()) return {Status::nothing, newline + 1};
  args_.clear();
  for (const Slice slice : slices_) args_.push_back(slice.in(inline_args_));
  slices_.clear();
  inline_wire_.clear();
  append_command(inline_wire_, args_.size());
  for (const std::string_view arg : args_) append_bulk(inline_wire_, arg);
  return deliver(inline_wire_, newline + 1, command);
}

CommandParser::Step CommandParser::deliver(std::string_view wire, std::size_t consumed,
                                           Command& command) {
  if (is_cross_protocol(args_)) return fail(Errc::cross_protocol);
  command.args = args_;
  command.wire = wire;
  return {Status::complete, consumed};
}

CommandParser::Step CommandParser::fail(Errc error, char found) {
  start_over();
  return {Status::failed, 0, error, found};
}

void CommandParser::start_over() {
  slices_.clear();
  expected_ = position_ = searched_ = needed_ = missing_ = 0;
}

std::optional<CommandParser::Unfinished> CommandParser::unfinished(std::string_view bytes) const {
  // The line end of the argument is still to come, too: then its payload may end in the middle.
  if (needed_ == 0 || bytes.size() + 2 > needed_ || slices_.empty()) return std::nullopt;
  Unfinished found;
  for (const Slice slice : slices_) found.args.push_back(slice.in(bytes));
  found.payload = needed_ - 2 - bytes.size();
  found.following = expected_ - slices_.size() - 1;
  return found;
}

void CommandParser::release() {
  release_large(args_);
  if (position_ == 0) release_large(slices_);
  release_large(inline_args_);
  release_large(inline_wire_);
}

std::string error_text(const CommandParser::Step& step, const Limits& limits) {
  switch (step.error) {
    case Errc::cross_protocol:
      return {};
    case Errc::tls_on_plain_port:
      return "ERR pannier: this port does not speak TLS; not executed";
    case Errc::request_too_large:
      return "ERR pannier: request larger than max_request_bytes=" +
             std::to_string(limits.request_bytes) + "; not executed";
    case Errc::expected_bulk: {
      const auto found = static_cast<unsigned char>(step.found);
      const char shown = found < 0x20 || found == 0x7f ? ' ' : step.found;
      return std::string("ERR Protocol error: expected '$', got '") + shown + "'";
    }
    default:
      return "ERR Protocol error: " + make_error_code(step.error).message();
  }
}

}  // namespace pannier::protocol
