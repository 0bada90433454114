#include "tools/bench_load/reply_counter.hpp"

#include <algorithm>
#include <stdexcept>

namespace bench_load {

std::size_t ReplyCounter::feed(std::string_view bytes) {
  std::size_t replies = 0;
  while (!bytes.empty()) {
    const bool between = skip_ == 0 && matched_ == 0 && other_.empty();
    if (between && bytes.size() >= head_.size() + rest_ && bytes.starts_with(head_)) {
      bytes.remove_prefix(head_.size() + rest_);
      ++replies;
    } else {
      replies += other_.empty() ? take_piece(bytes) : take_other(bytes);
    }
  }
  return replies;
}

/// Takes what there is of the head or of the rest.
std::size_t ReplyCounter::take_piece(std::string_view& bytes) {
  if (skip_ > 0) {
    const auto taken = std::min(skip_, bytes.size());
    bytes.remove_prefix(taken);
    skip_ -= taken;
    return skip_ == 0 ? 1 : 0;
  }
  if (bytes.front() != head_[matched_]) {
    other_ = std::string(head_.substr(0, matched_)) + bytes.front();
    bytes.remove_prefix(1);
    matched_ = 0;
    return 0;
  }
  bytes.remove_prefix(1);
  if (++matched_ < head_.size()) return 0;
  matched_ = 0;
  skip_ = rest_;
  return skip_ == 0 ? 1 : 0;
}

/// Takes what there is of a line that is not `head_`.
std::size_t ReplyCounter::take_other(std::string_view& bytes) {
  const auto end = bytes.find('\n');
  other_ += bytes.substr(0, end);
  if (end == std::string_view::npos) {
    bytes = {};
    return 0;
  }
  bytes.remove_prefix(end + 1);
  if (other_.ends_with('\r')) other_.pop_back();
  if (!other_.starts_with('-') && other_ != "$-1")
    throw std::runtime_error("a reply that was not asked for: " + other_.substr(0, 80));
  ++errors_;
  if (first_error_.empty()) first_error_ = other_;
  other_.clear();
  return 1;
}

}  // namespace bench_load
