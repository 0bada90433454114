// INFO and COMMAND: upstream's answer, with a part about the sidecar.

#include "policies/pipeline.hpp"
#include "protocol/reply.hpp"
#include "protocol/value.hpp"

namespace pannier::policies {

using protocol::equals_nocase;
using protocol::Resp;
using protocol::Value;
using protocol::Verb;

namespace {

/// Our section of INFO, in Redis's form.
std::string info_section(const Core& core) {
  std::string text = "# Pannier\r\n";
  const auto line = [&](std::string_view name, const std::string& value) {
    text += "pannier_" + std::string(name) + ":" + value + "\r\n";
  };
  line("upstream", std::string(state_name(core.upstream)));
  line("breaker", std::string(breaker_name(core)));
  line("mode", setting_text(core.mode));
  line("journal", std::to_string(core.journal.size()));
  line("clients", std::to_string(core.clients.size()));
  line("leases", std::to_string(core.leases.size()));
  line("memory_bytes", std::to_string(core.memory.bytes()));
  line("coherence", std::string(core.coherence()));
  line("local_keys", std::to_string(core.copies.size()));
  line("local_bytes", std::to_string(core.copies.bytes()));
  line("local_evictions", std::to_string(core.copies.evictions()));
#define PANNIER_COUNTER(name, text) line(#name, std::to_string(core.book.name));
#include "policies/counters.def"
  for (const auto& [name, tier] : core.book.tiers) {
    line("tier_" + name, "hits=" + std::to_string(tier.hits) +
                             ",misses=" + std::to_string(tier.misses) +
                             ",coalesced=" + std::to_string(tier.coalesced) +
                             ",loads_avoided=" + std::to_string(tier.loads_avoided));
  }
  return text;
}

std::string as_text(const std::string& text, Resp resp) {
  std::string out;
  protocol::append_verbatim(out, text, resp);
  return out;
}

class Info final : public Exchange {
 public:
  Info(Ticket ticket, Resp resp) : ticket_(ticket), resp_(resp) {}

  void settle(std::size_t, std::string_view reply, Core& core) override {
    protocol::ReplyReader reader(reply);
    const auto info = reader.next();
    if (info.error()) return core.reply(ticket_, reply);
    std::string text(info.text);
    if (info.kind == '=' && text.starts_with("txt:")) text.erase(0, 4);
    text += "\r\n" + info_section(core);
    core.reply(ticket_, as_text(text, resp_));
  }
  void fail(std::string_view error, Core& core) override { core.reply(ticket_, error); }

 private:
  Ticket ticket_;
  Resp resp_;
};

Value docs() {
  Value::Map subcommands;
  const auto add = [&](std::string name, std::string summary, const char* argument) {
    Value::Map entry{
        {"summary", {std::move(summary)}}, {"since", {"0.1.0"}}, {"group", {"pannier"}}};
    if (argument != nullptr) {
      Value::List arguments{
          {Value::Map{{"name", {argument}}, {"type", {"string"}}, {"display_text", {argument}}}}};
      entry.push_back({"arguments", {std::move(arguments)}});
    }
    subcommands.push_back({"pannier|" + std::move(name), {std::move(entry)}});
  };
#define PANNIER_ACTION(name, words, argument, looks, role, text) add(#name, text, argument);
#include "policies/actions.def"
  return {Value::Map{{"summary", {"Looks into the sidecar and steers it."}},
                     {"since", {"0.1.0"}},
                     {"group", {"pannier"}},
                     {"complexity", {"Depends on the subcommand."}},
                     {"subcommands", {std::move(subcommands)}}}};
}

/// COMMAND DOCS with our entry behind upstream's.
class CommandDocs final : public Exchange {
 public:
  CommandDocs(Ticket ticket, Resp resp) : ticket_(ticket), resp_(resp) {}

  void settle(std::size_t, std::string_view reply, Core& core) override {
    protocol::ReplyReader reader(reply);
    const auto head = reader.next();
    if (head.kind != '*' && head.kind != '%') return core.reply(ticket_, reply);
    std::string out;
    protocol::append_map(out, static_cast<std::size_t>(head.number) / 2 + 1, resp_);
    out += reader.rest();
    protocol::append_bulk(out, "pannier");
    docs().append_to(out, resp_);
    core.reply(ticket_, out);
  }
  void fail(std::string_view error, Core& core) override { core.reply(ticket_, error); }

 private:
  Ticket ticket_;
  Resp resp_;
};

}  // namespace

Verdict Pipeline::decide_decorated(Client& client, const protocol::CommandSpec& spec,
                                   const protocol::Command& command) {
  const auto& args = command.args;
  const Ticket ticket{client.id, client.next};
  std::unique_ptr<Exchange> exchange;
  if (spec.verb == Verb::info) {
    if (args.size() == 2 && equals_nocase(args[1], "pannier")) {
      return answer(as_text(info_section(core_), client.resp));
    }
    const bool whole = args.size() == 1 || equals_nocase(args[1], "everything") ||
                       equals_nocase(args[1], "all") || equals_nocase(args[1], "default");
    if (core_.from_memory(nullptr)) {
      return answer(as_text("# Server\r\nredis_version:" + core_.server_version +
                                "\r\nredis_mode:standalone\r\nloading:0\r\n\r\n" +
                                info_section(core_),
                            client.resp));
    }
    if (whole) exchange = std::make_unique<Info>(ticket, client.resp);
  } else if (args.size() >= 2 && equals_nocase(args[1], "docs")) {
    const bool only_ours = args.size() == 3 && equals_nocase(args[2], "pannier");
    if (only_ours || core_.from_memory(nullptr)) {
      std::string reply;
      Value{Value::Map{{"pannier", docs()}}}.append_to(reply, client.resp);
      return answer(std::move(reply));
    }
    if (args.size() == 2) exchange = std::make_unique<CommandDocs>(ticket, client.resp);
  }
  if (!exchange) return pass(client, &spec, command, command.wire);
  const auto link = pass_link(client, &spec, command);
  if (client.open > 0 && client.link != link) return Hold{};
  core_.begin(client, link);
  core_.send(link, command.wire, 1, std::move(exchange));
  return Wait{};
}

}  // namespace pannier::policies
