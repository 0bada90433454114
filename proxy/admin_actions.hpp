#pragma once

#include <boost/system/result.hpp>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "policies/pipeline.hpp"
#include "protocol/value.hpp"

namespace pannier::proxy {

/// What an operator can do. One function and one line of actions.def each; redis-cli reaches them
/// as PANNIER <name> ..., the admin port as /<name>/... with the same words.
class AdminActions {
 public:
  /// The settings that have changed and wait for a restart; or what is wrong, in one line.
  using Reloaded = boost::system::result<std::vector<std::string>, std::string>;
  /// What the actions need of the program around them.
  struct Program {
    std::function<Reloaded()> reload;
    /// Looks at a file; an empty name means the running one. \returns what is wrong, or nothing.
    std::function<std::string(const std::string& file)> check;
    /// Takes an event; `done` gets its answer, later.
    using Done = std::function<void(const protocol::Value& answer)>;
    std::function<void(std::string_view name, std::string_view payload, Done done)> event = {};
    /// Answers a request that got nothing from run().
    std::function<void(policies::Ticket to, const protocol::Value& answer)> deliver = {};
  };

  AdminActions(policies::Pipeline& pipeline, Program program)
      : pipeline_(pipeline), program_(std::move(program)) {}

  /// Runs `PANNIER args[1] ...` as request `client.next` of `client`.
  /// \returns the answer, or nothing when it will be delivered later.
  using Words = std::span<const std::string_view>;
  std::optional<protocol::Value> run(policies::Client& client, Words args, policies::TimePoint now);
  /// Runs an invalidation that was not said in words, in the same way.
  std::optional<protocol::Value> run(policies::Client& client, policies::Invalidation what,
                                     policies::TimePoint now);

 private:
  struct Call {
    policies::Client& client;
    Words words;  ///< Behind the action's name.
    policies::TimePoint now;
  };
  using Reply = std::optional<protocol::Value>;
#define PANNIER_ACTION(name, words, argument, looks, role, text) Reply name(const Call& call);
#include "policies/actions.def"
  Reply bump(const Call& call);  // Of version.
  Reply weigh(const Call& call);

  /// What a client lacks for it; nothing if it may. The admin port has judged its callers itself.
  Reply objection(const policies::Client& client, Words args) const;
  /// Begins an invalidation in the caller's name.
  Reply start(const Call& call, policies::Invalidation what);

  policies::Pipeline& pipeline_;
  Program program_;
};

}  // namespace pannier::proxy
