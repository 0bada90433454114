#pragma once

#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "policies/command_policy.hpp"
#include "policies/copied_values.hpp"
#include "policies/core.hpp"
#include "policies/invalidation.hpp"
#include "policies/request.hpp"
#include "policies/server_info.hpp"
#include "policies/transaction.hpp"
#include "protocol/value.hpp"

namespace pannier::policies {

/// The life of a request, with no I/O in it: decide() on the way up, settle() on the way down.
///
/// Everything that happens to the cache happens in one of the calls below, in the order in which
/// they are made. Given the same calls it gives the same answers, which is what lets the tests play
/// any interleaving. The steps of decide() are fixed, because their order is the correctness:
///
///     connection's own business -> keys -> rules -> version -> order barrier (R17)
///         -> lease | flight | conversation with upstream | pass through
class Pipeline {
 public:
  /// \param wall the wall clock at `now`, until upstream tells its own.
  Pipeline(Settings settings, Effects& effects, TimePoint now, ServerTime wall);
  ~Pipeline();

  /// What this sidecar is called among those before the same upstream; no two have the same name.
  void set_name(std::string name) { core_.name = std::move(name); }

  /// A client connected; `client` must live until close().
  void open(Client& client);
  /// It is gone: its leases pass on, and what it waited for is forgotten.
  void close(Client& client, TimePoint now);

  /// The client sent `command` as its request number `client.next`. Unless the verdict is Hold it
  /// must be answered exactly once: by the verdict, by the reply of its Forward, or by
  /// Effects::deliver (which may come before this call returns).
  Verdict decide(Client& client, const protocol::Command& command, TimePoint now);

  /// The client began to send a large command, of which `known` are the first arguments and `wire`
  /// the bytes so far. \returns the way on which its bytes may go as they come, a refusal, or
  /// Hold; nothing if it has to be whole before it can be decided.
  std::optional<Verdict> decide_unfinished(Client& client, std::span<const std::string_view> known,
                                           std::string_view wire, TimePoint now);

  /// Upstream sent the next reply of a conversation started through Effects::send.
  void settle(ExchangeId exchange, std::string_view reply, TimePoint now);
  /// It will not be completed; `error` is a whole error reply.
  void fail(ExchangeId exchange, std::string_view error, TimePoint now);

  /// Upstream pushed `reply` (`>2 invalidate ...`) on the lane.
  void invalidate(std::string_view push, TimePoint now);
  /// The lane to database 0 is ready for commands.
  void gain_upstream(const ServerInfo& server, TimePoint now);
  /// It is gone, or could not be made: nothing known of upstream is current any more. `error` is
  /// the whole error reply for commands that need it. `answered`: there is one, that refused (a
  /// wrong password): the memory store must not stand in for it.
  void lose_upstream(std::string_view error, TimePoint now, bool answered = false);

  /// An attempt to connect the lane begins.
  void probe_upstream() { core_.probing = true; }
  /// Commands go over a new lane from now on; what the old one still brings is not waited for.
  void replace_lane(TimePoint now);
  /// The lane of database `db`, not 0, is gone, and with it what it tracked.
  void lose_lane(std::uint32_t db, TimePoint now);
  /// The client's own upstream connection is gone; a transaction on it is void. `error` is the
  /// whole error reply that its further commands get until the client ends it.
  void lose_own(Client& client, std::string_view error);

  /// What came of Effects::load() is stored, as by a client that missed the key and SETs it; the
  /// reply is the loader's. \returns false when that must wait: it is to be called again soon.
  bool store_loaded(Client& loader, const OriginLoad& load, std::string_view value, TimePoint now);
  /// There is none. `error` is a whole error reply, or empty where the query found nothing.
  void load_failed(Client& loader, const OriginLoad& load, std::string_view error, TimePoint now);
  /// It could not be stored: who waits for it gets it all the same.
  void give_loaded(Client& loader, const OriginLoad& load, std::string_view value, TimePoint now);
  /// What Effects::fetch() asked for, by a client of our own, and its reply.
  void fetch(Client& client, const KeyFetch& fetch, TimePoint now);
  void fetched(const KeyFetch& fetch, std::string_view reply, TimePoint now);
  /// What came of Effects::ask_table().
  void table_answered(std::uint64_t call, const TableOutcome& outcome, TimePoint now);

  /// Time passed. Call at least every tick_interval.
  void tick(TimePoint now);
  static constexpr milliseconds tick_interval{10};

  /// Another configuration, from the next command on.
  void reload(Settings settings);

  // What operators can do. Each answers `ticket` of `client` with a reply, now or later.
  /// The reply is as InvalidationRun says.
  void invalidate(Client& client, Invalidation what, TimePoint now);
  /// What is wrong with it, in a sentence; empty if nothing is.
  std::string objection(const Invalidation& what) const;
  /// Everything under rules, or under one.
  std::optional<Invalidation> all_of_rules(std::string_view rule) const;
  protocol::Value jobs(TimePoint now) const;
  /// Reads the keys of a set into copies, and has those with origins loaded.
  void warm(Client& client, std::string_view name, TimePoint now);
  void list_keys(Client& client, std::string_view tag, TimePoint now);
  void bump_version(Client& client, std::string_view name, std::optional<milliseconds> grace,
                    TimePoint now);
  /// `weights`: at least one is above 0.
  void weigh_version(Client& client, std::string_view name, const VersionWeights& weights,
                     TimePoint now);
  /// Without a version: unpins it.
  void pin_version(Client& client, std::string_view name, std::optional<std::uint64_t> version,
                   TimePoint now);
  void explain(Client& client, std::string_view key, TimePoint now);
  /// Whether this sidecar is the one of the fleet that runs a schedule for its time `due`: `:1`,
  /// `:0` if it has been run, `:2` while another one is at it: ask again, it may have died. When
  /// nothing is known of earlier runs, `is_start` makes it `:0`. A run is to be finished.
  void claim_run(Client& client, std::string_view schedule, ServerTime due, bool is_start,
                 milliseconds sql_takes, TimePoint now);
  void finish_run(Client& client, std::string_view schedule, ServerTime due, TimePoint now);
  /// Nothing where upstream must be asked; then the reply is delivered.
  std::optional<protocol::Value> tags(Client& client, std::string_view key, TimePoint now);
  /// Gives the key these run-time tags, and takes away others.
  void tag(Client& client, std::string_view key, std::span<const std::string_view> tags,
           TimePoint now);
  protocol::Value versions() const;
  /// The push of a client's own upstream connection, with the names that clients use; valid until
  /// the next call on the pipeline.
  std::string_view push_to(std::string_view push);
  protocol::Value leases(std::size_t most, TimePoint now) const;
  protocol::Value stats(TimePoint now) const;
  /// Answers with stats(), after upstream was asked how much it holds; that at most once a second.
  void report(Client& client, TimePoint now);
  /// From now on Effects::changed() tells of changes of these tags, and of all bans; until it is
  /// turned off. REQUIRES at most TagWatch::capacity tags.
  void watch(const std::set<std::string>& tags, bool on, TimePoint now);
  void set_mode(Mode mode, std::string from, TimePoint now);

  const Core& core() const { return core_; }
  CounterBook& counters() { return core_.book; }

 private:
  /// Brackets each call: what time it is, and at its end the memory store's replies.
  struct Call {
    Call(Pipeline& pipeline, TimePoint now) : pipeline_(pipeline) { pipeline.core_.now = now; }
    ~Call() {
      if (!pipeline_.core_.for_memory.empty()) pipeline_.answer_memory();
    }
    Pipeline& pipeline_;
  };

  Verdict route(Client& client, const protocol::CommandSpec* spec,
                const protocol::Command& command);
  Verdict pass(Client& client, const protocol::CommandSpec* spec, const protocol::Command& command,
               std::string_view wire);
  Verdict pass_on_link(Client& client, Link link, std::string_view wire);
  Link pass_link(const Client& client, const protocol::CommandSpec* spec,
                 const protocol::Command& command) const;
  Verdict answer_from_memory(Client& client, std::string_view wire);
  Verdict answer(std::string reply, bool close = false);

  // pipeline_session.cpp: the connection's own business.
  Verdict decide_local(Client& client, const protocol::CommandSpec& spec,
                       const protocol::Command& command);
  Verdict decide_hello(Client& client, const protocol::Command& command);
  Verdict decide_auth(Client& client, const protocol::Command& command);
  /// \returns why these are not accepted; empty if they are. `named`: the user was.
  std::string check_login(const Credentials& login, bool named) const;
  /// Asks upstream about them; with `resp` they came with HELLO.
  Verdict log_in(Client& client, Credentials login, std::optional<protocol::Resp> resp,
                 std::optional<std::string_view> name);
  Verdict decide_client(Client& client, const protocol::Command& command);
  Verdict decide_reply(Client& client, std::string_view how);
  /// Refuses a command here; EXEC then refuses the rest of its transaction.
  Verdict refuse(Client& client, std::string_view error);

  // pipeline_client.cpp: CLIENT LIST and its like, and CLIENT TRACKING.
  std::optional<Verdict> decide_about_clients(Client& client, const protocol::Command& command);
  std::optional<Verdict> list_clients(const Client& client,
                                      std::span<const std::string_view> words);
  Verdict kill_clients(Client& client, std::span<const std::string_view> words);
  std::optional<Verdict> unblock(Client& client, std::span<const std::string_view> words);
  std::optional<Verdict> track(Client& client, const protocol::Command& command);
  static bool needs_own(const protocol::CommandSpec& spec, const protocol::Command& command);
  Verdict decide_decorated(Client& client, const protocol::CommandSpec& spec,
                           const protocol::Command& command);

  // pipeline_rules.cpp: commands with keys under a rule.
  bool find_rules(Request& request);
  // pipeline_version_use.cpp
  std::optional<Verdict> apply_versions(Request& request);
  /// For a command that is sent now: what it writes ends what other versions hold.
  void use_versions(const Request& request);

  // pipeline_names.cpp: replies that carry names of keys.
  bool lists_names(const Client& client, const protocol::CommandSpec& spec) const;
  /// SCAN, KEYS, RANDOMKEY, over the client's own connection if it is on one.
  Verdict list_names(Client& client, const protocol::CommandSpec& spec,
                     const protocol::Command& command, std::optional<Link> own);
  std::optional<Verdict> await_versions();
  /// A command with keys under rules is sent now: does its reply carry names that must be changed?
  void name_reply(const Request& request);
  /// A verdict was found for a command whose reply was to be told otherwise.
  void name_answer(const Client& client, Verdict& verdict);
  Verdict pass_named(Client& client, Link link, std::string_view wire);

  Verdict answer_down(Request& request, const KeyUse& use);
  Verdict decide_ruled(Request& request);
  Verdict read(Request& request);
  void note_read(const Match& match, std::string_view key, const Client& client);
  Verdict read_many(Request& request, Link link);
  Verdict read_other(Request& request, Link link);
  Verdict read_expiry(Request& request, Link link);

  // pipeline_copies.cpp: reads answered from local copies.
  std::optional<Verdict> answer_copy(Request& request);
  /// Of an MGET; what it finds where it does not find all is left in `copied_`.
  std::optional<Verdict> answer_copies(Request& request);
  /// Upstream is known to have nothing there: whoever asks loads it.
  std::optional<Verdict> answer_absent(Request& request);
  bool may_use_copies(Client& client, const Rule& rule);
  /// Whether it may be told from here that the key has no value.
  bool may_tell_absent(const Request& request, const KeyUse& use) const;
  std::optional<std::string_view> find_copy(const Request& request, const KeyUse& use,
                                            std::string_view question);
  bool keeps_reply(const Request& request) const;
  /// Appends what a string's copy says about a question that is not GET. \returns whether it says
  /// anything; else it must be asked.
  static bool derive(const Request& request, std::string_view copy, std::string& out);
  std::string question_of(const Request& request) const;
  void check_later(const Request& request, const KeyUse& use, std::string_view reply);
  static Verdict count_copy(const KeyUse& use, std::string_view reply);

  // pipeline_degraded.cpp: while upstream is away.
  std::optional<Verdict> answer_outdated(Request& request);
  /// Until upstream has taken what was invalidated without it, nothing it says is believed.
  std::optional<Verdict> await_replay();
  std::optional<std::string> outdated_reply(const Request& request, const Subject& subject);
  /// Gives each key the name that upstream had for it when it was last heard of.
  /// \returns whether all of them may be read under it.
  bool name_by_known_versions(Request& request) const;
  protocol::Value::Map explain_away(const Subject& subject);

  /// Before a command under a rule: what was sent before it had effects nobody knows.
  void raise_fence(Client& client);

  // pipeline_pinned.cpp and pipeline_transactions.cpp: on a connection of the client's own.
  Verdict decide_pinned(Client& client, const protocol::CommandSpec& spec,
                        const protocol::Command& command);
  Verdict queue(Client& client, const protocol::CommandSpec& spec,
                const protocol::Command& command);
  Verdict begin_transaction(Client& client, const protocol::CommandSpec& spec,
                            const protocol::Command& command);
  Verdict block(Client& client, const protocol::CommandSpec& spec,
                const protocol::Command& command);
  Verdict enqueue(Client& client, Link own, std::string_view wire, Written written);
  Verdict execute(Client& client, Link own, std::string_view wire);
  Verdict run(Client& client, Link own, std::string_view wire, Outcome outcome);
  std::optional<Verdict> queue_own(Client& client, const protocol::CommandSpec& spec,
                                   const protocol::Command& command);

  // pipeline_writes.cpp
  Verdict store(Request& request, Link link);
  Verdict write(Request& request, Link link);
  Verdict expire(Request& request, Link link);
  Verdict get_and_expire(Request& request, Link link);

  Verdict begin(Request& request, Link link, std::string_view wire, std::uint32_t replies,
                std::unique_ptr<Exchange> exchange);
  void answer_memory();
  void settle_one(ExchangeId id, std::string_view reply);
  void handle(const LeaseTable::Expired& expired);
  void read_versions();
  void heartbeat();
  void load_scripts();
  void remember_invalidations();
  void look_after_watch();
  void look_again();
  void tick_invalidations();
  /// Upstream pushed a key, or the fleet's lease of one: was it removed, and has a load ended?
  void heard_of(std::string_view key);
  void sweep_old_versions();
  void change_version(Client& client, std::string_view name, VersionChange change, TimePoint now);

  Core core_;
  CommandPolicy policy_;
  CopiedValues copied_;        ///< By the MGET that is being decided.
  std::string answer_, wire_;  ///< Behind the views of the last verdict.
  std::string push_;           ///< Behind that of push_to().
  std::vector<std::uint32_t> positions_;
  std::vector<KeyUse> spare_keys_;
  std::vector<std::string_view> captures_;  ///< Spare, too.
  TimePoint last_heartbeat_{}, last_distrust_{};
  std::unordered_map<ClientId, Transaction> transactions_;  ///< That are open.
};

}  // namespace pannier::policies
