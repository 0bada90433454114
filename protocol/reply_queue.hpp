#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace pannier::protocol {

/// Puts the replies to one client's requests back in the order of the requests.
///
/// Requests are numbered from 0. Most replies come in order and go straight to the output; one that
/// comes early is held until those before it have come.
class ReplyQueue {
 public:
  /// `bytes` are the whole replies to `count` consecutive requests from `number` on; `bytes` may be
  /// empty for requests that get no reply.
  void put(std::uint64_t number, std::uint64_t count, std::string_view bytes, std::string& out);

  /// `bytes` are the next piece of the reply to request `number`; put() brings its end.
  void put_part(std::uint64_t number, std::string_view bytes, std::string& out);

  /// The request whose reply is due next.
  std::uint64_t head() const { return head_; }
  /// The output ends in the middle of a reply.
  bool in_the_middle() const { return in_the_middle_; }
  /// Bytes of replies that came early.
  std::size_t held() const { return held_; }

 private:
  struct Early {
    std::uint64_t count = 0;  ///< 0 while only parts have come.
    std::string bytes;
  };
  void release(std::string& out);

  std::uint64_t head_ = 0;
  std::map<std::uint64_t, Early> early_;
  std::size_t held_ = 0;
  bool in_the_middle_ = false;
};

}  // namespace pannier::protocol
