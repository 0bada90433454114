#pragma once

#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "policies/memory_store.hpp"
#include "protocol/command_table.hpp"

namespace pannier::tests {

/// A Redis without sockets, at a server time of its own: strings as the memory store has them,
/// collections by name and expiry only, the lists behind tags, transactions, and the tracking that
/// the lane relies on (OPTIN, one push per change, in order with the replies).
class FakeRedis {
 public:
  using Args = std::vector<std::string>;

  /// One connection. What it is sent waits in `out`, in Redis's order: a push behind the reply to
  /// the command that caused it.
  struct Connection {
    protocol::Resp resp = protocol::Resp::v3;
    std::uint32_t db = 0;
    std::deque<std::string> out;

    bool caching = false;  ///< CLIENT CACHING YES: the next command is tracked.
    bool in_multi = false, aborted = false;
    std::vector<std::string> queued;
    std::vector<std::pair<std::string, std::string>> watched;  ///< Keys as they were.
  };

  /// Runs one whole command; its reply is appended to `connection.out`.
  void execute(Connection& connection, std::string_view wire);
  /// It closed: nothing is pushed to it any more.
  void forget(Connection& connection);

  /// What a string holds; nothing if there is none.
  std::optional<std::string> value(std::uint32_t db, std::string_view key);

  /// When that ends by itself; nothing if it does not.
  std::optional<policies::ServerTime> expiry(std::uint32_t db, std::string_view key);

  policies::ServerTime now{policies::milliseconds(1'700'000'000'000)};
  bool tracks = true;  ///< Whether it pushes invalidations.
  /// Told of every command that ran and its reply, those inside a transaction included.
  std::function<void(const Connection&, const Args&, std::string_view reply)> ran;

 private:
  using Words = std::vector<std::string_view>;
  using Name = std::pair<std::uint32_t, std::string>;

  std::string run(Connection& connection, std::string_view wire, const Words& words);
  bool run_transaction(Connection& connection, const std::string& name, std::string_view wire,
                       const Words& words, std::string& reply);
  std::string execute_queued(Connection& connection);
  bool run_collection(Connection& connection, const std::string& name, const Words& words,
                      std::string& reply);
  bool run_list(const Connection& connection, const std::string& name, const Words& words,
                std::string& reply);
  bool raise_bans(const Connection& connection, const Words& words, std::string& reply);
  void changed_bans(std::uint32_t db, std::string_view key);
  std::string ask(std::uint32_t db, std::initializer_list<std::string_view> words);
  /// What there is to see of a key: a change of it is a change of this.
  std::string look(std::uint32_t db, std::string_view key);
  void push_changes(const std::vector<std::pair<std::string, std::string>>& before,
                    std::uint32_t db);
  void push_all(std::string_view keys, const std::set<Connection*>& to);

  policies::MemoryStore store_{std::size_t{1} << 30};
  std::map<Name, std::map<std::string, std::int64_t>> lists_;  ///< pn:t:<tag>, by member.
  std::map<std::string, std::set<Connection*>, std::less<>> tracked_;
  bool has_collections_ = false;
  std::uint64_t changes_ = 0;  ///< Of the record of bans.
};

/// The words of a whole command as it travels; views into `wire`.
std::vector<std::string_view> words_of(std::string_view wire);
/// A command of words as it travels.
std::string wire_of(const std::vector<std::string_view>& words);
/// What it begins with, cut off: `wires` is one or more whole commands.
std::string_view take_command(std::string_view& wires);

}  // namespace pannier::tests
