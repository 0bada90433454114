#include "proxy/config_watch.hpp"

#include <sys/stat.h>

#include <fstream>
#include <iterator>

#include "proxy/log.hpp"

namespace pannier::proxy {

namespace {

constexpr std::chrono::seconds pause{2};

/// The whole file (it is at most 1 MiB when it is of use); nothing when it cannot be read now, as
/// in the middle of a swap.
std::string contents(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::string text;
  char block[4096];
  while (text.size() <= (1u << 20) && file.read(block, sizeof block).gcount() > 0) {
    text.append(block, static_cast<std::size_t>(file.gcount()));
  }
  return text;
}

}  // namespace

ConfigWatch::ConfigWatch(Loop& loop, std::string path, Named named, std::function<void()> changed)
    : path_(std::move(path)),
      named_(std::move(named)),
      seen_(state()),
      changed_(std::move(changed)),
      timer_(loop) {
  look();
}

/// Changes when one of the files does; empty while one of them is not there.
std::string ConfigWatch::state() const {
  auto all = contents(path_);
  for (const auto& file : named_()) {
    struct stat found {};
    if (all.empty() || ::stat(file.c_str(), &found) != 0) return {};
    for (const auto part : {static_cast<long>(found.st_ino), static_cast<long>(found.st_size),
                            static_cast<long>(found.st_mtim.tv_sec), found.st_mtim.tv_nsec}) {
      all += ' ' + std::to_string(part);
    }
  }
  return all;
}

/// Not the first time: it may be in the middle of a swap. And once only.
void ConfigWatch::miss() {
  constexpr int enough = 2;
  if (absent_ > enough || ++absent_ != enough) return;
  log::warning("config_missing", {{"file", path_},
                                  {"text",
                                   "it, or a file that it names, is not there or empty; what was "
                                   "loaded from it stays"}});
}

void ConfigWatch::look() {
  const auto now = state();
  if (now.empty()) {
    miss();
  } else {
    absent_ = 0;
    if (now != seen_) {
      seen_ = now;
      changed_();
    }
  }
  timer_.expires_after(pause);
  timer_.async_wait([this](boost::system::error_code error) {
    if (!error) look();
  });
}

}  // namespace pannier::proxy
