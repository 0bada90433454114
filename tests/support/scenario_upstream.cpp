#include "tests/support/reply_text.hpp"
#include "tests/support/scenario.hpp"
#include "tests/support/scenario_text.hpp"

// The lines of a scenario that are about upstream.

namespace pannier::tests {

void Scenario::play_outside(const ScenarioLine& line) {
  if (line.what == ">") {
    outside_.resp = protocol::Resp::v2;
    redis_.execute(outside_, command(line.rest));
    std::string_view reply = outside_.out.front();
    outside_replies_ = {take_reply_text(reply)};
    outside_.out.pop_front();
  } else {
    expect("outside", outside_replies_, line.rest);
  }
}

void Scenario::play_upstream(const ScenarioLine& line) {
  if (line.what == "holds") {
    holding_ = true;
  } else if (line.what == "answers") {
    holding_ = false;
  } else if (line.what == "is") {
    set_reachable(line.rest);
  } else if (line.what == "saw") {
    saw(line.rest);
  } else if (line.what == "by") {
    by_hand_ = true;
  } else if (line.what == ">") {
    name_sent(line.rest);
  } else if (line.what == "<") {
    answer_by_hand(line.rest);
  } else {
    fail("what is 'up " + line.what + "'?");
  }
}

void Scenario::set_reachable(std::string_view state) {
  for (auto& [sidecar, actions] : running_) {
    if (state == "down") {
      sidecar->reachable = false;
      for (const auto link : sidecar->links()) sidecar->break_link(link);
      sidecar->refused();
    } else if (state == "back") {
      sidecar->connected();
    } else if (state != "absent") {
      fail("up is down, back or absent");
    }
  }
}

void Scenario::saw(std::string_view expected) {
  if (expected == "nothing") {
    if (!seen_.empty()) fail("upstream saw " + seen_.front());
    return;
  }
  for (const auto part : split_bars(expected)) {
    while (!seen_.empty() && !command_matches(part, seen_.front())) seen_.pop_front();
    if (seen_.empty()) fail("upstream did not see " + std::string(part));
    seen_.pop_front();
  }
}

void Scenario::name_sent(std::string_view commands) {
  for (const auto part : split_bars(commands)) {
    const auto sent = running_.front().sidecar->unrun();
    if (named_ >= sent.size()) fail("nothing was sent upstream instead of " + std::string(part));
    const auto text = joined(words_of(sent[named_].second));
    if (!command_matches(part, text)) fail("sent upstream: " + text);
    ++named_;
  }
}

void Scenario::answer_by_hand(std::string_view replies) {
  for (const auto& text : split_replies(replies)) {
    if (named_ == 0) fail("there is no command to answer");
    --named_;
    const auto link = running_.front().sidecar->unrun().front().first;
    if (text == "time") {
      running_.front().sidecar->run_next(link);
      running_.front().sidecar->deliver_next(link);
    } else {
      running_.front().sidecar->answer(link, reply_bytes(text));
    }
  }
}

}  // namespace pannier::tests
