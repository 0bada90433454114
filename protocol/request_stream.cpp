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
  return all - bytes.size();
}

bool RequestStream::feed_payload(std::string_view& bytes) {
  if (payload_ > 2) {
    const auto taken = std::min(payload_ - 2, bytes.size());
    payload_ -= taken;
    take(bytes, taken);
    return true;
  }
  if (bytes.front() != (payload_ == 2 ? '\r' : '\n')) return fail(Errc::expected_crlf);
  take(bytes, 1);
  if (--payload_ == 0 && arguments_ == 0) status_ = Status::complete;
  return true;
}

bool RequestStream::feed_line(std::string_view& bytes) {
  const auto end = bytes.find('\n');
  const auto taken =
      std::min(end == std::string_view::npos ? bytes.size() : end + 1, longest_line + 1);
  if (line_.size() + taken > longest_line) return fail(Errc::bulk_count_too_big);
  line_ += bytes.substr(0, taken);
  take(bytes, taken);
  if (line_.back() != '\n') return true;
  if (line_[0] != '$') return fail(Errc::expected_bulk, line_[0]);
  const Length size = take_length(line_.data() + 1, line_.data() + line_.size());
  if (!size.next || size.next != line_.data() + line_.size() ||
      size.value > CommandParser::max_bulk) {
    return fail(Errc::invalid_bulk_length);
  }
  payload_ = size.value + 2;
  if (size_ + payload_ > limits_->request_bytes) return fail(Errc::request_too_large);
  --arguments_;
  line_.clear();
  return true;
}

void RequestStream::take(std::string_view& bytes, std::size_t count) {
  bytes.remove_prefix(count);
  size_ += count;
}

bool RequestStream::fail(Errc error, char found) {
  status_ = Status::failed;
  error_ = error;
  found_ = found;
  return false;
}

}  // namespace pannier::protocol
