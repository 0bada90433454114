// What an application does with hiredis: usage hiredis_client PORT REDIS_PORT PREFIX.
//
// Prints one line a step. At the step `restart` it waits for a line on standard input, in which
// time the server is restarted.

#include <hiredis/hiredis.h>

#include <chrono>
#include <cstdio>
#include <iostream>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace {

using Words = std::vector<std::string>;
using Reply = std::unique_ptr<redisReply, decltype(&freeReplyObject)>;

/// Nested values are in parentheses; what would break the line is escaped.
std::string shown(const redisReply* reply) {
  if (reply == nullptr) return "connection lost";
  switch (reply->type) {
    case REDIS_REPLY_NIL:
      return "nil";
    case REDIS_REPLY_INTEGER:
      return std::to_string(reply->integer);
    case REDIS_REPLY_ARRAY: {
      std::string all = "(";
      for (std::size_t i = 0; i < reply->elements; ++i) all += shown(reply->element[i]) + ' ';
      return all + ')';
    }
    default:
      break;
  }
  const std::string text(reply->str, static_cast<std::size_t>(reply->len));
  if (text.size() > 1000)
    return std::to_string(text.size()) + " bytes ending in " + text.substr(text.size() - 9);
  std::string plain = reply->type == REDIS_REPLY_STRING  ? "'"
                      : reply->type == REDIS_REPLY_ERROR ? "!"
                                                         : "+";
  char hex[8];
  for (const char byte : text) {
    if (byte >= ' ' && byte <= '~') {
      plain += byte;
    } else {
      std::snprintf(hex, sizeof hex, "\\x%02x", static_cast<unsigned char>(byte));
      plain += hex;
    }
  }
  return plain;
}

class Connection {
 public:
  explicit Connection(int port) : port_(port) { connect(); }
  ~Connection() { redisFree(context_); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  /// Until the server takes connections.
  void connect() {
    while (true) {
      context_ = redisConnectWithTimeout("127.0.0.1", port_, {5, 0});
      if (context_ != nullptr && context_->err == 0) return;
      redisFree(context_);
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
  }
  void reconnect() {
    redisFree(context_);
    connect();
  }
  void append(const Words& words) {
    std::vector<const char*> at;
    std::vector<std::size_t> sizes;
    for (const auto& word : words) {
      at.push_back(word.data());
      sizes.push_back(word.size());
    }
    redisAppendCommandArgv(context_, static_cast<int>(at.size()), at.data(), sizes.data());
  }
  Reply next() {
    void* reply = nullptr;
    if (redisGetReply(context_, &reply) != REDIS_OK) reply = nullptr;
    return {static_cast<redisReply*>(reply), freeReplyObject};
  }
  std::string call(const Words& words) {
    append(words);
    return shown(next().get());
  }

 private:
  int port_;
  redisContext* context_ = nullptr;
};

void show(const std::string& step, const Words& values) {
  std::cout << step;
  for (const auto& value : values) std::cout << ' ' << value;
  std::cout << std::endl;
}

/// One command after the other; `@` at the beginning of a word is the prefix of keys.
void show_all(Connection& connection, const std::string& prefix,
              const std::vector<Words>& commands) {
  for (auto words : commands) {
    for (auto& word : words) {
      if (word[0] == '@') word.replace(0, 1, prefix);
    }
    show(words[0], {connection.call(words)});
  }
}

std::vector<Words> plain_commands() {
  return {{"PING"},
          {"ECHO", "hi"},
          {"CLIENT", "SETNAME", "hiredis"},
          {"CLIENT", "GETNAME"},
          {"READONLY"},
          {"SELECT", "99"},
          {"GET", "@none"},
          {"SET", "@a", "1"},
          {"GET", "@a"},
          {"SET", "@a", "2", "NX"},
          {"SETEX", "@e", "100", "x"},
          {"EXISTS", "@e", "@a", "@none"},
          {"GETSET", "@a", "3"},
          {"GETDEL", "@a"},
          {"MSET", "@m1", "1", "@m2", "2"},
          {"MGET", "@m1", "@none2", "@m2"},
          {"INCRBY", "@n", "41"},
          {"INCRBYFLOAT", "@f", "0.5"},
          {"APPEND", "@m1", "23"},
          {"GETRANGE", "@m1", "1", "2"},
          {"STRLEN", "@m1"},
          {"HSET", "@h", "x", "1", "y", "2"},
          {"HGETALL", "@h"},
          {"HMGET", "@h", "x", "z"},
          {"RPUSH", "@l", "a", "b"},
          {"LRANGE", "@l", "0", "-1"},
          {"LPOP", "@l", "5"},
          {"SADD", "@s", "a"},
          {"SMEMBERS", "@s"},
          {"ZADD", "@z", "1", "a", "2.5", "b"},
          {"ZRANGE", "@z", "0", "-1", "WITHSCORES"},
          {"ZPOPMIN", "@z"},
          {"ZSCORE", "@z", "b"},
          {"XADD", "@x", "1-1", "f", "v"},
          {"XRANGE", "@x", "-", "+"},
          {"GEOPOS", "@none", "x"},
          {"INCR", "@h"},
          {"NONSENSE", "a", "b"},
          {"GET"},
          {"OBJECT", "nonsense"},
          {"TYPE", "@h"},
          {"MULTI"},
          {"SET", "@t", "1"},
          {"INCR", "@t"},
          {"HGETALL", "@h"},
          {"EXEC"},
          {"MULTI"},
          {"NONSENSE"},
          {"EXEC"},
          {"WATCH", "@t"},
          {"SET", "@t", "2"},
          {"MULTI"},
          {"GET", "@t"},
          {"EXEC"},
          {"GET", "@t"},
          {"EVAL", "return {KEYS[1], 7, false}", "1", "@t"},
          {"SCAN", "0", "MATCH", "@m1*", "COUNT", "1000"},
          {"BLPOP", "@none", "0.05"}};
}

void pipeline(Connection& connection, const std::string& prefix) {
  constexpr int count = 10'000;
  for (int i = 0; i < count; ++i) {
    connection.append({"SET", prefix + "p" + std::to_string(i), std::to_string(i)});
    connection.append({"GET", prefix + "p" + std::to_string(i)});
  }
  int right = 0;
  for (int i = 0; i < count; ++i) {
    right += shown(connection.next().get()) == "+OK";
    right += shown(connection.next().get()).substr(1) == std::to_string(i);
  }
  show("pipeline", {std::to_string(right)});
}

void binary(Connection& connection, const std::string& prefix) {
  std::string bytes;
  for (int i = 0; i < 256; ++i) bytes += static_cast<char>(i);
  show("binary",
       {connection.call({"SET", prefix + bytes, bytes + "\r\n$5\r\n"}),
        connection.call({"GET", prefix + bytes}), connection.call({"SET", prefix + "empty", ""}),
        connection.call({"GET", prefix + "empty"})});
  show("large", {connection.call({"SET", prefix + "large", std::string(5 << 20, 'x') + "the end"}),
                 connection.call({"GET", prefix + "large"})});
}

void publish(Connection& from, Connection& to, const std::string& channel) {
  show("subscribe", {to.call({"SUBSCRIBE", channel}), to.call({"PSUBSCRIBE", channel + "*"})});
  show("publish",
       {from.call({"PUBLISH", channel, "news"}), shown(to.next().get()), shown(to.next().get())});
  show("unsubscribe", {to.call({"UNSUBSCRIBE"}), to.call({"PUNSUBSCRIBE"}), to.call({"PING"})});
}

void blocked(Connection& connection, int port, const std::string& prefix) {
  Connection waiting(port);
  waiting.append({"BLPOP", prefix + "q", "20"});
  // Sent together with a command whose reply comes only when BLPOP's has come.
  waiting.append({"PING"});
  std::thread reader([&waiting] {
    const auto popped = shown(waiting.next().get());
    show("blpop", {popped, shown(waiting.next().get())});
  });
  const auto pushed = connection.call({"RPUSH", prefix + "q", "x"});
  reader.join();
  show("rpush", {pushed});
}

}  // namespace

int main(int count, char** arguments) {
  if (count < 4) return 64;
  const int port = std::stoi(arguments[1]), redis_port = std::stoi(arguments[2]);
  const std::string prefix = arguments[3];
  Connection connection(port);
  show_all(connection, prefix, plain_commands());
  pipeline(connection, prefix);
  binary(connection, prefix);
  {
    Connection direct(redis_port), listener(port), direct_listener(redis_port);
    publish(direct, listener, prefix + "ch");
    publish(connection, direct_listener, prefix + "ch");
  }
  blocked(connection, port, prefix);
  show("restart", {});
  std::string line;
  std::getline(std::cin, line);
  show("lost", {connection.call({"PING"})});
  connection.reconnect();
  show("restarted", {connection.call({"SET", prefix + "again", "1"}),
                     connection.call({"GET", prefix + "again"})});
}
