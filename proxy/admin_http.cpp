#include "proxy/admin_http.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/status.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/websocket/rfc6455.hpp>

namespace pannier::proxy {

namespace http = boost::beast::http;

struct RequestReader::Parser {
  http::request_parser<http::string_body> parser;
  bool begun = false;
};

namespace {

Refusal refusal_of(const boost::system::error_code& error) {
  if (error == http::error::header_limit) return {431, "the head has more than 8 KiB"};
  if (error == http::error::body_limit) return {413, "the body has more than 64 KiB"};
  return {400, "not a request that is understood: " + error.message()};
}

template <class Name>
std::vector<std::string> values(const http::fields& fields, Name name) {
  std::vector<std::string> all;
  const auto range = fields.equal_range(name);
  for (auto at = range.first; at != range.second; ++at) all.emplace_back(at->value());
  return all;
}

/// Beast takes `2, 2` and two equal lengths for one.
bool has_plain_length(const http::fields& fields) {
  const auto lengths = values(fields, http::field::content_length);
  return lengths.empty() || (lengths.size() == 1 && lengths[0].find(',') == std::string::npos);
}

}  // namespace

RequestReader::RequestReader() : parser_(std::make_unique<Parser>()) {
  auto& parser = parser_->parser;
  parser.header_limit(most_head_bytes);
  parser.body_limit(most_body_bytes);
}

RequestReader::~RequestReader() = default;
RequestReader::RequestReader(RequestReader&&) noexcept = default;
RequestReader& RequestReader::operator=(RequestReader&&) noexcept = default;

boost::system::result<RequestReader::Progress, Refusal> RequestReader::feed(std::string& bytes) {
  auto& parser = parser_->parser;
  const bool in_head = !parser.is_header_done();
  parser_->begun = parser_->begun || !bytes.empty();
  parser.eager(!in_head);
  boost::system::error_code error;
  const auto used = parser.is_done() ? 0 : parser.put(boost::asio::buffer(bytes), error);
  if (in_head && has_folded_line(std::string_view(bytes).substr(0, used))) {
    return Refusal{400, "a line of the head begins with a blank"};
  }
  bytes.erase(0, used);
  if (error && error != http::error::need_more) return refusal_of(error);
  if (!parser.is_header_done()) {
    if (bytes.size() > most_head_bytes) return refusal_of(http::error::header_limit);
    return Progress::head_incomplete;
  }
  if (in_head) {
    if (!has_plain_length(parser.get())) return Refusal{400, "Content-Length is one number"};
    return Progress::head_complete;
  }
  return parser.is_done() ? Progress::complete : Progress::body_incomplete;
}

bool RequestReader::begun() const { return parser_->begun; }

RequestHead RequestReader::head() const {
  const auto& request = parser_->parser.get();
  RequestHead head;
  head.method = std::string(request.method_string());
  head.target = std::string(request.target());
  head.hosts = values(request, http::field::host);
  head.content_types = values(request, http::field::content_type);
  head.authorizations = values(request, http::field::authorization);
  head.marks = values(request, "X-Pannier");
  head.signatures = values(request, "X-Pannier-Signature");
  head.timestamps = values(request, "X-Pannier-Timestamp");
  head.idempotency_keys = values(request, "Idempotency-Key");
  if (boost::beast::websocket::is_upgrade(request)) {
    head.websocket_version = std::string(request[http::field::sec_websocket_version]);
    head.websocket_key = std::string(request[http::field::sec_websocket_key]);
  }
  head.has_origin = request.count(http::field::origin) > 0;
  head.is_encoded = request.count(http::field::transfer_encoding) > 0;
  head.expects = request.count(http::field::expect) > 0;
  head.keep_alive = parser_->parser.keep_alive();
  head.body_bytes = parser_->parser.content_length().value_or(0);
  return head;
}

const std::string& RequestReader::body() const { return parser_->parser.get().body(); }

std::string Response::bytes() const {
  const auto reason = http::obsolete_reason(http::int_to_status(status));
  std::string out = "HTTP/1.1 " + std::to_string(status) + " " + std::string(reason);
  const auto add = [&](std::string_view name, std::string_view value) {
    out.append("\r\n").append(name).append(": ").append(value);
  };
  add("Content-Type", content_type);
  add("Content-Length", std::to_string(body.size()));
  add("Cache-Control", "no-store");
  add("X-Content-Type-Options", "nosniff");
  if (!allow.empty()) add("Allow", allow);
  if (status == 401) add("WWW-Authenticate", "Bearer");
  if (status == 429) add("Retry-After", "1");
  if (!keep_alive) add("Connection", "close");
  out += "\r\n\r\n";
  if (!head_only) out += body;
  return out;
}

}  // namespace pannier::proxy
