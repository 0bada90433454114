#include <boost/program_options.hpp>
#include <cstdio>
#include <iostream>
#include <string>
#include <vector>

#include "proxy/explain.hpp"
#include "proxy/health.hpp"
#include "proxy/program.hpp"

namespace options = boost::program_options;

namespace {

constexpr int exit_usage = 64;

const std::string run_usage =
    "pannier run [--config FILE] [--listen ADDRESS] [--upstream URL] [--admin ADDRESS|off]\n";
const std::string check_usage = "pannier check FILE [--print]\n";
const std::string explain_usage = "pannier explain KEY [--admin ADDRESS | --config FILE]\n";
const std::string health_usage = "pannier health [--admin ADDRESS] [--ready]\n";

std::string usage() {
  const std::string indent(7, ' ');
  return "usage: " + run_usage + indent + check_usage + indent + explain_usage + indent +
         health_usage + indent + "pannier --version | --help\n";
}

/// What `pannier COMMAND --help` prints.
int show_help(const std::string& how, const options::options_description& known) {
  std::cout << "usage: " << how << '\n' << known;
  return 0;
}

int refuse(const std::string& why) {
  std::fprintf(stderr, "pannier: %s\n%s", why.c_str(), usage().c_str());
  return exit_usage;
}

int run(const std::vector<std::string>& words) {
  pannier::proxy::Options chosen;
  options::options_description known("pannier run");
  const auto text = [](std::optional<std::string>& to) {
    return options::value<std::string>()->notifier([&to](const std::string& value) { to = value; });
  };
  known.add_options()("config", options::value(&chosen.config), "YAML file; see conf/pannier.yaml")(
      "listen", text(chosen.listen), "host:port or unix:/path for clients")(
      "upstream", text(chosen.upstream), "redis[s]://[user:password@]host:port or unix:/path")(
      "admin", text(chosen.admin), "host:port of the HTTP port, or off")("help", "this text");
  options::variables_map values;
  options::store(options::command_line_parser(words).options(known).positional({}).run(), values);
  if (values.contains("help")) return show_help(run_usage, known);
  options::notify(values);
  return pannier::proxy::run(chosen);
}

int check(const std::vector<std::string>& words) {
  std::string file;
  // The file has a place, not a name.
  options::options_description known, shown("pannier check");
  shown.add_options()("print",
                      "print every setting as it would be, instead of a line that all is well")(
      "help", "this text");
  known.add(shown).add_options()("file", options::value(&file));
  options::positional_options_description places;
  places.add("file", 1);
  options::variables_map values;
  options::store(options::command_line_parser(words).options(known).positional(places).run(),
                 values);
  if (values.contains("help")) return show_help(check_usage, shown);
  options::notify(values);
  if (file.empty()) return refuse("check needs a file");
  return pannier::proxy::check(file, values.contains("print"));
}

int explain(const std::vector<std::string>& words) {
  pannier::proxy::ExplainOptions chosen;
  options::options_description known, shown("pannier explain");
  shown.add_options()("admin", options::value(&chosen.admin)->default_value("127.0.0.1:9180"),
                      "where the sidecar that is asked has its HTTP port")(
      "config", options::value(&chosen.config), "ask this file instead, without a sidecar")(
      "help", "this text");
  known.add(shown).add_options()("key", options::value(&chosen.key));
  options::positional_options_description places;
  places.add("key", 1);
  options::variables_map values;
  options::store(options::command_line_parser(words).options(known).positional(places).run(),
                 values);
  if (values.contains("help")) return show_help(explain_usage, shown);
  options::notify(values);
  if (!values.contains("key")) return refuse("explain needs a key");
  return pannier::proxy::explain(chosen);
}

int health(const std::vector<std::string>& words) {
  std::string address;
  options::options_description known("pannier health");
  known.add_options()("admin", options::value(&address)->default_value("127.0.0.1:9180"),
                      "where the sidecar that is asked has its HTTP port")(
      "ready", "ask whether it should be given traffic")("help", "this text");
  options::variables_map values;
  options::store(options::command_line_parser(words).options(known).positional({}).run(), values);
  if (values.contains("help")) return show_help(health_usage, known);
  options::notify(values);
  using pannier::proxy::Health;
  return pannier::proxy::health(address, values.contains("ready") ? Health::ready : Health::live);
}

}  // namespace

int main(int count, char** arguments) {
  const std::vector<std::string> words(arguments + 1, arguments + count);
  if (words.empty()) return refuse("what should it do?");
  if (words[0] == "--version") {
    std::puts("pannier " PANNIER_RELEASE);
    return 0;
  }
  if (words[0] == "--help" || words[0] == "-h" || words[0] == "help") {
    std::fputs(usage().c_str(), stdout);
    return 0;
  }
  try {
    const std::vector<std::string> rest(words.begin() + 1, words.end());
    if (words[0] == "run") return run(rest);
    if (words[0] == "check") return check(rest);
    if (words[0] == "explain") return explain(rest);
    if (words[0] == "health") return health(rest);
  } catch (const options::error& wrong) {
    return refuse(wrong.what());
  }
  return refuse("unknown command '" + words[0] + "'");
}
