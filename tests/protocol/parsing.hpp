#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "protocol/command_parser.hpp"
#include "protocol/reply.hpp"

namespace pannier::protocol {

/// What a parser made of a stream: each command as its canonical bytes, and how it ended.
struct Parsed {
  std::vector<std::string> commands;
  std::string error;  ///< The error line of a failed step; "close" for the silent one.
  std::size_t unread = 0;

  bool operator==(const Parsed&) const = default;
};

/// A client connection without the connection: keeps unread bytes, in a new place every time.
class Feed {
 public:
  explicit Feed(const Limits& limits = defaults()) : limits_(&limits), parser_(limits) {}

  void add(std::string_view piece) {
    std::string moved;
    moved.reserve(unread_.size() + piece.size());
    moved += unread_;
    moved += piece;
    unread_ = std::move(moved);
    std::string_view rest = unread_;
    while (parsed_.error.empty() && take(rest)) continue;
    unread_ = std::string(rest);
    parsed_.unread = unread_.size();
  }

  const Parsed& parsed() const { return parsed_; }
  const CommandParser& parser() const { return parser_; }

  static const Limits& defaults() {
    static const Limits limits;
    return limits;
  }

 private:
  bool take(std::string_view& rest) {
    Command command;
    const CommandParser::Step step = parser_.parse(rest, command);
    switch (step.status) {
      case CommandParser::Status::incomplete:
        return false;
      case CommandParser::Status::failed:
        parsed_.error = error_text(step, *limits_);
        if (parsed_.error.empty()) parsed_.error = "close";
        return false;
      case CommandParser::Status::complete:
        parsed_.commands.push_back(encoded(command));
        if (command.wire != parsed_.commands.back()) parsed_.error = "wire is not canonical";
        break;
      case CommandParser::Status::nothing:
        break;
    }
    rest.remove_prefix(step.consumed);
    return !rest.empty();
  }

  static std::string encoded(const Command& command) {
    std::string bytes;
    append_command(bytes, command.args.size());
    for (const std::string_view arg : command.args) append_bulk(bytes, arg);
    return bytes;
  }

  const Limits* limits_;
  CommandParser parser_;
  Parsed parsed_;
  std::string unread_;
};

inline Parsed parse_whole(std::string_view bytes, const Limits& limits = Feed::defaults()) {
  Feed feed(limits);
  feed.add(bytes);
  return feed.parsed();
}

/// The canonical bytes of one command.
inline std::string command_of(std::initializer_list<std::string_view> args) {
  std::string bytes;
  append_command(bytes, args);
  return bytes;
}

}  // namespace pannier::protocol
