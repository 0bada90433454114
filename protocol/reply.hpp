#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

#include "protocol/command.hpp"

namespace pannier::protocol {

/// Builders: each appends one reply, or the header of one, to `out`.
void append_simple(std::string& out, std::string_view text);  ///< `+text`
void append_error(std::string& out, std::string_view text);   ///< `-text`, control bytes blanked
void append_integer(std::string& out, std::int64_t value);    ///< `:value`
void append_bulk(std::string& out, std::string_view bytes);   ///< `$n`
/// Text for people: `=n txt:` or a bulk string.
void append_verbatim(std::string& out, std::string_view text, Resp resp);
void append_null(std::string& out, Resp resp);                    ///< `$-1` or `_`
void append_null_array(std::string& out, Resp resp);              ///< `*-1` or `_`
void append_array(std::string& out, std::size_t elements);        ///< `*n` header
void append_map(std::string& out, std::size_t pairs, Resp resp);  ///< `%n`, or `*2n` in RESP2
void append_set(std::string& out, std::size_t elements, Resp resp);
void append_double(std::string& out, double value, Resp resp);  ///< `,x` or a bulk string
void append_boolean(std::string& out, bool value, Resp resp);   ///< `#t` or `:1`

/// The same as replies of their own.
std::string error_reply(std::string_view text);
std::string integer_reply(std::int64_t value);

/// Appends a whole command as a RESP array of bulk strings.
void append_command(std::string& out, std::initializer_list<std::string_view> args);
/// The header of a command of `args` arguments; follow with append_bulk for each.
inline void append_command(std::string& out, std::size_t args) { append_array(out, args); }

/// One reply that has arrived whole, looked at in place. Valid as long as its bytes are.
struct ReplyView {
  char kind = 0;            ///< Type byte.
  std::string_view text;    ///< Scalars: what stands behind the type (a bulk's bytes, an error's
                            ///< text, a verbatim string's without its `txt:`).
  std::int64_t number = 0;  ///< `:` its value; aggregates: elements (a map counts keys and values).
  bool null = false;        ///< `_`, `$-1`, `*-1`.

  bool error() const { return kind == '-' || kind == '!'; }
};

/// Walks over complete, well-formed replies (the scanner has seen them). Aggregates are entered:
/// after reading `*2` the next two calls give its elements. Attributes are stepped over.
class ReplyReader {
 public:
  explicit ReplyReader(std::string_view bytes) : rest_(bytes) {}
  bool done() const { return rest_.empty(); }
  ReplyView next();
  /// Steps over one whole element with everything in it, and returns its bytes.
  std::string_view skip();
  /// Steps over attributes that stand before the next element; next() does so by itself.
  void skip_attributes();
  std::string_view rest() const { return rest_; }

 private:
  std::string_view rest_;
};

/// Appends the RESP2 form of a complete RESP3 reply: null, double, boolean, map, set, big number
/// and verbatim string become what a RESP2 server would have sent; attributes are dropped.
/// Redis chooses between `$-1` and `*-1` per command; here a null is `$-1`.
void append_as_resp2(std::string& out, std::string_view reply);

/// A signed 64-bit decimal number in Redis's strict form (no sign `+`, no spaces, no leading zero).
std::optional<std::int64_t> to_integer(std::string_view text);

}  // namespace pannier::protocol
