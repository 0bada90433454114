#include "proxy/admin_routes.hpp"

#include "protocol/reply.hpp"
#include "proxy/admin_actions.hpp"
#include "proxy/admin_json.hpp"
#include "proxy/metrics.hpp"
#include "proxy/server.hpp"

namespace pannier::proxy {

namespace {

policies::Client& open(Server& server, Server::Receive receive) {
  server.begin_turn();
  return server.open_caller(std::move(receive));
}

}  // namespace

AdminRoutes::AdminRoutes(Admin::Sources sources)
    : sources_(std::move(sources)),
      access_(sources_.server.settings().admin),
      aliases_(sources_.server.settings().admin.aliases),
      live_(sources_.server) {
  configure(sources_.server.settings().admin);
}

void AdminRoutes::configure(const policies::AdminSettings& settings) {
  access_ = AdminAccess(settings);
  aliases_ = AdminAliases(settings.aliases);
  const auto address = parse_address(settings.listen);
  others_reach_it_ = address && !address->is_unix() && !address->is_local();
}

boost::system::result<AdminRoutes::Admitted, Refusal> AdminRoutes::admit(RequestHead head,
                                                                         policies::TimePoint now) {
  const auto caller = access_.caller(head);
  auto used = aliases_.resolve(head);
  // A page in a browser knows no token, whatever it may send and however it came here.
  if (access_.has_tokens()) head.marks = {"1"};
  if (access_.has_tokens() && others_reach_it_ && head.hosts.size() == 1) {
    head.hosts = {"localhost"};
  }
  auto route = used ? judge(head, sources_.allowed_hosts)
                    : boost::system::result<Route, Refusal>(used.error());
  if (!route) {
    const auto status = route.error().status;
    const bool tells_of_paths = status == 404 || status == 405 || status == 415;
    auto objection = tells_of_paths ? access_.objection(caller, now) : std::nullopt;
    return objection ? std::move(*objection) : std::move(route.error());
  }
  // A signature says more of who sends an event than a token would.
  const auto& automation = sources_.server.settings().automation;
  const bool is_signed = automation && !automation->webhook.secret.value.empty();
  if (route->to == Route::To::event && is_signed) route->needs = policies::Role::none;
  if (auto objection = access_.objection(caller, *route, now)) return std::move(*objection);
  return Admitted{std::move(*route), caller, std::move(*used)};
}

Response AdminRoutes::look(Route::To to) const {
  Response response;
  if (to == Route::To::readyz) {
    const auto readiness = sources_.readiness();
    return readiness_response(readiness.ready, readiness.reason,
                              policies::state_name(sources_.server.pipeline_state()),
                              sources_.server.pipeline().core().coherence());
  }
  const bool is_metrics = to == Route::To::metrics;
  response.content_type = is_metrics ? "text/plain; version=0.0.4" : "text/plain";
  response.body = is_metrics ? metrics() : "ok\n";
  return response;
}

std::optional<Refusal> AdminRoutes::objection_to_event(const RequestHead& head,
                                                       std::string_view body) {
  auto& server = sources_.server;
  const policies::WebhookSettings none;
  const auto& automation = server.settings().automation;
  const auto& webhook = automation ? automation->webhook : none;
  if (auto refusal = gate_.objection_to_rate(monotonic_now())) return refusal;
  auto refusal = gate_.objection(head, body, webhook, wall_now());
  if (refusal && refusal->status == 401) ++server.pipeline().counters().webhooks_refused;
  return refusal;
}

std::string AdminRoutes::metrics() const {
  auto& server = sources_.server;
  const auto& core = server.pipeline().core();
  Gauges gauges;
  gauges.upstream = core.upstream;
  gauges.breaker = policies::breaker_name(core);
  gauges.journal = core.journal.size();
  gauges.clients = server.connected();
  gauges.links = server.links();
  gauges.leases = core.leases.size();
  gauges.waiting = core.leases.waiting();
  gauges.memory_bytes = core.memory.bytes();
  gauges.memory_keys = core.memory.size();
  gauges.local_bytes = core.copies.bytes();
  gauges.local_keys = core.copies.size();
  gauges.local_evictions = core.copies.evictions();
  gauges.coherence = core.coherence();
  gauges.loaders = server.loaders();
  gauges.admin_requests = requests_;
  gauges.admin_refused = refused_;
  read_process(gauges);
  return metrics_text(core.book, server.counters(), gauges);
}

ActionCall::ActionCall(const Admin::Sources& sources, std::string by, std::function<void()> wake)
    : sources_(sources),
      wake_(std::move(wake)),
      client_(open(sources.server, [this](std::string_view reply) { receive(reply); })) {
  client_.name = std::move(by);
}

ActionCall::~ActionCall() { sources_.server.close_caller(client_); }

void ActionCall::run(const std::vector<std::string>& words) {
  std::vector<std::string_view> args{"PANNIER"};
  args.insert(args.end(), words.begin(), words.end());
  const auto now = sources_.server.begin_turn().now;
  take(sources_.actions.run(client_, args, now));
  sources_.server.log_state();
}

void ActionCall::run(policies::Invalidation what) {
  const auto now = sources_.server.begin_turn().now;
  take(sources_.actions.run(client_, std::move(what), now));
}

void ActionCall::read(const std::string& key) {
  auto& pipeline = sources_.server.pipeline();
  const auto now = sources_.server.begin_turn().now;
  policies::Match match;
  pipeline.core().rules->find(key, match);
  if (!match || match.rule->never() || pipeline.core().mode == policies::Mode::bypass) {
    reply_ = "-ERR pannier: the key has no rule that is in effect; not executed\r\n";
    return;
  }
  std::string wire;
  protocol::append_command(wire, {"GET", key});
  const std::vector<std::string_view> words{"GET", key};
  const auto verdict = pipeline.decide(client_, {words, wire}, now);
  if (const auto* answer = std::get_if<policies::Answer>(&verdict)) reply_ = answer->reply;
  if (std::holds_alternative<policies::Hold>(verdict)) {
    reply_ = "-ERR pannier: upstream unavailable (not connected yet); not executed\r\n";
  }
}

void ActionCall::take(const std::optional<protocol::Value>& value) {
  if (value) value->append_to(reply_, client_.resp);
}

void ActionCall::receive(std::string_view reply) {
  if (!reply_.empty()) return;
  reply_ = reply;
  wake_();
}

}  // namespace pannier::proxy
