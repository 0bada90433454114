#pragma once

#include <cstddef>
#include <list>
#include <vector>

#include "tools/bench_evict/trace.hpp"

namespace bench_evict {

/// Keys in the order of their last use; the plainest thing that can be measured against.
class LruList {
 public:
  explicit LruList(std::size_t keys) : places_(keys, order_.end()) {}
  LruList(const LruList&) = delete;
  LruList& operator=(const LruList&) = delete;

  /// \returns whether it is there.
  bool use(Trace::Key key) {
    if (places_[key] == order_.end()) return false;
    order_.splice(order_.begin(), order_, places_[key]);
    return true;
  }
  void add(Trace::Key key) {
    order_.push_front(key);
    places_[key] = order_.begin();
  }
  /// \returns the key. REQUIRES: there is one.
  Trace::Key drop_oldest() {
    const Trace::Key key = order_.back();
    places_[key] = order_.end();
    order_.pop_back();
    return key;
  }
  std::size_t size() const { return order_.size(); }

 private:
  std::list<Trace::Key> order_;
  std::vector<std::list<Trace::Key>::iterator> places_;
};

}  // namespace bench_evict
