#pragma once

#include <algorithm>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "policies/audit.hpp"
#include "policies/bans.hpp"
#include "policies/client.hpp"
#include "policies/clock_floor.hpp"
#include "policies/counters.hpp"
#include "policies/exchange.hpp"
#include "policies/gatherings.hpp"
#include "policies/hot_keys.hpp"
#include "policies/journal.hpp"
#include "policies/key_versions.hpp"
#include "policies/lease_learning.hpp"
#include "policies/lease_table.hpp"
#include "policies/local_copies.hpp"
#include "policies/memory_store.hpp"
#include "policies/open_misses.hpp"
#include "policies/origin.hpp"
#include "policies/reply_names.hpp"
#include "policies/retry_budget.hpp"
#include "policies/role_watch.hpp"
#include "policies/row_removals.hpp"
#include "policies/rule_set.hpp"
#include "policies/second_tier.hpp"
#include "policies/self_check.hpp"
#include "policies/subject.hpp"
#include "policies/tag_generations.hpp"
#include "policies/tag_watch.hpp"
#include "policies/throttle.hpp"
#include "policies/verdict.hpp"
#include "policies/walks.hpp"

namespace pannier::policies {

class InvalidationRun;
class ReadFlight;

/// What the parts of the pipeline share: the state of the cache, and the way out.
class Core {
 public:
  /// What is known of upstream. `absent`: it has not answered once since start, and the memory
  /// store stands in for all of it.
  enum class UpstreamState { connecting, up, down, absent };

  explicit Core(Effects& out) : effects(out), memory(0) {}

  // The way out.
  /// Replies to a request whose command or flight was counted open.
  void reply(Ticket to, std::string_view bytes);
  /// Replies to a request that waited for another client's load.
  void deliver(Ticket to, std::string_view bytes);
  /// `$-1` or `_`, as the client's protocol has it; nothing if it is gone.
  void reply_null(Ticket to);
  /// The same for a reply that `link` gave, in the client's protocol.
  void reply_from(Link link, Ticket to, std::string_view bytes);
  void deliver_null(Ticket to);
  /// One more command of the client travels on `link`, or one less does.
  void begin(Client& client, Link link);
  void finish(ClientId client);
  /// Starts a conversation. Its replies may come before the current call on the pipeline returns
  /// (from the memory store), but never before this function does.
  ExchangeId send(Link link, std::string_view wire, std::uint32_t replies,
                  std::unique_ptr<Exchange> exchange);
  Client* find(ClientId id) const;

  // Time and upstream.
  /// Not later than the server's clock is now, and seldom much earlier.
  ServerTime server_floor() const { return clock.at(now); }
  /// That, or the latest moment at which something was said to begin, which may be still to come.
  ServerTime latest_beginning() const { return std::max(server_floor(), latest_begin); }
  /// A TIME reply, to a question of when the floor was `asked`. \returns it, or the floor if the
  /// reply is not one.
  ServerTime learn_time(std::string_view reply, ServerTime asked);
  /// Where commands under a rule go: the lane, or the memory store while it stands in.
  Link lane(std::uint32_t db, const Rule* rule) const;
  bool from_memory(const Rule* rule) const;
  /// Nothing that the lane of `db` tracks can have changed unseen.
  bool lane_current(std::uint32_t db) const;
  /// That lane was lost, or with nothing all of them: copies go, or wait for find_outdated().
  void lose_copies(std::optional<std::uint32_t> db);

  // Tags.
  /// The newest generation or ban a key falls under. `complete` is false when some tag's
  /// generation is not known here at all.
  struct Newest {
    std::optional<ServerTime> at;
    std::optional<ServerTime> soft;  ///< What is older than this is stale at best.
    bool complete = true;

    /// What is as old is invalid, or stale.
    std::optional<ServerTime> either() const { return soft ? std::max(at, soft) : at; }
    /// When something written or loaded now begins: after all of that.
    ServerTime after(ServerTime now) const;
  };
  Newest newest(const Subject& subject) const;
  /// When a value begins that a client writes now without having missed it: after every
  /// invalidation known here.
  ServerTime born_now(const Subject& subject) const;
  bool generations_current(const Subject& subject) const;
  /// A tag has this generation, or a newer one.
  void learn_generation(std::uint32_t db, std::string_view tag, Generation generation,
                        TagGenerations::Source source);
  /// Whether upstream may lack a generation of its tags, or have a newer one than is known here.
  bool lacks_generation(const Subject& subject) const;
  milliseconds generation_life() const;
  /// How long any value of any rule may live: after that a ban has nothing left to do.
  milliseconds longest_life() const;
  /// What upstream calls a key that clients call `key`.
  std::string upstream_key(std::string_view key, const Match& match) const;

  // Leases and flights.
  /// How long whoever loads a key of this rule has for it.
  microseconds lease_time(const Rule& rule) const;
  /// How long a reader waits for a load of such a key.
  microseconds wait_for(const Rule& rule) const;
  /// Whether who waits may be told what came of a load that began at `begins`: no invalidation is
  /// later, and all are known, also those that whoever came last may have begun behind.
  bool may_tell_waiters(const Subject& subject, ServerTime begins, Link link) const;
  /// Whether keys of the rule have rows in a second tier: those of the usual database, since rows
  /// say of none.
  bool has_table(const Rule& rule, std::uint32_t db) const {
    return rule.table != nullptr && db == rules->settings().upstream_db;
  }
  /// Makes `client` the one who loads the key, unless somebody is or the table is full.
  bool grant(const SubjectRef& subject, ClientId client, LeaseTable::Terms terms = {});
  /// The same where nobody loads it, if loads of this rule are worth waiting for.
  void offer_lease(const SubjectRef& subject, ClientId client);
  /// Whether it takes the fleet's lease as well to load the key.
  bool needs_fleet(const Subject& subject) const;
  /// Gives who waited for a load in vain the stale value that it may have instead.
  /// \returns false if there is none.
  bool fall_back(const Subject& subject, const LeaseTable::Waiter& waiter);
  /// Another sidecar's client loads the key, and has until `until`.
  void follow(const SubjectRef& subject, microseconds time, bool over_value);
  /// The load is over, or in vain: the lease ends, also that of the fleet.
  /// \returns those who waited.
  std::vector<LeaseTable::Waiter> end_lease(const std::string& table_key);
  /// Upstream pushed the key, or only the fleet's lease of it: those who wait look again.
  void look_again(const std::string& table_key, bool only_lease);
  /// A name that no other lease has.
  std::string new_token() { return name + ":" + std::to_string(next_token++); }
  /// A client is told that the key is missing, as it was at server time `at`; or this load of the
  /// sidecar's own begins (0: none).
  void count_miss(const Subject& subject, ServerTime at, TimePoint since,
                  OpenMisses::Look look = {}, ClientId load = 0);
  /// A command that removes the key, or makes something else of it, goes over `link` next, or has
  /// been answered (`by_now`).
  void removed(const Subject& subject, Link link, bool by_now);
  /// Whether one can be told so by a local copy: what a load begins with is known only with the
  /// generations, and whose load it is, the lease says.
  bool may_tell_absent(const Subject& subject) const;
  /// Whoever asks then loads it, if loads of this rule are worth waiting for.
  void tell_absent(const SubjectRef& subject, ClientId client, TimePoint since);
  /// Whether what `link` says of a key under this rule may become a local copy.
  bool keeps_copies(const Rule& rule, Link link) const;
  /// The key was changed or removed by a command seen here: reads under way are not shared any
  /// more, and who waits for a load looks again.
  void touched(const std::string& table_key);
  /// The same of one that was named: its origin may find something now, if it did not before.
  void written(const std::string& table_key);
  /// Before it: a write is being sent. It is under way for as long as the result lives.
  [[nodiscard]] WriteUnderWay begin_write(const Subject& subject);
  /// Nobody joins the read of the key that is under way.
  void close_flight(const std::string& table_key);

  Effects& effects;
  TimePoint now{};
  std::shared_ptr<const RuleSet> rules;
  CounterBook book;
  LeaseTable leases;
  OriginMemory origin_memory;  ///< By table key.
  Gatherings gatherings;
  TableCalls tables;
  const OriginLoad* storing = nullptr;  ///< The load whose result is being stored.
  RowRemovals row_removals;
  Throttle tables_rest;    ///< Tiers, and keys, whose second tier failed a moment ago.
  HotKeys hot;             ///< Only while `wants_hot`.
  bool wants_hot = false;  ///< Whether any warm set does.
  Throttle prefetched;     ///< Keys that have started others a moment ago.
  Throttle throttle;       ///< Keys whose value was to be replaced a moment ago, in vain.
  std::string name = "-";  ///< Of this sidecar in the fleet.
  std::uint64_t next_token = 1;
  std::uint32_t claims = 0;  ///< Reads under way that ask for the fleet's lease.
  RetryBudget retries;
  RoleWatch role_watch;
  LeaseLearning learning;
  OpenMisses misses;
  TagGenerations generations;
  TagWatch watch;
  KeyVersions versions;
  Bans bans;
  MemoryStore memory;
  Mode mode = Mode::normal;
  UpstreamState upstream = UpstreamState::connecting;
  bool reconnecting = false;  ///< It was lost just now, and the first attempt to reconnect goes on.
  bool probing = false;       ///< An attempt to connect the lane is under way.
  std::string mode_from;      ///< Who said so: the configuration, the environment, an operator.
  std::string down_error;     ///< The whole error reply for commands while upstream is away.
  std::uint32_t databases = 16;  ///< How many upstream has.
  bool tracks = true;            ///< Whether upstream pushes invalidations.
  /// What keeps local copies right, as reports show it: `push` (upstream tells of every change),
  /// `ttl` (it refuses to, and a copy is believed for max_lag), or `off` (there are none).
  std::string_view coherence() const {
    if (is_replica) return "off";
    return tracks ? "push" : "ttl";
  }
  /// It follows another Redis, from which it may be cut off without knowing: no copies are kept.
  bool is_replica = false;
  std::string server_version = "7.0.0";  ///< Upstream's.
  bool server_at_least(int major, int minor) const;
  /// What upstream said of itself when STATS was asked last; nothing where it refuses to.
  struct UpstreamFacts {
    std::optional<std::int64_t> keys, memory_bytes;
    TimePoint at{};
    std::uint32_t db = 0;  ///< Whose keys.
  } facts;
  ClockFloor clock;
  ServerTime latest_begin{};  ///< Of all that was said to begin, see beginning.hpp.

  LocalCopies copies;
  SelfCheck self_check;
  Journal journal;
  /// The journal on its way upstream.
  struct Replay {
    bool running = false;   ///< A batch is.
    bool sweeping = false;  ///< The keys of a pattern are being removed; more wait:
    std::deque<Journal::Entry> sweeps;
    std::string refusal;  ///< What upstream last said against it; empty when nothing.
    TimePoint refused_since{}, retry_at{};
    /// Grows with each connection: what an older one says is not about this upstream.
    std::uint64_t connection = 0;
    /// Reads that nobody holds back, since no client begins them now. They go on when it is over;
    /// with an error reply where there is one, or an empty text.
    std::vector<std::function<void(Core& core, std::string_view error)>> reads;
  } replay;
  /// Invalidations that were sent upstream a moment ago: with a failover it may lose them.
  std::deque<std::pair<TimePoint, Journal::Entry>> recent;
  static constexpr milliseconds recent_time{10'000};
  void remember(const Journal::Entry& entry);
  Walks walks;
  std::deque<std::shared_ptr<PurgeProgress>> purges;  ///< Newest first; some are over.
  /// Whether an invalidation by this sidecar, of which this tag is a part, still goes on.
  bool invalidates(std::string_view tag) const;
  Audit audit;
  std::vector<std::shared_ptr<InvalidationRun>> invalidations;  ///< That go on.
  std::deque<std::shared_ptr<InvalidationRun>> jobs;            ///< Newest first; some are over.
  std::uint64_t last_job = 0;
  std::unordered_map<std::string, ReadFlight*> flights;  ///< Reads that others may still join.
  std::unordered_map<ClientId, Client*> clients;
  std::map<Ticket, ReplyNames> reply_names;  ///< Of replies to come that carry names of keys.

  struct Running {
    std::unique_ptr<Exchange> exchange;
    std::uint32_t replies = 0, seen = 0;
    TimePoint sent;
    std::optional<std::uint32_t> lane;  ///< The database whose lane it is on.
  };
  std::unordered_map<ExchangeId, Running> running;
  ExchangeId next_exchange = 1;

  struct ForMemory {
    ExchangeId exchange;
    std::uint32_t db;
    std::string wire;
  };
  std::vector<ForMemory> for_memory;  ///< Commands the memory store has yet to answer.
};

/// The reply to HELLO.
std::string hello_reply(const Client& client, const Core& core);

/// The circuit breaker: closed while upstream is used, open while it is down and commands fail at
/// once, half_open while one attempt to reach it is under way.
std::string_view breaker_name(const Core& core);

/// The state's name, as reports and logs show it.
std::string_view state_name(Core::UpstreamState state);

/// How a key is called in the tables of leases, misses and flights: database (so many bytes of it)
/// and upstream key.
inline constexpr std::size_t table_key_prefix = 4;
std::string table_key(std::uint32_t db, std::string_view key);
std::uint32_t db_of(std::string_view table_key);

}  // namespace pannier::policies
