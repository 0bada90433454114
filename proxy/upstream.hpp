#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "policies/pipeline.hpp"
#include "policies/verdict.hpp"
#include "protocol/reply_scanner.hpp"
#include "proxy/address.hpp"
#include "proxy/loop.hpp"
#include "proxy/turn.hpp"

namespace pannier::proxy {

class Server;

/// One pipelined connection to Redis: a link of the pipeline made of a socket.
///
/// A slot is put into the queue before the bytes of its command are sent, and each reply belongs to
/// the first slot; on anything unexpected the connection is closed rather than guessed about. It
/// connects when it is first used (the lane at once and for ever), and what is asked of it before
/// it is ready waits at most `connect_timeout`. Nothing that may have been sent is sent again.
class Upstream : public std::enable_shared_from_this<Upstream> {
 public:
  enum class State { idle, connecting, handshaking, ready, failed };

  Upstream(Server& server, policies::Link link, protocol::Resp resp);
  ~Upstream();

  /// Appends a command whose one reply goes to request `number` of session `client`.
  /// `may_block`: its reply may take as long as it likes. `alone`: not to be one run with others.
  void forward(policies::ClientId client, std::uint64_t number, const policies::Forward& way,
               bool alone);
  /// Appends commands with `replies` replies for a conversation of the pipeline.
  void send(policies::ExchangeId exchange, std::uint32_t replies, std::string_view wire,
            bool may_block = false);
  /// From here on all replies that come are `client`'s, until its last subscription ends.
  void tunnel(policies::ClientId client, std::string_view wire);
  void tunnel_on(std::string_view wire);
  /// Asks whether a subscription is left; Server::tunnel_answered gets the answer.
  /// `in_multi`: in a transaction, which that aborts.
  void tunnel_mark(bool in_multi);
  void end_tunnel() { tunnel_ = 0; }

  // For a link that is one client's own for a while.
  /// What follows runs in database `db`.
  void select(std::uint32_t db);
  /// The command that was forwarded last is not whole: pieces follow.
  void begin_stream();
  /// \returns whether more is unsent than should be.
  bool stream_on(std::string_view piece, bool is_last);
  /// What follows is answered in this protocol.
  void speak(protocol::Resp resp);
  /// From now on it is the link's named `to`; see is_idle().
  void lend(policies::Link to) { link_ = to; }
  /// It is ready, and nothing that was asked of it is unanswered.
  bool is_idle() const {
    return state_ == State::ready && slots_.empty() && tunnel_ == 0 && !was_tunnel_ && !taking_;
  }
  void rest_since(policies::TimePoint now) { resting_since_ = now; }
  policies::TimePoint resting_since() const { return resting_since_; }
  protocol::Resp resp() const { return resp_; }
  /// What upstream calls this connection; 0 while it is not ready.
  std::int64_t id() const { return state_ == State::ready ? id_ : 0; }

  void connect();
  /// Sends what has been collected. Called at the end of a turn.
  void flush();
  /// Timeouts, and the next attempt to connect.
  void tick(policies::TimePoint now);
  /// Ends it; everything unanswered fails.
  void close(std::string_view why);

  State state() const { return state_; }
  bool has_replies_due() const { return !slots_.empty(); }
  template <class Visit>
  void for_each_client(Visit visit) const {
    for (const auto& slot : slots_) {
      if (slot.client != 0) visit(slot.client);
    }
  }
  /// Since it last began to connect it has sent a reply, if only a refusal.
  bool has_answered() const { return answered_; }
  policies::Link link() const { return link_; }
  std::size_t inflight() const { return inflight_; }
  std::size_t unsent() const { return out_.size() + waiting_.size(); }
  /// Reads again what it left unread because of a client.
  void read_on();

 private:
  /// The conversation that is our own SELECT or HELLO.
  static constexpr policies::ExchangeId our_own = 0;
  /// The conversation that has been given up: its replies are for nobody.
  static constexpr policies::ExchangeId nobody = ~policies::ExchangeId{0};
  /// What a streamed request may leave unsent before its client is not read from.
  static constexpr std::size_t most_unsent = 1u << 20;

  /// What a reply is for: a run of requests of one client, or one conversation.
  struct Slot {
    policies::ClientId client = 0;  ///< 0: a conversation.
    std::uint64_t number = 0;       ///< First request of the run, or the conversation's id.
    std::uint32_t count = 0;        ///< Replies still to come.
    policies::TimePoint sent;
    bool alone = false;      ///< Not to be one run with what follows.
    bool may_block = false;  ///< Not subject to op_timeout.

    /// Its reply is for us alone, or for nobody any more.
    bool is_nobodys() const { return client == 0 && (number == our_own || number == nobody); }
  };

  /// Fails at once instead of connecting: nothing is waiting that must come before it.
  bool fails_fast() const;
  /// Where commands are appended: behind the handshake while it lasts.
  std::string& pending() { return state_ == State::handshaking ? waiting_ : out_.bytes(); }
  void connect_next(boost::system::error_code error);
  void on_connected(boost::system::error_code error);
  void shake_hands();
  void end_tls();
  void settle_handshake(std::string_view reply);
  void ready();
  void fail(std::string_view reason);
  void fail_slots(std::string_view error);
  void fail_slot(const Slot& slot, std::string_view error);
  void disconnect();
  /// Asks something of our own, if the connection is there already; else the handshake does.
  void ask(std::initializer_list<std::string_view> words);
  void arm_read();
  void arm_write();
  void on_readable();
  void take_replies(std::string_view bytes, std::string& all);
  void take_whole(std::string_view reply);
  void pass_through_tunnel(std::string_view reply);
  void refuse_tunnel();
  bool stream(std::string_view piece);
  void flush_run();
  void finish_front(std::uint32_t replies);
  void end_stream();
  void give_up_late(policies::TimePoint now);
  void broken(std::string_view reason);
  Slot& push_slot(policies::ClientId client, std::uint64_t number, std::uint32_t count, bool merge);

  Server& server_;
  policies::Link link_;
  protocol::Resp resp_;
  Socket socket_;
  std::unique_ptr<Tls> tls_;  ///< Null where upstream is plain.
  State state_ = State::idle;
  std::vector<asio::generic::stream_protocol::endpoint> endpoints_;  ///< Still to be tried.
  protocol::ReplyScanner scanner_;
  std::deque<Slot> slots_;
  std::size_t inflight_ = 0;
  Outbox out_;               ///< Bytes not sent; while not ready, what waits for the handshake.
  std::string rest_;         ///< The beginning of a reply that has not arrived whole.
  std::size_t scanned_ = 0;  ///< Bytes of rest_ the scanner has behind it.
  std::string_view run_;     ///< Whole replies for the front slot, not handed over yet.
  std::uint32_t run_count_ = 0;
  enum class Step : std::uint8_t { hello, required, tracking, databases, time };
  std::vector<Step> steps_;  ///< Replies of the handshake still to come.
  std::string waiting_;      ///< Commands behind the handshake.
  policies::ServerInfo server_info_;
  bool answered_ = false;
  bool streaming_ = false;  ///< The front reply is passed on in pieces.
  bool read_armed_ = false, write_armed_ = false, dirty_ = false;
  std::uint32_t db_ = 0;     ///< Where its next command runs.
  std::int64_t id_ = 0;      ///< What upstream calls it.
  bool taking_ = false;      ///< A command is coming piece by piece.
  bool paused_ = false;      ///< Not read until a client has read.
  bool monitors_ = false;    ///< The tunnel shows what others do: only RESET ends it.
  bool was_tunnel_ = false;  ///< What is left of a tunnel nobody knows exactly.
  policies::TimePoint resting_since_{};
  policies::ClientId tunnel_ = 0;
  // Of the tunnel, as its last reply said: to channels and patterns, and to shard channels.
  std::int64_t subscriptions_ = 0, shard_subscriptions_ = 0;
  policies::TimePoint deadline_{};  ///< While connecting.
  policies::TimePoint retry_at_{};  ///< After a failure.
  policies::milliseconds pause_{0};
  std::string last_error_;
  std::string refusal_;           ///< Upstream's own words for why the handshake failed.
  std::uint64_t generation_ = 0;  ///< Of the socket: late handlers of an older one do nothing.
};

}  // namespace pannier::proxy
