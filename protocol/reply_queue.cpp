#include "protocol/reply_queue.hpp"

namespace pannier::protocol {

void ReplyQueue::put(std::uint64_t number, std::uint64_t count, std::string_view bytes,
                     std::string& out) {
  if (number == head_) {
    out += bytes;
    head_ += count;
    in_the_middle_ = false;
    if (!early_.empty()) release(out);
    return;
  }
  auto& early = early_[number];
  early.bytes += bytes;
  early.count = count;
  held_ += bytes.size();
}

void ReplyQueue::put_part(std::uint64_t number, std::string_view bytes, std::string& out) {
  if (number == head_) {
    out += bytes;
    in_the_middle_ = true;
    return;
  }
  early_[number].bytes += bytes;
  held_ += bytes.size();
}

void ReplyQueue::release(std::string& out) {
  for (auto at = early_.begin(); at != early_.end() && at->first == head_;) {
    out += at->second.bytes;
    held_ -= at->second.bytes.size();
    head_ += at->second.count;
    const bool whole = at->second.count > 0;
    at = early_.erase(at);
    if (whole) continue;
    in_the_middle_ = true;  // Its end comes straight to the output now.
    return;
  }
}

}  // namespace pannier::protocol
