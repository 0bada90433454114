#include "proxy/live.hpp"

#include <algorithm>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>

#include "proxy/live_subscriber.hpp"
#include "proxy/server.hpp"
#include "proxy/utf8.hpp"

namespace pannier::proxy {

namespace json = boost::json;

namespace {

using Text = std::shared_ptr<const std::string>;

json::array texts_of(std::span<const std::string> texts) {
  json::array list;
  for (const auto& text : texts) list.emplace_back(valid_utf8(text));
  return list;
}

Text text_of(const json::object& message) {
  return std::make_shared<const std::string>(json::serialize(message));
}

json::object message(const char* type, policies::ServerTime at) {
  return {{"type", type}, {"at_ms", at.time_since_epoch().count()}};
}

/// What it was about, without what there was none of.
void describe(const policies::Invalidation& what, json::object& message) {
  const auto add = [&](const char* name, std::span<const std::string> texts) {
    if (!texts.empty()) message[name] = texts_of(texts);
  };
  add("tags", what.tags);
  add("keys", what.keys);
  add("patterns", what.patterns);
  add("rules", what.rules);
  for (const auto& tags : what.all_of) {
    if (!message.contains("all_of")) message["all_of"] = json::array();
    message["all_of"].get_array().push_back(texts_of(tags));
  }
  for (const auto& range : what.ranges) {
    if (!message.contains("ranges")) message["ranges"] = json::array();
    message["ranges"].get_array().push_back({{"rule", valid_utf8(range.rule)},
                                             {"from", policies::date_text(range.from)},
                                             {"to", policies::date_text(range.to)}});
  }
  message["soft"] = what.soft;
}

policies::Invalidation invalidation_of(const policies::Ban& ban) {
  using Kind = policies::Ban::Kind;
  policies::Invalidation what;
  what.soft = ban.soft;
  switch (ban.kind) {
    case Kind::everything:
      what.patterns = {"*"};
      break;
    case Kind::pattern:
      what.patterns = {ban.name};
      break;
    case Kind::tags:
      what.all_of = {ban.tags};
      break;
    case Kind::rule:
      what.rules = {ban.name};
      break;
    case Kind::dates:
      what.ranges = {{ban.name, ban.dates.from, ban.dates.to}};
      break;
  }
  return what;
}

json::object message_of(const policies::Change& change, policies::ServerTime at) {
  using Kind = policies::Change::Kind;
  if (change.kind == Kind::lost) return message("lost", at);
  if (change.kind == Kind::stored) {
    auto update = message("update", at);
    update["key"] = valid_utf8(change.name);
    update["tags"] = texts_of(change.tags);
    return update;
  }
  auto invalidation = message("invalidate", at);
  policies::Invalidation what;
  if (change.kind == Kind::tag) {
    what.tags = {std::string(change.name)};
    what.soft = change.soft;
  } else {
    what = invalidation_of(policies::Ban::parse(change.name).value_or(policies::Ban{}));
  }
  describe(what, invalidation);
  return invalidation;
}

/// The handshake anew: only what counts of it, from what was judged.
std::string handshake_of(const RequestHead& head) {
  return "GET /live HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
         "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " +
         head.websocket_key + "\r\n\r\n";
}

}  // namespace

Live::Live(Server& server) : server_(server) {}

Live::~Live() { stop(); }

std::optional<Refusal> Live::subscribe(Socket& socket, const RequestHead& head) {
  if (head.websocket_version != "13" || head.websocket_key.size() != 24) {
    return Refusal{426, "this path is for WebSockets of version 13"};
  }
  const auto query = head.target.find('?');
  auto filter = LiveFilter::parse(query == head.target.npos
                                      ? std::string_view()
                                      : std::string_view(head.target).substr(query + 1));
  if (!filter) return Refusal{400, filter.error()};
  const bool is_full = subscribers_.size() >= most_subscribers;
  if (stopped_ || is_full) return Refusal{503, "too many subscribers"};
  const auto subscriber =
      std::make_shared<LiveSubscriber>(*this, std::move(socket), std::move(*filter));
  subscribers_.push_back(subscriber);
  subscriber->start(handshake_of(head));
  watch();
  return {};
}

void Live::stop() {
  if (std::exchange(stopped_, true)) return;  // The server may be gone by then.
  server_.listen({});
  for (const auto& subscriber : std::exchange(subscribers_, {})) {
    subscriber->forget();
    subscriber->close();
  }
}

void Live::left(const LiveSubscriber* subscriber) {
  std::erase_if(subscribers_, [&](const auto& one) { return one.get() == subscriber; });
  watch();
}

/// Nobody is told of anything while there are no subscribers.
void Live::watch() {
  std::set<std::string> tags;
  for (const auto& subscriber : subscribers_) {
    const auto& its = subscriber->filter().tags();
    tags.insert(its.begin(), its.end());
  }
  if (subscribers_.empty()) {
    server_.listen({});
  } else {
    server_.listen({[this](const policies::AuditRecord& record) { tell(record); },
                    [this](const policies::Change& change) { tell(change); }});
  }
  const auto now = server_.begin_turn().now;
  server_.pipeline().watch(tags, !subscribers_.empty(), now);
}

void Live::tell(const policies::AuditRecord& record) {
  if (record.outcome == policies::AuditRecord::Outcome::failed) return;
  const auto& rules = *server_.pipeline().core().rules;
  std::set<std::string> key_tags;
  for (const auto& key : record.what.keys) {
    policies::Match match;
    rules.find(key, match);
    if (!match) continue;
    for (auto& tag : rules.tags(match)) key_tags.insert(std::move(tag));
  }
  Text text;
  for (const auto& subscriber : subscribers_) {
    if (!subscriber->filter().concerns(record.what, key_tags)) continue;
    if (!text) {
      auto invalidation = message("invalidate", record.at);
      describe(record.what, invalidation);
      invalidation["count"] = record.count;
      text = text_of(invalidation);
    }
    subscriber->send(text);
  }
}

void Live::tell(const policies::Change& change) {
  Text text;
  for (const auto& subscriber : subscribers_) {
    if (!subscriber->filter().concerns(change)) continue;
    if (!text) text = text_of(message_of(change, server_.pipeline().core().server_floor()));
    subscriber->send(text);
  }
}

}  // namespace pannier::proxy
