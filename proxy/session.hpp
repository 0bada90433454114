#pragma once

#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "policies/client.hpp"
#include "protocol/command_parser.hpp"
#include "protocol/reply_queue.hpp"
#include "protocol/request_stream.hpp"
#include "proxy/loop.hpp"
#include "proxy/turn.hpp"

namespace pannier::proxy {

class Server;

/// One client: reads commands, hands each to the server, and writes replies in order.
///
/// It reads when the socket says so, into the loop's shared buffer; only what could not be used yet
/// is kept. It stops reading while a command of it is held back (order) or too many are without
/// reply (back-pressure), so that what it can make us keep is bounded.
class Session : public std::enable_shared_from_this<Session> {
 public:
  /// `tls` is null where the connection is plain.
  Session(Server& server, Socket socket, std::unique_ptr<Tls> tls, policies::ClientId id);
  ~Session();

  /// Begins to read. The session then lives until close().
  void start();

  /// Whole replies to `count` requests from `number` on.
  void reply(std::uint64_t number, std::uint64_t count, std::string_view bytes);
  /// A piece of a large one; the rest follows.
  void reply_part(std::uint64_t number, std::string_view bytes);
  /// Bytes of a tunnel, as they come.
  void tunnel(std::string_view bytes);
  /// A push of upstream: between two replies.
  void push(std::string_view bytes);

  /// Goes on with what was held back, if there is anything. Called at the end of a turn.
  void proceed();
  /// Sends what has been collected. Called at the end of a turn.
  void flush();
  /// Ends it; `why` is counted and logged.
  void close(std::string_view why);
  /// The same when all its requests are answered; it is not read from any more.
  void close_when_answered(std::string_view why);

  /// An unfinished command older than the limit, or output nobody reads: ends the session.
  void check_limits(policies::TimePoint now);

  policies::Client client;
  bool closed() const { return closed_; }
  bool reading_paused() const { return held_ || !rest_.empty(); }
  bool in_tunnel() const { return tunnel_; }
  /// Bytes that are kept for it.
  std::size_t weight() const { return rest_.capacity() + out_.size() + queue_.held(); }
  /// Replies it has not read.
  std::size_t backlog() const { return out_.size(); }
  /// The stream's link has room again. \returns whether the session had waited for it.
  bool unstall() { return std::exchange(stalled_, false); }
  /// A link waits until it has read what it was sent, but not beyond `until`.
  void mark_slow(policies::TimePoint until);
  bool idle() const { return client.next == queue_.head() && rest_.empty() && out_.empty(); }

 private:
  void arm();
  void on_readable();
  void on_end();
  /// Takes commands off `bytes` until they end or must wait. \returns what was not used.
  std::string_view take_commands(std::string_view bytes);
  /// \returns false when the command must wait.
  bool take(const protocol::Command& command);
  bool take_outside(const protocol::Command& command);
  /// Holds everything back until the tunnel has answered what it was asked so far. A transaction in
  /// it is aborted.
  void await_tunnel();
  /// Whether what follows this command may belong behind the tunnel: its reply will say.
  static bool may_end_tunnel(const protocol::Command& command);
  // session_stream.cpp: a large request goes on while it comes.
  enum class Large { goes_on, waits, is_kept, is_refused };
  Large take_large(std::string_view bytes);
  /// Takes what belongs to it. \returns the rest.
  std::string_view stream(std::string_view bytes);
  bool take_in_tunnel(const protocol::Command& command);
  bool refuse_in_tunnel(const protocol::Command& command);
  void pass_into_tunnel(const protocol::Command& command);
  void refuse(const protocol::CommandParser::Step& step);
  /// Answers a request with an error, and closes when all before it is answered.
  void end_with(std::uint64_t number, std::string_view error);
  bool too_much_open() const;
  bool has_output() const;
  /// Keeps what was not used of `all`, whose storage is taken over when it is all of it.
  void keep(std::string_view rest, std::string& all);
  void arm_write();

  Server& server_;
  Socket socket_;
  std::unique_ptr<Tls> tls_;
  protocol::CommandParser parser_;
  protocol::ReplyQueue queue_;
  std::unique_ptr<protocol::RequestStream> stream_;  ///< The request that goes on while it comes.
  std::string rest_;    ///< Bytes read and not used: an unfinished command, or ones that must wait.
  Outbox out_;          ///< Replies not sent.
  std::string pushes_;  ///< What came in the middle of a reply.
  std::set<std::uint64_t> muted_;     ///< Requests whose replies CLIENT REPLY takes away.
  policies::TimePoint rest_since_{};  ///< Since when an unfinished command has been waiting.
  bool armed_ = false, write_armed_ = false, held_ = false, closing_ = false, closed_ = false;
  bool keeps_large_ = false;  ///< The request that is coming must be whole first.
  bool stalled_ = false;      ///< The stream's link has not sent what it was given.
  bool slow_reader_ = false;  ///< An upstream link waits until it has read.
  policies::TimePoint slow_until_{};
  bool leaving_ = false;       ///< The tunnel ends with its next answer, subscriptions or not.
  bool tunnel_multi_ = false;  ///< A MULTI went into the tunnel, and no EXEC.
  bool awaiting_ = false;      ///< That answer is on its way.
  bool tunnel_quiet_ = false;  ///< All that the tunnel was asked is answered.
  std::string_view why_ = "client_quit";  ///< With closing_: what close() will say.
  bool dirty_ = false, tunnel_ = false, ended_ = false;

  friend class Server;
};

}  // namespace pannier::proxy
