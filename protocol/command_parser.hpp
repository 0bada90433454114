#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/command.hpp"
#include "protocol/errc.hpp"
#include "protocol/inline_command.hpp"

namespace pannier::protocol {

/// How much a client may ask us to hold. Defaults are Redis's own where it has one.
struct Limits {
  std::size_t request_bytes = 64u << 20;  ///< One whole request.
  std::size_t arguments = 1024 * 1024;    ///< Of one request.
  std::size_t inline_bytes = 64u << 10;   ///< One inline request, and one length line.
  std::size_t bulk = 512u << 20;          ///< One argument.
  bool is_authenticated = true;           ///< Otherwise errors name that as the reason.
};

/// Cuts client bytes into commands: RESP arrays and inline commands with Redis's quoting.
///
/// Lengths are accepted in canonical form only (digits, no sign, no leading zero) and every
/// terminator is checked, so that `Command::wire` of an array is the client's own bytes and still
/// is exactly what an encoder would make of the arguments; nothing unparsed ever travels on.
/// A command may arrive in any number of pieces; each byte is looked at once. Memory grows with
/// the arguments that have arrived, never with an announced count.
///
/// What is accepted does not depend on how the bytes were cut into pieces.
class CommandParser {
 public:
  enum class Status {
    complete,    ///< `command` is filled; `consumed` bytes belong to it.
    incomplete,  ///< Call again with the same bytes plus more.
    nothing,     ///< `consumed` bytes held no command (`*0`, `*-1`, an empty line).
    failed,      ///< `error` says why; answer it and close.
  };
  struct Step {
    Status status = Status::incomplete;
    std::size_t consumed = 0;
    Errc error{};
    char found = 0;  ///< With Errc::expected_bulk: the byte that stood where `$` should.
  };

  /// Redis's limit for one argument, whatever Limits say.
  static constexpr std::size_t max_bulk = 512u << 20;

  explicit CommandParser(const Limits& limits) : limits_(&limits) {}

  /// Between two commands: what comes now is held to other limits.
  void use(const Limits& limits) { limits_ = &limits; }

  /// Takes the first command off `bytes`, which begin where the last complete step ended. After
  /// `incomplete` they must begin with the same bytes again (they may have moved in memory).
  Step parse(std::string_view bytes, Command& command);

  /// How many more bytes are surely needed before parse() can succeed; 0 when not known. Lets the
  /// reader size its buffer once for a large value.
  std::size_t missing() const { return missing_; }

  /// A command of which the arguments before a large one are known.
  struct Unfinished {
    std::vector<std::string_view> args;  ///< That are whole.
    std::size_t payload = 0;             ///< Bytes of the next one that are still missing.
    std::size_t following = 0;           ///< Arguments behind it.
  };
  /// What is known of the command that parse() found incomplete in `bytes`; nothing unless what is
  /// missing is the rest of an argument.
  std::optional<Unfinished> unfinished(std::string_view bytes) const;
  /// Its bytes go another way: the next parse() begins a new command.
  void abandon() { start_over(); }

  /// Frees what a large command left behind; the last command's views end here. parse() does the
  /// same before it begins a new command: call this where a connection falls idle.
  void release();

 private:
  Step parse_array(std::string_view bytes, Command& command);
  Step resume_array(std::string_view bytes, Command& command);
  Step read_count(std::string_view bytes);
  Step read_argument(std::string_view bytes);
  Step parse_inline(std::string_view bytes, Command& command);
  Step find_line_end(std::string_view bytes, Errc too_long);
  Step deliver(std::string_view wire, std::size_t consumed, Command& command);
  Step fail(Errc error, char found = 0);
  void start_over();

  const Limits* limits_;
  std::vector<std::string_view> args_;  ///< Of the command handed out last.
  std::vector<Slice> slices_;           ///< Arguments of a command that is not complete yet.
  std::size_t expected_ = 0;            ///< Arguments announced; 0 before the `*` line was read.
  std::size_t position_ = 0;            ///< Where the next line of an incomplete command begins.
  std::size_t searched_ = 0;            ///< How far the end of that line was looked for.
  std::size_t needed_ = 0;              ///< Bytes without which the next argument is not whole.
  std::size_t missing_ = 0;
  std::string inline_args_, inline_wire_;  ///< Storage behind an inline command.
};

/// The error line for a failed step, without the `-` and CR LF; empty: close without a word.
std::string error_text(const CommandParser::Step& step, const Limits& limits);

}  // namespace pannier::protocol
