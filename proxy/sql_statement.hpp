#pragma once

#include <string>
#include <string_view>

#include "proxy/sql_query.hpp"

namespace pannier::proxy {

/// What is sent to PostgreSQL for the query: for `rows` and `row` it makes the JSON itself.
std::string statement_of(const SqlQuery& query);

/// \returns why the parameters cannot be sent ("$2 is not valid UTF-8"), empty if they can.
/// PostgreSQL ends a text at its first NUL, and what invalid UTF-8 means is up to who reads it.
std::string refused_parameter(const SqlQuery& query);

/// The text as one line of at most 300 bytes, of valid UTF-8.
std::string one_line(std::string_view text);

}  // namespace pannier::proxy
