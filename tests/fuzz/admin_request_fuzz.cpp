// Any request head is routed or refused with a 4xx; a route names a known action and was asked for
// with the method that fits; words survive being written and read again.

#include <vector>

#include "check.hpp"
#include "proxy/admin_request.hpp"

using namespace pannier::proxy;

namespace {

/// The lines of the input, in the order of the head's fields.
RequestHead head_of(std::string_view text) {
  std::vector<std::string> lines;
  while (!text.empty() && lines.size() < 6) {
    const auto line = text.substr(0, text.find('\n'));
    lines.emplace_back(line);
    text.remove_prefix(line.size() < text.size() ? line.size() + 1 : line.size());
  }
  lines.resize(6);
  RequestHead head;
  head.method = lines[0];
  head.target = lines[1];
  head.hosts = {lines[2]};
  if (!lines[3].empty()) head.marks = {lines[3]};
  if (!lines[4].empty()) head.content_types = {lines[4]};
  head.body_bytes = lines[5].size();
  return head;
}

std::string written(const std::vector<std::string>& words) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string target;
  for (const auto& word : words) {
    target += '/';
    for (const char byte : word) {
      const auto code = static_cast<unsigned char>(byte);
      target += '%';
      target += digits[code >> 4];
      target += digits[code & 15];
    }
  }
  return target;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto head = head_of(as_text(data, size));
  const auto route = judge(head, {});
  if (route) {
    check(is_host_allowed(head.hosts[0], {}));
    check(route->changes == (head.method == "POST"));
    check(route->head_only == (head.method == "HEAD"));
    check((route->to == Route::To::action) == !route->words.empty());
    check(!route->changes || (route->to == Route::To::action && head.marks.size() == 1));
  } else {
    check(route.error().status >= 400 && route.error().status < 500);
    check((route.error().status == 405) == !route.error().allow.empty());
  }
  if (const auto words = words_of(head.target)) {
    const auto again = words_of(written(*words));
    check(again && *again == *words);
  }
  return 0;
}
