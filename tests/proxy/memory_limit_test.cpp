#include "proxy/memory_limit.hpp"

#include <doctest/doctest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>

namespace pannier::proxy {
namespace {

/// What Linux shows of control groups, in a folder of its own.
class Groups {
 public:
  Groups() {
    std::string name = (std::filesystem::temp_directory_path() / "pannier-groups-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    root_ = name;
  }
  ~Groups() { std::filesystem::remove_all(root_); }
  Groups(const Groups&) = delete;
  Groups& operator=(const Groups&) = delete;

  void write(const std::string& path, const std::string& text) const {
    std::filesystem::create_directories((root_ / path).parent_path());
    std::ofstream(root_ / path) << text;
  }
  std::optional<std::uint64_t> limit() const {
    return cgroup_memory_limit((root_ / "own").string(), root_.string());
  }

 private:
  std::filesystem::path root_;
};

}  // namespace

TEST_CASE("The memory limit is the least of one's control group and those around it") {
  const Groups groups;
  CHECK(!groups.limit());
  groups.write("own", "0::/pod/sidecar\n");
  CHECK(!groups.limit());
  groups.write("pod/sidecar/memory.max", "max\n");
  CHECK(!groups.limit());
  groups.write("pod/memory.max", "1000000\n");
  CHECK(groups.limit() == 1'000'000);
  groups.write("pod/sidecar/memory.max", "200000\n");
  CHECK(groups.limit() == 200'000);
  groups.write("pod/sidecar/memory.max", "3000000\n");
  CHECK(groups.limit() == 1'000'000);
}

TEST_CASE("In a container the control group is the root, and old ones have no line for it") {
  const Groups groups;
  groups.write("own", "0::/\n");
  groups.write("memory.max", "200000\n");
  CHECK(groups.limit() == 200'000);
  groups.write("own", "5:memory:/docker/x\n");
  CHECK(!groups.limit());
}

TEST_CASE("Memory bounds of more than three quarters of the limit are a warning with both") {
  policies::Settings settings;
  settings.memory.max_bytes.value = 64u << 20;
  settings.limits.max_buffered_bytes.value = 64u << 20;
  settings.limits.max_output_bytes.value = 32u << 20;
  CHECK(memory_warning(settings, std::nullopt).empty());
  CHECK(memory_warning(settings, 256u << 20).empty());
  settings.memory.max_bytes.value = 97u << 20;
  CHECK(memory_warning(settings, 256u << 20) ==
        "memory.max_bytes, limits.max_buffered_bytes and limits.max_output_bytes come to 193 MiB, "
        "more than three quarters of the control group's 256 MiB");
}

}  // namespace pannier::proxy
