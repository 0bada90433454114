#include "protocol/request_stream.hpp"

#include <algorithm>

#include "protocol/line.hpp"

namespace pannier::protocol {

namespace {

constexpr std::size_t longest_line = 32;  ///< `$536870912` and its line end, and some.

}  // namespace

std::size_t RequestStream::feed(std::string_view bytes) {
  const auto all = bytes.size();
  while (status_ == Status::more && !bytes.empty()) {
    if (!(payload_ > 0 ? feed_payload(bytes) : feed_line(bytes))) break;
  }
  const auto taken = all - bytes.size();
  size_ += taken;
  if (status_ == Status::more && size_ > limits_->request_bytes) fail(Errc::request_too_large);
  return taken;
}

bool RequestStream::feed_payload(std::string_view& bytes) {
  if (payload_ > 2) {
    const auto taken = std::min(payload_ - 2, bytes.size());
    payload_ -= taken;
    bytes.remove_prefix(taken);
    return true;
  }
  if (bytes.front() != (payload_ == 2 ? '\r' : '\n')) return fail(Errc::expected_crlf);
  bytes.remove_prefix(1);
  if (--payload_ == 0 && arguments_ == 0) status_ = Status::complete;
  return true;
}

bool RequestStream::feed_line(std::string_view& bytes) {
  const auto end = bytes.find('\n');
  const auto taken =
      std::min(end == std::string_view::npos ? bytes.size() : end + 1, longest_line + 1);
  if (line_.size() + taken > longest_line) return fail(Errc::bulk_count_too_big);
  line_ += bytes.substr(0, taken);
  bytes.remove_prefix(taken);
  if (line_.back() != '\n') return true;
  if (line_[0] != '$') return fail(Errc::expected_bulk);
  const Length size = take_length(line_.data() + 1, line_.data() + line_.size());
  if (!size.next || size.next != line_.data() + line_.size() ||
      size.value > CommandParser::max_bulk) {
    return fail(Errc::invalid_bulk_length);
  }
  payload_ = size.value + 2;
  --arguments_;
  line_.clear();
  return true;
}

bool RequestStream::fail(Errc error) {
  status_ = Status::failed;
  error_ = error;
  return false;
}

}  // namespace pannier::protocol
