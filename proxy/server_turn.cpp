// Turns of the loop: what is done at the end of one, and in which order.

#include <boost/asio/post.hpp>

#include "proxy/server.hpp"

namespace pannier::proxy {

namespace {

/// Since the end of a turn: the loop had nothing else to do, and has waited.
constexpr policies::microseconds least_sleep{3};

}  // namespace

Turn& Server::begin_turn() {
  turn_.now = monotonic_now();
  if (!ending_) {
    ending_ = true;
    asio::post(loop_, [this] { end_turn(); });
  }
  return turn_;
}

void Server::begin_read() {
  turn_.now = monotonic_now();
  if (turn_.now - ended_at_ < least_sleep) {
    begin_turn();
  } else {
    reading_ = !std::exchange(ending_, true);
  }
}

void Server::end_read() {
  if (!std::exchange(reading_, false)) return;
  if (written_links_.empty()) return end_turn();
  asio::post(loop_, [this] { end_turn(); });
}

bool Server::carry_out() {
  // Mostly there is nothing of all this, and each turn asks at least twice.
  const bool none = failures_.empty() && dropped_.empty() && killed_.empty() && !demoted_ &&
                    unpaused_.empty() && idle_.empty() && roomy_.empty() && resumed_.empty();
  if (none) return false;
  bool any = false;
  for (auto& failure : std::exchange(failures_, {})) {
    any = true;
    pipeline_.fail(failure.exchange, failure.error, turn_.now);
  }
  for (const auto& upstream : std::exchange(dropped_, {})) {
    any = true;
    upstream->close("no longer needed");
  }
  for (const auto client : std::exchange(killed_, {})) {
    any = true;
    if (auto* session = find(client)) session->close("killed");
  }
  if (demoted_) replace_shared_links();
  for (const auto& upstream : std::exchange(unpaused_, {})) upstream->read_on();
  for (const auto& upstream : std::exchange(idle_, {})) give_back(upstream);
  for (const auto& session : std::exchange(roomy_, {})) {
    any = true;
    if (!session->held_) session->proceed();
  }
  for (const auto& session : std::exchange(resumed_, {})) {
    any = true;
    if (session->held_) session->proceed();
  }
  return any;
}

void Server::end_turn() {
  ending_ = false;
  while (carry_out() || !written_links_.empty() || !written_sessions_.empty() || !broken_.empty()) {
    for (const auto& upstream : std::exchange(written_links_, {})) upstream->flush();
    for (auto& [upstream, reason] : std::exchange(broken_, {})) upstream->close(reason);
    being_flushed_.swap(written_sessions_);
    for (const auto& session : being_flushed_) session->flush();
    being_flushed_.clear();
  }
  ended_at_ = monotonic_now();
}

void Server::write_later(Session& session, bool& dirty) {
  if (std::exchange(dirty, true)) return;
  written_sessions_.push_back(session.shared_from_this());
}

void Server::write_later(Upstream& upstream, bool& dirty) {
  if (std::exchange(dirty, true)) return;
  written_links_.push_back(upstream.shared_from_this());
}

void Server::visit_later(Session& session) { write_later(session, session.dirty_); }

void Server::fail_later(policies::ExchangeId exchange, std::string_view error) {
  failures_.push_back({exchange, std::string(error)});
}

void Server::break_later(std::shared_ptr<Upstream> upstream, std::string_view reason) {
  broken_.emplace_back(std::move(upstream), reason);
}

}  // namespace pannier::proxy
