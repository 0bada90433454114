#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "policies/pipeline.hpp"
#include "protocol/reply_queue.hpp"
#include "protocol/value.hpp"
#include "tests/support/fake_redis.hpp"

namespace pannier::tests {

/// The proxy around the pipeline without sockets and time: clients and links are queues, and
/// nothing moves but by a call. Does what proxy/server, session and upstream do with the same
/// verdicts, and throws std::logic_error where the pipeline breaks their contract.
class Sidecar final : public policies::Effects {
 public:
  using ClientId = policies::ClientId;
  using Link = policies::Link;

  /// \param reachable whether its first attempt to connect succeeds.
  Sidecar(FakeRedis& redis, policies::Settings settings, policies::TimePoint start, bool reachable);
  ~Sidecar() override;

  // Clients.
  ClientId connect();
  void close(ClientId client);
  /// One whole command.
  void send(ClientId client, std::string wire);
  /// What has arrived at the client since it was asked last: whole replies.
  std::string take(ClientId client);
  const policies::Client& client(ClientId id) const { return sessions_.at(id)->client; }
  bool answered_all(ClientId id) const;
  /// Carries out PANNIER commands.
  std::function<std::optional<protocol::Value>(policies::Client&, const protocol::Command&)> act;

  // Links. A command travels in two moves: Redis runs it, its reply arrives.
  std::vector<Link> links() const;
  bool run_next(Link link);
  bool deliver_next(Link link);
  /// Runs and delivers everything, in the order in which it was sent.
  void settle();
  /// The commands that Redis has not run, over all links, as they were sent.
  std::vector<std::pair<Link, std::string>> unrun() const;
  /// Answers the next command of a link by hand.
  void answer(Link link, std::string reply);
  /// The connection breaks: what Redis ran stays, replies under way are lost. The lane begins to
  /// connect again.
  void break_link(Link link);
  /// After a pause it tries again ...
  void retry();
  /// ... and an attempt to connect ends.
  void connected();
  void refused();
  bool connecting() const;
  bool reachable = true;  ///< Whether new links come up.
  /// A reply that takes longer breaks its link at the next tick; so does half of it to connect.
  policies::microseconds op_timeout = std::chrono::hours(1);

  /// The clock of everything here; moves it, and lets the pipeline know.
  policies::TimePoint now;
  void tick();
  void reload(policies::Settings settings);

  policies::Pipeline& pipeline() { return *pipeline_; }
  const policies::Core& core() const { return pipeline_->core(); }

  // policies::Effects
  void deliver(policies::Ticket to, std::string_view reply) override;
  void send(Link link, std::string_view wire, std::uint32_t replies,
            policies::ExchangeId exchange) override;
  void resume(ClientId client) override;
  void drop_own(ClientId client) override;
  std::int64_t upstream_id(ClientId) override { return 0; }
  policies::ConnectionFacts connection(ClientId) override { return {}; }
  void connect_anew() override { ++asked_to_connect_anew; }
  void close(ClientId client, bool at_once) override;
  int asked_to_connect_anew = 0;
  void changed(const policies::Change& change) override {
    static constexpr const char* kinds[] = {"tag ", "ban ", "stored ", "lost "};
    const auto kind = static_cast<std::size_t>(change.kind);
    changes.push_back((change.soft ? "soft " : "") + (kinds[kind] + std::string(change.name)));
  }
  std::vector<std::string> changes;  ///< What it told who watches.
  ClientId open_loader(std::uint32_t db) override;
  void drop_loader(ClientId loader) override { closing_.push_back(loader); }
  void load(policies::OriginLoad order) override { loads.push_back(std::move(order)); }

  // Origins: who plays them takes what is asked from `loads`, and answers it by one of these.
  bool has_origins = false;
  std::vector<policies::OriginLoad> loads;
  void store_loaded(const policies::OriginLoad& order, std::string_view value);
  void load_failed(const policies::OriginLoad& order, std::string_view error);
  bool ask_table(policies::TableCall call) override {
    table_calls.push_back(std::move(call));
    return has_origins;
  }
  std::vector<policies::TableCall> table_calls;  ///< What is done to rows.
  void answer_table(const policies::TableCall& call, const policies::TableOutcome& outcome);

 private:
  struct Session {
    policies::Client client;
    protocol::ReplyQueue queue;
    std::string out;
    std::deque<std::string> held;  ///< Commands not decided yet.
    std::vector<bool> answered;    ///< By number.
    bool is_held = false;
  };
  struct Slot {
    ClientId client;
    std::uint64_t number;  ///< Or the conversation, for client 0.
    std::uint32_t replies;
    policies::TimePoint sent;
  };
  enum class State { ready, connecting, failed };
  struct Wires {
    State state = State::ready;
    std::uint32_t db = 0;                      ///< Where its next command runs,
    protocol::Resp resp = protocol::Resp::v2;  ///< and in which protocol it is answered.
    policies::TimePoint connects_since;
    std::unique_ptr<FakeRedis::Connection> connection;
    std::deque<std::string> unrun;
    std::deque<std::uint64_t> order;  ///< When each of them was sent.
    std::deque<Slot> slots;
  };

  inline static const std::string lost =
      "-ERR pannier: upstream redis:6379 connection lost; outcome unknown\r\n";
  inline static const std::string down =
      "-ERR pannier: upstream redis:6379 unavailable (Connection refused); not executed\r\n";
  static void demand(bool kept, const char* promise);

  Wires& wires(Link link);
  /// The same in the link's database.
  Wires& wires_in_db(Link link);
  /// Whose next command was sent first.
  std::optional<Link> oldest() const;
  void append(Wires& wires, std::string_view commands);
  void proceed(Session& session);
  bool take_one(Session& session, const std::string& wire);
  void reply(Session& session, std::uint64_t number, std::string_view bytes);
  void answer_forward(ClientId client, std::uint64_t number, std::string_view bytes);
  void fail_slots(std::deque<Slot> slots, const std::string& error);
  void break_late_links();
  void carry_out();

  FakeRedis& redis_;
  std::unique_ptr<policies::Pipeline> pipeline_;
  std::map<ClientId, std::unique_ptr<Session>> sessions_;
  std::map<Link, Wires> links_;
  ClientId last_client_ = 0;
  std::uint64_t sent_ = 0;
  bool carrying_out_ = false;

  std::deque<std::pair<policies::ExchangeId, std::string>> failures_;
  std::deque<ClientId> resumed_;
  std::vector<std::deque<Slot>> dropped_;
  std::vector<ClientId> closing_;
};

}  // namespace pannier::tests
