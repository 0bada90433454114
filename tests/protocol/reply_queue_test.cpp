#include "protocol/reply_queue.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <random>
#include <vector>

using namespace pannier::protocol;

TEST_CASE("Replies that come in order go straight out") {
  ReplyQueue queue;
  std::string out;
  queue.put(0, 1, "a", out);
  CHECK(out == "a");
  queue.put(1, 1, "b", out);
  CHECK(out == "ab");
  CHECK(queue.head() == 2);
  CHECK(queue.held() == 0);
}

TEST_CASE("A reply that comes early is held until those before it have come") {
  ReplyQueue queue;
  std::string out;
  queue.put(2, 1, "cc", out);
  queue.put(1, 1, "b", out);
  CHECK(out.empty());
  CHECK(queue.head() == 0);
  CHECK(queue.held() == 3);
  queue.put(0, 1, "a", out);
  CHECK(out == "abcc");
  CHECK(queue.head() == 3);
  CHECK(queue.held() == 0);
}

TEST_CASE("Replies are added to what the output already holds") {
  ReplyQueue queue;
  std::string out = "before ";
  queue.put(0, 1, "a", out);
  CHECK(out == "before a");
}

TEST_CASE("The replies to consecutive requests may come as one") {
  ReplyQueue queue;
  std::string out;
  queue.put(3, 2, "de", out);
  queue.put(0, 3, "abc", out);
  CHECK(out == "abcde");
  CHECK(queue.head() == 5);
}

TEST_CASE("A request without a reply is over like any other") {
  ReplyQueue queue;
  std::string out;
  queue.put(1, 1, "", out);
  CHECK(queue.held() == 0);
  queue.put(0, 1, "a", out);
  CHECK(queue.head() == 2);
  queue.put(2, 3, "", out);
  CHECK(queue.head() == 5);
  CHECK(out == "a");
}

TEST_CASE("The parts of the reply that is due go out at once") {
  ReplyQueue queue;
  std::string out;
  queue.put_part(0, "begin ", out);
  CHECK(out == "begin ");
  CHECK(queue.head() == 0);
  queue.put_part(0, "middle ", out);
  queue.put(0, 1, "end", out);
  CHECK(out == "begin middle end");
  CHECK(queue.head() == 1);
}

TEST_CASE("The parts of an early reply are held, and go out when it is due") {
  ReplyQueue queue;
  std::string out;
  queue.put_part(1, "begin ", out);
  CHECK(out.empty());
  CHECK(queue.held() == 6);
  queue.put(0, 1, "a ", out);
  CHECK(out == "a begin ");
  CHECK(queue.head() == 1);
  CHECK(queue.held() == 0);
  queue.put(1, 1, "end", out);
  CHECK(out == "a begin end");
  CHECK(queue.head() == 2);
}

TEST_CASE("A part of an early reply keeps those behind it back until its end has come") {
  ReplyQueue queue;
  std::string out;
  queue.put(2, 1, "c", out);
  queue.put_part(1, "b1", out);
  queue.put(0, 1, "a", out);
  CHECK(out == "ab1");
  queue.put(1, 1, "b2", out);
  CHECK(out == "ab1b2c");
  CHECK(queue.head() == 3);
}

TEST_CASE("An early reply may end before it is due") {
  ReplyQueue queue;
  std::string out;
  queue.put_part(1, "b1", out);
  queue.put(1, 1, "b2", out);
  CHECK(queue.held() == 4);
  queue.put(0, 1, "a", out);
  CHECK(out == "ab1b2");
  CHECK(queue.head() == 2);
}

TEST_CASE("The end of a reply that came in parts may be empty") {
  ReplyQueue queue;
  std::string out;
  queue.put_part(0, "all", out);
  queue.put(0, 1, "", out);
  CHECK(out == "all");
  CHECK(queue.head() == 1);
}

namespace {

/// One reply, or a run of them, on its way: what is left of it to be put.
struct Sent {
  std::uint64_t number, count;
  std::vector<std::string> pieces;  ///< The last one ends it; several only where count is 1.
  std::size_t next = 0;
};

/// Requests cut into runs and replies cut into pieces, each with bytes of its own.
std::vector<Sent> random_replies(std::mt19937& random, std::uint64_t requests) {
  std::vector<Sent> all;
  for (std::uint64_t number = 0; number < requests;) {
    const auto count =
        std::min<std::uint64_t>(random() % 3 == 0 ? 1 + random() % 5 : 1, requests - number);
    Sent sent{number, count, {}};
    const auto pieces = count == 1 && random() % 2 == 0 ? 1 + random() % 4 : 1;
    for (std::uint64_t piece = 0; piece < pieces; ++piece) {
      const auto repeated = random() % 4;
      std::string bytes;
      for (std::uint64_t i = 0; i < repeated; ++i) {
        bytes += '<' + std::to_string(number) + '.' + std::to_string(piece) + '>';
      }
      sent.pieces.push_back(bytes);
    }
    all.push_back(sent);
    number += count;
  }
  return all;
}

/// What a client may have seen by now, and what must be held for it.
struct Model {
  std::string out;
  std::uint64_t head = 0;
  std::size_t held = 0;

  explicit Model(const std::vector<Sent>& all) {
    bool due = true;
    for (const auto& sent : all) {
      for (std::size_t i = 0; i < sent.next; ++i) {
        if (due) out += sent.pieces[i];
        if (!due) held += sent.pieces[i].size();
      }
      due = due && sent.next == sent.pieces.size();
      if (due) head = sent.number + sent.count;
    }
  }
};

}  // namespace

TEST_CASE("In whatever order replies and their parts come, they go out in the order of requests") {
  for (unsigned seed = 1; seed <= 200; ++seed) {
    CAPTURE(seed);
    std::mt19937 random(seed);
    auto all = random_replies(random, 1 + random() % 40);
    ReplyQueue queue;
    std::string out;
    std::vector<std::size_t> open(all.size());
    for (std::size_t i = 0; i < open.size(); ++i) open[i] = i;
    while (!open.empty()) {
      const auto chosen = random() % std::min<std::size_t>(open.size(), 1 + seed % 8);
      auto& sent = all[open[chosen]];
      const auto& piece = sent.pieces[sent.next++];
      if (sent.next < sent.pieces.size()) {
        queue.put_part(sent.number, piece, out);
      } else {
        queue.put(sent.number, sent.count, piece, out);
        open.erase(open.begin() + static_cast<std::ptrdiff_t>(chosen));
      }
      const Model model(all);
      REQUIRE(out == model.out);
      REQUIRE(queue.head() == model.head);
      REQUIRE(queue.held() == model.held);
    }
  }
}
