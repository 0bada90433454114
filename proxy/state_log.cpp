#include "proxy/state_log.hpp"

#include <chrono>
#include <utility>

#include "proxy/log.hpp"

namespace pannier::proxy {

void StateLog::invalidated(const policies::AuditRecord& record, policies::TimePoint now) {
  using namespace std::chrono;
  if (now - second_ >= seconds(1)) {
    second_ = now;
    lines_ = 0;
  }
  if (++lines_ > most_a_second) {
    ++left_out_;
    return;
  }
  const auto took = duration_cast<milliseconds>(record.took).count();
  const auto others = std::exchange(left_out_, 0);
  const bool failed = record.outcome == policies::AuditRecord::Outcome::failed;
  const auto write = failed ? log::warning : log::info;
  write("invalidated", {{"by", record.what.by},
                        {"what", audit_text(record.what)},
                        {"soft", record.what.soft ? "true" : "false"},
                        {"count", std::to_string(record.count)},
                        {"outcome", audit_outcome(record.outcome)},
                        {"error", failed ? record.error : "-"},
                        {"took_ms", std::to_string(took)},
                        {"left_out", std::to_string(others)}});
}

void StateLog::look(const policies::Core& core) {
  const bool first = !std::exchange(looked_, true);
  if (mode_ != core.mode || mode_from_ != core.mode_from) {
    mode_ = core.mode;
    mode_from_ = core.mode_from;
    const auto write = mode_ == policies::Mode::normal ? log::info : log::warning;
    if (!first) write("mode", {{"mode", setting_text(mode_)}, {"from", mode_from_}});
  }
  // An attempt to reconnect makes it half open: no news until it has succeeded or failed.
  const auto breaker = policies::breaker_name(core);
  const bool is_open = breaker == "open" || (open_ && breaker != "closed");
  if (std::exchange(open_, is_open) != is_open) {
    const auto write = is_open ? log::warning : log::info;
    write("breaker", {{"state", is_open ? "open" : "closed"}});
  }
  const bool is_filled = !core.journal.empty();
  if (std::exchange(filled_, is_filled) != is_filled) {
    const auto write = is_filled ? log::warning : log::info;
    write("journal", {{"state", is_filled ? "filling" : "replayed"},
                      {"entries", std::to_string(core.journal.size())}});
  }
  if (refusal_ != core.replay.refusal) {
    refusal_ = core.replay.refusal;
    if (!refusal_.empty()) log::warning("journal", {{"state", "refused"}, {"error", refusal_}});
  }
}

}  // namespace pannier::proxy
