// Which mistake a sidecar built with -DPANNIER_TEST_BUGS makes: PANNIER_BUG names it.

#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "policies/test_bugs.hpp"

namespace pannier::policies {

namespace {

Bug chosen() {
  const char* wanted = std::getenv("PANNIER_BUG");
  if (wanted == nullptr) return Bug::none;
#define PANNIER_BUG(name, text) \
  if (std::string_view(wanted) == #name) return Bug::name;
#include "policies/test_bugs.def"
  std::fprintf(stderr, "PANNIER_BUG=%s is none of policies/test_bugs.def\n", wanted);
  std::exit(EXIT_FAILURE);
}

[[maybe_unused]] const bool is_chosen = (active_bug = chosen(), true);

}  // namespace

}  // namespace pannier::policies
