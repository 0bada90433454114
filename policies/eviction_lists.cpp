#include "policies/eviction_lists.hpp"

#include <algorithm>

namespace pannier::policies {
namespace {

/// The entrance of two queues is one in so many, as 2Q's authors advise. With a tenth (S3-FIFO)
/// some traces have 2 % fewer misses, but reuse after a while, as of database rows, gets lost.
constexpr std::size_t entrance_share = 4;

/// Entries that one eviction may move to find a victim: enough for the lists to become right within
/// size / 8 evictions after a change of the policy, and few enough for constant time.
constexpr int most_moves = 8, most_rounds = 128;

}  // namespace

/// Says that behind `id`, towards the newest, there is `newer`.
void EvictionLists::set_newer(List& list, Id id, Id newer) {
  if (id == none) {
    list.oldest = newer;
  } else {
    links_[id].newer = newer & none;
  }
}

void EvictionLists::set_older(List& list, Id id, Id older) {
  if (id == none) {
    list.newest = older;
  } else {
    links_[id].older = older & none;
  }
}

void EvictionLists::link(Id id, List& list) {
  Link& link = links_[id];
  link.newer = none;
  link.older = list.newest & none;
  link.in_main = &list == &main_ ? 1 : 0;
  set_newer(list, list.newest, id);
  list.newest = id;
  ++list.size;
}

void EvictionLists::unlink(Id id) {
  const Link link = links_[id];
  List& list = list_of(link);
  set_older(list, link.newer, link.older);
  set_newer(list, link.older, link.newer);
  --list.size;
}

void EvictionLists::move(Id id, List& list) {
  unlink(id);
  link(id, list);
}

void EvictionLists::push_back(std::uint64_t hash) {
  const bool returns = ghosts_.take(hash);
  links_.push_back({});
  const auto id = static_cast<Id>(links_.size() - 1);
  link(id, returns && policy_ == Policy::two_queues ? main_ : entrance_);
}

void EvictionLists::use(Id id) {
  Link& link = links_[id];
  if (link.uses < most_uses) link.uses = (link.uses + 1) & most_uses;
  if (policy_ == Policy::lru && id != entrance_.newest) move(id, entrance_);
}

void EvictionLists::erase(Id id) {
  unlink(id);
  const auto last = static_cast<Id>(links_.size() - 1);
  if (id != last) {
    const Link moved = links_[id] = links_[last];
    set_older(list_of(moved), moved.newer, id);
    set_newer(list_of(moved), moved.older, id);
  }
  links_.pop_back();
}

EvictionLists::Id EvictionLists::victim() {
  if (policy_ == Policy::two_queues) return victim_of_two_queues();
  // What another policy left in the main part was not used since.
  return main_.size != 0 ? victim_of_main() : entrance_.oldest;
}

EvictionLists::Id EvictionLists::victim_of_two_queues() {
  // Shares of the size without the one for which there is no room.
  const std::size_t size = links_.size() - 1;
  const std::size_t entrance_target = std::max<std::size_t>(1, size / entrance_share);
  for (int moves = 0; entrance_.size > entrance_target || main_.size == 0; ++moves) {
    if (main_.size + entrance_target >= size) return entrance_.oldest;
    if (moves == most_moves && main_.size != 0) break;
    move(entrance_.oldest, main_);
  }
  return victim_of_main();
}

EvictionLists::Id EvictionLists::victim_of_main() {
  for (int round = 0; links_[main_.oldest].uses != 0 && round < most_rounds; ++round) {
    Link& link = links_[main_.oldest];
    link.uses = (link.uses - 1) & most_uses;
    move(main_.oldest, main_);
  }
  return main_.oldest;
}

void EvictionLists::evict(Id id, std::uint64_t hash) {
  ghosts_.fit(links_.size());
  if (links_[id].in_main == 0) ghosts_.add(hash);
  erase(id);
}

void EvictionLists::clear() {
  links_.clear();
  entrance_ = main_ = {};
  ghosts_.clear();
}

}  // namespace pannier::policies
