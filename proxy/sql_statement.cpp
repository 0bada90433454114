#include "proxy/sql_statement.hpp"

#include "proxy/utf8.hpp"

namespace pannier::proxy {

namespace {

constexpr std::size_t most_text = 300;

/// Without the semicolons that a statement inside brackets cannot have.
std::string_view bare(std::string_view sql) {
  const auto last = sql.find_last_not_of("; \t\r\n");
  return last == std::string_view::npos ? std::string_view() : sql.substr(0, last + 1);
}

/// On lines of its own: it may end with a comment. t.* is the row even where a column is called t.
/// A row that is too long becomes NULL, which no other does, before libpq would make room for it;
/// OFFSET 0 keeps the planner from making its JSON twice.
std::string as_json(const SqlQuery& query, const char* limit) {
  std::string text = "SELECT CASE WHEN pg_catalog.octet_length(v) <= ";
  text += std::to_string(query.max_bytes);
  text += " THEN v END FROM (SELECT pg_catalog.row_to_json(t.*)::text AS v FROM (\n";
  text.append(bare(query.sql));
  return text.append("\n) AS t").append(limit).append(") AS r");
}

}  // namespace

std::string statement_of(const SqlQuery& query) {
  switch (query.shape) {
    case SqlQuery::Shape::rows:
      return as_json(query, " OFFSET 0");
    case SqlQuery::Shape::row:
      return as_json(query, " OFFSET 0 LIMIT 1");
    case SqlQuery::Shape::scalar:
    case SqlQuery::Shape::raw:
    case SqlQuery::Shape::none:
      break;
  }
  return query.sql;
}

std::string refused_parameter(const SqlQuery& query) {
  // The protocol counts them in 16 bits.
  if (query.params.size() > 65'535) return "more than 65535 parameters";
  for (std::size_t i = 0; i < query.params.size(); ++i) {
    if (!query.params[i]) continue;
    const auto name = "$" + std::to_string(i + 1);
    if (query.params[i]->find('\0') != std::string::npos) return name + " has a NUL byte";
    if (valid_utf8(*query.params[i]) != *query.params[i]) return name + " is not valid UTF-8";
  }
  return {};
}

std::string one_line(std::string_view text) {
  std::string line;
  for (const char c : text.substr(0, most_text)) {
    const bool is_blank = static_cast<unsigned char>(c) <= ' ';
    if (!is_blank) {
      line += c;
    } else if (!line.empty() && line.back() != ' ') {
      line += ' ';
    }
  }
  if (!line.empty() && line.back() == ' ') line.pop_back();
  return valid_utf8(line);
}

}  // namespace pannier::proxy
