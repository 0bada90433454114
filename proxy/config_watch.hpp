#pragma once

#include <functional>
#include <string>

#include "proxy/loop.hpp"

namespace pannier::proxy {

/// Notices that a file has other contents, by looking every two seconds: the only way that also
/// sees Kubernetes swap the symbolic links of a ConfigMap.
class ConfigWatch {
 public:
  ConfigWatch(Loop& loop, std::string path, std::function<void()> changed);

 private:
  void look();

  std::string path_, seen_;
  std::function<void()> changed_;
  Timer timer_;
};

}  // namespace pannier::proxy
