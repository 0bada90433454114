// MGET of keys that are missing shortly after their version was bumped.

#include <algorithm>
#include <utility>

#include "policies/multi_read.hpp"
#include "policies/served_versions.hpp"
#include "protocol/reply.hpp"

namespace pannier::policies {

bool MultiRead::is_missing(const Part& part, bool found, const Core& core) {
  if (part.check.absent()) return true;
  if (!found) return false;  // It is of another type, and not missing.
  const auto state = part.check.look(core).state;
  const bool is_miss = part.check.subject().rule->tier->foreign == Foreign::miss;
  return state == Standing::State::invalid || (state == Standing::State::foreign && is_miss);
}

bool MultiRead::look_before(std::string_view reply, Core& core) {
  std::vector<Before> befores;
  std::string wire;
  std::size_t total = 0;
  protocol::ReplyReader reader(reply);
  reader.next();
  auto part = parts_.begin();
  auto known = known_.begin();
  for (std::size_t i = 0; i < keys_ && part != parts_.end(); ++i) {
    if (known != known_.end() && known->place == i) {
      ++known;
      continue;
    }
    const auto value = protocol::ReplyReader(reader.skip()).next();
    if (part->place != i) continue;
    const auto& one = *part++;
    const auto& subject = one.check.subject();
    if (subject.version == 0 || !is_missing(one, !value.null, core)) continue;
    if (!may_see_before(core, ticket_.client, subject, 0)) continue;
    auto before = version_before(core, subject);
    if (!before) continue;
    auto& added = befores.emplace_back(Before{i, total, ValidityCheck(before, link_), {}});
    total += added.check.ask(wire, core);
  }
  if (befores.empty()) return false;
  protocol::append_command(wire, befores.size() + 1);
  protocol::append_bulk(wire, "MGET");
  for (const auto& before : befores) protocol::append_bulk(wire, before.check.subject().key);
  std::string kept(reply);  // It may be a view of what moves.
  auto rest = std::make_unique<MultiRead>(std::move(*this));
  rest->befores_ = std::move(befores);
  rest->before_total_ = total;
  rest->reply_ = std::move(kept);
  rest->at_ = 0;
  const auto link = rest->link_;
  core.send(link, wire, static_cast<std::uint32_t>(total + 1), std::move(rest));
  return true;
}

void MultiRead::settle_before(std::size_t part, std::string_view reply, Core& core) {
  if (part < before_total_) {
    while (part >= befores_[at_].begins + befores_[at_].check.parts()) ++at_;
    return befores_[at_].check.settle(part - befores_[at_].begins, reply, core);
  }
  protocol::ReplyReader reader(reply);
  const bool is_list = reader.next().kind == '*';
  for (auto& before : befores_) {
    if (!is_list) break;
    const auto bytes = reader.skip();
    auto& check = before.check;
    const bool is_null = protocol::ReplyReader(bytes).next().null;
    if (is_null || check.absent() || !check.complete(core)) continue;
    const auto state = check.judge(core).state;
    const bool is_miss = check.subject().rule->tier->foreign == Foreign::miss;
    const bool counts = state != Standing::State::foreign || !is_miss;
    if (state != Standing::State::invalid && counts) before.value = bytes;
  }
  answer(std::exchange(reply_, {}), core);
}

const MultiRead::Before* MultiRead::take_before(const Part& part, Core& core) {
  const auto at = std::ranges::find(befores_, part.place, &Before::place);
  if (at == befores_.end() || at->value.empty()) return nullptr;
  const auto& subject = part.check.subject();
  if (!may_see_before(core, ticket_.client, subject, 0) || load(part.check, true, core)) {
    return nullptr;
  }
  auto& counters = subject.counters();
  ++counters.hits;
  ++counters.stale_served;
  counters.hit_seconds.add(core.now - since_);
  return &*at;
}

}  // namespace pannier::policies
