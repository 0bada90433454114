// Replies end at the same places however they are cut; what the scanner accepts can be walked and
// converted to RESP2.

#include <string>
#include <vector>

#include "check.hpp"
#include "protocol/reply.hpp"
#include "protocol/reply_scanner.hpp"

using namespace pannier::protocol;

namespace {

struct Scanned {
  std::vector<std::size_t> ends;  ///< Of complete replies, in the stream.
  ReplyScanner::Status last = ReplyScanner::Status::incomplete;
  Errc error{};

  bool operator==(const Scanned&) const = default;
};

class Stream {
 public:
  void add(std::string_view piece) {
    rest_ = std::string(rest_) + std::string(piece);
    std::string_view rest = rest_;
    while (all_.last != ReplyScanner::Status::failed && !rest.empty()) {
      const auto step = scanner_.scan(rest);
      check(step.consumed <= rest.size());
      at_ += step.consumed;
      rest.remove_prefix(step.consumed);
      all_.last = step.status;
      all_.error = step.error;
      if (step.status == ReplyScanner::Status::complete) all_.ends.push_back(at_);
      if (step.status == ReplyScanner::Status::incomplete) break;
    }
    rest_ = std::string(rest);
  }

  const Scanned& all() const { return all_; }

 private:
  ReplyScanner scanner_;
  Scanned all_;
  std::string rest_;
  std::size_t at_ = 0;
};

void check_reply(std::string_view reply) {
  ReplyReader skipper(reply);
  check(skipper.skip() == reply && skipper.done());
  for (ReplyReader walker(reply); !walker.done();) check(walker.next().kind != 0);

  std::string resp2;
  append_as_resp2(resp2, reply);
  ReplyScanner scanner;
  const auto step = scanner.scan(resp2);
  check(step.status == ReplyScanner::Status::complete && step.consumed == resp2.size());
  for (ReplyReader walker(resp2); !walker.done();) {
    check(std::string_view("+-:$*").find(walker.next().kind) != std::string_view::npos);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view bytes = as_text(data + 1, size - 1);
  Stream whole, cut;
  whole.add(bytes);
  Pieces pieces(data[0]);
  for (std::string_view rest = bytes; !rest.empty();) {
    const std::size_t piece = pieces.next(rest.size());
    cut.add(rest.substr(0, piece));
    rest.remove_prefix(piece);
  }
  check(whole.all() == cut.all());
  std::size_t begin = 0;
  for (const std::size_t end : whole.all().ends) {
    check_reply(bytes.substr(begin, end - begin));
    begin = end;
  }
  return 0;
}
