#include "proxy/sql_parameters.hpp"

#include <algorithm>

namespace pannier::proxy {

std::string wrong_with(const SqlParameters& parameters) {
  if (parameters.contains("service")) return "a service is not looked up; write host and database";
  const auto port = parameters.find("port");
  const bool is_port = port == parameters.end() ||
                       port->second.find_first_not_of("0123456789,") == std::string::npos;
  if (is_port) return {};
  return "the port is not a number; in a password write %40 for @, %2F for / and %3A for a colon";
}

void add_session(SqlParameters& parameters, const SqlSession& session) {
  parameters["client_encoding"] = "UTF8";
  parameters.emplace("fallback_application_name", "pannier");
  // Looking for Kerberos tickets may wait.
  parameters.emplace("gssencmode", "disable");
  parameters.emplace("keepalives_idle", "10");
  parameters.emplace("keepalives_interval", "3");
  parameters.emplace("keepalives_count", "3");
  parameters.emplace("tcp_user_timeout", "10000");
  // A pooler of transactions refuses options.
  if (session.transaction_pool) return;
  auto& options = parameters["options"];
  options += " -c statement_timeout=" + std::to_string(session.statement_timeout.count());
  if (!session.writes) options += " -c default_transaction_read_only=on";
}

std::string limits_of(const SqlSession& session) {
  const auto timeout = std::to_string(session.statement_timeout.count());
  std::string sql = "SELECT pg_catalog.set_config('statement_timeout', '" + timeout + "', true)";
  if (!session.writes) sql += ", pg_catalog.set_config('transaction_read_only', 'on', true)";
  return sql;
}

std::string sqlstate_in(const std::string& text) {
  constexpr const char* letters = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
  for (auto at = text.find(":  "); at != std::string::npos; at = text.find(":  ", at + 1)) {
    const auto code = text.substr(at + 3, 6);
    if (code.find_first_not_of(letters) == 5 && code[5] == ':') return code.substr(0, 5);
  }
  return {};
}

std::size_t parameters_in(std::string_view sql) {
  std::size_t highest = 0;
  char quote = 0;
  for (std::size_t i = 0; i < sql.size(); ++i) {
    const char c = sql[i];
    if (quote != 0) {
      if (c == quote) quote = 0;
      continue;
    }
    if (c == '\'' || c == '"') quote = c;
    if (c != '$') continue;
    std::size_t number = 0;
    while (i + 1 < sql.size() && sql[i + 1] >= '0' && sql[i + 1] <= '9' && number < 1000) {
      number = number * 10 + static_cast<std::size_t>(sql[++i] - '0');
    }
    highest = std::max(highest, number);
  }
  return highest;
}

}  // namespace pannier::proxy
