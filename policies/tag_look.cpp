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

void TagLook::start(const SubjectRef& subject, Link link, Asked asked, Core& core) {
  auto look = std::make_unique<TagLook>(subject, link, std::move(asked));
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
    return tag_name(tag) == tag_name(asked_.tag);
  });
  const bool moved_on = !check.absent() && !has_tag;
  // A value that ends no later than its entry may be the one that was listed, with less time.
  if (moved_on && expiry <= asked_.listed) return asked_.done(true, core);
  // What is stored meanwhile ends later than what was looked at.
  auto latest = moved_on ? asked_.listed : asked_.latest;
  if (has_tag) latest = std::min(latest, expiry);
  std::string wire;
  protocol::append_command(wire,
                           {"EVAL", scripts::purge_older, "2", TagGenerations::index(asked_.tag),
                            check.subject().key, std::to_string(latest)});
  core.send(link_, wire, 1, std::make_unique<Removal>());
  asked_.done(false, core);
}

}  // namespace pannier::policies
