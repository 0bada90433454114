// Large requests: passed on piece by piece, so that a value of any size takes no memory here.

#include <variant>

#include "protocol/reply.hpp"
#include "proxy/errors.hpp"
#include "proxy/server.hpp"
#include "proxy/session.hpp"

namespace pannier::proxy {

Session::Large Session::take_large(std::string_view bytes) {
  const auto begun = parser_.unfinished(bytes);
  if (!begun) return Large::is_kept;
  const bool silenced = client.reply_off || client.reply_skip > 0;
  auto verdict = tunnel_ || silenced ? std::nullopt
                                     : server_.pipeline().decide_unfinished(
                                           client, begun->args, bytes, server_.turn().now);
  if (!verdict) {
    keeps_large_ = true;
    const auto most = server_.settings().limits.max_buffered_bytes.value;
    if (bytes.size() + begun->payload <= most) return Large::is_kept;
    end_with(client.next++, errors::buffered(std::to_string(most)));
    return Large::is_refused;
  }
  const auto* way = std::get_if<policies::Forward>(&*verdict);
  if (way == nullptr) return Large::waits;
  const auto number = client.next++;
  stream_ = std::make_unique<protocol::RequestStream>(begun->payload, begun->following,
                                                      bytes.size(), server_.parser_limits());
  parser_.abandon();
  server_.begin_stream(*way, client.id, number);
  return Large::goes_on;
}

std::string_view Session::stream(std::string_view bytes) {
  using Status = protocol::RequestStream::Status;
  rest_since_ = server_.turn().now;
  const auto taken = stream_->feed(bytes);
  const auto status = stream_->status();
  if (status == Status::failed) {
    // Upstream has a part of it, which nothing may follow.
    server_.drop_own(client.id);
    const protocol::CommandParser::Step step{protocol::CommandParser::Status::failed, 0,
                                             stream_->error(), stream_->found()};
    end_with(client.next - 1,
             protocol::error_reply(protocol::error_text(step, server_.parser_limits())));
    return {};
  }
  stalled_ = server_.stream_on(client.id, bytes.substr(0, taken), status == Status::complete);
  if (status == Status::complete) {
    stream_.reset();
    stalled_ = false;
  }
  return bytes.substr(taken);
}

void Session::mark_slow(policies::TimePoint until) {
  if (slow_reader_) return;
  slow_reader_ = true;
  slow_until_ = until;
}

}  // namespace pannier::proxy
