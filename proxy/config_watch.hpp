#pragma once

#include <functional>
#include <string>
#include <vector>

#include "proxy/loop.hpp"

namespace pannier::proxy {

/// Notices that a file has other contents, by looking every two seconds: the only way that also
/// sees Kubernetes swap the symbolic links of a ConfigMap. The files that it names (certificates
/// and keys) are looked at, too, but not into.
class ConfigWatch {
 public:
  using Named = std::function<std::vector<std::string>()>;

  ConfigWatch(Loop& loop, std::string path, Named named, std::function<void()> changed);

 private:
  std::string state() const;
  void look();

  std::string path_;
  Named named_;
  std::string seen_;
  std::function<void()> changed_;
  Timer timer_;
};

}  // namespace pannier::proxy
