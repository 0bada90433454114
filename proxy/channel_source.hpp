#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "policies/automation.hpp"
#include "policies/field_template.hpp"
#include "proxy/event_intake.hpp"
#include "proxy/own_calls.hpp"
#include "proxy/server.hpp"
#include "proxy/sql_listener.hpp"

namespace pannier::proxy {

/// Events from a channel of upstream's pub/sub, or of PostgreSQL, over a connection of its own.
///
/// Both forget who is away. So whenever it has subscribed anew, and whenever more came than
/// could be carried out, everything is invalidated that the channel's events could have (a gap);
/// softly where they would have done it softly.
/// The connection is asked once a second whether it is alive: silence is not the same as no news.
class ChannelSource : public std::enable_shared_from_this<ChannelSource> {
 public:
  ChannelSource(Server& server, OwnCalls& calls, EventIntake& intake,
                policies::SourceSettings settings);
  ~ChannelSource();

  void start();
  /// Afterwards nothing of it happens any more.
  void stop();
  /// Time passed.
  void tick(policies::TimePoint now);
  const policies::SourceSettings& settings() const { return settings_; }

 private:
  const std::string& channel() const;
  void subscribe();
  /// The same at PostgreSQL, whose listener sees to its connection itself.
  void listen();
  void receive(std::string_view reply);
  void subscribed();
  void take(std::string_view message);
  void lose();
  void lost();
  void fill_gap();
  void fill(policies::Invalidation gap);

  Server& server_;
  OwnCalls& calls_;
  EventIntake& intake_;
  policies::SourceSettings settings_;
  policies::FieldTemplate event_;
  policies::Client* client_ = nullptr;  ///< Null while it is not connected, nor about to be.
  std::unique_ptr<SqlListener> listener_;
  std::string told_error_;  ///< Of the listener, in the log.
  bool is_subscribed_ = false, losing_ = false;
  bool is_first_ = true;  ///< No attempt to subscribe has ended yet.
  bool missed_ = false;   ///< Messages were dropped since the last gap.
  policies::TimePoint heard_{}, asked_{}, retry_at_{};
  policies::milliseconds pause_{0};
};

}  // namespace pannier::proxy
