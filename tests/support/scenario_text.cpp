#include "tests/support/scenario_text.hpp"

#include <fstream>
#include <stdexcept>

#include "protocol/inline_command.hpp"
#include "tests/support/scenario.hpp"

namespace pannier::tests {

void fail(const std::string& why) { throw std::runtime_error(why); }

std::string command(std::string_view line) {
  std::string bytes;
  std::vector<protocol::Slice> slices;
  if (!protocol::split_inline(line, bytes, slices)) fail("unbalanced quotes");
  std::vector<std::string_view> words;
  for (const auto& slice : slices) words.push_back(slice.in(bytes));
  return wire_of(words);
}

std::string joined(const std::vector<std::string_view>& words) {
  std::string text;
  for (const auto word : words) text += (text.empty() ? "" : " ") + std::string(word);
  return text;
}

bool is_own(const FakeRedis::Args& args) {
  return args[0] == "TIME" || args[0] == "PEXPIRETIME" || args[0] == "ROLE" ||
         args[0] == "CLIENT" || (args.size() > 1 && args[1].starts_with("pn:")) ||
         (args.size() > 3 && args[0] == "EVAL" && args[3].starts_with("pn:"));
}

bool command_matches(std::string_view pattern, std::string_view text) {
  while (!pattern.empty() || !text.empty()) {
    const auto wanted = pattern.substr(0, pattern.find(' '));
    const auto word = text.substr(0, text.find(' '));
    if (wanted != "*" && wanted != word) return false;
    if (pattern.size() == wanted.size() || text.size() == word.size()) {
      return pattern.size() == wanted.size() && text.size() == word.size();
    }
    pattern.remove_prefix(wanted.size() + 1);
    text.remove_prefix(word.size() + 1);
  }
  return true;
}

std::vector<std::string_view> split_bars(std::string_view line) {
  std::vector<std::string_view> parts;
  for (auto bar = line.find(" | "); bar != line.npos; bar = line.find(" | ")) {
    parts.push_back(line.substr(0, bar));
    line.remove_prefix(bar + 3);
  }
  parts.push_back(line);
  return parts;
}

std::vector<ScenarioLine> read_scenario(const std::string& path) {
  std::ifstream file(path);
  if (!file) fail(path + " cannot be read");
  std::vector<ScenarioLine> lines;
  std::string text;
  for (int number = 1; std::getline(file, text); ++number) {
    if (text.starts_with(' ') && !lines.empty() && lines.back().who == "config:") {
      lines.back().rest += text + '\n';
      continue;
    }
    if (text.empty() || text.starts_with('#')) continue;
    ScenarioLine line{number, {}, {}, {}};
    const auto end = text.find(' ');
    line.who = text.substr(0, end);
    if (end != text.npos) {
      const auto next = text.find(' ', end + 1);
      line.what = text.substr(end + 1, next == text.npos ? next : next - end - 1);
      if (next != text.npos) line.rest = text.substr(next + 1);
    }
    lines.push_back(std::move(line));
  }
  return lines;
}

}  // namespace pannier::tests
