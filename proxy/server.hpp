#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "policies/pipeline.hpp"
#include "policies/settings.hpp"
#include "protocol/command_parser.hpp"
#include "proxy/address.hpp"
#include "proxy/load_gauge.hpp"
#include "proxy/loop.hpp"
#include "proxy/session.hpp"
#include "proxy/state_log.hpp"
#include "proxy/tls.hpp"
#include "proxy/turn.hpp"
#include "proxy/upstream.hpp"

namespace pannier::proxy {

class AdminActions;

/// Counts of the proxy itself; those of the cache are the pipeline's.
struct ProxyCounters {
  std::uint64_t accepted = 0, refused = 0, connects = 0, connect_failures = 0;
  std::uint64_t reloads = 0, reloads_failed = 0;
  std::map<std::string, std::uint64_t, std::less<>> closed;  ///< Sessions, by why.
};

/// Joins clients, pipeline and upstream: carries out verdicts and effects, decides nothing.
///
/// Everything runs in turns of one loop. What is to be written in a turn is written once at its
/// end, upstream first; what the pipeline asks for while one of its calls runs is carried out after
/// that call, so that it is never entered twice.
class Server final : public policies::Effects {
 public:
  /// \throws std::runtime_error when the files of TLS cannot be used.
  Server(Loop& loop, policies::Settings settings);
  ~Server() override;

  /// Begins to connect to upstream and to tick.
  void start();
  /// A client connected; `tls` is null where the connection is plain.
  void accept(Socket socket, std::unique_ptr<Tls> tls);
  /// Another configuration; the caller has checked that it can be applied.
  void reload(policies::Settings settings);
  /// Tells every client that the sidecar is going, and closes it.
  void farewell();

  // What a session asks for.
  void forward(const policies::Forward& way, policies::ClientId client, std::uint64_t number,
               bool alone);
  /// A large request, of which the first bytes are in `way`, goes to the client's own link ...
  void begin_stream(const policies::Forward& way, policies::ClientId client, std::uint64_t number);
  /// ... and this is more of it. \returns whether the link has more than it can send.
  bool stream_on(policies::ClientId client, std::string_view piece, bool is_last);
  void tunnel_from(Session& session, const policies::Tunnel& way);
  void tunnel_on(Session& session, std::string_view wire);
  /// tunnel_answered() says when all before is answered; a transaction is aborted for it.
  void tunnel_mark(Session& session, bool in_multi);
  void act(Session& session, std::uint64_t number, const protocol::Command& command);
  void closed(Session& session, std::string_view why);
  /// Logs where somebody spoke another protocol from; seldom.
  void warn_of_attack(policies::ClientId client);
  /// Whether the loop or upstream has so much to do that what has time should wait.
  bool is_loaded() const { return load_.busy() || pipeline_.core().role_watch.is_slow(turn_.now); }
  /// flush() at the end of this turn; `dirty` is the caller's own mark that it is on the list.
  void write_later(Session& session, bool& dirty);
  void write_later(Upstream& upstream, bool& dirty);
  /// flush() even if there is nothing to write.
  void visit_later(Session& session);

  // What a link asks for.
  void answer_run(policies::ClientId client, std::uint64_t number, std::uint64_t count,
                  std::string_view replies);
  void answer_part(policies::ClientId client, std::uint64_t number, std::string_view piece);
  void tunnel_to(policies::ClientId client, std::string_view bytes);
  /// A push on a client's own link, for the client.
  void push_to(policies::ClientId client, std::string_view push);
  /// It has sent most of what it was given.
  void stream_room(policies::ClientId client);
  /// How much `client` has not read; from `most` on the link is to wait, and is told read_on().
  bool is_slow(policies::ClientId client, std::shared_ptr<Upstream> link);
  void read_on(policies::ClientId client);
  /// Whether the link is a client's that works as somebody else than the sidecar.
  bool has_identity(policies::Link link) const;
  /// As whom a link connects; both empty: without AUTH.
  policies::Credentials login_of(policies::Link link) const;
  /// A client's own link has answered all it was asked: others may use it, if it is as it was.
  void own_idle(Upstream& upstream);
  /// Everything a tunnel was asked is answered; when no subscription is left it has ended.
  void tunnel_answered(policies::ClientId client, bool ended);
  bool speaks_resp2(policies::ClientId client) const;
  void settle(policies::ExchangeId exchange, std::string_view reply);
  void invalidate(std::string_view push);
  void fail_later(policies::ExchangeId exchange, std::string_view error);
  void break_later(std::shared_ptr<Upstream> upstream, std::string_view reason);
  void close_session(policies::ClientId client, std::string_view why);
  void link_ready(Upstream& upstream, const policies::ServerInfo& info);
  void link_lost(Upstream& upstream, const std::string& error, std::string_view reason);
  policies::milliseconds random_share(policies::milliseconds most);

  // policies::Effects
  void deliver(policies::Ticket to, std::string_view reply) override;
  void send(policies::Link link, std::string_view wire, std::uint32_t replies,
            policies::ExchangeId exchange) override;
  void resume(policies::ClientId client) override;
  void drop_own(policies::ClientId client) override;
  std::int64_t upstream_id(policies::ClientId client) override;
  policies::ConnectionFacts connection(policies::ClientId client) override;
  void connect_anew() override { demoted_ = true; }
  void close(policies::ClientId client, bool at_once) override;
  void invalidated(const policies::AuditRecord& record) override;
  void changed(const policies::Change& change) override;
  policies::ClientId open_loader(std::uint32_t db) override;
  void drop_loader(policies::ClientId loader) override;
  void load(policies::OriginLoad load) override;
  bool fetch(policies::KeyFetch fetch) override { return fetch_ && fetch_(std::move(fetch)); }
  bool ask_table(policies::TableCall call) override {
    return ask_table_ && ask_table_(std::move(call));
  }
  protocol::Value loaders() const override {
    return loading_.report ? loading_.report() : Effects::loaders();
  }

  /// Who asks origins; null: nobody. Called from inside the pipeline, which none may call back.
  struct Loading {
    std::function<policies::ClientId(std::uint32_t db)> open;
    std::function<void(policies::ClientId loader)> drop;
    std::function<void(policies::OriginLoad load)> load;
    std::function<protocol::Value()> report;
  };
  void load_by(Loading loading) { loading_ = std::move(loading); }
  /// Who reads keys for the pipeline; null: nobody.
  using Fetch = std::function<bool(policies::KeyFetch fetch)>;
  void fetch_by(Fetch fetch) { fetch_ = std::move(fetch); }
  /// Who writes rows for it; null: nobody.
  using AskTable = std::function<bool(policies::TableCall call)>;
  void ask_tables_by(AskTable ask) { ask_table_ = std::move(ask); }

  /// Who is told of invalidations and changes beside the log; null: nobody. Neither may call back.
  struct Listening {
    std::function<void(const policies::AuditRecord& record)> invalidated;
    std::function<void(const policies::Change& change)> changed;
  };
  /// Logs what has changed of the pipeline's state, before it may change once more.
  void log_state() { state_log_.look(pipeline_.core()); }
  void listen(Listening listening) { listening_ = std::move(listening); }
  /// The same of invalidations, for hooks; from inside the pipeline's calls.
  void tell(std::function<void(const policies::AuditRecord& record)> whom) {
    told_ = std::move(whom);
  }

  /// A caller that is not a session (the admin port): `receive` gets each reply to its requests.
  using Receive = std::function<void(std::string_view reply)>;
  policies::Client& open_caller(Receive receive);
  void close_caller(policies::Client& caller);
  /// Sends `wire`, a SUBSCRIBE, over a connection of the caller's own. All that comes over it is
  /// received, at last an empty reply when it is lost; drop_own() ends it.
  void tunnel_for(policies::Client& caller, std::string_view wire);
  void tunnel_on_for(policies::Client& caller, std::string_view wire);

  Loop& loop() { return loop_; }
  Turn& turn() { return turn_; }
  /// The first thing every event does: reads the clock, and sees to the end of the turn.
  Turn& begin_turn();
  /// The same for a client's bytes. What they ask for may be answered by end_read() at once, where
  /// nothing goes upstream: an end of the turn that has to be waited for costs a look at all
  /// sockets, and no client has more than one read in a turn.
  void begin_read();
  void end_read();
  policies::Pipeline& pipeline() { return pipeline_; }
  const policies::Pipeline& pipeline() const { return pipeline_; }
  /// Whether what is asked of upstream fails at once; an attempt to reach it is the lane's alone.
  bool is_breaker_open() const {
    const auto& core = pipeline_.core();
    return core.upstream == policies::Core::UpstreamState::down && !core.reconnecting;
  }
  const policies::Settings& settings() const { return settings_; }
  const protocol::Limits& parser_limits() const { return parser_limits_; }
  /// Before a client has said who it is.
  const protocol::Limits& limits_of_anyone() const { return limits_of_anyone_; }
  const UpstreamUrl& upstream_url() const { return upstream_url_; }
  std::string upstream_name() const { return upstream_url_.address.text(); }
  /// The TLS of a new connection; null where upstream is plain.
  std::unique_ptr<Tls> tls_to_upstream() const;
  /// REQUIRES listen_tls.
  std::unique_ptr<Tls> tls_to_client() const { return std::make_unique<Tls>(client_tls_); }
  static policies::Link first_lane() { return {policies::Link::Kind::lane, 0, 0}; }
  policies::Core::UpstreamState pipeline_state() const { return pipeline_.core().upstream; }
  const ProxyCounters& counters() const { return counters_; }
  ProxyCounters& counters() { return counters_; }
  /// Nobody is read from until it is over.
  bool is_short_of_memory() const { return short_of_memory_; }
  std::size_t connected() const { return connected_; }
  std::size_t links() const { return links_.size(); }
  void use_actions(AdminActions& actions) { actions_ = &actions; }

 private:
  struct Caller {
    policies::Client client;
    Receive receive;
  };
  struct Failure {
    policies::ExchangeId exchange;
    std::string error;
  };

  Session* find(policies::ClientId client) const;
  bool receive(policies::ClientId caller, std::string_view reply);
  Upstream& link(policies::Link link);
  Upstream& own_link(policies::Link link);
  void give_back(const std::shared_ptr<Upstream>& upstream);
  void end_pooled();
  void retire(const std::shared_ptr<Upstream>& upstream);
  void end_retired();
  void replace_shared_links();
  void give_memory_back();
  void watch_memory();
  /// Reads certificates and keys anew, for connections to come.
  /// \returns what is wrong, and then leaves all as it was; empty if nothing.
  std::string load_tls();
  void end_turn();
  bool carry_out();
  void tick();

  Loop& loop_;
  Turn turn_;
  policies::Settings settings_;
  protocol::Limits parser_limits_, limits_of_anyone_;
  UpstreamUrl upstream_url_;
  std::shared_ptr<const TlsContext> upstream_tls_, client_tls_;
  ProxyCounters counters_;
  policies::Pipeline pipeline_;
  AdminActions* actions_ = nullptr;
  std::function<void(const policies::AuditRecord& record)> told_;
  StateLog state_log_;
  LoadGauge load_;
  Listening listening_;
  Loading loading_;
  Fetch fetch_;
  AskTable ask_table_;
  Timer ticker_;
  std::minstd_rand random_;

  std::vector<std::shared_ptr<Session>> sessions_;  ///< By the low bits of their ids.
  std::vector<std::uint32_t> free_places_;
  std::uint64_t serial_ = 0, ticks_ = 0;
  policies::TimePoint warned_at_{}, demoted_at_{};
  bool demoted_ = false, short_of_memory_ = false;
  policies::TimePoint short_since_{};
  std::size_t connected_ = 0;
  std::map<policies::ClientId, std::unique_ptr<Caller>> callers_;
  std::map<policies::Link, std::shared_ptr<Upstream>> links_;
  std::vector<std::shared_ptr<Upstream>> pool_;       ///< Links that were some client's own; clean.
  std::pair<policies::Link, Upstream*> last_link_{};  ///< The one that was looked up last.

  // To be done at the end of the turn.
  bool ending_ = false;
  bool reading_ = false;            ///< Since begin_read(), which began the turn.
  policies::TimePoint ended_at_{};  ///< The turn before.
  std::vector<std::shared_ptr<Session>> written_sessions_, being_flushed_, resumed_, roomy_;
  std::vector<std::shared_ptr<Upstream>> written_links_;
  std::vector<Failure> failures_;
  std::vector<std::pair<std::shared_ptr<Upstream>, std::string>> broken_;
  std::vector<std::shared_ptr<Upstream>> dropped_;
  std::vector<std::shared_ptr<Upstream>> idle_;  ///< Own links that may go back to the pool.
  std::vector<policies::ClientId> killed_;
  /// Links that are not read until their client has read.
  std::multimap<policies::ClientId, std::weak_ptr<Upstream>> paused_;
  std::vector<std::shared_ptr<Upstream>> unpaused_;
  std::vector<std::shared_ptr<Upstream>> retired_;  ///< Links that get no further commands.
};

}  // namespace pannier::proxy
