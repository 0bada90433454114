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

  /// The files as they are now are being loaded: `changed` is for what differs from them. Call
  /// before reading them, so that nothing is missed that is written meanwhile.
  void taken() { seen_ = state(); }

 private:
  std::string state() const;
  void look();
  void miss();

  std::string path_;
  Named named_;
  std::string seen_;
  std::function<void()> changed_;
  int absent_ = 0;  ///< Looks in a row that found no file, or an empty one.
  Timer timer_;
};

}  // namespace pannier::proxy
