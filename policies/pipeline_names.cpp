// Replies that carry names of keys, where upstream calls keys otherwise than clients do.

#include <algorithm>
#include <iterator>

#include "policies/pipeline.hpp"
#include "policies/relayed_reply.hpp"
#include "policies/served_versions.hpp"
#include "protocol/reply.hpp"

namespace pannier::policies {

using protocol::equals_nocase;
using protocol::Verb;

namespace {

/// RANDOMKEY: draws until one is a key that the client may see. Where there are few of those, it is
/// the first that a walk over all keys finds.
class RandomName final : public Exchange {
 public:
  RandomName(Ticket ticket, Link link) : ticket_(ticket), link_(link) {}

  static void start(Ticket ticket, Link link, Core& core) {
    std::string wire;
    for (std::uint32_t i = 0; i < draws; ++i) protocol::append_command(wire, {"RANDOMKEY"});
    core.send(link, wire, draws, std::make_unique<RandomName>(ticket, link));
  }

  void settle(std::size_t part, std::string_view reply, Core& core) override {
    if (told_) return;
    const auto* client = core.find(ticket_.client);
    protocol::ReplyReader reader(reply);
    const auto head = reader.next();
    if (client == nullptr || head.error()) return tell(reply, core);
    const ClientNames names(core, *client);
    if (!walks_) {
      if (const auto name = head.null ? std::nullopt : names.shown(head.text)) {
        return tell_name(*name, core);
      }
      if (part + 1 == draws) walk("0", core);
      return;
    }
    const std::string cursor(reader.next().text);
    const auto keys = reader.next().number;
    for (std::int64_t i = 0; i < keys; ++i) {
      if (const auto name = names.shown(reader.next().text)) return tell_name(*name, core);
    }
    if (cursor != "0") return walk(cursor, core);
    core.reply_null(ticket_);
  }
  void fail(std::string_view error, Core& core) override {
    if (!told_) tell(error, core);
  }

 private:
  static constexpr std::uint32_t draws = 16;

  void walk(const std::string& cursor, Core& core) {
    std::string wire;
    protocol::append_command(wire, {"SCAN", cursor, "COUNT", "1000"});
    auto next = std::make_unique<RandomName>(ticket_, link_);
    next->walks_ = true;
    core.send(link_, wire, 1, std::move(next));
  }
  void tell_name(std::string_view name, Core& core) {
    std::string reply;
    protocol::append_bulk(reply, name);
    tell(reply, core);
  }
  void tell(std::string_view reply, Core& core) {
    told_ = true;
    core.reply(ticket_, reply);
  }

  Ticket ticket_;
  Link link_;
  bool walks_ = false, told_ = false;
};

struct Shaped {
  std::string_view name;
  ReplyNames::Shape shape;
};

/// Commands whose reply names the keys it is about. Scripts say what they like.
constexpr Shaped shaped[] = {
    {"blmpop", ReplyNames::Shape::first},       {"blpop", ReplyNames::Shape::first},
    {"brpop", ReplyNames::Shape::first},        {"bzmpop", ReplyNames::Shape::first},
    {"bzpopmax", ReplyNames::Shape::first},     {"bzpopmin", ReplyNames::Shape::first},
    {"lmpop", ReplyNames::Shape::first},        {"xread", ReplyNames::Shape::streams},
    {"xreadgroup", ReplyNames::Shape::streams}, {"zmpop", ReplyNames::Shape::first},
};

/// Of a command with keys under rules, if its reply carries names that must be changed.
std::optional<ReplyNames> names_of_reply(const Request& request) {
  if (request.spec.route == protocol::Route::lane || !request.renames()) return std::nullopt;
  const auto at = std::ranges::find(shaped, request.spec.name, &Shaped::name);
  if (at == std::end(shaped)) return std::nullopt;
  ReplyNames names;
  names.shape = at->shape;
  for (const auto& use : request.keys) {
    if (use.upstream.empty()) continue;
    names.names.emplace_back(use.upstream, std::string(request.client_key(use)));
  }
  return names;
}

/// How the reply to SCAN, KEYS or RANDOMKEY is told, with what is to be asked in `wire`.
ReplyNames names_of_list(const Client& client, Verb verb, const protocol::Command& command,
                         std::string& wire) {
  using Shape = ReplyNames::Shape;
  ReplyNames names;
  names.is_3 = client.resp == protocol::Resp::v3;
  names.shape = verb == Verb::scan ? Shape::scan : Shape::all;
  if (verb == Verb::randomkey) names.shape = Shape::one;
  wire.clear();
  const auto& args = command.args;
  protocol::append_command(wire, args.size());
  for (std::size_t i = 0; i < args.size(); ++i) {
    const bool matches = verb == Verb::scan
                             ? i >= 3 && i % 2 == 1 && equals_nocase(args[i - 1], "match")
                             : verb == Verb::keys && i == 1;
    if (!matches) {
      protocol::append_bulk(wire, args[i]);
      continue;
    }
    names.pattern = args[i];
    names.has_pattern = true;
    protocol::append_bulk(wire, wider_pattern(args[i]));
  }
  return names;
}

}  // namespace

std::optional<Verdict> Pipeline::await_versions() {
  if (core_.from_memory(nullptr)) return std::nullopt;
  for (const auto& [name, version] : core_.versions.all()) {
    if (version.known) continue;
    const bool is_down = core_.upstream == Core::UpstreamState::down && !core_.reconnecting;
    if (is_down) return answer(core_.down_error);
    if (version.problem.empty()) return Hold{};
    return answer(protocol::error_reply("ERR pannier: the version of '" + name +
                                        "' cannot be read (" + version.problem +
                                        "); not executed"));
  }
  return std::nullopt;
}

bool Pipeline::lists_names(const Client& client, const protocol::CommandSpec& spec) const {
  const bool lists =
      spec.verb == Verb::scan || spec.verb == Verb::keys || spec.verb == Verb::randomkey;
  return lists && core_.rules->renames() && core_.mode != Mode::bypass && !client.bypass;
}

Verdict Pipeline::list_names(Client& client, const protocol::CommandSpec& spec,
                             const protocol::Command& command, std::optional<Link> own) {
  if (auto verdict = await_versions()) return std::move(*verdict);
  const Ticket ticket{client.id, client.next};
  auto names = names_of_list(client, spec.verb, command, wire_);
  if (client.in_multi) {
    transactions_[client.id].names.push_back({client.queued, std::move(names)});
    return pass_on_link(client, *own, wire_);
  }
  if (spec.verb == Verb::randomkey) {
    const auto link = own.value_or(core_.lane(client.db, nullptr));
    if (client.open > 0 && client.link != link) return Hold{};
    core_.begin(client, link);
    RandomName::start(ticket, link, core_);
    return Wait{};
  }
  core_.reply_names[ticket] = std::move(names);
  return own ? pass_on_link(client, *own, wire_) : pass(client, &spec, command, wire_);
}

void Pipeline::name_reply(const Request& request) {
  auto names = names_of_reply(request);
  if (!names) return;
  if (request.client.in_multi) {
    transactions_[request.client.id].names.push_back({request.client.queued, std::move(*names)});
  } else {
    core_.reply_names[request.ticket] = std::move(*names);
  }
}

void Pipeline::name_answer(const Client& client, Verdict& verdict) {
  if (std::holds_alternative<Wait>(verdict)) return;
  auto* here = std::get_if<Answer>(&verdict);
  std::string named, storage;
  const Ticket ticket{client.id, client.next};
  if (here != nullptr) named = with_client_names(core_, ticket, here->reply, storage);
  core_.reply_names.erase(ticket);
  if (here == nullptr) return;
  answer_ = std::move(named);
  here->reply = answer_;
}

Verdict Pipeline::pass_named(Client& client, Link link, std::string_view wire) {
  const Ticket ticket{client.id, client.next};
  core_.begin(client, link);
  core_.send(link, wire, 1, std::make_unique<RelayedReply>(ticket, link));
  return Wait{};
}

std::string_view Pipeline::push_to(std::string_view push) {
  if (!core_.rules->renames()) return push;
  protocol::ReplyReader reader(push);
  const auto head = reader.next();
  if (head.kind != '>' || head.number != 2 || reader.next().text != "invalidate") return push;
  const auto keys = reader.next();
  if (keys.null || keys.kind != '*') return push;
  push_.assign(">2\r\n");
  protocol::append_bulk(push_, "invalidate");
  protocol::append_array(push_, static_cast<std::size_t>(keys.number));
  Match match;
  for (std::int64_t i = 0; i < keys.number; ++i) {
    // Whichever version changed: one that is dropped for nothing is only asked for again.
    auto key = reader.next().text;
    const auto split = split_version(key);
    if (split) core_.rules->find(split->first, match);
    const bool is_renamed =
        split && match && match.rule->settings->version.mode == VersionMode::transparent;
    protocol::append_bulk(push_, is_renamed ? split->first : key);
  }
  return push_;
}

}  // namespace pannier::policies
