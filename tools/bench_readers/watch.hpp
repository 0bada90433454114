#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace bench_readers {

/// How long a value is still read on one side after it was replaced on the other.
struct Watched {
  std::size_t reads = 0;        ///< On the reading side, in all.
  std::vector<double> ping_us;  ///< Round trips of PING on the writing side, one before each write.
  std::vector<double> old_us;   ///< From OK to the arrival of the last old value; 0: none came.
  std::vector<double> fresh_us;  ///< From OK to the arrival of the first new one.
};

/// Writes `key` through `writer` `rounds` times, while another thread reads it through `reader`,
/// one GET after the other and as fast as it gets replies. Each write waits until the one before it
/// has been read several times, so that there is a copy to lose.
/// \throws std::runtime_error when a value is never read, or one comes back after a newer one.
Watched watch(const std::string& writer, const std::string& reader, const std::string& key,
              std::size_t rounds);

}  // namespace bench_readers
