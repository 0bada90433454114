#include "proxy/program_config.hpp"

#include <cstdlib>
#include <fstream>
#include <string_view>
#include <tuple>

#include "policies/automation.hpp"
#include "policies/origin.hpp"
#include "proxy/config_parts.hpp"
#include "proxy/environment.hpp"

namespace pannier::proxy {

namespace {

constexpr std::size_t longest_token = 4096;

/// `name:5:8: sentence` is about a text that nobody has seen: what is left is the sentence.
std::string sentence_of(std::string_view error, std::string_view name) {
  const auto begin = error.find(": ", name.size());
  return std::string(begin == error.npos ? error : error.substr(begin + 2));
}

/// Takes over what the command line says in one option, and checks it with all the rest.
void apply(const std::optional<std::string>& given, std::string_view option, std::string& setting,
           policies::Settings& settings) {
  if (!given) return;
  setting = *given;
  auto checked = parse_config(print_config(settings), option);
  if (!checked) {
    throw BadConfig(std::string(option) + ": " + sentence_of(checked.error(), option));
  }
  settings = std::move(checked->settings);
}

/// Tokens that stand in files of their own, as secrets are mounted; a line's end is no part of one.
void read_token_files(policies::AdminSettings& admin) {
  for (auto& token : admin.tokens) {
    if (token.token_file.empty()) continue;
    std::ifstream file(token.token_file, std::ios::binary);
    std::string text(longest_token + 1, '\0');
    file.read(text.data(), static_cast<std::streamsize>(text.size()));
    text.resize(static_cast<std::size_t>(file.gcount()));
    while (text.ends_with('\n') || text.ends_with('\r')) text.pop_back();
    auto wrong = objection_to_token(text);
    if (!file.is_open()) wrong = "it cannot be read";
    if (text.size() > longest_token) wrong = "it is longer than 4 KiB";
    if (!wrong.empty()) throw BadConfig("token_file " + token.token_file + ": " + wrong);
    token.token = std::move(text);
  }
}

}  // namespace

Loaded load(const Options& options) {
  auto loaded = options.config.empty() ? parse_config("", "defaults") : load_config(options.config);
  if (!loaded) throw BadConfig(loaded.error());
  auto& settings = loaded->settings;
  apply(options.listen, "--listen", settings.listen, settings);
  apply(options.upstream, "--upstream", settings.upstream.url, settings);
  apply(options.admin, "--admin", settings.admin.listen, settings);
  read_token_files(settings.admin);
  const auto wish = mode_wish([](const char* name) { return std::getenv(name); });
  if (!wish) throw BadConfig("environment: " + wish.error());
  if (*wish) {
    settings.mode = (*wish)->mode;
    settings.mode_from = (*wish)->variable;
  }
  const auto warms = warm_wish([](const char* name) { return std::getenv(name); });
  if (!warms) throw BadConfig("environment: " + warms.error());
  if (*warms && settings.automation) {
    auto changed = std::make_shared<policies::Automation>(*settings.automation);
    for (auto& set : changed->warm) set.at_start = **warms;
    settings.automation = std::move(changed);
  }
  return std::move(*loaded);
}

std::vector<std::string> other_files(const policies::Settings& settings) {
  const auto& [up, down] = std::tie(settings.upstream.tls, settings.tls);
  std::vector<std::string> files;
  for (const auto* name : {&up.ca, &up.cert, &up.key, &down.ca, &down.cert, &down.key}) {
    if (!name->empty()) files.push_back(*name);
  }
  for (const auto& token : settings.admin.tokens) {
    if (!token.token_file.empty()) files.push_back(token.token_file);
  }
  if (settings.origins) {
    for (const auto& database : settings.origins->databases) {
      if (!database.url_file.empty()) files.push_back(database.url_file);
    }
  }
  if (!settings.automation) return files;
  const auto add = [&](const policies::SecretSettings& secret) {
    if (!secret.secret_file.empty()) files.push_back(secret.secret_file);
  };
  add(settings.automation->webhook.secret);
  for (const auto& hook : settings.automation->hooks) add(hook.secret);
  for (const auto& event : settings.automation->events) {
    if (!event.schema_file.empty()) files.push_back(event.schema_file);
  }
  return files;
}

}  // namespace pannier::proxy
