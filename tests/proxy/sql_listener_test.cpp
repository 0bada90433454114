#include "proxy/sql_listener.hpp"

#include <doctest/doctest.h>
#include <signal.h>

#include "tests/proxy/sql_bed.hpp"

namespace pannier::tests {
namespace {

using proxy::SqlListener;

struct Heard {
  SqlBed bed;
  std::vector<std::string> news;
  int gaps = 0;

  SqlListener::Events events() {
    return {
        .notified = [this](const std::string& channel,
                           const std::string& payload) { news.push_back(channel + ":" + payload); },
        .gap = [this] { ++gaps; }};
  }
  proxy::SqlListenerSettings settings(const std::string& url) {
    return {.url = url,
            .channels = {"prices", "Odd \"name\""},
            .connect_timeout = milliseconds(60'000),
            .heartbeat = milliseconds(50),
            .heartbeat_timeout = milliseconds(60'000)};
  }
  void until_listening(const SqlListener& listener) {
    bed.until([&] { return listener.status().listening; });
  }
};

TEST_CASE("PostgreSQL's notifications are heard on each channel, whatever its name") {
  Heard heard;
  SqlListener listener(heard.bed.loop, heard.settings(Postgres::shared().url()), heard.events());
  heard.until_listening(listener);
  Superuser superuser;
  superuser.run("NOTIFY prices, '42'");
  superuser.run("NOTIFY other, 'no'");
  superuser.run("NOTIFY \"Odd \"\"name\"\"\", 'é'");
  heard.bed.until([&] { return heard.news.size() == 2; });
  CHECK(heard.news == std::vector<std::string>{"prices:42", "Odd \"name\":é"});
  CHECK(heard.gaps == 0);
  CHECK(listener.status().notifications == 2);
}

TEST_CASE("PostgreSQL ends the listening connection: it listens again and tells of a gap") {
  Heard heard;
  SqlListener listener(heard.bed.loop, heard.settings(Postgres::shared().url()), heard.events());
  heard.until_listening(listener);
  Superuser superuser;
  superuser.ask(
      "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
      " WHERE query LIKE 'LISTEN%' OR query = 'SELECT 1'");
  heard.bed.until([&] { return heard.gaps == 1; });
  CHECK(listener.status().listening);
  CHECK(listener.status().failures >= 1);
  CHECK_FALSE(listener.status().last_error.empty());
  superuser.run("NOTIFY prices, 'after'");
  heard.bed.until([&] { return !heard.news.empty(); });
  CHECK(heard.news.back() == "prices:after");
}

TEST_CASE("PostgreSQL is down at first: what was notified until the first connect is a gap") {
  Postgres postgres;
  postgres.stop();
  Heard heard;
  SqlListener listener(heard.bed.loop, heard.settings(postgres.url()), heard.events());
  heard.bed.until([&] { return listener.status().failures > 0; });
  postgres.start();
  heard.until_listening(listener);
  CHECK(heard.gaps == 1);
}

TEST_CASE("PostgreSQL is silent: the heartbeat notices, and there is a gap") {
  Heard heard;
  auto settings = heard.settings(Postgres::shared().url());
  settings.heartbeat_timeout = milliseconds(300);
  SqlListener listener(heard.bed.loop, settings, heard.events());
  heard.until_listening(listener);
  Superuser superuser;
  const auto pid = std::stoi(superuser.ask(
      "SELECT max(pid) FROM pg_stat_activity WHERE application_name = 'pannier'"
      " AND pid <> pg_backend_pid() AND (query LIKE 'LISTEN%' OR query = 'SELECT 1')"));
  ::kill(pid, SIGSTOP);
  heard.bed.until([&] { return heard.gaps > 0; });
  ::kill(pid, SIGCONT);
  CHECK(listener.status().failures >= 1);
}

TEST_CASE("PostgreSQL's listener may end inside its own call, and says nothing afterwards") {
  SqlBed bed;
  Heard heard;
  std::unique_ptr<SqlListener> listener;
  bool is_called = false;
  auto events = heard.events();
  events.notified = [&](const std::string&, const std::string&) {
    listener.reset();
    is_called = true;
  };
  listener = std::make_unique<SqlListener>(bed.loop, heard.settings(Postgres::shared().url()),
                                           std::move(events));
  bed.until([&] { return listener->status().listening; });
  Superuser superuser;
  superuser.run("NOTIFY prices, '1'");
  superuser.run("NOTIFY prices, '2'");
  bed.until([&] { return is_called; });
  CHECK_FALSE(listener);
}

}  // namespace
}  // namespace pannier::tests
