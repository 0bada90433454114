#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "policies/time.hpp"
#include "protocol/value.hpp"

namespace pannier::policies {

struct AuditRecord;

/// Something changed that somebody watches (Pipeline::watch). Views are valid during the call only.
struct Change {
  enum class Kind : std::uint8_t {
    tag,     ///< A tag was made invalid, not by this sidecar.
    ban,     ///< Keys were, by another one's ban.
    stored,  ///< A value was stored under a watched tag, through this sidecar.
    lost,    ///< What happened meanwhile is not known: the connection to upstream was lost.
  } kind;
  std::string_view name{};  ///< The tag; the ban, as Ban::text(); the key, as clients call it.
  std::span<const std::string> tags{};  ///< Of the key.
  bool soft = false;
};

/// Names one client connection; never used twice.
using ClientId = std::uint64_t;

/// Names one request of one client. `number` grows by one per request of that client, so that
/// replies can be put back in order.
struct Ticket {
  ClientId client = 0;
  std::uint64_t number = 0;
  auto operator<=>(const Ticket&) const = default;
};

/// Which upstream connection a command travels on. Each is one ordered stream of commands.
struct Link {
  enum class Kind : std::uint8_t {
    lane,    ///< Shared, RESP3, tracked: reads under a rule, and whatever looks alike in RESP2.
    plain2,  ///< Shared, RESP2.
    plain3,  ///< Shared, RESP3.
    own,     ///< `client`'s alone for as long as it needs it, in its protocol: transactions,
             ///< blocking commands. `db` is where its next command runs.
    memory,  ///< The memory store.
  };
  Kind kind = Kind::lane;
  std::uint32_t db = 0;
  ClientId client = 0;  ///< For `own`; else 0.
  auto operator<=>(const Link&) const = default;
};

/// Names a conversation the pipeline itself has with upstream; never used twice.
using ExchangeId = std::uint64_t;

/// Send this reply now. It is valid until the next call on the pipeline.
struct Answer {
  std::string_view reply;
  bool close = false;  ///< Then close the connection (QUIT).
};

/// Append this command to `link`; its one reply goes to the client unseen. Valid until the next
/// call on the pipeline.
struct Forward {
  Link link;
  std::string_view wire;
  bool may_block = false;  ///< Its reply may take as long as it likes (BLPOP).
};

/// Send nothing: a later call delivers the reply.
struct Wait {};

/// Not yet: the request would overtake an earlier one of the same client. Nothing was done; ask
/// again when Client::open has become 0, or after Effects::resume.
struct Hold {};

/// Turn the client's connection into a tunnel over `link`: from this command on everything passes
/// both ways as it is (pub/sub, MONITOR). Only given when no request of the client is open.
struct Tunnel {
  Link link;
  std::string_view wire;
};

/// A PANNIER command: its words are the caller's to carry out.
struct Act {};

/// What to do with a request, decided at once and without I/O.
using Verdict = std::variant<Answer, Forward, Wait, Hold, Tunnel, Act>;

/// A client's socket, for CLIENT LIST and CLIENT KILL.
struct ConnectionFacts {
  std::string address, local_address;  ///< `127.0.0.1:50000`, or `/path:0` of a unix socket.
  int descriptor = -1;
  std::size_t unused = 0, unsent = 0;  ///< Bytes of unfinished commands, and of replies.
  bool unix_socket = false;
  bool subscribed = false;  ///< It is a tunnel (pub/sub, MONITOR).
};

/// A value that its origin is to be asked for.
struct OriginLoad {
  ClientId loader;        ///< As whom the result is stored; Effects::open_loader() made it.
  std::uint32_t db;       ///< Of the key ...
  std::string key;        ///< ... as clients say it ...
  std::string table_key;  ///< ... and as the tables know it.
  ServerTime begins{};    ///< What is invalidated from then on, its result is not.
  std::size_t origin;     ///< Index into Origins::all.
  std::vector<std::string> params;
  std::int64_t expiretime = -2;  ///< Of the value that was there, as PEXPIRETIME says it.
  bool is_row = false;           ///< Of a second tier: what is not written since is not the truth.
  /// What the record of removals said (see guard.hpp), if it was asked for.
  std::optional<std::string> generation = std::nullopt;
  bool is_away = false;  ///< It failed because its database could not be asked.
};

/// A key that the sidecar reads itself, as a client would, so that its origin is asked.
struct KeyFetch {
  std::uint64_t gathering;  ///< Who waits for it, for Pipeline::fetched(); 0: nobody.
  std::size_t place;        ///< Which of its keys this is.
  std::uint32_t db;
  std::string key;  ///< As clients say it.
  bool is_urgent;   ///< A client waits; else few at a time are enough.
};

/// A statement about the rows of a second tier.
struct TableCall {
  std::uint64_t id;      ///< For Pipeline::table_answered().
  std::string name;      ///< What errors call the table.
  std::string database;  ///< By name, or empty where there is one.
  std::string sql;
  std::vector<std::string> params;  ///< As many of them as the statement uses are its parameters.
  milliseconds timeout;
};

/// How that ended.
struct TableOutcome {
  std::string error = {};  ///< A sentence; empty: it was carried out.
  bool is_known = true;    ///< Whether it is certain that it was not, with an error.
};

/// What the pipeline may ask for while one of its calls runs. None of these calls back into it.
class Effects {
 public:
  virtual ~Effects() = default;

  /// The reply to a request that was told to wait. `reply` is valid during this call only.
  virtual void deliver(Ticket to, std::string_view reply) = 0;

  /// Append `wire` to `link`; each of its `replies` replies goes to Pipeline::settle, or a failure
  /// of the whole to Pipeline::fail. `wire` is valid during this call only.
  virtual void send(Link link, std::string_view wire, std::uint32_t replies,
                    ExchangeId exchange) = 0;

  /// Nothing is open for this client any more: ask again for what it was told to hold.
  virtual void resume(ClientId client) = 0;

  /// Close the client's own upstream connection, if it has one: nothing of its state may stay.
  virtual void drop_own(ClientId client) = 0;

  /// What upstream calls the client's own connection (CLIENT ID); 0 while it has none that is
  /// ready.
  virtual std::int64_t upstream_id(ClientId client) = 0;

  /// What CLIENT LIST says about the client's socket.
  virtual ConnectionFacts connection(ClientId client) = 0;

  /// The server behind the shared links is not what it was: whoever has its address now is to get
  /// what comes from here on. What is under way stays where it is. Asked again while it is so.
  virtual void connect_anew() = 0;

  /// An invalidation has ended; `record` is valid during this call only.
  virtual void invalidated(const AuditRecord& record) { static_cast<void>(record); }

  /// As Change says; only while somebody watches.
  virtual void changed(const Change& change) { static_cast<void>(change); }

  /// Opens a client of the sidecar's own for one load. \returns 0 where nobody asks origins.
  virtual ClientId open_loader(std::uint32_t db) {
    static_cast<void>(db);
    return 0;
  }
  /// What is known of origins and their databases, for operators.
  virtual protocol::Value loaders() const { return {protocol::Value::Map{}}; }
  /// Closes one that is not needed after all.
  virtual void drop_loader(ClientId loader) { static_cast<void>(loader); }
  /// Asks an origin. Ends with one of Pipeline::store_loaded(), load_failed(), and the end of the
  /// loader; none of them from inside this call.
  virtual void load(OriginLoad load) { static_cast<void>(load); }
  /// Reads a key with Pipeline::fetch(), and then calls Pipeline::fetched(), both later.
  /// \returns false where that is not done.
  virtual bool fetch(KeyFetch fetch) {
    static_cast<void>(fetch);
    return false;
  }

  /// Runs a statement, and then calls Pipeline::table_answered(), later.
  /// \returns false where that is not done.
  virtual bool ask_table(TableCall call) {
    static_cast<void>(call);
    return false;
  }

  /// Close the client's connection: at once, or when what it asked for is answered.
  virtual void close(ClientId client, bool at_once) = 0;
};

}  // namespace pannier::policies
