#include "proxy/origin_runner.hpp"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <utility>

#include "protocol/reply.hpp"
#include "proxy/log.hpp"
#include "proxy/sql_jobs.hpp"

namespace pannier::proxy {

namespace {

constexpr policies::milliseconds interval{10};

SqlQuery::Shape shape_of(policies::OriginResult result) {
  switch (result) {
    case policies::OriginResult::rows:
      return SqlQuery::Shape::rows;
    case policies::OriginResult::row:
      return SqlQuery::Shape::row;
    case policies::OriginResult::scalar:
      return SqlQuery::Shape::scalar;
    case policies::OriginResult::raw:
      break;
  }
  return SqlQuery::Shape::raw;
}

/// Whether another query would most likely fail as well.
bool is_away(SqlAnswer::Kind kind) {
  using Kind = SqlAnswer::Kind;
  return kind == Kind::unavailable || kind == Kind::busy || kind == Kind::timeout ||
         kind == Kind::lost;
}

}  // namespace

OriginRunner::OriginRunner(Server& server) : server_(server), clock_(server.loop()) {
  server_.load_by({[this](std::uint32_t db) { return open(db); },
                   [this](policies::ClientId loader) { end_later(loader); },
                   [this](policies::OriginLoad order) { begin(std::move(order)); },
                   [this] { return report(); }});
}

OriginRunner::~OriginRunner() { server_.load_by({}); }

void OriginRunner::reload() {
  const auto before = std::exchange(settings_, server_.settings().origins);
  if (before == settings_) return;
  auto old = std::exchange(pools_, {});
  const auto databases = settings_ ? settings_->databases : decltype(settings_->databases){};
  for (const auto& database : databases) {
    const auto settings = pool_settings(database);
    const auto same = std::ranges::find_if(old, [&](const Pool& pool) {
      return pool.pool && pool.name == database.name && pool.settings == settings;
    });
    auto pool = same == old.end() ? std::make_shared<SqlPool>(server_.loop(), settings)
                                  : std::exchange(same->pool, nullptr);
    pools_.push_back({database.name, settings, std::move(pool)});
  }
  for (auto& pool : old) {
    if (!pool.pool) continue;
    pool.pool->stop();
    // What it answers now comes before its end.
    asio::post(server_.loop(), [gone = std::move(pool.pool)] {});
  }
  if (!settings_) return;
  for (const auto& origin : settings_->all) counters_.try_emplace(origin.name);
}

const policies::OriginSettings& OriginRunner::origin_of(const Load& load) {
  return load.settings->all[load.order.origin];
}

policies::ClientId OriginRunner::open(std::uint32_t db) {
  const auto id = std::make_shared<policies::ClientId>();  // Known when it is there.
  auto& loader = server_.open_caller([this, id](std::string_view reply) { replied(*id, reply); });
  *id = loader.id;
  loader.db = db;
  loads_[loader.id].loader = &loader;
  return loader.id;
}

void OriginRunner::begin(policies::OriginLoad order) {
  const auto id = order.loader;
  auto& load = loads_.at(id);
  load.order = std::move(order);
  load.settings = server_.settings().origins;
  load.since = server_.turn().now;
  load.until = load.since + origin_of(load).timeout;
  auto& queue = queues_[origin_of(load).name];
  queue.waiting.push_back(id);
  asio::post(server_.loop(), [this, name = origin_of(load).name] {
    server_.begin_turn();
    start_next(name);
    if (!is_ticking_) tick();
  });
}

void OriginRunner::start_next(const std::string& origin) {
  auto& queue = queues_[origin];
  while (!queue.waiting.empty()) {
    const auto id = queue.waiting.front();
    const auto at = loads_.find(id);
    if (at == loads_.end()) {
      queue.waiting.pop_front();
      continue;
    }
    if (queue.running >= origin_of(at->second).concurrency.value) return;
    queue.waiting.pop_front();
    ++queue.running;
    ask(id);
  }
}

void OriginRunner::ask(policies::ClientId id) {
  auto& load = loads_.at(id);
  const auto& origin = origin_of(load);
  ++counters_[origin.name].loads;
  SqlQuery query;
  query.sql = origin.sql;
  query.params.assign(load.order.params.begin(), load.order.params.end());
  query.shape = shape_of(origin.result);
  query.max_rows = origin.max_rows.value;
  query.max_bytes = origin.max_bytes.value;
  query.timeout =
      std::chrono::duration_cast<policies::milliseconds>(load.until - server_.turn().now);
  const auto& database = load.settings->databases[origin.database].name;
  const auto pool =
      std::ranges::find_if(pools_, [&](const Pool& one) { return one.name == database; });
  if (pool == pools_.end()) {
    SqlAnswer gone;
    gone.kind = SqlAnswer::Kind::unavailable;
    gone.error = "its database is configured no more";
    --queues_[origin.name].running;
    return answered(id, gone);
  }
  pool->pool->run(std::move(query), [this, id, name = origin.name](const SqlAnswer& answer) {
    server_.begin_turn();
    --queues_[name].running;
    answered(id, answer);
    start_next(name);
  });
}

void OriginRunner::answered(policies::ClientId id, const SqlAnswer& answer) {
  const auto at = loads_.find(id);
  if (at == loads_.end()) return;
  auto& load = at->second;
  const auto& origin = origin_of(load);
  auto& counters = counters_[origin.name];
  const auto took = server_.turn().now - load.since;
  counters.seconds.add(std::chrono::duration_cast<policies::microseconds>(took));
  switch (answer.kind) {
    case SqlAnswer::Kind::value:
      load.value = answer.value;
      return store(id);
    case SqlAnswer::Kind::nothing:
    case SqlAnswer::Kind::null:
      ++counters.empty;
      return failed(id, {});
    default:
      load.order.is_away = is_away(answer.kind);
      ++counters.errors;
      counters.last_error = "origin '" + origin.name + "': " + error_text(answer);
      if (server_.turn().now - counters.logged >= policies::seconds(1)) {
        counters.logged = server_.turn().now;
        log::warning("origin_failed", {{"origin", origin.name}, {"error", answer.error}});
      }
      return failed(id, counters.last_error);
  }
}

void OriginRunner::store(policies::ClientId id) {
  auto& load = loads_.at(id);
  const auto now = server_.turn().now;
  auto& pipeline = server_.pipeline();
  if (pipeline.store_loaded(*load.loader, load.order, load.value, now)) return;
  if (std::ranges::find(held_, id) == held_.end()) held_.push_back(id);
}

void OriginRunner::replied(policies::ClientId id, std::string_view reply) {
  const auto at = loads_.find(id);
  if (at == loads_.end()) return;
  auto& load = at->second;
  auto& counters = counters_[origin_of(load).name];
  if (!reply.starts_with('-')) {
    ++counters.stored;
    return end_later(id);
  }
  // Redis may be full, or gone: that is no reason to keep it from those who wait.
  counters.last_error = std::string(protocol::ReplyReader(reply).next().text);
  asio::post(server_.loop(), [this, id] {
    const auto now = server_.begin_turn().now;
    const auto found = loads_.find(id);
    if (found == loads_.end()) return;
    const auto& kept = found->second;
    server_.pipeline().give_loaded(*kept.loader, kept.order, kept.value, now);
    end(id);
  });
}

void OriginRunner::failed(policies::ClientId id, std::string_view error) {
  auto& load = loads_.at(id);
  const auto reply =
      error.empty()
          ? std::string()
          : protocol::error_reply("ERR pannier: " + std::string(error) + "; not executed");
  server_.pipeline().load_failed(*load.loader, load.order, reply, server_.turn().now);
  end(id);
}

void OriginRunner::end(policies::ClientId id) {
  const auto at = loads_.find(id);
  if (at == loads_.end()) return;
  auto* const loader = at->second.loader;
  loads_.erase(at);
  server_.close_caller(*loader);
}

void OriginRunner::end_later(policies::ClientId id) {
  asio::post(server_.loop(), [this, id] { end(id); });
}

void OriginRunner::tick() {
  const auto now = server_.begin_turn().now;
  for (const auto id : std::exchange(held_, {})) {
    const auto at = loads_.find(id);
    if (at == loads_.end()) continue;
    if (now < at->second.until) {
      store(id);
    } else {
      failed(id, "origin '" + origin_of(at->second).name + "': the value could not be stored");
    }
  }
  for (auto& [name, queue] : queues_) {
    while (!queue.waiting.empty()) {
      const auto id = queue.waiting.front();
      const auto at = loads_.find(id);
      if (at != loads_.end() && now < at->second.until) break;
      queue.waiting.pop_front();
      if (at == loads_.end()) continue;
      ++counters_[name].errors;
      failed(id, "origin '" + name + "': no turn within its timeout; see concurrency");
    }
  }
  is_ticking_ = !loads_.empty();
  if (!is_ticking_) return;
  clock_.expires_after(interval);
  clock_.async_wait([this](boost::system::error_code error) {
    if (!error) tick();
  });
}

}  // namespace pannier::proxy
