// PANNIER VERSION.

#include "policies/spelling.hpp"
#include "protocol/command_table.hpp"
#include "protocol/reply.hpp"
#include "proxy/admin_actions.hpp"

namespace pannier::proxy {

using policies::quoted;
using protocol::equals_nocase;
using protocol::Value;

namespace {

Value error(std::string text) {
  return {Value::Error{"ERR pannier: " + std::move(text) + "; not executed"}};
}

Value usage() {
  return error(
      "usage: PANNIER VERSION LIST | BUMP <name> [GRACE <seconds>] | "
      "WEIGHTS <name> <version>=<weight>... | PIN <name> <version> | UNPIN <name>");
}

}  // namespace

AdminActions::Reply AdminActions::version(const Call& call) {
  const auto words = call.words;
  if (words.empty()) return usage();
  const auto is = [&](std::string_view verb) { return equals_nocase(words[0], verb); };
  if (is("list") && words.size() == 1) return pipeline_.versions();
  if (is("bump")) return bump(call);
  if (is("weights") && words.size() > 2) return weigh(call);
  if (is("unpin") && words.size() == 2) {
    pipeline_.pin_version(call.client, words[1], std::nullopt, call.now);
    return std::nullopt;
  }
  if (!is("pin") || words.size() != 3) return usage();
  const auto version = protocol::to_integer(words[2]);
  if (!version || *version < 1 || *version > static_cast<std::int64_t>(policies::highest_version)) {
    return error(quoted(words[2]) + " is not a version: they begin with 1 and end at 10^15");
  }
  pipeline_.pin_version(call.client, words[1], static_cast<std::uint64_t>(*version), call.now);
  return std::nullopt;
}

AdminActions::Reply AdminActions::bump(const Call& call) {
  const auto words = call.words;
  std::optional<policies::milliseconds> grace;
  const bool with_grace = words.size() == 4 && equals_nocase(words[2], "grace");
  if (words.size() != 2 && !with_grace) return usage();
  if (with_grace) {
    const auto seconds = protocol::to_integer(words[3]);
    if (!seconds || *seconds < 0 || *seconds > 366LL * 86'400) {
      return error("'" + std::string(words[3]) + "' is not a number of seconds");
    }
    grace = policies::milliseconds(*seconds * 1000);
  }
  pipeline_.bump_version(call.client, words[1], grace, call.now);
  return std::nullopt;
}

AdminActions::Reply AdminActions::weigh(const Call& call) {
  policies::VersionWeights weights;
  std::uint64_t all = 0;
  for (const auto word : call.words.subspan(2)) {
    const auto at = word.find('=');
    if (at == word.npos) return error(quoted(word) + " is not <version>=<weight>");
    const auto wrong = policies::add_weight(weights, word.substr(0, at), word.substr(at + 1));
    if (!wrong.empty()) return error(wrong);
  }
  for (const auto& one : weights) all += one.weight;
  if (all == 0) return error("at least one version needs a weight above 0");
  pipeline_.weigh_version(call.client, call.words[1], weights, call.now);
  return std::nullopt;
}

}  // namespace pannier::proxy
