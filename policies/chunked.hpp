#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "policies/heap_block.hpp"

namespace pannier::policies {

/// A vector in pieces: it grows and shrinks at its end without ever moving what it holds, so with
/// millions of elements no call waits for that, and no second copy is needed meanwhile.
template <class T>
class Chunked {
 public:
  T& operator[](std::size_t i) { return chunks_[i / chunk][i % chunk]; }
  const T& operator[](std::size_t i) const { return chunks_[i / chunk][i % chunk]; }

  std::size_t size() const { return size_; }
  /// What it takes from the heap.
  std::size_t bytes() const {
    return chunks_.size() * heap_block(sizeof(T[chunk])) + vector_block(chunks_);
  }

  /// What it takes at most while it has no more than that many.
  static std::size_t most_bytes(std::size_t elements) {
    const std::size_t chunks = elements / chunk + 2;
    return chunks * (heap_block(sizeof(T[chunk])) + 2 * sizeof(void*)) + heap_block(0);
  }

  void push_back(const T& element) {
    if (size_ == chunks_.size() * chunk) chunks_.push_back(std::make_unique<T[]>(chunk));
    (*this)[size_++] = element;
  }
  /// REQUIRES: it is not empty. One empty chunk stays, so that a size that swings at its border
  /// does not allocate.
  void pop_back() {
    --size_;
    if (chunks_.size() * chunk - size_ < 2 * chunk) return;
    chunks_.pop_back();
    if (chunks_.capacity() > 4 * chunks_.size() + 4) chunks_.shrink_to_fit();
  }
  void clear() {
    std::vector<std::unique_ptr<T[]>>().swap(chunks_);
    size_ = 0;
  }

 private:
  static constexpr std::size_t chunk = 128;

  std::vector<std::unique_ptr<T[]>> chunks_;
  std::size_t size_ = 0;
};

}  // namespace pannier::policies
