#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "policies/events.hpp"
#include "policies/idempotency.hpp"
#include "protocol/value.hpp"
#include "proxy/json_schema.hpp"
#include "proxy/own_calls.hpp"
#include "proxy/server.hpp"

namespace pannier::proxy {

/// Takes events, whichever way they come, and has carried out what they make invalid.
///
///     known? -> JSON object? -> schema -> when -> idempotency key -> targets -> pipeline
///
/// What fails a step is counted, answered with the reason, and touches nothing.
class EventIntake {
 public:
  EventIntake(Server& server, OwnCalls& calls) : server_(server), calls_(calls) {}
  /// Other events from now on; what is under way goes on.
  void reload(const policies::Settings& settings);

  struct Answer {
    enum class Kind {
      done,
      queued,   ///< Upstream is away, and it will be carried out; or keys are still being removed.
      ignored,  ///< Its payload is not what `when` demands.
      refused,  ///< Its payload does not fit, or names too much.
      malformed,  ///< Its payload is no JSON object.
      unknown,    ///< There is no such event.
      busy,       ///< One with its idempotency key is under way.
      failed,     ///< Redis said no; `text` is its error.
    } kind = Kind::done;
    std::int64_t count = 0;  ///< Keys removed.
    std::string text;        ///< What is wrong; of what is queued, the pipeline's words.
    std::string json;        ///< The reply as the event's settings have it.
  };
  using Done = std::function<void(const Answer& answer)>;

  /// \param key an idempotency key given beside the payload; it goes before the event's own.
  /// \param done called once, at the earliest after this call.
  void take(std::string_view event, std::string_view payload, std::string_view key, Done done);

  /// Everything that events from `source` could make invalid: some of them may have been missed.
  /// What soft events would only make stale is one by itself; none is empty.
  std::vector<policies::Invalidation> gap_of(const policies::SourceSettings& source) const;

 private:
  struct Known {
    policies::Event event;
    std::optional<JsonSchema> schema;
  };
  struct Taken {
    std::string name, payload, reply, key;
    Done done;
  };

  std::optional<Answer> objection(std::string_view name, std::string_view payload);
  std::optional<Answer> repeated(const std::string& key);
  void carry_out(policies::Invalidation what, Taken taken);
  void finish(Taken taken, std::string_view reply);
  void answer(Done done, Answer answer);
  const Known* find(std::string_view name) const;

  Server& server_;
  OwnCalls& calls_;
  std::vector<Known> events_;
  policies::IdempotencyTable keys_;
  policies::TimePoint warned_at_{};
};

/// What redis-cli is told: how many keys were removed, or why it was not done.
protocol::Value value_of(const EventIntake::Answer& answer);

/// One line of words for what a message was refused for.
std::string_view name_of(EventIntake::Answer::Kind kind);

}  // namespace pannier::proxy
