#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "policies/verdict.hpp"

namespace pannier::policies {

class Core;

/// What waits for several keys that the sidecar reads itself, so that their origins are asked: an
/// MGET, or whoever warms.
class Gatherings {
 public:
  /// Gets the replies, in RESP3 and in the order of the keys.
  using Done = std::function<void(const std::vector<std::string>& replies, Core& core)>;

  /// Asks for the keys of a database through Effects::fetch(). `done` is called when all of them
  /// have been answered, unless `client` goes before; where none can be asked for, within this
  /// call and with errors.
  void begin(Core& core, ClientId client, std::uint32_t db, const std::vector<std::string>& keys,
             bool is_urgent, Done done);
  void fetched(const KeyFetch& fetch, std::string_view reply, Core& core);
  void forget(ClientId client);

 private:
  struct Gathering {
    ClientId client = 0;
    std::vector<std::string> replies;
    std::size_t awaited = 0;
    Done done;
  };
  std::map<std::uint64_t, Gathering> open_;
  std::uint64_t next_ = 1;
};

}  // namespace pannier::policies
