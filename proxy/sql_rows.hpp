#pragma once

#include <optional>
#include <string_view>

#include "proxy/sql_query.hpp"

namespace pannier::proxy {

/// Makes a query's value of its rows while they come, and stops where it would become too large.
class SqlRows {
 public:
  explicit SqlRows(const SqlQuery& query);

  /// The next row's first column; std::nullopt is NULL. \returns false if that is too much: then no
  /// answer can be made of it any more.
  bool take(std::optional<std::string_view> column);
  /// When all have come.
  SqlAnswer answer() &&;

  SqlQuery::Shape shape() const { return shape_; }
  std::size_t max_bytes() const { return max_bytes_; }
  std::size_t rows() const { return rows_; }
  /// Which limit was met: "more than 1000 rows".
  std::string why_too_large() const;

 private:
  SqlQuery::Shape shape_;
  std::size_t max_rows_, max_bytes_, rows_ = 0;
  bool is_null_ = false;
  std::string value_;
};

}  // namespace pannier::proxy
