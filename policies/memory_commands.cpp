#include "policies/memory_commands.hpp"

#include <algorithm>
#include <iterator>

namespace pannier::policies::memory_commands {
namespace {

struct Listed {
  std::string_view name;
  Run run;
};

constexpr Listed table[] = {
#define PANNIER_MEMORY_COMMAND(name) {#name, name},
#include "policies/memory_commands.def"
#undef PANNIER_MEMORY_COMMAND
};
static_assert(std::ranges::is_sorted(table, {}, &Listed::name));

}  // namespace

Run find(std::string_view name) {
  const Listed* const at = std::ranges::lower_bound(table, name, {}, &Listed::name);
  return at != std::end(table) && at->name == name ? at->run : nullptr;
}

}  // namespace pannier::policies::memory_commands
