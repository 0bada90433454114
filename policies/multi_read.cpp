#include "policies/multi_read.hpp"

#include <algorithm>
#include <unordered_set>
#include <utility>

#include "policies/copy_deadline.hpp"
#include "policies/fleet_lease.hpp"
#include "policies/outdated_copies.hpp"
#include "policies/served_versions.hpp"
#include "policies/test_bugs.hpp"
#include "protocol/reply.hpp"

namespace pannier::policies {

void MultiRead::start(Link link, Ticket ticket, Asked asked, TimePoint since, Core& core) {
  auto exchange = std::make_unique<MultiRead>(link, ticket, since);
  std::string all;
  std::size_t total = 0;
  std::unordered_set<std::string_view> seen;
  for (auto& [place, given] : asked.ruled) {
    const auto& subject = by_rule(given);
    std::optional<LocalCopies::View> view;
    // Of a key that is there twice the first value is kept.
    if (core.keeps_copies(*subject->rule, link) && seen.insert(subject->key).second) {
      view = core.copies.look(subject->key, core.now, core.tracks);
    }
    auto& part =
        exchange->parts_.emplace_back(Part{place, total, ValidityCheck(subject, link), view, {}});
    total += part.check.ask(all, core, {true, view && core.tracks});
  }
  exchange->total_ = total;
  exchange->keys_ = asked.keys;
  exchange->known_ = std::move(asked.known);
  exchange->whole_ = asked.whole;
  all += asked.wire;
  for (auto& part : exchange->parts_) {
    if (part.check.subject().rule->finds_tags()) {
      part.tags = std::make_unique<FoundTags>();
      part.record_parts = append_record_question(all, part.check.subject());
      exchange->finds_tags_ = true;
    }
    part.expiry_parts = part.check.ask_behind(all);
    exchange->behind_ += part.record_parts + part.expiry_parts;
  }
  exchange->id_ = core.next_exchange;
  const auto replies = total + 1 + exchange->behind_;
  core.send(link, all, static_cast<std::uint32_t>(replies), std::move(exchange));
}

void MultiRead::settle(std::size_t part, std::string_view reply, Core& core) {
  if (!befores_.empty()) return settle_before(part, reply, core);
  const bool is_alone = behind_ == 0 && !finds_tags_;
  if (part == total_ && is_alone && all_complete(core)) return conclude(reply, core);
  if (part >= total_) {
    part == total_ ? void(values_ = reply) : settle_behind(part - total_ - 1, reply);
    if (part < total_ + behind_) return;
    if (!ask_generations(core)) conclude(std::exchange(values_, {}), core);
    return;
  }
  // Of those that are asked for generations alone some have no replies.
  while (part >= parts_[at_].begins + parts_[at_].check.parts() || parts_[at_].begins == unasked) {
    ++at_;
  }
  parts_[at_].check.settle(part - parts_[at_].begins, reply, core);
  if (judges_ && part + 1 == total_) conclude(std::exchange(values_, {}), core);
}

void MultiRead::settle_behind(std::size_t part, std::string_view reply) {
  for (auto& one : parts_) {
    if (part < one.record_parts) {
      if (part + 1 == one.record_parts) one.tags->record_reply(reply);
      return;
    }
    part -= one.record_parts;
    if (part < one.expiry_parts) return one.check.settle_behind(reply);
    part -= one.expiry_parts;
  }
}

bool MultiRead::all_complete(const Core& core) const {
  return std::ranges::all_of(parts_, [&](const Part& one) { return one.check.complete(core); });
}

bool MultiRead::ask_generations(Core& core) {
  protocol::ReplyReader reader(values_);
  const auto head = reader.next();
  if (head.kind != '*') return false;
  std::string wire;
  std::size_t total = 0;
  auto part = parts_.begin();
  auto known = known_.begin();
  const auto keys = static_cast<std::size_t>(head.number) + known_.size();
  for (std::size_t i = 0; i < keys && part != parts_.end(); ++i) {
    if (known != known_.end() && known->place == i) {
      ++known;
      continue;
    }
    const auto value = protocol::ReplyReader(reader.skip()).next();
    if (part->place != i) continue;
    auto& one = *part++;
    one.begins = unasked;
    auto& check = one.check;
    if (!one.tags || value.null || check.absent()) {
      if (check.complete(core)) continue;
    } else {
      one.tags->value(check.subject(), value.text);
      if (check.retag(one.tags->subject(check.subject_ref(), check.asked_at()), core)) continue;
    }
    one.begins = total;
    total += check.ask_generations(wire, core);
  }
  if (total == 0) return false;
  auto exchange = std::make_unique<MultiRead>(std::move(*this));
  exchange->judges_ = true;
  exchange->total_ = total;
  exchange->behind_ = exchange->at_ = 0;
  const auto link = exchange->link_;
  core.send(link, wire, static_cast<std::uint32_t>(total), std::move(exchange));
  return true;
}

bool MultiRead::load(const ValidityCheck& check, bool over_value, Core& core) {
  const auto& subject = check.subject_ref();
  if (over_value && core.throttle.holds(subject->table_key, core.now)) return false;
  if (!core.grant(subject, ticket_.client, {{}, over_value})) return false;
  if (core.needs_fleet(*subject)) fleet_lease::claim_behind(core, subject);
  return true;
}

bool MultiRead::judge(Part& part, bool found, Core& core) {
  auto& check = part.check;
  auto& counters = check.subject().counters();
  const auto standing = check.judge(core);
  bool give = found && !check.absent();
  if (give && standing.state == Standing::State::invalid) {
    ++counters.invalid_reads;
    give = false;
  }
  if (give && standing.state == Standing::State::foreign) {
    ++counters.foreign_values;
    give = check.subject().rule->tier->foreign != Foreign::miss;
  }
  const auto& subject = check.subject();
  const bool has_origin = subject.rule->origin != nullptr;
  const bool is_fetched = subject.rule->asks() != nullptr;
  if (give && standing.state == Standing::State::stale) {
    if (has_origin) {
      if (!core.leases.held(subject.table_key) &&
          !core.prefetched.holds(subject.table_key, core.now)) {
        core.prefetched.hold(subject.table_key, core.now, core.now + milliseconds(100));
        core.effects.fetch({0, 0, subject.db, subject.client_key, false});
      }
    } else {
      give = !load(check, true, core);
    }
    if (give) ++counters.stale_served;
  } else if (!give && subject.rule->leases() && !is_fetched) {
    load(check, false, core);
  }
  if (give) {
    ++counters.hits;
    counters.hit_seconds.add(core.now - since_);
  } else if (!is_fetched) {  // Else whoever fetches it counts it.
    core.count_miss(subject, check.load_begins(), since_, check.look_of(id_));
  }
  return give;
}

void MultiRead::keep(const Part& part, std::string_view value, bool null, Core& core) {
  if (!part.view) return;
  const auto& subject = part.check.subject();
  TimePoint until{};
  if (!null) {
    until = copy_deadline(part.check, *part.view, core);
  } else if (part.check.absent()) {  // Else it has another type, and GET would say so.
    until = negative_deadline(subject, *part.view, core);
  }
  keep_copy(core, subject, *part.view, value, until);
}

void MultiRead::give(const Known& known, std::string& out, const Client& client, Core& core) const {
  auto& counters = known.subject->counters();
  if (known.reply.starts_with('_')) {
    core.tell_absent(known.subject, client.id, since_);
    return protocol::append_null(out, client.resp_of(ticket_.number));
  }
  if (is_too_new(core, ticket_, *known.subject)) {
    return protocol::append_null(out, client.resp_of(ticket_.number));
  }
  ++counters.hits;
  ++counters.local_hits;
  counters.hit_seconds.add(core.now - since_);
  out += known.reply;
}

bool MultiRead::ask_all(Client& client, Core& core) {
  const auto is_as_it_was = [&](const Known& known) {
    return core.copies.unchanged(known.subject->key, known.view);
  };
  if (std::all_of(known_.begin(), known_.end(), is_as_it_was) || has(Bug::mget_torn)) return false;
  // One before it may be open as well: it reads a second time for the fleet. And later ones may be
  // answered by now, where generations had to be asked for.
  const bool is_last = client.next == ticket_.number + 1;
  if ((client.open > 1 || judges_) && !is_last) return false;
  Asked asked{whole_, {}, {}, {}, keys_};
  for (const auto& part : parts_) asked.ruled.emplace_back(part.place, part.check.subject_ref());
  for (const auto& known : known_) asked.ruled.emplace_back(known.place, known.subject);
  std::sort(asked.ruled.begin(), asked.ruled.end());
  // What others began to read before is older than what is read now.
  client.joins_from = core.next_exchange;
  start(link_, ticket_, std::move(asked), since_, core);
  return true;
}

void MultiRead::conclude(std::string_view reply, Core& core) {
  auto* client = core.find(ticket_.client);
  protocol::ReplyReader reader(reply);
  const auto head = reader.next();
  if (client == nullptr || head.kind != '*') {
    for (const auto& part : parts_) ++part.check.subject().counters().errors;
    return core.reply_from(link_, ticket_, reply);
  }
  if (ask_all(*client, core) || look_before(reply, core)) return;
  answer(reply, core);
}

void MultiRead::answer(std::string_view reply, Core& core) {
  auto* client = core.find(ticket_.client);
  if (client == nullptr) return core.reply(ticket_, reply);
  protocol::ReplyReader reader(reply);
  const auto head = reader.next();
  std::string out;
  const auto keys = static_cast<std::size_t>(head.number) + known_.size();
  protocol::append_array(out, keys);
  auto part = parts_.begin();
  auto known = known_.begin();
  // All keys of one reply are seen at once.
  std::vector<std::pair<std::uint32_t, std::uint64_t>> seen;
  Gathered gathered;
  for (const auto& one : known_) {
    if (is_too_new(core, ticket_, *one.subject)) continue;
    seen.emplace_back(one.subject->version_of, one.subject->version);
  }
  for (std::size_t i = 0; i < keys; ++i) {
    if (known != known_.end() && known->place == i) {
      give(*known++, out, *client, core);
      continue;
    }
    const auto bytes = reader.skip();
    const auto value = protocol::ReplyReader(bytes).next();
    bool give = !value.null;
    if (part != parts_.end() && part->place == i) {
      const auto* before = take_before(*part, core);
      const auto& subject = part->check.subject();
      give = give && !is_too_new(core, ticket_, subject);
      if (before == nullptr) give = judge(*part, give, core);
      keep(*part, bytes, value.null, core);
      if (before) {
        fell_back(core, ticket_, before->check.subject());
      } else if (give) {
        seen.emplace_back(subject.version_of, subject.version);
      }
      ++part;
      if (before) {
        out += before->value;
        continue;
      }
      const bool has_other_type = value.null && !(part - 1)->check.absent();
      if (!give && subject.rule->asks() != nullptr && !has_other_type) {
        gathered.keys.push_back(subject.client_key);
        gathered.places.push_back(out.size());
        continue;
      }
    }
    if (give) {
      protocol::append_bulk(out, value.text);
    } else {
      protocol::append_null(out, client->resp_of(ticket_.number));
    }
  }
  for (const auto& [name, version] : seen) {
    if (version > 0) client->seen.note(name, version);
  }
  if (gathered.keys.empty()) return core.reply(ticket_, out);
  gather(std::move(out), std::move(gathered), *client, core);
}

void MultiRead::fail(std::string_view error, Core& core) {
  std::vector<const Subject*> subjects(keys_);
  for (const auto& part : parts_) subjects[part.place] = &part.check.subject();
  for (const auto& known : known_) subjects[known.place] = known.subject.get();
  if (parts_.size() + known_.size() == keys_) {
    if (const auto all = outdated_values(core, subjects)) return core.reply(ticket_, *all);
  }
  for (const auto& part : parts_) ++part.check.subject().counters().errors;
  core.reply(ticket_, error);
}

}  // namespace pannier::policies
