#include "tools/bench_evict/trace.hpp"

#include <algorithm>
#include <charconv>
#include <stdexcept>
#include <string>
#include <string_view>
#include <unordered_map>

namespace bench_evict {
namespace {

std::string_view take_field(std::string_view& line) {
  const std::size_t end = std::min(line.find(','), line.size());
  const std::string_view field = line.substr(0, end);
  line.remove_prefix(std::min(end + 1, line.size()));
  return field;
}

std::uint64_t number(std::string_view field, std::size_t line) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(field.data(), field.data() + field.size(), value);
  if (error == std::errc() && end == field.data() + field.size()) return value;
  throw std::runtime_error("line " + std::to_string(line) + ": expected a number, not " +
                           std::string(field));
}

}  // namespace

bool Trace::has_sizes() const {
  return std::any_of(sizes.begin(), sizes.end(), [](std::uint32_t size) { return size != 0; });
}

std::vector<std::size_t> Trace::next_uses() const {
  std::vector<std::size_t> next(requests.size()), last(keys(), never);
  for (std::size_t i = requests.size(); i-- > 0;) {
    next[i] = last[requests[i]];
    last[requests[i]] = i;
  }
  return next;
}

Trace read_trace(std::istream& in) {
  Trace trace;
  std::unordered_map<std::uint64_t, Trace::Key> numbers;
  std::string text;
  std::getline(in, text);
  for (std::size_t line = 2; std::getline(in, text); ++line) {
    std::string_view rest = text;
    take_field(rest);  // The time.
    const std::string_view op = take_field(rest);
    if (op != "get" && op != "set") continue;
    const std::uint64_t name = number(take_field(rest), line);
    const auto [place, is_new] =
        numbers.try_emplace(name, static_cast<Trace::Key>(trace.sizes.size()));
    if (is_new) {
      const std::string_view size = take_field(rest);
      trace.sizes.push_back(size.empty() ? 0 : static_cast<std::uint32_t>(number(size, line)));
    }
    trace.requests.push_back(place->second);
  }
  return trace;
}

}  // namespace bench_evict
