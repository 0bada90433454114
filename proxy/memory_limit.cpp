#include "proxy/memory_limit.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <fstream>

namespace pannier::proxy {

namespace {

/// Of `0::/path`, the line of cgroup v2.
std::optional<std::string> path_of(const std::string& groups) {
  std::ifstream file(groups);
  std::string line;
  while (std::getline(file, line)) {
    if (line.starts_with("0::/")) return line.substr(3);
  }
  return std::nullopt;
}

/// The number in a file; nothing for `max`, or when there is no such file.
std::optional<std::uint64_t> number_in(const std::string& name) {
  std::ifstream file(name);
  std::string text;
  std::uint64_t number = 0;
  if (!std::getline(file, text)) return std::nullopt;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

std::string in_mib(std::uint64_t bytes) { return std::to_string(bytes >> 20) + " MiB"; }

}  // namespace

std::uint64_t resident_bytes() {
  static const int statm = ::open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
  static const auto page = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  char text[128];
  const auto size = ::pread(statm, text, sizeof text, 0);
  if (size <= 0) return 0;
  const char* const end = text + size;
  const char* const second = std::find(text, text + size, ' ');
  std::uint64_t pages = 0;
  if (second == end || std::from_chars(second + 1, end, pages).ec != std::errc()) return 0;
  return pages * page;
}

std::optional<std::uint64_t> cgroup_memory_limit(const std::string& groups,
                                                 const std::string& root) {
  auto path = path_of(groups);
  if (!path) return std::nullopt;
  std::optional<std::uint64_t> least;
  for (;;) {
    if (path->ends_with('/')) path->pop_back();
    const auto limit = number_in(root + *path + "/memory.max");
    if (limit) least = std::min(least.value_or(*limit), *limit);
    if (path->empty()) return least;
    path->resize(path->rfind('/') + 1);
  }
}

std::string memory_warning(const policies::Settings& settings, std::optional<std::uint64_t> limit) {
  const auto bounds = settings.memory.max_bytes.value + settings.limits.max_buffered_bytes.value +
                      settings.limits.max_output_bytes.value;
  if (!limit || bounds <= *limit / 4 * 3) return {};
  return "memory.max_bytes, limits.max_buffered_bytes and limits.max_output_bytes come to " +
         in_mib(bounds) + ", more than three quarters of the control group's " + in_mib(*limit);
}

}  // namespace pannier::proxy
