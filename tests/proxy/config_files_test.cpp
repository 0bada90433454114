#include <doctest/doctest.h>
#include <stdlib.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "policies/automation.hpp"
#include "policies/origin.hpp"
#include "proxy/config.hpp"

using namespace pannier;
using namespace pannier::policies;
using namespace pannier::proxy;

namespace {

const std::filesystem::path conf = std::filesystem::path(PANNIER_SOURCE_DIR) / "conf";

std::string text_of(const std::filesystem::path& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

/// What is left of the reference when its examples are switched on: the first # of every line from
/// `#tiers:` on is removed.
std::string with_examples(const std::string& reference) {
  std::istringstream lines(reference);
  std::string out, line;
  bool is_example = false;
  while (std::getline(lines, line)) {
    is_example |= line == "#tiers:";
    out += (is_example && line.starts_with('#') ? line.substr(1) : line) + "\n";
  }
  return out;
}

/// The part of `text` that begins with the line `name:`, at whatever indentation.
std::string section(const std::string& text, const std::string& name) {
  const auto at = text.find("\n" + name + ":");
  REQUIRE_MESSAGE(at != text.npos, "no section " << name);
  return text.substr(at);
}

bool names(const std::string& text, const std::string& name, const std::string& value) {
  return text.find(" " + name + ": " + value + "\n") != text.npos ||
         text.find("\n" + name + ": " + value + "\n") != text.npos;
}

template <class T>
std::string shown(const T& value) {
  const std::string text = policies::setting_text(value);
  return text.empty() ? "\"\"" : text;
}

}  // namespace

TEST_CASE("Every file in conf/ loads without a warning, and prints back to itself") {
  int files = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(conf)) {
    if (entry.path().extension() != ".yaml") continue;
    ++files;
    const auto loaded = load_config(entry.path().string());
    REQUIRE_MESSAGE(loaded.has_value(), loaded.error());
    CAPTURE(entry.path().string());
    CHECK(loaded->warnings.empty());
    const std::string printed = print_config(loaded->settings);
    const auto again = parse_config(printed, "printed");
    REQUIRE_MESSAGE(again.has_value(), again.error());
    CHECK(print_config(again->settings) == printed);
  }
  CHECK(files == 7);
}

TEST_CASE("The reference file changes nothing") {
  const auto loaded = load_config((conf / "pannier.yaml").string());
  REQUIRE(loaded.has_value());
  CHECK(print_config(loaded->settings) == print_config({}));
}

#define PANNIER_NAMED(type, name, value, text)                       \
  CHECK_MESSAGE(names(part, #name, shown(static_cast<type>(value))), \
                #name ": " << shown(static_cast<type>(value)) << " is missing");

TEST_CASE("The reference file names every setting with its default") {
  const std::string text = with_examples(text_of(conf / "pannier.yaml"));
  std::string part = text;
#define PANNIER_GENERAL PANNIER_NAMED
#include "policies/settings.def"
  part = section(text, "upstream");
#define PANNIER_UPSTREAM PANNIER_NAMED
#include "policies/settings.def"
  part = section(text, "  tls");
#define PANNIER_UPSTREAM_TLS PANNIER_NAMED
#include "policies/settings.def"
  part = section(text, "tls");
#define PANNIER_TLS PANNIER_NAMED
#include "policies/settings.def"
  part = section(text, "memory");
#define PANNIER_MEMORY PANNIER_NAMED
#include "policies/settings.def"
  part = section(text, "limits");
#define PANNIER_LIMIT PANNIER_NAMED
#include "policies/settings.def"
  part = section(text, "admin");
#define PANNIER_ADMIN PANNIER_NAMED
#include "policies/settings.def"
  part = section(text, "log");
#define PANNIER_LOG PANNIER_NAMED
#include "policies/settings.def"
  part = section(text, "tiers");
#define PANNIER_TIER PANNIER_NAMED
#define PANNIER_COALESCE PANNIER_NAMED
#define PANNIER_VERSION PANNIER_NAMED
#include "policies/settings.def"
  part = section(text, "    second_tier");
  for (const char* name : {"ttl: 0ms", "timeout: 2s", "concurrency: 4", "max_bytes: 16MiB",
                           "bytea: false", "sql_delete_tag: \"\""}) {
    CHECK_MESSAGE(part.find(" " + std::string(name) + "\n") != text.npos, name << " is missing");
  }
  part = section(text, "webhook");
#define PANNIER_WEBHOOK PANNIER_NAMED
#define PANNIER_SECRET PANNIER_NAMED
#include "policies/settings.def"
  part = section(text, "schedules");
#define PANNIER_SCHEDULE PANNIER_NAMED
#include "policies/settings.def"
  for (const char* name :
       {"method: POST", "header: Surrogate-Key", "timeout: 5s", "retries: 5", "backoff: 1s",
        "queue: 1000", "event: \"{event}\"", "flush_at_start: false"}) {
    CHECK_MESSAGE(text.find(" " + std::string(name) + "\n") != text.npos, name << " is missing");
  }
}

TEST_CASE("The examples in the reference file work, and their tier has the defaults") {
  const auto loaded = parse_config(with_examples(text_of(conf / "pannier.yaml")), "reference");
  REQUIRE_MESSAGE(loaded.has_value(), loaded.error());
  // Its one rule with a version can have no origin.
  REQUIRE(loaded->warnings.size() == 1);
  CHECK(loaded->warnings[0].ends_with("no rule uses origin 'example_rows'"));
  policies::Settings settings = loaded->settings;
  CHECK(settings.rules.size() == 3);
  REQUIRE(settings.automation);
  CHECK(settings.automation->events.size() == 1);
  settings.automation = nullptr;
  REQUIRE(settings.origins);
  REQUIRE(settings.origins->all.size() == 2);
  CHECK(settings.origins->all[1].name == "second tier of 'behind'");
  settings.origins = nullptr;
  settings.rules.clear();
  settings.tiers.resize(1);
  policies::Settings expected;
  expected.tiers.resize(1);
  expected.tiers[0].name = "example";
  CHECK(print_config(settings) == print_config(expected));
}

TEST_CASE("A file without content is refused, for it is more likely an accident") {
  auto name =
      (std::filesystem::temp_directory_path() / "pannier-empty-").string() + std::string(6, 'X');
  const int file = ::mkstemp(name.data());
  REQUIRE(file >= 0);
  CHECK(load_config(name).error() ==
        name + ": the file is empty; one that is to change nothing says at least: rules: []");
  REQUIRE(::write(file, " \n\r\n", 4) == 4);
  CHECK(load_config(name).has_error());
  REQUIRE(::write(file, "rules: []", 9) == 9);
  CHECK(load_config(name).has_value());
  ::close(file);
  std::filesystem::remove(name);
}

TEST_CASE("A file that cannot be read is an error with the system's reason") {
  const auto error_of = [](const std::string& path) { return load_config(path).error(); };
  CHECK(error_of("/no/such/file.yaml") ==
        "/no/such/file.yaml: cannot be read: No such file or directory");
  CHECK(error_of(conf.string()) == conf.string() + ": cannot be read: Is a directory");
}