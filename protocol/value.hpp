#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "protocol/command.hpp"

namespace pannier::protocol {

/// An answer as a tree, for the few replies that are built with names and levels (PANNIER STATS and
/// its like). Encoded for either protocol, and turned into JSON by the admin port.
struct Value {
  using List = std::vector<Value>;
  using Map = std::vector<std::pair<std::string, Value>>;  ///< Keeps its order.
  struct Status {
    std::string text;  ///< `+text`
  };
  struct Error {
    std::string text;  ///< `-text`
  };
  std::variant<std::nullptr_t, bool, std::int64_t, double, std::string, Status, Error, List, Map>
      data = nullptr;

  void append_to(std::string& out, Resp resp) const;
};

}  // namespace pannier::protocol
