#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

namespace pannier::policies {

/// What glibc's malloc takes from the heap for a block of `size` bytes.
constexpr std::size_t heap_block(std::size_t size) {
  return std::max<std::size_t>(32, (size + sizeof(void*) + 15) / 16 * 16);
}

/// What a vector takes from the heap.
template <class T>
std::size_t vector_block(const std::vector<T>& vector) {
  return vector.capacity() == 0 ? 0 : heap_block(vector.capacity() * sizeof(T));
}

}  // namespace pannier::policies
