#include "policies/tag_look.hpp"

#include <algorithm>

#include "policies/scripts.hpp"
#include "protocol/reply.hpp"

namespace pannier::policies {

namespace {

class Removal final : public Exchange {
 public:
  void settle(std::size_t, std::string_view reply, Core& core) override {
    const auto removed = protocol::ReplyReader(reply).next();
    if (removed.kind == ':') core.book.keys_purged += static_cast<std::uint64_t>(removed.number);
  }
  void fail(std::string_view, Core&) override {}
};

}  // namespace

void TagLook::start(const SubjectRef& subject, Link link, const std::string& tag,
                    std::int64_t listed, std::int64_t latest, Core& core) {
  auto look = std::make_unique<TagLook>(subject, link, tag, listed, latest);
  std::string wire;
  const auto replies = look->check_.ask(wire, core);
  core.send(link, wire, replies, std::move(look));
}

void TagLook::settle(std::size_t part, std::string_view reply, Core& core) {
  check_.settle(part, reply, core);
  if (part + 1 < check_.parts()) return;
  check_.complete(core);
  const auto& check = check_.check();
  const auto& tags = check.subject().tags;
  const auto expiry = check.expiretime();
  const bool has_tag = std::any_of(tags.begin(), tags.end(), [&](const std::string& tag) {
    return tag_name(tag) == tag_name(tag_);
  });
  // What is stored meanwhile ends later than what was looked at.
  auto latest = listed_;
  if (has_tag || check.absent()) {
    latest = check.absent() ? latest_ : std::min(latest_, expiry);
  } else if (expiry <= listed_) {
    return;
  }
  std::string wire;
  protocol::append_command(wire, {"EVAL", scripts::purge_older, "2", TagGenerations::index(tag_),
                                  check.subject().key, std::to_string(latest)});
  core.send(link_, wire, 1, std::make_unique<Removal>());
}

}  // namespace pannier::policies
