#include "proxy/channel_source.hpp"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <utility>

#include "protocol/reply.hpp"
#include "proxy/log.hpp"

namespace pannier::proxy {

using policies::JsonDocument;

namespace {

constexpr policies::seconds between_questions{1};
constexpr std::string_view question = "pannier:alive";
/// More invalidations than this are not begun; what comes meanwhile is a gap.
constexpr std::size_t most_running = 1'000;

}  // namespace

ChannelSource::ChannelSource(Server& server, OwnCalls& calls, EventIntake& intake,
                             policies::SourceSettings settings)
    : server_(server),
      calls_(calls),
      intake_(intake),
      settings_(std::move(settings)),
      event_(*policies::FieldTemplate::compile(settings_.event)) {}

ChannelSource::~ChannelSource() = default;

const std::string& ChannelSource::channel() const {
  return settings_.redis_channel.empty() ? settings_.postgres_channel : settings_.redis_channel;
}

void ChannelSource::start() { settings_.redis_channel.empty() ? listen() : subscribe(); }

void ChannelSource::stop() {
  listener_.reset();
  retry_at_ = policies::TimePoint::max();
  if (client_ == nullptr) return;
  server_.drop_own(client_->id);
  server_.close_caller(*client_);
  client_ = nullptr;
}

void ChannelSource::listen() {
  missed_ = settings_.flush_at_start;
  SqlListenerSettings settings;
  settings.url = settings_.address;
  settings.channels = {settings_.postgres_channel};
  listener_ = std::make_unique<SqlListener>(
      server_.loop(), std::move(settings),
      SqlListener::Events{[this](const std::string&, const std::string& payload) {
                            server_.begin_turn();
                            take(payload);
                          },
                          [this] { missed_ = true; }});
}

void ChannelSource::subscribe() {
  const auto now = server_.begin_turn().now;
  is_subscribed_ = losing_ = false;
  heard_ = asked_ = now;
  // The caller is closed before this object ends, and calls nothing afterwards.
  client_ = &server_.open_caller([this](std::string_view reply) { receive(reply); });
  std::string wire;
  protocol::append_command(wire, {"SUBSCRIBE", settings_.redis_channel});
  server_.tunnel_for(*client_, wire);
}

void ChannelSource::receive(std::string_view reply) {
  if (losing_) return;
  heard_ = server_.turn().now;
  protocol::ReplyReader reader(reply);
  const auto head = reader.next();
  // Nothing more comes after an empty one; an error is why nothing will come.
  if (reply.empty() || head.error()) return lose();
  if ((head.kind != '>' && head.kind != '*') || head.number != 3) return;
  const auto what = reader.next().text;
  if (reader.next().text != settings_.redis_channel) return;
  if (what == "subscribe") return subscribed();
  if (what == "message") take(reader.next().text);
}

void ChannelSource::subscribed() {
  is_subscribed_ = true;
  pause_ = policies::milliseconds(0);
  log::info("channel_subscribed", {{"channel", channel()}});
  const bool is_gap = !std::exchange(is_first_, false) || settings_.flush_at_start;
  // Not from inside the link's call.
  if (is_gap) missed_ = true;
}

void ChannelSource::take(std::string_view message) {
  if (calls_.size() >= most_running) {
    missed_ = true;
    return;
  }
  auto name = settings_.event;
  auto& counters = server_.pipeline().counters();
  if (event_.has_fields()) {
    const auto document = JsonDocument::parse(message);
    name.clear();
    if (document) {
      const auto names = event_.fill(*document, policies::FieldTemplate::As::text, 1);
      if (names && !names->empty()) name = names->front();
    }
    if (name.empty()) {
      ++counters.events_malformed;
      return;
    }
  }
  const auto& only = settings_.events;
  if (!only.empty() && std::ranges::find(only, name) == only.end()) {
    ++counters.events_ignored;
    return;
  }
  asio::post(server_.loop(), [weak = weak_from_this(), name, text = std::string(message)] {
    const auto self = weak.lock();
    if (self) self->intake_.take(name, text, {}, [](const EventIntake::Answer&) {});
  });
}

/// The link is in the middle of something.
void ChannelSource::lose() {
  losing_ = true;
  asio::post(server_.loop(), [weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->lost();
  });
}

void ChannelSource::lost() {
  if (client_ == nullptr) return;
  if (is_subscribed_) log::warning("channel_lost", {{"channel", channel()}});
  stop();
  is_first_ = is_subscribed_ = false;
  const auto& upstream = server_.settings().upstream;
  pause_ =
      std::min(upstream.reconnect_max, pause_.count() == 0 ? upstream.reconnect_min : pause_ * 2);
  retry_at_ = server_.begin_turn().now + server_.random_share(pause_);
}

void ChannelSource::tick(policies::TimePoint now) {
  if (listener_) {
    const auto status = listener_->status();
    if (status.listening != is_subscribed_) {
      is_subscribed_ = status.listening;
      is_subscribed_ ? log::info("channel_subscribed", {{"channel", channel()}})
                     : log::warning("channel_lost", {{"channel", channel()}});
    }
    if (!is_subscribed_ && status.last_error != told_error_) {
      told_error_ = status.last_error;
      log::warning("channel_unavailable", {{"channel", channel()}, {"error", told_error_}});
    }
    if (missed_ && is_subscribed_ && calls_.size() < most_running / 10) fill_gap();
    return;
  }
  if (client_ == nullptr) {
    if (now >= retry_at_) subscribe();
    return;
  }
  if (losing_) return;
  if (missed_ && is_subscribed_ && calls_.size() < most_running / 10) fill_gap();
  if (now - heard_ > between_questions + server_.settings().upstream.op_timeout) return lose();
  if (!is_subscribed_ || now - asked_ < between_questions) return;
  asked_ = now;
  std::string wire;
  protocol::append_command(wire, {"PING", question});
  server_.tunnel_on_for(*client_, wire);
}

void ChannelSource::fill_gap() {
  missed_ = false;
  ++server_.pipeline().counters().event_gaps;
  for (auto& gap : intake_.gap_of(settings_)) fill(std::move(gap));
}

void ChannelSource::fill(policies::Invalidation gap) {
  log::warning("event_gap", {{"channel", channel()},
                             {"soft", gap.soft ? "yes" : "no"},
                             {"patterns", std::to_string(gap.patterns.size())},
                             {"tags", std::to_string(gap.tags.size())},
                             {"rules", std::to_string(gap.rules.size())},
                             {"keys", std::to_string(gap.keys.size())}});
  calls_.invalidate(std::move(gap), [weak = weak_from_this()](std::string_view reply) {
    const auto view = protocol::ReplyReader(reply).next();
    if (!view.error()) return;
    log::warning("event_gap_failed", {{"error", std::string(view.text)}});
    if (const auto self = weak.lock()) self->missed_ = true;
  });
}

}  // namespace pannier::proxy
