#include "policies/eviction.hpp"

namespace pannier::policies {

void Eviction::link(Id id) {
  links_[id] = {none, newest_};
  (newest_ == none ? oldest_ : links_[newest_].previous) = id;
  newest_ = id;
}

void Eviction::unlink(Id id) {
  const Link link = links_[id];
  (link.previous == none ? newest_ : links_[link.previous].next) = link.next;
  (link.next == none ? oldest_ : links_[link.next].previous) = link.previous;
}

void Eviction::push_back(std::uint64_t) {
  links_.push_back({});
  link(static_cast<Id>(links_.size() - 1));
}

void Eviction::use(Id id, std::uint64_t) {
  if (id == newest_) return;
  unlink(id);
  link(id);
}

void Eviction::erase(Id id) {
  unlink(id);
  const auto last = static_cast<Id>(links_.size() - 1);
  if (id != last) {
    const Link moved = links_[id] = links_[last];
    (moved.previous == none ? newest_ : links_[moved.previous].next) = id;
    (moved.next == none ? oldest_ : links_[moved.next].previous) = id;
  }
  links_.pop_back();
}

Eviction::Id Eviction::victim() { return oldest_; }

void Eviction::evict(Id id, std::uint64_t) { erase(id); }

void Eviction::clear() {
  links_.clear();
  newest_ = oldest_ = none;
}

}  // namespace pannier::policies
