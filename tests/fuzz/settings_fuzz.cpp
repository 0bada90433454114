#include <cstddef>

#include "check.hpp"
#include "policies/setting_types.hpp"

using namespace pannier::policies;

namespace {

/// What a grammar takes it writes in a form that it takes again, as the same value; what it
/// refuses leaves the setting alone and is explained on one line.
template <class T>
void check_grammar(std::string_view raw, const T& untouched) {
  T value = untouched;
  const std::string complaint = parse_setting(raw, value);
  if (!complaint.empty()) {
    check(setting_text(value) == setting_text(untouched));
    check(complaint.find('\n') == complaint.npos);
    return;
  }
  T again = untouched;
  check(parse_setting(setting_text(value), again).empty());
  check(setting_text(again) == setting_text(value));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view raw = as_text(data, size);
  check_grammar(raw, milliseconds(7));
  check_grammar(raw, Bytes{7});
  check_grammar(raw, Ratio{0.07});
  check_grammar(raw, Count{7});
  check_grammar(raw, true);
  check_grammar(raw, std::string("x"));
  check_grammar(raw, TtlMode::cap);
  check_grammar(raw, VersionMode::none);
  check_grammar(raw, LogLevel::info);
  return 0;
}
