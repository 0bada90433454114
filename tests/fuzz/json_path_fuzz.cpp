#include <algorithm>

#include "check.hpp"
#include "policies/json_path.hpp"

using namespace pannier::policies;

/// The first line is a path, the rest a document. Whatever they are, the answer is bounded, and
/// find_one() is its beginning.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = as_text(data, size);
  const auto end = std::min(text.find('\n'), text.size());
  const auto path = JsonPath::compile(text.substr(0, end));
  if (!path) {
    check(!path.error().empty() && path.error().find('\n') == std::string::npos);
    return 0;
  }
  const auto document = JsonDocument::parse(text.substr(std::min(end + 1, text.size())));
  if (!document) return 0;
  const auto found = document->find(*path);
  check(found.size() <= JsonDocument::max_found);
  const auto first = document->find_one(*path);
  check(first.has_value() != found.empty() && (!first || *first == found.front()));
  return 0;
}
