#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "tools/bench_load/options.hpp"

namespace bench_load {

/// All requests of a run, built once: one per key, every one of the same size, as a ring in which
/// any batch is one piece. Sending costs no formatting and no copy.
class Requests {
 public:
  explicit Requests(const Options& options);

  /// The batch that begins with key `index`; valid as long as this object.
  std::string_view batch(std::size_t index) const {
    return std::string_view(ring_).substr(index * request_size_, pipeline_ * request_size_);
  }

  /// The key with which the batch after `index` begins.
  std::size_t after(std::size_t index) const { return (index + pipeline_ * stride_) % keys_; }

  /// What a good reply begins with, and how many bytes follow that.
  std::string_view reply_head() const { return reply_head_; }
  std::size_t reply_rest() const { return reply_rest_; }

 private:
  std::size_t keys_, pipeline_, stride_;
  std::size_t request_size_ = 0;
  std::string ring_;
  std::string reply_head_;
  std::size_t reply_rest_ = 0;
};

}  // namespace bench_load
