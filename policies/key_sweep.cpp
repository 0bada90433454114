#include "policies/key_sweep.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

#include "policies/request.hpp"
#include "policies/scripts.hpp"
#include "policies/tag_look.hpp"
#include "protocol/reply.hpp"

namespace pannier::policies {

void KeySweep::start(Link link, std::string glob, Wanted wanted, Done done, Core& core, Does does) {
  auto sweep = std::make_unique<KeySweep>();
  sweep->link_ = link;
  sweep->glob_ = std::move(glob);
  sweep->wanted_ = std::move(wanted);
  sweep->done_ = std::move(done);
  sweep->does_ = does;
  step(std::move(sweep), {}, core);
}

/// UNLINK of what was found, and the next SCAN.
class KeySweep::Step final : public Walks::Step {
 public:
  Step(std::unique_ptr<KeySweep> sweep, std::vector<std::string> keys)
      : sweep_(std::move(sweep)), keys_(std::move(keys)) {}
  void take(Core& core) override;

 private:
  std::unique_ptr<KeySweep> sweep_;
  std::vector<std::string> keys_;
};

void KeySweep::step(std::unique_ptr<KeySweep> sweep, std::vector<std::string> keys, Core& core) {
  if (keys.empty() && sweep->last_) return sweep->done_(sweep->removed_, {}, core);
  core.walks.go_on(std::make_unique<Step>(std::move(sweep), std::move(keys)), core);
}

void KeySweep::Step::take(Core& core) {
  std::string wire;
  std::uint32_t replies = 0;
  const auto& keys = keys_;
  auto& sweep = sweep_;
  sweep->unlinks_ = !keys.empty();
  if (sweep->unlinks_) {
    protocol::append_command(wire, keys.size() + 1);
    protocol::append_bulk(wire, "UNLINK");
    for (const auto& key : keys) protocol::append_bulk(wire, key);
    ++replies;
  }
  if (!sweep->last_) {
    protocol::append_command(
        wire, {"SCAN", sweep->cursor_, "MATCH", sweep->glob_, "COUNT", std::to_string(batch)});
    ++replies;
  }
  const auto link = sweep->link_;
  core.send(link, wire, replies, std::move(sweep));
}

std::unique_ptr<KeySweep> KeySweep::next() {
  auto sweep = std::make_unique<KeySweep>();
  sweep->link_ = link_;
  sweep->glob_ = std::move(glob_);
  sweep->cursor_ = std::move(cursor_);
  sweep->wanted_ = std::move(wanted_);
  sweep->done_ = std::move(done_);
  sweep->removed_ = removed_;
  sweep->does_ = does_;
  sweep->last_ = last_;
  return sweep;
}

void KeySweep::settle(std::size_t part, std::string_view reply, Core& core) {
  if (!done_) return;  // The SCAN behind an UNLINK that failed.
  protocol::ReplyReader reader(reply);
  const auto head = reader.next();
  if (head.error()) return std::exchange(done_, nullptr)(removed_, reply, core);
  if (part == 0 && unlinks_) {
    removed_ += static_cast<std::uint64_t>(head.number);
    if (last_) done_(removed_, {}, core);
    return;
  }
  cursor_ = reader.next().text;
  last_ = cursor_ == "0";
  std::vector<std::string> keys;
  const auto found = reader.next().number;
  for (std::int64_t i = 0; i < found; ++i) {
    const auto key = reader.next().text;
    if (!key.starts_with("pn:") && wanted_(key)) keys.emplace_back(key);
  }
  if (does_ == Does::count) {
    removed_ += keys.size();
    keys.clear();
  }
  for (const auto& key : keys) core.touched(table_key(link_.db, key));
  step(next(), std::move(keys), core);
}

void TagPurge::start(Link link, const std::string& tag, ServerTime generation, Core& core) {
  TagPurge purge;
  purge.link_ = link;
  purge.tag_ = tag;
  purge.generation_ = generation;
  purge.progress_ = std::make_shared<PurgeProgress>();
  auto& progress = *purge.progress_;
  progress.db = link.db;
  progress.tag = tag;
  progress.generation = generation;
  progress.began = core.now;
  core.purges.push_front(purge.progress_);
  if (core.purges.size() > kept_purges) core.purges.pop_back();
  purge.list(core);
}

void resume_purges(Core& core) {
  const auto waiting = core.purges;
  for (const auto& progress : waiting) {
    if (!std::exchange(progress->waits, false)) continue;
    std::erase(core.purges, progress);
    TagPurge::start({Link::Kind::lane, progress->db, 0}, progress->tag, progress->generation, core);
  }
}

void TagPurge::end(Core& core) {
  // What stays is skipped by how much it is. Where some of it has left the list meanwhile, as it
  // was stored anew, others were skipped in its place: so until nothing more is found.
  if (kept_ > 0 && in_this_pass_ > 0 && progress_->error.empty()) {
    kept_ = in_this_pass_ = 0;
    return list(core);
  }
  progress_->ended = core.now;
}

void TagPurge::fail(std::string_view, Core& core) {
  progress_->waits = true;
  if (core.upstream == Core::UpstreamState::up) resume_purges(core);
}

class TagPurge::Step final : public Walks::Step {
 public:
  explicit Step(std::unique_ptr<TagPurge> purge) : purge_(std::move(purge)) {}
  void take(Core& core) override { ask(std::move(purge_), core); }

 private:
  std::unique_ptr<TagPurge> purge_;
};

void TagPurge::list(Core& core) {
  auto purge = std::make_unique<TagPurge>(*this);
  purge->removing_ = purge->more_ = false;
  core.walks.go_on(std::make_unique<Step>(std::move(purge)), core);
}

void TagPurge::ask(std::unique_ptr<TagPurge> purge, Core& core) {
  const auto last = (purge->generation_ + core.rules->longest_life()).time_since_epoch().count();
  std::string wire;
  protocol::append_command(
      wire, {"ZRANGEBYSCORE", TagGenerations::index(purge->tag_), "-inf", std::to_string(last),
             "WITHSCORES", "LIMIT", std::to_string(purge->kept_), std::to_string(batch)});
  const auto link = purge->link_;
  core.send(link, wire, 1, std::move(purge));
}

bool TagPurge::needs_look(const Match& match, const Core& core) const {
  if (!match || !match.rule->finds_tags()) return false;
  const auto tags = core.rules->tags(match);
  const auto is_it = [&](const std::string& tag) { return tag_name(tag) == tag_name(tag_); };
  return std::none_of(tags.begin(), tags.end(), is_it);
}

struct TagPurge::Looks {
  TagPurge purge;        ///< As it goes on.
  std::size_t open = 0;  ///< Looks under way.
};

void TagPurge::look(const Listed& listed, SubjectRef subject, std::int64_t latest,
                    const std::shared_ptr<Looks>& looks, Core& core) const {
  ++looks->open;
  const auto done = [looks](bool stays, Core& at_end) {
    looks->purge.kept_ += stays ? 1 : 0;
    if (--looks->open > 0) return;
    looks->purge.more_ ? looks->purge.list(at_end) : looks->purge.end(at_end);
  };
  TagLook::start(subject, link_, {tag_, listed.expiry, latest, done}, core);
}

void TagPurge::read_list(std::string_view reply, Core& core) {
  protocol::ReplyReader reader(reply);
  const auto head = reader.next();
  if (head.kind != '*' || head.number == 0) return end(core);
  std::vector<Listed> doomed;
  const auto looks = std::make_shared<Looks>();
  for (std::int64_t i = 0; i < head.number; ++i) {
    if (reader.next().kind != '*') return end(core);  // Pairs, as RESP3 has them.
    Listed listed{std::string(reader.next().text), 0};
    const auto score = reader.next().text;
    double at = 0;
    std::from_chars(score.data(), score.data() + score.size(), at);
    listed.expiry = static_cast<std::int64_t>(at);
    Match match;
    const auto name = core.rules->find_upstream(listed.key, match);
    // The latest expiry that a value of the key can have if it began before the invalidation.
    auto limit = listed.expiry;
    if (match) {
      const auto life = life_of(*match.rule->tier, name, match, core.server_floor());
      limit = (generation_ + life.total).time_since_epoch().count();
    }
    if (listed.expiry <= limit && needs_look(match, core)) {
      look(listed, make_subject(core, match, link_.db, name, listed.key), limit, looks, core);
    } else if (listed.expiry <= limit) {
      listed.expiry = limit;
      doomed.push_back(std::move(listed));
    } else {
      ++kept_;
    }
  }
  more_ = head.number == static_cast<std::int64_t>(batch);
  looks->purge = *this;
  if (looks->open > 0) more_ = false;  // They go on.
  if (doomed.empty()) {
    if (more_) return list(core);
    return looks->open > 0 ? void() : end(core);
  }
  std::string wire;
  protocol::append_command(wire, 3 + 1 + 2 * doomed.size());
  protocol::append_bulk(wire, "EVAL");
  protocol::append_bulk(wire, scripts::purge_older);
  protocol::append_bulk(wire, std::to_string(doomed.size() + 1));
  protocol::append_bulk(wire, TagGenerations::index(tag_));
  for (const auto& listed : doomed) protocol::append_bulk(wire, listed.key);
  for (const auto& listed : doomed) protocol::append_bulk(wire, std::to_string(listed.expiry));
  auto purge = std::make_unique<TagPurge>(*this);
  purge->removing_ = true;
  core.send(link_, wire, 1, std::move(purge));
}

void TagPurge::settle(std::size_t, std::string_view reply, Core& core) {
  if (!removing_) return read_list(reply, core);
  protocol::ReplyReader reader(reply);
  const auto head = reader.next();
  if (head.kind != '*') {
    progress_->error = head.text;
    return end(core);
  }
  kept_ += static_cast<std::uint64_t>(reader.next().number);
  const auto removed = static_cast<std::uint64_t>(reader.next().number);
  core.book.keys_purged += removed;
  progress_->removed += removed;
  in_this_pass_ += removed;
  return more_ ? list(core) : end(core);
}

}  // namespace pannier::policies
