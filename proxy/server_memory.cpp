// All memory of the process: bounded, and given back after a burst.

#include <malloc.h>

#include "proxy/log.hpp"
#include "proxy/memory_limit.hpp"
#include "proxy/server.hpp"

namespace pannier::proxy {

namespace {

constexpr std::size_t worth_trimming = 16u << 20;  ///< Free bytes that the allocator keeps.
/// A shortage that lasts so long does not end because nobody is read from.
constexpr policies::seconds longest_short{1};

}  // namespace

/// What a burst took is kept by the allocator otherwise, for as long as the process lives.
void Server::give_memory_back() {
  if (::mallinfo2().fordblks > worth_trimming) ::malloc_trim(0);
}

/// First nobody is read from; what has begun may end. Then who holds most is closed.
void Server::watch_memory() {
  const auto limit = settings_.limits.max_memory.value;
  const auto resident = resident_bytes();
  std::size_t used = 0;
  // What is resident may be free. To ask the allocator takes long where it keeps many pieces, so
  // only when there may be a shortage.
  if (resident == 0 || resident > limit) {
    const auto now = ::mallinfo2();
    used = now.uordblks + now.hblkhd;
  }
  const bool was_short = std::exchange(short_of_memory_, used > limit);
  if (!short_of_memory_) {
    if (!was_short) return;
    for (const auto& session : sessions_) {
      if (session) visit_later(*session);
    }
    return;
  }
  if (!was_short) short_since_ = turn_.now;
  if (used <= limit + limit / 8 && turn_.now - short_since_ < longest_short) return;
  short_since_ = turn_.now;
  std::shared_ptr<Session> fattest;
  for (const auto& session : sessions_) {
    if (session && (!fattest || session->weight() > fattest->weight())) fattest = session;
  }
  if (!fattest) return;
  log::warning("memory_limit", {{"used", std::to_string(used)},
                                {"closed", connection(fattest->client.id).address},
                                {"held", std::to_string(fattest->weight())}});
  fattest->close("memory_limit");
}

}  // namespace pannier::proxy
