#include "proxy/hooks.hpp"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <utility>

#include "protocol/glob.hpp"
#include "protocol/value.hpp"
#include "proxy/admin_json.hpp"
#include "proxy/hmac.hpp"
#include "proxy/log.hpp"

namespace pannier::proxy {

using policies::AuditRecord;
using policies::HookSettings;
using protocol::Value;

namespace {

constexpr std::size_t longest_header = 4 << 10;
constexpr std::size_t most_waiting_bytes = 8 << 20;
constexpr policies::milliseconds longest_pause{60'000};

bool matches_any(const std::vector<std::string>& globs, std::string_view text) {
  return std::ranges::any_of(globs,
                             [&](const auto& glob) { return protocol::glob_matches(glob, text); });
}

Value list_of(const std::vector<std::string>& texts) {
  Value::List list;
  for (const auto& text : texts) list.push_back({text});
  return {std::move(list)};
}

bool are_equal(const HookSettings& a, const HookSettings& b) {
#define PANNIER_HOOK(type, name, value, text) \
  if (policies::setting_text(a.name) != policies::setting_text(b.name)) return false;
#include "policies/settings.def"
  return a.on == b.on && a.names == b.names && a.by == b.by && a.secret.value == b.secret.value;
}

}  // namespace

bool wants(const HookSettings& hook, const AuditRecord& record) {
  const auto& what = record.what;
  if (record.outcome == AuditRecord::Outcome::failed) return false;
  if (!hook.by.empty() && !matches_any(hook.by, what.by)) return false;
  const auto is_on = [&](std::string_view kind) {
    return hook.on.empty() || std::ranges::find(hook.on, kind) != hook.on.end();
  };
  const auto has = [&](std::string_view kind, const std::vector<std::string>& names) {
    if (!is_on(kind)) return false;
    return std::ranges::any_of(names, [&](const std::string& name) {
      return hook.names.empty() || matches_any(hook.names, name);
    });
  };
  std::vector<std::string> rules = what.rules, tags = what.tags;
  for (const auto& range : what.ranges) rules.push_back(range.rule);
  for (const auto& all : what.all_of) tags.insert(tags.end(), all.begin(), all.end());
  return has("key", what.keys) || has("tag", tags) || has("pattern", what.patterns) ||
         has("range", rules);
}

std::string hook_body(const AuditRecord& record) {
  const auto& what = record.what;
  Value::List ranges, all_of;
  for (const auto& range : what.ranges) {
    ranges.push_back({Value::Map{{"rule", {range.rule}},
                                 {"from", {policies::date_text(range.from)}},
                                 {"to", {policies::date_text(range.to)}}}});
  }
  for (const auto& tags : what.all_of) all_of.push_back(list_of(tags));
  const Value body{
      Value::Map{{"by", {what.by}},
                 {"at", {static_cast<std::int64_t>(record.at.time_since_epoch().count())}},
                 {"outcome", {std::string(policies::audit_outcome(record.outcome))}},
                 {"removed", {static_cast<std::int64_t>(record.count)}},
                 {"soft", {what.soft}},
                 {"keys", list_of(what.keys)},
                 {"tags", list_of(what.tags)},
                 {"all_of", {std::move(all_of)}},
                 {"patterns", list_of(what.patterns)},
                 {"ranges", {std::move(ranges)}},
                 {"rules", list_of(what.rules)}}};
  std::string reply;
  body.append_to(reply, protocol::Resp::v3);
  return response_of(reply).body;
}

std::string surrogate_keys(const policies::Invalidation& what) {
  constexpr std::string_view hex = "0123456789ABCDEF";
  std::string header;
  for (const auto& tag : what.tags) {
    std::string one;
    for (const char c : tag) {
      const auto byte = static_cast<unsigned char>(c);
      if (byte > ' ' && byte < 0x7f && c != '%') {
        one += c;
      } else {
        one.append({'%', hex[byte >> 4], hex[byte & 15]});
      }
    }
    if (header.size() + one.size() + 1 > longest_header) break;
    header += (header.empty() ? "" : " ") + one;
  }
  return header;
}

Hooks::~Hooks() = default;

Hooks::News Hooks::Hook::take_oldest() {
  auto news = std::move(waiting.front());
  waiting_bytes -= news.bytes();
  waiting.pop_front();
  return news;
}

void Hooks::reload(const policies::Settings& settings) {
  const auto before = std::exchange(hooks_, {});
  if (!settings.automation) return;
  for (const auto& one : settings.automation->hooks) {
    const auto known = std::ranges::find_if(
        before, [&](const auto& hook) { return are_equal(hook->settings, one); });
    if (known != before.end()) {
      hooks_.push_back(*known);
      continue;
    }
    hooks_.push_back(std::make_shared<Hook>());
    hooks_.back()->settings = one;
    hooks_.back()->url = *parse_hook_url(one.url);  // The configuration has been checked.
  }
}

void Hooks::tell(const AuditRecord& record) {
  for (const auto& hook : hooks_) {
    if (!wants(hook->settings, record)) continue;
    auto id = server_.pipeline().core().name + "-" + std::to_string(++serial_);
    hook->waiting.push_back({hook_body(record), surrogate_keys(record.what), std::move(id)});
    hook->waiting_bytes += hook->waiting.back().bytes();
    while (hook->waiting.size() > hook->settings.queue.value ||
           (hook->waiting_bytes > most_waiting_bytes && hook->waiting.size() > 1)) {
      hook->take_oldest();
      ++server_.pipeline().counters().hooks_dropped;
    }
  }
}

void Hooks::tick(policies::TimePoint now) {
  for (const auto& hook : hooks_) {
    if (hook->delivery || now < hook->next_at) continue;
    if (!hook->current) {
      if (hook->waiting.empty()) continue;
      hook->current = std::make_unique<News>(hook->take_oldest());
    }
    send(*hook);
  }
}

void Hooks::send(Hook& hook) {
  const auto& settings = hook.settings;
  const auto& news = *hook.current;
  HookDelivery::Request request{hook.url, settings.method, {}, news.body, settings.timeout};
  auto& headers = request.headers;
  if (!news.tags.empty()) headers.emplace_back(settings.header, news.tags);
  // The same for each attempt, so that a receiver can tell.
  headers.emplace_back("Idempotency-Key", news.id);
  if (!settings.secret.value.empty()) {
    const auto second = std::chrono::floor<policies::seconds>(wall_now().time_since_epoch());
    const auto timestamp = std::to_string(second.count());
    headers.emplace_back("X-Pannier-Timestamp", timestamp);
    headers.emplace_back("X-Pannier-Signature",
                         signature_of(settings.secret.value, timestamp, news.body));
  }
  const auto at = std::ranges::find_if(hooks_, [&](const auto& one) { return one.get() == &hook; });
  hook.delivery =
      std::make_unique<HookDelivery>(server_.loop(), std::move(request),
                                     [this, weak = std::weak_ptr(*at)](const std::string& error) {
                                       const auto told = weak.lock();
                                       if (told) sent(*told, error);
                                     });
}

void Hooks::sent(Hook& hook, const std::string& error) {
  auto& counters = server_.pipeline().counters();
  const auto now = server_.begin_turn().now;
  hook.delivery.reset();
  if (error.empty()) {
    ++counters.hooks_delivered;
    hook.current.reset();
    hook.failures = 0;
    hook.next_at = {};
    return tick(now);
  }
  const bool is_last = hook.failures++ >= hook.settings.retries.value;
  log::warning("hook_failed", {{"host", hook.url.host_text()},
                               {"attempt", std::to_string(hook.failures)},
                               {"gives_up", is_last ? "true" : "false"},
                               {"error", error}});
  if (is_last) {
    ++counters.hooks_failed;
    hook.current.reset();
    hook.failures = 0;
    return;
  }
  ++counters.hooks_retried;
  auto pause = hook.settings.backoff;
  for (std::uint64_t i = 1; i < hook.failures && pause < longest_pause; ++i) pause *= 2;
  pause = std::min(pause, longest_pause);
  hook.next_at = now + pause / 2 + server_.random_share(pause / 2);
}

}  // namespace pannier::proxy
