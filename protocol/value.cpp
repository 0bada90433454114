#include "protocol/value.hpp"

#include "protocol/reply.hpp"

namespace pannier::protocol {
namespace {

struct Append {
  std::string& out;
  Resp resp;

  void operator()(std::nullptr_t) const { append_null(out, resp); }
  void operator()(bool value) const { append_boolean(out, value, resp); }
  void operator()(std::int64_t value) const { append_integer(out, value); }
  void operator()(double value) const { append_double(out, value, resp); }
  void operator()(const std::string& bytes) const { append_bulk(out, bytes); }
  void operator()(const Value::Status& status) const { append_simple(out, status.text); }
  void operator()(const Value::Error& error) const { append_error(out, error.text); }
  void operator()(const Value::List& list) const {
    append_array(out, list.size());
    for (const Value& value : list) value.append_to(out, resp);
  }
  void operator()(const Value::Map& map) const {
    append_map(out, map.size(), resp);
    for (const auto& [name, value] : map) {
      append_bulk(out, name);
      value.append_to(out, resp);
    }
  }
};

}  // namespace

void Value::append_to(std::string& out, Resp resp) const { std::visit(Append{out, resp}, data); }

}  // namespace pannier::protocol
