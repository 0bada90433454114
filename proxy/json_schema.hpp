#pragma once

#include <boost/system/result.hpp>
#include <memory>
#include <string>
#include <string_view>

namespace pannier::proxy {

/// A JSON Schema (draft 7), compiled: what payloads of an event must look like.
///
/// Schemas elsewhere (`$ref` to another document) are refused: nothing is fetched. `format` is
/// understood below `properties` and `items`, as `date` and `date-time`, and refused elsewhere: a
/// check that does not happen is worse than none.
class JsonSchema {
 public:
  /// \returns the schema, or what is wrong with it.
  static boost::system::result<JsonSchema, std::string> compile(std::string_view json);
  JsonSchema(JsonSchema&&) noexcept;
  JsonSchema& operator=(JsonSchema&&) noexcept;
  ~JsonSchema();

  /// \returns why `payload` does not fit, with the place in it; empty if it fits. What is no JSON,
  /// larger than 1 MiB or nested deeper than 32 levels does not fit.
  std::string objection(std::string_view payload) const;

 private:
  struct Compiled;
  explicit JsonSchema(std::unique_ptr<Compiled> compiled);
  std::unique_ptr<Compiled> compiled_;
};

}  // namespace pannier::proxy
