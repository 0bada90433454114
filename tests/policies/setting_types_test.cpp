#include "policies/setting_types.hpp"

#include <doctest/doctest.h>

#include <vector>

using namespace pannier::policies;

namespace {

struct Row {
  std::string_view raw;
  std::string_view read;  ///< As setting_text() writes it, or the complaint.
};

/// What is written reads as; a complaint leaves the setting alone.
template <class T>
std::string read_as(std::string_view raw, T untouched) {
  T value = untouched;
  const std::string complaint = parse_setting(raw, value);
  if (!complaint.empty()) CHECK(setting_text(value) == setting_text(untouched));
  return complaint.empty() ? setting_text(value) : complaint;
}

template <class T>
void check_rows(const std::vector<Row>& rows, T untouched) {
  for (const Row& row : rows) {
    CAPTURE(row.raw);
    CHECK(read_as(row.raw, untouched) == row.read);
  }
}

}  // namespace

TEST_CASE("A duration is digits and a unit") {
  check_rows<milliseconds>(
      {
          {"0", "0ms"},
          {"0s", "0ms"},
          {"250ms", "250ms"},
          {"1000ms", "1s"},
          {"30s", "30s"},
          {"90s", "90s"},
          {"60m", "1h"},
          {"48h", "2d"},
          {"36500d", "36500d"},
      },
      milliseconds(7));
}

TEST_CASE("A duration that some reader could take for another one is refused") {
  check_rows<milliseconds>(
      {
          {"5", "'5' has no unit; write 5ms, 5s, 5m, 5h or 5d"},
          {"010", "'010' has a leading zero, which some readers take for octal"},
          {"08", "'08' has a leading zero, which some readers take for octal"},
          {"010s", "'010s' has a leading zero, which some readers take for octal"},
          {"00", "'00' has a leading zero, which some readers take for octal"},
          {"NO", "'NO' is not a duration; write digits and a unit, such as 30s"},
          {"", "'' is not a duration; write digits and a unit, such as 30s"},
          {"1_000", "'1_000' is not a duration; write digits and a unit, such as 30s"},
          {"12:30:45", "'12:30:45' is not a duration; write digits and a unit, such as 30s"},
          {"5 min", "'5 min' is not a duration; write digits and a unit, such as 30s"},
          {"5 s", "'5 s' is not a duration; write digits and a unit, such as 30s"},
          {" 5s", "' 5s' is not a duration; write digits and a unit, such as 30s"},
          {"5s ", "'5s ' is not a duration; write digits and a unit, such as 30s"},
          {"-1s", "'-1s' is not a duration; write digits and a unit, such as 30s"},
          {"+1s", "'+1s' is not a duration; write digits and a unit, such as 30s"},
          {"1e3", "'1e3' is not a duration; write digits and a unit, such as 30s"},
          {"1.5s", "'1.5s' is not a duration; write digits and a unit, such as 30s"},
          {"1h30m", "'1h30m' is not a duration; write digits and a unit, such as 30s"},
          {"0x10", "'0x10' is not a duration; write digits and a unit, such as 30s"},
          {"5min", "'5min' has the unknown unit 'min'; write ms, s, m, h or d"},
          {"5S", "'5S' has the unknown unit 'S'; write ms, s, m, h or d"},
          {"36501d", "'36501d' is more than 36500d"},
          {"18446744073709551615ms", "'18446744073709551615ms' is more than 36500d"},
          {"18446744073709551616ms", "'18446744073709551616ms' is too large"},
          {"99999999999999999999999d", "'99999999999999999999999d' is too large"},
      },
      milliseconds(7));
}

TEST_CASE("A size is digits and a binary unit") {
  check_rows<Bytes>(
      {
          {"0B", "0B"},
          {"512B", "512B"},
          {"1024B", "1KiB"},
          {"1536B", "1536B"},
          {"64MiB", "64MiB"},
          {"2048MiB", "2GiB"},
          {"1048576GiB", "1048576GiB"},
          {"64", "'64' has no unit; write 64B, 64KiB, 64MiB or 64GiB"},
          {"0", "'0' has no unit; write 0B, 0KiB, 0MiB or 0GiB"},
          {"64MB", "'64MB' has the unknown unit 'MB'; write B, KiB, MiB or GiB"},
          {"64kib", "'64kib' has the unknown unit 'kib'; write B, KiB, MiB or GiB"},
          {"64 MiB", "'64 MiB' is not a size; write digits and a unit, such as 64MiB"},
          {"-1B", "'-1B' is not a size; write digits and a unit, such as 64MiB"},
          {"1048577GiB", "'1048577GiB' is more than 1048576GiB"},
      },
      Bytes{7});
}

TEST_CASE("A share is whole percent") {
  check_rows<Ratio>(
      {
          {"0%", "0%"},
          {"7%", "7%"},
          {"29%", "29%"},
          {"100%", "100%"},
          {"10", "'10' has no percent sign; write 10%"},
          {"0.1", "'0.1' is not a share; write whole percent, such as 10%"},
          {"10 %", "'10 %' is not a share; write whole percent, such as 10%"},
          {"101%", "'101%' is more than 100%"},
          {"-5%", "'-5%' is not a share; write whole percent, such as 10%"},
      },
      Ratio{0.5});
}

TEST_CASE("A share to be sampled may have three digits after a point") {
  check_rows<Share>(
      {
          {"0%", "0%"},
          {"0.1%", "0.1%"},
          {"12.345%", "12.345%"},
          {"1.500%", "1.5%"},
          {"0.001%", "0.001%"},
          {"100%", "100%"},
          {"0.1", "'0.1' is not a share; write percent, such as 1% or 0.1%"},
          {"1.%", "'1.%' is not a share; write percent, such as 1% or 0.1%"},
          {"0.0001%", "'0.0001%' is not a share; write percent, such as 1% or 0.1%"},
          {"100.001%", "'100.001%' is more than 100%"},
          {".5%", "'.5%' is not a share; write percent, such as 1% or 0.1%"},
      },
      Share{50'000});
}

TEST_CASE("A number is digits") {
  check_rows<Count>(
      {
          {"0", "0"},
          {"1024", "1024"},
          {"18446744073709551615", "18446744073709551615"},
          {"18446744073709551616", "'18446744073709551616' is too large"},
          {"010", "'010' has a leading zero, which some readers take for octal"},
          {"1_000", "'1_000' is not a number; write digits only"},
          {"1e3", "'1e3' is not a number; write digits only"},
          {"-1", "'-1' is not a number; write digits only"},
          {"", "'' is not a number; write digits only"},
      },
      Count{7});
}

TEST_CASE("A switch is true or false, and nothing that YAML readers disagree on") {
  CHECK(read_as("true", false) == "true");
  CHECK(read_as("false", true) == "false");
  for (const std::string_view raw : {"yes", "NO", "on", "off", "True", "1", "0", "y", "~", ""}) {
    CHECK(read_as(raw, true) == "'" + std::string(raw) + "' is neither true nor false");
  }
}

TEST_CASE("A name is one of the setting's names, and a wrong one is told the nearest") {
  CHECK(read_as("cap", TtlMode::tier) == "cap");
  CHECK(read_as("default", TtlMode::tier) == "default");
  CHECK(read_as("explicit", VersionMode::none) == "explicit");
  CHECK(read_as("defualt", TtlMode::tier) ==
        "'defualt' is not tier, cap or default (did you mean 'default'?)");
  CHECK(read_as("Never", CacheMode::normal) ==
        "'Never' is not normal or never (did you mean 'never'?)");
  CHECK(read_as("warn", LogLevel::info) ==
        "'warn' is not debug, info, warning or error (did you mean 'warning'?)");
  CHECK(read_as("", Mode::normal) == "'' is not normal, bypass or memory");
}

TEST_CASE("A text is taken as it is, without control characters") {
  CHECK(read_as("127.0.0.1:6380", std::string("x")) == "127.0.0.1:6380");
  CHECK(read_as("caf\xc3\xa9 ", std::string("x")) == "caf\xc3\xa9 ");
  CHECK(read_as("a\nb", std::string("x")) == "'a?b' contains a control character");
}

TEST_CASE("A complaint is one line, however long and strange the value") {
  const std::string complaint = read_as(std::string(100, '9') + "\r\n", Count{7});
  CHECK(complaint == "'" + std::string(60, '9') + "...' is too large");
}

#define PANNIER_ROUND_TRIP(type, name, value, text)            \
  {                                                            \
    const type before = value;                                 \
    type after{};                                              \
    CAPTURE(#name);                                            \
    CHECK(parse_setting(setting_text(before), after).empty()); \
    CHECK(setting_text(after) == setting_text(before));        \
  }

TEST_CASE("Every default is written in a form that reads back to it"){
#define PANNIER_GENERAL PANNIER_ROUND_TRIP
#define PANNIER_UPSTREAM PANNIER_ROUND_TRIP
#define PANNIER_UPSTREAM_TLS PANNIER_ROUND_TRIP
#define PANNIER_TLS PANNIER_ROUND_TRIP
#define PANNIER_MEMORY PANNIER_ROUND_TRIP
#define PANNIER_JOURNAL PANNIER_ROUND_TRIP
#define PANNIER_SELF_CHECK PANNIER_ROUND_TRIP
#define PANNIER_LIMIT PANNIER_ROUND_TRIP
#define PANNIER_ADMIN PANNIER_ROUND_TRIP
#define PANNIER_LOG PANNIER_ROUND_TRIP
#define PANNIER_TIER PANNIER_ROUND_TRIP
#define PANNIER_COALESCE PANNIER_ROUND_TRIP
#define PANNIER_VERSION PANNIER_ROUND_TRIP
#include "policies/settings.def"
}

TEST_CASE("Every share from 0% to 100% reads back to itself") {
  for (int percent = 0; percent <= 100; ++percent) {
    const std::string text = std::to_string(percent) + "%";
    CHECK(read_as(text, Ratio{0.5}) == text);
  }
}
