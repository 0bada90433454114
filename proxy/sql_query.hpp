#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "policies/time.hpp"

namespace pannier::proxy {

/// One statement for PostgreSQL. What comes from a key or a client goes into `params` only; `sql`
/// is what the configuration says.
struct SqlQuery {
  /// What becomes of the rows. No row at all is Kind::nothing, except with `none`.
  enum class Shape : std::uint8_t {
    rows,    ///< A JSON array of objects, one for each row. Only what can stand in FROM (...).
    row,     ///< The first row as a JSON object. Only what can stand in FROM (...).
    scalar,  ///< The first column of the first row, as PostgreSQL writes it.
    raw,     ///< The same; the bytes themselves if it is a bytea.
    none,    ///< Rows do not matter; the value is empty.
  };

  std::string sql;  ///< One statement, with $1, $2, ...
  /// $1 first, in text format; std::nullopt is NULL. PostgreSQL finds out their types.
  std::vector<std::optional<std::string>> params;
  Shape shape = Shape::rows;
  /// More rows than this are too_large. The first row of `scalar` and `raw` is all that is kept,
  /// but what follows counts too.
  std::size_t max_rows = 10'000;
  /// A longer value is too_large. Of `scalar` and `raw` a single row that is longer is given up
  /// when more than twice as much has come; what has come at once by then is in memory for a
  /// moment.
  std::size_t max_bytes = 16 << 20;
  /// From when it is first sent until its answer is complete, a second attempt included. Longer
  /// than the statement_timeout, or PostgreSQL goes on with what nobody waits for.
  policies::milliseconds timeout{2000};
};

/// What became of a query. Only `value`, `nothing` and `null` say something about the data.
struct SqlAnswer {
  enum class Kind : std::uint8_t {
    value,
    nothing,      ///< No row.
    null,         ///< `scalar` and `raw`: there is a row, and SQL NULL in it.
    error,        ///< PostgreSQL refused the statement, or we a parameter.
    busy,         ///< No connection was free in time, or PostgreSQL has none left (53300).
    timeout,      ///< Not answered within the query's `timeout`.
    lost,         ///< The connection broke. Whether a writing statement took effect is not known.
    too_large,    ///< More than max_rows or max_bytes.
    unavailable,  ///< There is no connection to PostgreSQL, or the pool has been stopped.
  };
  static constexpr std::size_t kinds = 9;

  Kind kind = Kind::error;
  std::string value = {};     ///< Empty unless kind is `value`.
  std::string error = {};     ///< One line, without passwords; empty with value, nothing and null.
  std::string sqlstate = {};  ///< Five characters if PostgreSQL gave the error, else empty.
  std::size_t rows = 0;       ///< How many came.
};

/// What went wrong, for people: the error and PostgreSQL's code, if it gave one.
inline std::string error_text(const SqlAnswer& answer) {
  if (answer.sqlstate.empty()) return answer.error;
  return answer.error + " (SQLSTATE " + answer.sqlstate + ")";
}

/// The name as above, for counters and logs.
constexpr const char* name_of(SqlAnswer::Kind kind) {
  switch (kind) {
    case SqlAnswer::Kind::value:
      return "value";
    case SqlAnswer::Kind::nothing:
      return "nothing";
    case SqlAnswer::Kind::null:
      return "null";
    case SqlAnswer::Kind::error:
      return "error";
    case SqlAnswer::Kind::busy:
      return "busy";
    case SqlAnswer::Kind::timeout:
      return "timeout";
    case SqlAnswer::Kind::lost:
      return "lost";
    case SqlAnswer::Kind::too_large:
      return "too_large";
    case SqlAnswer::Kind::unavailable:
      return "unavailable";
  }
  return "";
}

}  // namespace pannier::proxy
