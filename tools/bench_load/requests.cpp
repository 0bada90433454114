#include "tools/bench_load/requests.hpp"

#include <initializer_list>

namespace bench_load {
namespace {

void append_request(std::string& out, std::initializer_list<std::string_view> args) {
  out += '*' + std::to_string(args.size()) + "\r\n";
  for (std::string_view arg : args) {
    out += '$' + std::to_string(arg.size()) + "\r\n";
    out += arg;
    out += "\r\n";
  }
}

/// 16 bytes whatever the number.
std::string key_name(std::size_t number) {
  std::string digits = std::to_string(number);
  return "bench:" + std::string(10 - digits.size(), '0') + digits;
}

}  // namespace

Requests::Requests(const Options& options)
    : keys_(options.keys), pipeline_(options.pipeline), stride_(options.stride) {
  const std::string value(options.size, 'x');
  const bool sets = options.command == Command::set;
  for (std::size_t i = 0; i < keys_ + pipeline_ - 1; ++i) {
    const std::string key = key_name(i % keys_);
    if (sets) {
      append_request(ring_, {"SET", key, value});
    } else {
      append_request(ring_, {"GET", key});
    }
    if (i == 0) request_size_ = ring_.size();
  }
  reply_head_ = sets ? "+OK\r\n" : '$' + std::to_string(options.size) + "\r\n";
  reply_rest_ = sets ? 0 : options.size + 2;
}

}  // namespace bench_load
