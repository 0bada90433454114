#include "proxy/health.hpp"

#include <cstdio>

#include "proxy/ask.hpp"

namespace pannier::proxy {

int health(const std::string& address, Health question) {
  const auto answer = ask(address, question == Health::ready ? "/readyz" : "/livez");
  if (!answer) {
    std::fprintf(stderr, "pannier: no answer from %s: %s\n", address.c_str(),
                 answer.error().c_str());
    return 1;
  }
  const auto& body = answer->body;
  std::printf("%s%s", body.c_str(), body.ends_with('\n') ? "" : "\n");
  return answer->ok ? 0 : 1;
}

}  // namespace pannier::proxy
