#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "tests/support/scenario.hpp"

namespace pannier::tests {

TEST_CASE("every scenario is played in virtual time") {
  std::vector<std::filesystem::path> files;
  for (const auto& entry :
       std::filesystem::directory_iterator(PANNIER_SOURCE_DIR "/tests/scenarios")) {
    if (entry.path().extension() == ".txt") files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  REQUIRE(files.size() > 30);
  for (const auto& file : files) {
    const auto name = file.stem().string();
    SUBCASE(name.c_str()) {
      std::string wrong;
      try {
        Scenario(read_scenario(file.string())).play();
      } catch (const std::exception& error) {
        wrong = error.what();
      }
      CHECK_MESSAGE(wrong.empty(), name << ".txt " << wrong);
    }
  }
}

}  // namespace pannier::tests
