#include "policies/walks.hpp"

#include <utility>

namespace pannier::policies {

void Walks::go_on(std::unique_ptr<Step> step, Core& core) {
  if (left_ == 0 || !waiting_.empty()) return waiting_.push_back(std::move(step));
  --left_;
  step->take(core);
}

void Walks::tick(Core& core) {
  left_ = steps_a_tick;
  while (left_ > 0 && !waiting_.empty()) {
    const auto step = std::move(waiting_.front());
    waiting_.pop_front();
    --left_;
    step->take(core);
  }
}

}  // namespace pannier::policies
