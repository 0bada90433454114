#include "proxy/event_intake.hpp"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <utility>

#include "policies/spelling.hpp"
#include "protocol/reply.hpp"
#include "proxy/event_reply.hpp"
#include "proxy/log.hpp"

namespace pannier::proxy {

using Kind = EventIntake::Answer::Kind;
using policies::JsonDocument;

namespace {

constexpr policies::seconds between_warnings{10};

bool is_object(std::string_view json) {
  const auto at = json.find_first_not_of(" \t\r\n");
  return at != json.npos && json[at] == '{';
}

/// What is kept of an answer for its idempotency key, and read back.
std::string kept(const EventIntake::Answer& answer) {
  return std::to_string(static_cast<int>(answer.kind)) + ' ' + std::to_string(answer.count) + ' ' +
         answer.text + '\n' + answer.json;
}

EventIntake::Answer from_kept(std::string_view text) {
  EventIntake::Answer answer;
  const auto first = text.find(' '), second = text.find(' ', first + 1),
             line = text.find('\n', second);
  const auto number = [&](std::size_t from, std::size_t to) {
    return protocol::to_integer(text.substr(from, to - from)).value_or(0);
  };
  answer.kind = static_cast<Kind>(number(0, first));
  answer.count = number(first + 1, second);
  answer.text = text.substr(second + 1, line - second - 1);
  answer.json = text.substr(line + 1);
  return answer;
}

}  // namespace

std::string_view name_of(Kind kind) {
  switch (kind) {
    case Kind::done:
      return "done";
    case Kind::queued:
      return "queued";
    case Kind::ignored:
      return "ignored";
    case Kind::refused:
      return "refused";
    case Kind::malformed:
      return "malformed";
    case Kind::unknown:
      return "unknown";
    case Kind::busy:
      return "busy";
    case Kind::failed:
      return "failed";
  }
  return "";
}

protocol::Value value_of(const EventIntake::Answer& answer) {
  using protocol::Value;
  switch (answer.kind) {
    case Kind::done:
    case Kind::ignored:
      return {answer.count};
    case Kind::queued:
      return {Value::Status{answer.text}};
    case Kind::failed:
      return {Value::Error{answer.text}};
    case Kind::refused:
    case Kind::malformed:
    case Kind::unknown:
    case Kind::busy:
      break;
  }
  return {Value::Error{"ERR pannier: " + answer.text + "; not executed"}};
}

void EventIntake::reload(const policies::Settings& settings) {
  events_.clear();
  if (!settings.automation) return;
  for (const auto& event : settings.automation->events) {
    // The configuration has been checked.
    Known known{*policies::Event::compile(event), {}};
    if (!event.schema.empty()) known.schema = *JsonSchema::compile(event.schema);
    events_.push_back(std::move(known));
  }
}

const EventIntake::Known* EventIntake::find(std::string_view name) const {
  const auto at = std::ranges::find_if(
      events_, [&](const Known& known) { return known.event.settings().name == name; });
  return at == events_.end() ? nullptr : &*at;
}

/// Why it is not even looked into what it makes invalid.
std::optional<EventIntake::Answer> EventIntake::objection(std::string_view name,
                                                          std::string_view payload) {
  auto& counters = server_.pipeline().counters();
  const auto* known = find(name);
  if (known == nullptr) {
    ++counters.events_malformed;
    return Answer{Kind::unknown, 0, "there is no event " + policies::quoted(name), {}};
  }
  const auto document = is_object(payload) ? JsonDocument::parse(payload) : std::nullopt;
  if (!document) {
    ++counters.events_malformed;
    return Answer{
        Kind::malformed, 0, "the payload is not a JSON object of at most 1 MiB and 32 levels", {}};
  }
  if (known->schema) {
    if (auto wrong = known->schema->objection(payload); !wrong.empty()) {
      ++counters.events_refused;
      return Answer{Kind::refused, 0, std::move(wrong), {}};
    }
  }
  if (known->event.concerns(*document)) return std::nullopt;
  ++counters.events_ignored;
  return Answer{Kind::ignored, 0, {}, R"({"ignored": true})"};
}

std::optional<EventIntake::Answer> EventIntake::repeated(const std::string& key) {
  const auto& automation = server_.settings().automation;
  const auto* earlier =
      keys_.find_or_begin(key, server_.turn().now, automation->webhook.idempotency);
  if (earlier == nullptr) return std::nullopt;
  ++server_.pipeline().counters().events_repeated;
  if (earlier->done) return from_kept(earlier->answer);
  return Answer{Kind::busy, 0, "the event with this idempotency key is under way", {}};
}

void EventIntake::take(std::string_view name, std::string_view payload, std::string_view key,
                       Done done) {
  server_.begin_turn();
  if (auto wrong = objection(name, payload)) return answer(std::move(done), std::move(*wrong));
  const auto& event = find(name)->event;
  const auto document = JsonDocument::parse(payload);
  const auto refuse = [&](std::string why) {
    ++server_.pipeline().counters().events_refused;
    answer(std::move(done), {Kind::refused, 0, std::move(why), {}});
  };
  const auto own_key = event.idempotency_key(*document);
  if (!own_key) return refuse(own_key.error());
  auto what = event.targets().fill(*document, server_.settings().limits.max_targets.value);
  if (!what) return refuse(what.error());
  Taken taken{std::string(name), std::string(payload), event.settings().reply, {}, std::move(done)};
  if (!key.empty() || !own_key->empty()) {
    taken.key = taken.name + '\n' + (key.empty() ? own_key->front() : std::string(key));
    if (auto earlier = repeated(taken.key)) {
      return answer(std::move(taken.done), std::move(*earlier));
    }
  }
  what->by = "event " + taken.name;
  carry_out(std::move(*what), std::move(taken));
}

void EventIntake::carry_out(policies::Invalidation what, Taken taken) {
  if (what.size() == 0) {
    finish(std::move(taken), ":0\r\n");
    return;
  }
  const auto shared = std::make_shared<Taken>(std::move(taken));
  calls_.invalidate(std::move(what),
                    [this, shared](std::string_view reply) { finish(std::move(*shared), reply); });
}

void EventIntake::finish(Taken taken, std::string_view reply) {
  const auto view = protocol::ReplyReader(reply).next();
  Answer made;
  made.text = view.text;
  if (view.error()) {
    made.kind = Kind::failed;
    if (!taken.key.empty()) keys_.give_up(taken.key);
    return answer(std::move(taken.done), std::move(made));
  }
  ++server_.pipeline().counters().events;
  if (view.kind == ':') {
    made.count = view.number;
    made.text.clear();
  } else {
    made.kind = Kind::queued;
  }
  std::string pending;
  if (made.kind == Kind::queued) pending = made.text.starts_with("job ") ? "running" : "queued";
  made.json = event_reply(taken.reply, taken.payload, {made.count, pending});
  if (!taken.key.empty()) keys_.finish(taken.key, kept(made));
  log::debug("event", {{"name", taken.name},
                       {"outcome", std::string(name_of(made.kind))},
                       {"removed", std::to_string(made.count)}});
  answer(std::move(taken.done), std::move(made));
}

void EventIntake::answer(Done done, Answer answer) {
  const bool is_wrong = answer.kind == Kind::refused || answer.kind == Kind::malformed ||
                        answer.kind == Kind::unknown || answer.kind == Kind::failed;
  if (is_wrong && server_.turn().now - warned_at_ >= between_warnings) {
    warned_at_ = server_.turn().now;
    log::warning("event_refused",
                 {{"why", std::string(name_of(answer.kind))}, {"text", answer.text}});
  }
  asio::post(server_.loop(),
             [done = std::move(done), answer = std::move(answer)] { done(answer); });
}

std::vector<policies::Invalidation> EventIntake::gap_of(
    const policies::SourceSettings& source) const {
  policies::Invalidation hard;
  hard.by =
      "gap of " + (source.redis_channel.empty() ? source.postgres_channel : source.redis_channel);
  auto soft = hard;
  soft.soft = true;
  const auto append = [](std::vector<std::string>& to, const std::vector<std::string>& from) {
    for (const auto& text : from) {
      if (std::ranges::find(to, text) == to.end()) to.push_back(text);
    }
  };
  for (const auto& known : events_) {
    const auto& name = known.event.settings().name;
    const bool is_fixed = source.event.find('{') == source.event.npos;
    if (is_fixed && source.event != name) continue;
    const auto& only = source.events;
    if (!only.empty() && std::ranges::find(only, name) == only.end()) continue;
    const auto part = known.event.targets().widest(server_.settings().rules);
    auto& all = part.soft ? soft : hard;
    append(all.keys, part.keys);
    append(all.tags, part.tags);
    append(all.patterns, part.patterns);
    append(all.rules, part.rules);
  }
  std::vector<policies::Invalidation> gaps;
  for (auto* one : {&hard, &soft}) {
    if (one->size() > 0) gaps.push_back(std::move(*one));
  }
  return gaps;
}

}  // namespace pannier::proxy
