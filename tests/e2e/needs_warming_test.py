#!/usr/bin/python3
"""What applications ask of values from SQL that are there before anybody asks, one test a need."""

import datetime
import os
import textwrap
import time
import unittest
from unittest import mock

import orders
from admin_client import get, post
from origins_bench import DAY, NIL, OK, REVENUE, OriginCase, ask, at_once, bulk, config
from support import Pannier, encode, free_port, wait_until

COUNTED = "SELECT sum(amount) FROM orders WHERE day"
DAYS = [str(orders.LAST_DAY - datetime.timedelta(days=back)) for back in range(5)]
SLOW = """
sql: "SELECT pg_sleep(0.5)::text || $1"
params: ["{id}"]
result: scalar
"""


def keys_of(days):
    return ", ".join(f'"revenue:{day}"' for day in days)


class Sets(OriginCase):
    def test_000_20_a_warm_set_is_loaded_from_sql(self):
        pannier = self.start({"revenue": REVENUE}, tier="{ttl: 60s, local: 10s}",
                             more=f"warm: {{days: {{keys: [{keys_of(DAYS[:3])}]}}}}")
        answer = post(pannier.admin_port, "/warm/days")
        self.assertEqual((answer.status, answer.json["kept"], answer.json["missing"]), (200, 3, 0))
        asked = self.queries_of(COUNTED, lambda: [ask(pannier, "GET", f"revenue:{day}")
                                                  for day in DAYS[:3]])
        self.assertEqual(asked, 0)
        self.assertEqual(post(pannier.admin_port, "/warm/other").status, 404)

    def test_002_24_days_without_data_are_told_apart_from_those_that_failed(self):
        pannier = self.start({"some": """
            sql: "SELECT 1 / (CASE $1 WHEN 'bad' THEN 0 ELSE 1 END) WHERE $1 <> 'none'"
            params: ["{id}"]
            result: scalar
        """}, more='warm: {all: {keys: ["some:none", "some:good", "some:bad", "some:fine", "no:1"]}}')
        answer = post(pannier.admin_port, "/warm/all").json
        self.assertEqual({name: answer[name] for name in ("kept", "missing", "skipped", "failed")},
                         {"kept": 2, "missing": 1, "skipped": 1, "failed": 1})
        self.assertEqual((self.stored("some:good"), self.stored("some:fine")),
                         (bulk("1"), bulk("1")))

    def test_002_28_a_schedule_warms_from_sql(self):
        pannier = self.start({"revenue": REVENUE}, more=f"""
            warm: {{days: {{keys: [{keys_of(DAYS[:2])}]}}}}
            schedules: {{morning: {{every: 1s, warm: days}}}}
        """)
        for day in DAYS[:2]:
            wait_until(lambda day=day: self.stored(f"revenue:{day}") != NIL, f"{day} is there")
        self.assertNotIn("schedule_failed", pannier.log_text())

    def test_000_19_the_keys_that_are_read_most_are_kept_loaded(self):
        pannier = self.start({"revenue": REVENUE}, tier="{ttl: 1s, jitter: 0%}", more="""
            warm: {hot: {hot: 2}}
            schedules: {hot: {every: 1s, warm: hot}}
        """)
        for day, reads in zip(DAYS, (20, 1, 15, 1, 1)):
            for _ in range(reads):
                ask(pannier, "GET", f"revenue:{day}")
        wait_until(lambda: self.stored(f"revenue:{DAYS[1]}") == NIL, "those have ended")
        asked = self.queries_of(COUNTED, lambda: time.sleep(3.5))
        self.assertIn(asked, range(4, 9), "two keys, about once a second")
        self.assertEqual(self.stored(f"revenue:{DAYS[1]}"), NIL)
        answer = post(pannier.admin_port, "/warm/hot").json
        self.assertEqual(answer["kept"], 2)


class Start(OriginCase):
    def until_ready(self, pannier):
        """The answers of /readyz, and how long it took to be ready."""
        begun, said = time.monotonic(), []
        while True:
            answer = get(pannier.admin_port, "/readyz")
            said.append(answer.body.decode())
            if answer.status == 200:
                return said, time.monotonic() - begun
            time.sleep(0.01)

    def test_002_29_what_is_warmed_at_the_start_comes_before_readiness(self):
        keys = ", ".join(f'"slow:{i}"' for i in range(4))
        text = config(self.postgres.url(), {"slow": SLOW + "concurrency: 2\n"},
                      more=f"warm: {{first: {{keys: [{keys}], at_start: true}}}}")
        with Pannier(text, self.redis.port) as pannier:
            said, took = self.until_ready(pannier)
            self.assertTrue(any("warming" in one for one in said), said)
            self.assertGreater(took, 0.5)
            self.assertEqual(self.stored("slow:3"), bulk("3"))

    def test_002_29_a_variable_of_the_application_switches_it_off(self):
        text = config(self.postgres.url(), {"revenue": REVENUE},
                      more=f"warm: {{first: {{keys: [{keys_of(DAYS[:1])}], at_start: true}}}}")
        for value, there in (("false", False), ("1", True)):
            with mock.patch.dict(os.environ, {"WARM_CACHE_ON_STARTUP": value}), \
                    Pannier(text, self.redis.port):
                time.sleep(0.5)
                self.assertEqual(self.stored(f"revenue:{DAYS[0]}") != NIL, there)

    def test_002_29_what_fails_does_not_keep_it_from_being_ready(self):
        text = config(f"postgresql://nobody@127.0.0.1:{free_port()}/none", {"revenue": REVENUE},
                      more=f"warm: {{first: {{keys: [{keys_of(DAYS)}], at_start: true}}}}")
        with Pannier(text, self.redis.port) as pannier:
            _, took = self.until_ready(pannier)
            self.assertLess(took, 5)


    def test_002_29_without_redis_values_are_loaded_into_memory(self):
        text = config(self.postgres.url(), {"revenue": REVENUE},
                      more=f"warm: {{first: {{keys: [{keys_of(DAYS[:2])}], at_start: true}}}}")
        with Pannier(text) as pannier:
            _, took = self.until_ready(pannier)
            self.assertLess(took, 5)
            asked = self.queries_of(COUNTED, lambda: ask(pannier, "GET", f"revenue:{DAYS[0]}"))
            self.assertEqual(asked, 0)


class Prefetch(OriginCase):
    def start_tiles(self, **more):
        names = [f"tile{i}" for i in range(1, 6)]
        text = config(self.postgres.url(), {name: SLOW for name in names}, **more)
        others = ", ".join(f'"{name}:{{id}}"' for name in names[1:])
        text = text.replace("origin: tile1,", f"origin: tile1, prefetch: [{others}],")
        return self.enterContext(Pannier(text, self.redis.port))

    def test_001_27_the_first_tile_starts_the_others(self):
        pannier = self.start_tiles()
        self.assertEqual(ask(pannier, "GET", "tile1:7")[0], bulk("7"))
        for i in range(2, 6):
            wait_until(lambda i=i: self.stored(f"tile{i}:7") == bulk("7"), f"tile {i} is there", 3)
        asked = self.queries_of("pg_sleep", lambda: at_once(pannier,
                                                            [f"tile{i}:7" for i in range(1, 6)]))
        self.assertEqual(asked, 0)

    def test_001_28_it_costs_one_query_each_however_often_it_is_read(self):
        pannier = self.start_tiles(tier="{ttl: 60s, local: 10s}")
        asked = self.queries_of("pg_sleep", lambda: (
            [ask(pannier, "GET", "tile1:8") for _ in range(50)], time.sleep(2)))
        self.assertEqual(asked, 5)

    def test_001_29_who_logs_in_finds_all_tiles_loaded(self):
        """The application says so to HTTP."""
        keys = ", ".join(f'"tile{i}:9"' for i in range(1, 6))
        pannier = self.start_tiles(more=f"warm: {{login: {{keys: [{keys}]}}}}")
        self.assertEqual(post(pannier.admin_port, "/warm/login").json["kept"], 5)
        self.assertTrue(all(took < 0.25 for _, took in at_once(
            pannier, [f"tile{i}:9" for i in range(1, 6)])))


class Many(OriginCase):
    def test_000_28_two_periods_are_compared_with_one_mget(self):
        pannier = self.start({"revenue": REVENUE})
        days = (DAY, DAYS[1], DAY)
        expected = b"*3\r\n" + b"".join(bulk(orders.revenue(self.postgres, day)) for day in days)
        replies, words = [], ["MGET"] + [f"revenue:{day}" for day in days]
        asked = self.queries_of(COUNTED, lambda: replies.append(ask(pannier, *words)[0]))
        self.assertEqual(replies, [expected])
        self.assertEqual(asked, 2)
        self.assertEqual(ask(pannier, *words)[0], expected)

    def test_000_28_others_stand_where_they_stood(self):
        pannier = self.start({"revenue": REVENUE})
        with pannier.wire() as wire:
            self.assertEqual(wire.call("MSET", "a", "1", "b", "2"), OK)
            reply = wire.call("MGET", "a", f"revenue:{DAY}", "none", "revenue:x", "b")
            self.assertTrue(reply.startswith(b"-ERR pannier: "), reply)
            reply = wire.call("MGET", "a", f"revenue:{DAY}", "none", "revenue:1999-01-01", "b")
            value = bulk(orders.revenue(self.postgres, DAY))
            self.assertEqual(reply, b"*5\r\n" + bulk("1") + value + NIL + NIL + bulk("2"))
            # In order with what the client sends behind it.
            wire.send(b"".join(encode("MGET", f"revenue:{day}") for day in DAYS[1:4]) +
                      encode("PING"))
            for day in DAYS[1:4]:
                self.assertEqual(wire.reply(),
                                 b"*1\r\n" + bulk(orders.revenue(self.postgres, day)))
            self.assertEqual(wire.reply(), b"+PONG\r\n")

    def test_000_28_what_the_client_writes_behind_it_is_not_in_it(self):
        pannier = self.start({"slow": SLOW})
        with pannier.wire() as wire:
            wire.send(encode("MGET", "slow:1", "plain") + encode("SET", "slow:1", "mine") +
                      encode("SET", "plain", "later") + encode("MGET", "slow:1", "plain"))
            self.assertEqual(wire.reply(), b"*2\r\n" + bulk("1") + NIL)
            self.assertEqual([wire.reply(), wire.reply()], [OK, OK])
            self.assertEqual(wire.reply(), b"*2\r\n" + bulk("mine") + bulk("later"))

    def test_000_28_a_key_of_another_type_is_nil_as_in_redis(self):
        pannier = self.start({"revenue": REVENUE})
        with pannier.wire() as wire:
            wire.call("HSET", f"revenue:{DAYS[1]}", "f", "1")
            self.assertEqual(wire.call("MGET", f"revenue:{DAY}", f"revenue:{DAYS[1]}"),
                             b"*2\r\n" + bulk(orders.revenue(self.postgres, DAY)) + NIL)

    def test_000_28_thousands_of_keys_are_loaded_in_portions(self):
        pannier = self.start({"one": """
            sql: "SELECT $1"
            params: ["{id}"]
            result: scalar
            concurrency: 4
            timeout: 9s
        """}, queue=3000)
        keys = [f"one:{i}" for i in range(2000)]
        reply, _ = ask(pannier, "MGET", *keys, timeout=20)
        self.assertEqual(reply, b"*2000\r\n" + b"".join(bulk(i) for i in range(2000)))

    def test_000_28_a_tile_in_an_mget_is_hot_too(self):
        pannier = self.start({"revenue": REVENUE}, more="warm: {hot: {hot: 5}}")
        for _ in range(3):
            ask(pannier, "MGET", f"revenue:{DAY}", f"revenue:{DAYS[1]}")
        ask(pannier, "GET", "revenue:wrong")
        answer = post(pannier.admin_port, "/warm/hot").json
        self.assertEqual((answer["kept"], answer["failed"]), (2, 0))

    def test_000_28_while_postgres_is_slow_others_are_served(self):
        pannier = self.start({"slow": SLOW})
        begun = time.monotonic()
        with pannier.wire(5) as one, pannier.wire(5) as other:
            one.send(encode("MGET", "slow:1", "slow:2", "slow:3"))
            time.sleep(0.05)
            self.assertEqual(other.call("PING"), b"+PONG\r\n")
            self.assertLess(time.monotonic() - begun, 0.4)
            self.assertEqual(one.reply(), b"*3\r\n" + bulk("1") + bulk("2") + bulk("3"))

    def test_000_28_who_goes_away_meanwhile_harms_nobody(self):
        pannier = self.start({"slow": SLOW})
        with pannier.wire() as one:
            one.send(encode("MGET", "slow:1", "slow:2"))
            time.sleep(0.1)
        self.assertEqual(ask(pannier, "MGET", "slow:1", "slow:2")[0],
                         b"*2\r\n" + bulk("1") + bulk("2"))


class Views(OriginCase):
    SEEN = """
        sql: "SELECT revenue FROM revenue_by_day WHERE day = $1"
        params: [{value: "{id}", type: date}]
        result: scalar
    """

    def test_001_02_a_schedule_refreshes_a_materialised_view_and_then_invalidates(self):
        idle = self.start({"seen": self.SEEN})
        before = ask(idle, "GET", f"seen:{DAY}")[0]
        after, _ = orders.insert(self.postgres)
        ask(idle, "PANNIER", "INVALIDATE", "TAG", "seen")
        self.assertEqual(ask(idle, "GET", f"seen:{DAY}")[0], before, "nobody has refreshed it")
        pannier = self.start({"seen": self.SEEN}, more="""
            schedules:
              views:
                every: 1s
                database: main
                sql: "REFRESH MATERIALIZED VIEW CONCURRENTLY revenue_by_day"
                invalidate: {tags: [seen]}
        """)
        self.assert_answers(pannier, f"seen:{DAY}", bulk(after), 5)
        self.assert_answers(idle, f"seen:{DAY}", bulk(after), 2)
        self.assertIn("schedule_sql", pannier.log_text())

    def test_001_02_of_the_fleet_one_runs_it(self):
        self.postgres.psql("DROP TABLE IF EXISTS runs; CREATE TABLE runs (at timestamptz); "
                           f"ALTER TABLE runs OWNER TO postgres")
        for _ in range(3):
            self.start({"seen": self.SEEN}, more="""
                schedules: {count: {every: 2s, sql: "INSERT INTO runs VALUES (now())"}}
            """)
        time.sleep(5)
        runs = int(self.postgres.psql("SELECT count(*) FROM runs"))
        self.assertIn(runs, (2, 3))
        self.assertEqual(
            int(self.postgres.psql("SELECT count(DISTINCT floor(extract(epoch FROM at) / 2)) "
                                   "FROM runs")), runs)

    def test_001_02_where_it_fails_nothing_is_invalidated_and_the_log_says_why(self):
        pannier = self.start({"seen": self.SEEN}, more="""
            schedules:
              wrong: {every: 1s, sql: "REFRESH MATERIALIZED VIEW no_such_view",
                      invalidate: {tags: [seen]}}
        """)
        ask(pannier, "GET", f"seen:{DAY}")
        wait_until(lambda: "no_such_view" in pannier.log_text(), "it is in the log", 5)
        text = get(pannier.admin_port, "/metrics").body.decode()
        self.assertNotIn("pannier_schedule_failures_total 0", text)
        self.assertIn("pannier_invalidations_tag_total 0", text)


    def test_001_02_a_run_that_takes_longer_than_its_interval_is_run_once(self):
        self.postgres.psql("DROP TABLE IF EXISTS runs; CREATE TABLE runs (at timestamptz); "
                           "ALTER TABLE runs OWNER TO postgres")
        fleet = [self.start({"seen": self.SEEN}, more="""
            schedules:
              long: {every: 3s, sql: "INSERT INTO runs SELECT now() FROM pg_sleep(3.7)"}
        """) for _ in range(2)]
        time.sleep(11)
        times = [line.split(" time=")[1].split()[0] for one in fleet
                 for line in one.log_text().splitlines() if "schedule_sql" in line]
        self.assertGreater(len(times), 1)
        self.assertEqual(len(set(times)), len(times), times)

    def test_001_02_a_reload_does_not_end_what_runs(self):
        pannier = self.start({"seen": self.SEEN}, more="""
            schedules: {long: {every: 2s, sql: "SELECT pg_sleep(1)", invalidate: {tags: [seen]}}}
        """)
        wait_until(lambda: self.postgres.sessions("active") > 0, "it runs", 5)
        self.assertEqual(ask(pannier, "PANNIER", "RELOAD")[0][:1], b"+")
        wait_until(lambda: "schedule_sql" in pannier.log_text(), "it has run", 5)
        self.assertNotIn("schedule_failed", pannier.log_text())


class Told(OriginCase):
    def test_003_08_loads_are_timed_for_each_origin(self):
        pannier = self.start({"slow": SLOW})
        ask(pannier, "GET", "slow:1")
        text = get(pannier.admin_port, "/metrics").body.decode()
        told = dict(line.rsplit(" ", 1) for line in text.splitlines()
                    if 'origin="slow"' in line or 'database="main"' in line)
        self.assertEqual(told['pannier_origin_loads_total{origin="slow"}'], "1")
        self.assertEqual(told['pannier_origin_load_seconds_count{origin="slow"}'], "1")
        self.assertGreater(float(told['pannier_origin_load_seconds_sum{origin="slow"}']), 0.5)
        self.assertGreater(
            float(told['pannier_origin_load_seconds{origin="slow",quantile="0.95"}']), 0.5)
        self.assertGreaterEqual(float(told['pannier_database_queries_total{database="main"}']), 1)

    def test_003_15_plain_keys_are_timed_by_rule_from_nil_to_set(self):
        text = """
            tiers: {t: {ttl: 60s, coalesce: sidecar}}
            rules:
              - {match: "quick:{id}", name: quick, tier: t}
              - {match: "slow:{id}", name: slow, tier: t}
        """
        pannier = self.enterContext(Pannier(textwrap.dedent(text), self.redis.port))
        with pannier.wire() as loader, pannier.wire() as waiter:
            for key, pause in (("quick:1", 0.01), ("slow:1", 0.3)):
                self.assertEqual(loader.call("GET", key), NIL)
                waiter.send(encode("GET", key))
                time.sleep(pause)
                self.assertEqual(loader.call("SET", key, "v"), OK)
                self.assertEqual(waiter.reply(), bulk("v"))
        rules = get(pannier.admin_port, "/loaders").json["rules"]
        self.assertEqual(list(rules), ["slow", "quick"], "the slowest first")
        self.assertEqual((rules["slow"]["loads"], rules["slow"]["avoided"]), (1, 1))
        self.assertGreater(rules["slow"]["p50_us"], 250_000)
        self.assertLess(rules["quick"]["p50_us"], 250_000)

    def test_000_18_explain_says_what_the_next_get_would_do(self):
        pannier = self.start({"revenue": REVENUE})

        def next_get(key):
            answer = get(pannier.admin_port, f"/explain/{key}").json
            return answer["next_get"]
        self.assertEqual(next_get(f"revenue:{DAY}"), "wait for the query of origin 'revenue'")
        ask(pannier, "GET", f"revenue:{DAY}")
        self.assertEqual(next_get(f"revenue:{DAY}"), "hit")
        ask(pannier, "GET", "revenue:1999-01-01")
        self.assertEqual(next_get("revenue:1999-01-01"),
                         "nil (remembered of the query of origin 'revenue')")
        ask(pannier, "GET", "revenue:wrong")
        self.assertIn("error of a moment ago", next_get("revenue:wrong"))

    def test_000_18_a_row_that_is_gone_is_not_served_for_the_stale_window(self):
        self.postgres.psql("DELETE FROM orders WHERE day = '2031-01-01'; INSERT INTO orders (day, "
                           "customer, product, amount, status) VALUES "
                           "('2031-01-01', 1, 1, 5, 'open')")
        pannier = self.start({"one": """
            sql: "SELECT amount FROM orders WHERE day = $1"
            params: [{value: "{id}", type: date}]
            result: scalar
        """}, tier="{ttl: 60s, stale: 60s, local: 10s}")
        self.assertEqual(ask(pannier, "GET", "one:2031-01-01")[0], bulk("5.00"))
        self.postgres.psql("DELETE FROM orders WHERE day = '2031-01-01'")
        ask(pannier, "PANNIER", "INVALIDATE", "TAG", "one", "SOFT")
        self.assert_answers(pannier, "one:2031-01-01", NIL, 3)
        time.sleep(0.2)
        self.assertEqual(ask(pannier, "GET", "one:2031-01-01")[0], NIL)
        self.assertEqual(self.stored("one:2031-01-01"), NIL)


if __name__ == "__main__":
    unittest.main()
