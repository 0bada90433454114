#include "proxy/sql_rows.hpp"

#include <utility>

namespace pannier::proxy {

using Shape = SqlQuery::Shape;

SqlRows::SqlRows(const SqlQuery& query)
    : shape_(query.shape), max_rows_(query.max_rows), max_bytes_(query.max_bytes) {}

bool SqlRows::take(std::optional<std::string_view> column) {
  ++rows_;
  if (shape_ == Shape::none) return true;
  if (rows_ > max_rows_) return false;
  if (shape_ != Shape::rows && rows_ > 1) return true;
  const bool is_json = shape_ == Shape::rows || shape_ == Shape::row;
  // See statement_of().
  if (is_json && !column) return false;
  is_null_ = !column;
  const auto text = column.value_or(std::string_view());
  // A bracket or a comma before it, and a bracket behind.
  const std::size_t around = shape_ == Shape::rows ? 2 : 0;
  if (value_.size() + text.size() + around > max_bytes_) return false;
  if (shape_ == Shape::rows) value_ += rows_ == 1 ? '[' : ',';
  value_ += text;
  return true;
}

SqlAnswer SqlRows::answer() && {
  SqlAnswer answer{.rows = rows_};
  if (shape_ == Shape::none) {
    answer.kind = SqlAnswer::Kind::value;
  } else if (rows_ == 0) {
    answer.kind = SqlAnswer::Kind::nothing;
  } else if (is_null_) {
    answer.kind = SqlAnswer::Kind::null;
  } else {
    answer.kind = SqlAnswer::Kind::value;
    answer.value = std::move(value_);
    if (shape_ == Shape::rows) answer.value += ']';
  }
  return answer;
}

std::string SqlRows::why_too_large() const {
  if (rows_ > max_rows_) return "more than " + std::to_string(max_rows_) + " rows";
  return "more than " + std::to_string(max_bytes_) + " bytes";
}

}  // namespace pannier::proxy
