#pragma once

#include <map>
#include <string>
#include <string_view>

#include "policies/time.hpp"

namespace pannier::proxy {

/// What the connections of a pool have in common.
struct SqlSession {
  std::string url;                               ///< A URI or key=value pairs, as libpq takes them.
  policies::milliseconds connect_timeout{2000};  ///< Looking names up, TLS and login included.
  policies::milliseconds statement_timeout{1500};  ///< PostgreSQL's own limit; 0: none.
  /// Of a pooler that gives a connection for a transaction: the limits are set anew with each
  /// query, in the same round trip, because there is no session to keep them. Shape::none goes
  /// without: it may be a statement that cannot share a transaction.
  bool transaction_pool = false;
  bool writes = false;  ///< Otherwise transactions are read-only.
};

/// libpq's names for what a URL says, and their values.
using SqlParameters = std::map<std::string, std::string>;

/// PostgreSQL's code for a login that is refused because all connections are taken.
constexpr const char* too_many_connections = "53300";

/// \returns what cannot be right, empty if nothing; never a value.
std::string wrong_with(const SqlParameters& parameters);

/// What every connection has: encoding, name, limits, and how soon a silent network is noticed.
/// Except for the first and the limits the URL may say otherwise.
void add_session(SqlParameters& parameters, const SqlSession& session);

/// The statement that sets the limits for the transaction that it is in.
std::string limits_of(const SqlSession& session);

/// PostgreSQL's code in "... FATAL:  53300: sorry, too many clients already", which is all that
/// libpq tells about a refused login; empty if there is none.
std::string sqlstate_in(const std::string& text);

/// The highest n of `$n` outside quoted texts; what stands in comments counts.
std::size_t parameters_in(std::string_view sql);

}  // namespace pannier::proxy
