#!/usr/bin/python3
"""What five real applications ask of values that come from SQL, one test a need."""

import datetime
import statistics
import threading
import time
import unittest

import orders
from admin_client import get, post
from origins_bench import (DAY, NIL, NOTIFY, REVENUE, OriginCase, ask, at_once, bulk, config,
                           parsed)
from support import Pannier, wait_until

SLOW = 0.5  # Seconds.
# The time at which it was asked, later.
CLOCK = f"""
sql: "SELECT extract(epoch FROM statement_timestamp()) AS at, pg_sleep({SLOW})::text AS slept"
result: row
"""
COUNTED = "SELECT sum(amount) FROM orders WHERE day"
KPIS = {
    "summary": """
        sql: "SELECT count(*) AS orders, sum(amount) AS revenue FROM orders WHERE day = $1"
        params: [{value: "{id}", type: date}]
        result: row
    """,
    "rate": """
        sql: "SELECT round(avg((status = 'shipped')::integer), 3) FROM orders WHERE day = $1"
        params: [{value: "{id}", type: date}]
        result: scalar
    """,
    "funnel": """
        sql: "SELECT status, count(*) AS orders FROM orders WHERE day = $1 GROUP BY 1 ORDER BY 1"
        params: [{value: "{id}", type: date}]
        result: rows
    """,
    "turnover": """
        sql: >-
          SELECT p.name, count(*) AS orders FROM orders o JOIN products p ON p.id = o.product
          WHERE o.product = $1 GROUP BY p.name
        params: [{value: "{id}", type: integer}]
        result: rows
    """,
    "performance": """
        sql: "SELECT json_build_object('orders', count(*), 'asked', $1::text)::text FROM orders"
        params: [{value: "{id}"}]
        result: raw
    """,
}


def reads(pannier, key, seconds, pause=0.02):
    """Reads one key again and again: [(reply, seconds it took)]."""
    end, seen = time.monotonic() + seconds, []
    with pannier.wire() as wire:
        while (begun := time.monotonic()) < end:
            seen.append((wire.call("GET", key), time.monotonic() - begun))
            time.sleep(pause)
    return seen


class Values(OriginCase):
    def test_000_27_five_kpis_are_loaded_from_sql(self):
        pannier = self.start(KPIS)
        summary = parsed(ask(pannier, "GET", f"summary:{DAY}")[0])
        self.assertEqual(float(summary["revenue"]), float(orders.revenue(self.postgres)))
        self.assertEqual(set(summary), {"orders", "revenue"})
        rate = self.postgres.psql("SELECT round(avg((status = 'shipped')::integer), 3) FROM orders "
                                  f"WHERE day = '{DAY}'")
        self.assertEqual(ask(pannier, "GET", f"rate:{DAY}")[0], bulk(rate))
        funnel = parsed(ask(pannier, "GET", f"funnel:{DAY}")[0])
        self.assertEqual(sum(one["orders"] for one in funnel), summary["orders"])
        turnover = parsed(ask(pannier, "GET", "turnover:7")[0])
        self.assertEqual([one["name"] for one in turnover], ["product 7"])
        self.assertEqual(parsed(ask(pannier, "GET", "performance:all")[0]),
                         {"orders": int(self.postgres.psql("SELECT count(*) FROM orders")),
                          "asked": "all"})

    def test_000_27_what_was_loaded_is_a_plain_value_in_redis(self):
        pannier = self.start({"revenue": REVENUE})
        reply, _ = ask(pannier, "GET", f"revenue:{DAY}")
        self.assertEqual(reply, bulk(orders.revenue(self.postgres)))
        wait_until(lambda: self.stored(f"revenue:{DAY}") == reply, "Redis has it")
        with self.redis.wire() as wire:
            self.assertGreater(int(wire.call("PTTL", f"revenue:{DAY}")[1:-2]), 50_000)

    def test_000_27_keys_without_an_origin_are_not_loaded(self):
        pannier = self.start({"revenue": REVENUE})
        for key in ("revenue", f"revenue:{DAY}:more", "other"):
            self.assertEqual(ask(pannier, "GET", key)[0], NIL, key)



class Load(OriginCase):
    def test_000_30_of_many_who_ask_at_once_nobody_is_told_to_load(self):
        pannier = self.start({"clock": CLOCK})
        replies = []
        asked = self.queries_of("pg_sleep", lambda: replies.extend(at_once(pannier,
                                                                           ["clock:1"] * 50)))
        self.assertEqual(asked, 1)
        self.assertEqual(len({reply for reply, _ in replies}), 1)
        self.assertNotEqual(replies[0][0], NIL)

    def test_000_30_of_the_whole_fleet_one_asks(self):
        tier = "{ttl: 60s, coalesce: fleet}"
        sidecars = [self.start({"clock": CLOCK}, tier=tier) for _ in range(3)]
        before = self.postgres.queries("pg_sleep")
        threads = [threading.Thread(target=at_once, args=(one, ["clock:1"] * 10))
                   for one in sidecars]
        for one in threads:
            one.start()
        for one in threads:
            one.join()
        self.assertEqual(self.postgres.queries("pg_sleep") - before, 1)

    def load_falls(self, at_least):
        """500 views of 5 keys in a second and more: one query each instead of one a view."""
        pannier = self.start({"revenue": REVENUE}, tier="{ttl: 2s, jitter: 0%, stale: 10s}")
        days = [str(orders.LAST_DAY - datetime.timedelta(days=back)) for back in range(5)]

        def view():
            with pannier.wire() as wire:
                for i in range(500):
                    self.assertNotEqual(wire.call("GET", f"revenue:{days[i % 5]}"), NIL)
                    time.sleep(0.005)

        asked = self.queries_of(COUNTED, view)
        self.assertGreaterEqual(asked, 5)
        self.assertGreaterEqual(1 - asked / 500, at_least)

    def test_000_36_postgres_has_at_least_68_percent_less_to_do(self):
        self.load_falls(0.68)

    def test_002_05_postgres_has_60_to_80_percent_less_to_do(self):
        self.load_falls(0.8)

    def test_004_15_half_to_four_fifths_of_the_queries_are_saved(self):
        self.load_falls(0.8)

    def test_000_36_without_time_to_live_every_read_would_ask(self):
        """The control: the queries are counted."""
        def each():
            for _ in range(20):
                self.postgres.psql(f"SELECT sum(amount) FROM orders WHERE day = '{DAY}'",
                                   user="postgres")
        self.assertEqual(self.queries_of(COUNTED, each), 20)


class Waiting(OriginCase):
    def test_000_18_a_value_is_refreshed_before_its_end_and_nobody_waits(self):
        pannier = self.start({"clock": CLOCK}, tier="{ttl: 4s, jitter: 0%, refresh: 50%}")
        first, took = ask(pannier, "GET", "clock:1")
        self.assertGreater(took, SLOW * 0.9)
        seen = reads(pannier, "clock:1", 6)
        self.assertLess(max(took for _, took in seen), SLOW / 2)
        self.assertGreater(len({reply for reply, _ in seen}), 1, "it was refreshed")
        self.assertEqual(seen[0][0], first)
        self.assertTrue(all(reply.startswith(b"$") and reply != NIL for reply, _ in seen))

    def test_000_18_without_refresh_somebody_waits(self):
        pannier = self.start({"clock": CLOCK}, tier="{ttl: 2s, jitter: 0%}")
        self.assertGreater(max(took for _, took in reads(pannier, "clock:1", 4)[1:]), SLOW * 0.9)

    def p95_of(self, tier):
        """Of ten readers of three keys whose query takes half a second, the first two seconds
        aside."""
        pannier, taken = self.start({"clock": CLOCK}, tier=tier), []

        def reader(number):
            reads(pannier, f"clock:{number % 3}", 2)
            taken.extend(took for _, took in reads(pannier, f"clock:{number % 3}", 6))

        threads = [threading.Thread(target=reader, args=(i,)) for i in range(10)]
        for one in threads:
            one.start()
        for one in threads:
            one.join()
        return statistics.quantiles(taken, n=20)[-1]

    def test_001_01_p95_is_below_200_ms_with_a_query_of_500_ms(self):
        self.assertLess(self.p95_of("{ttl: 1s, jitter: 0%, stale: 60s}"), 0.2)

    def test_001_01_a_query_each_time_would_be_above(self):
        taken = []
        for _ in range(3):
            begun = time.monotonic()
            self.postgres.psql(f"SELECT pg_sleep({SLOW})", user="postgres")
            taken.append(time.monotonic() - begun)
        self.assertGreater(min(taken), 0.2)

    def test_000_27_a_page_reads_the_kpis_over_http(self):
        aliases = ("admin:\n  aliases:\n"
                   "    \"/kpi/{group}/{day}\": {to: \"/values/{group}:{day}\"}\n")
        pannier = self.start(KPIS, more=aliases)
        for path in (f"/values/summary:{DAY}", f"/kpi/summary/{DAY}"):
            answer = get(pannier.admin_port, path)
            self.assertEqual((answer.status, answer.headers["content-type"]),
                             (200, "application/json"))
            self.assertEqual(bulk(answer.body), ask(pannier, "GET", f"summary:{DAY}")[0])
        self.assertEqual(get(pannier.admin_port, "/values/summary:1999-01-01").status, 200)
        self.assertEqual(get(pannier.admin_port, "/values/rate:1999-01-01").status, 404)
        self.assertEqual(get(pannier.admin_port, "/values/without:rule").status, 400)
        self.assertEqual(get(pannier.admin_port, "/values/summary:no%20day").status, 400)
        self.assertEqual(post(pannier.admin_port, f"/values/summary:{DAY}").status, 405)

    def test_000_27_a_read_over_http_loads_only_what_has_an_origin(self):
        pannier = self.start(KPIS, more="# One more.\n  - {match: \"plain:{id}\", tier: t}\n",
                             tier="{ttl: 60s, jitter: 0%, coalesce: sidecar}")
        self.assertEqual(get(pannier.admin_port, "/values/plain:1").status, 404)
        begun = time.monotonic()
        self.assertEqual(ask(pannier, "GET", "plain:1")[0], NIL)
        self.assertLess(time.monotonic() - begun, 0.5)
        self.assertEqual(ask(pannier, "SET", "plain:1", b"\xff\x00")[0], b"+OK\r\n")
        answer = get(pannier.admin_port, "/values/plain:1")
        self.assertEqual((answer.body, answer.headers["content-type"]),
                         (b"\xff\x00", "application/octet-stream"))

    def test_a_stale_value_is_given_after_the_soft_timeout_and_the_query_goes_on(self):
        pannier = self.start({"clock": CLOCK + "soft_timeout: 200ms\n"},
                             tier="{ttl: 1s, jitter: 0%, stale: 60s}")
        first, _ = ask(pannier, "GET", "clock:1")
        time.sleep(1.2)
        for again, took in at_once(pannier, ["clock:1"] * 3):
            self.assertEqual(again, first)
            self.assertTrue(0.15 < took < SLOW * 0.8, took)
        wait_until(lambda: ask(pannier, "GET", "clock:1")[0] != first, "the query went on", 3)

    def test_a_query_within_the_soft_timeout_spares_the_stale_value(self):
        pannier = self.start({"clock": CLOCK + "soft_timeout: 1500ms\n"},
                             tier="{ttl: 1s, jitter: 0%, stale: 60s}")
        first, _ = ask(pannier, "GET", "clock:1")
        time.sleep(1.2)
        again = [reply for reply, _ in at_once(pannier, ["clock:1"] * 3)]
        self.assertNotIn(first, again)
        self.assertEqual(len(set(again)), 1)

    def test_an_error_within_the_soft_timeout_gives_the_stale_value(self):
        self.postgres.psql("CREATE TABLE IF NOT EXISTS flaky (value int); TRUNCATE flaky; "
                           "INSERT INTO flaky VALUES (1); GRANT ALL ON flaky TO PUBLIC")
        pannier = self.start({"flaky": "sql: SELECT 1 / value FROM flaky\nresult: scalar\n"
                              "soft_timeout: 1s\n"},
                             tier="{ttl: 1s, jitter: 0%, stale: 60s}")
        self.assertEqual(ask(pannier, "GET", "flaky:1")[0], bulk("1"))
        self.postgres.psql("UPDATE flaky SET value = 0")
        time.sleep(1.2)
        self.assertEqual(ask(pannier, "GET", "flaky:1")[0], bulk("1"))

    def test_001_03_who_may_have_a_stale_value_gets_it_after_the_soft_timeout(self):
        origin = CLOCK
        pannier = self.start({"clock": origin}, tier="{ttl: 1s, jitter: 0%, stale: 60s}")
        first, _ = ask(pannier, "GET", "clock:1")
        time.sleep(1.2)
        again, took = ask(pannier, "GET", "clock:1")
        self.assertEqual(again, first)
        self.assertLess(took, SLOW * 0.8)
        wait_until(lambda: ask(pannier, "GET", "clock:1")[0] != first, "the query went on", 3)


class Pool(OriginCase):
    def test_004_20_no_more_connections_than_size_and_overflow(self):
        pannier = self.start({"clock": CLOCK + "concurrency: 20\n"}, pool_size=1, pool_overflow=1,
                             queue_timeout="5s")
        most, over = [0], threading.Event()

        def watch():
            while not over.is_set():
                most[0] = max(most[0], self.postgres.sessions())

        watcher = threading.Thread(target=watch)
        watcher.start()
        replies = at_once(pannier, [f"clock:{i}" for i in range(6)])
        over.set()
        watcher.join()
        self.assertTrue(all(reply.startswith(b"$") for reply, _ in replies), replies)
        self.assertEqual(most[0], 2)
        self.assertGreater(max(took for _, took in replies), SLOW * 2.5)  # Three after another.

    def test_004_20_who_finds_no_connection_in_time_is_told(self):
        pannier = self.start({"clock": CLOCK + "concurrency: 20\n"}, pool_size=1, pool_overflow=1,
                             queue=2, queue_timeout="200ms")
        replies = at_once(pannier, [f"clock:{i}" for i in range(8)])
        refused = [(reply, took) for reply, took in replies if not reply.startswith(b"$")]
        self.assertEqual(len(refused), 6)
        for reply, took in refused:
            self.assert_error(reply)
            self.assertLess(took, SLOW)
        self.assertGreaterEqual(sum(took < 0.15 for _, took in refused), 3, "a full queue says so")

    def test_004_20_concurrency_bounds_one_origin_and_leaves_the_pool_to_others(self):
        pannier = self.start({"clock": CLOCK + "concurrency: 1\n", "revenue": REVENUE},
                             queue_timeout="5s")
        keys = ["clock:1", "clock:2", "clock:3"]
        with_slow = threading.Thread(target=at_once, args=(pannier, keys))
        with_slow.start()
        time.sleep(0.2)
        self.assertEqual(self.postgres.sessions("active"), 1)
        reply, took = ask(pannier, "GET", f"revenue:{DAY}")
        self.assertEqual(reply, bulk(orders.revenue(self.postgres)))
        self.assertLess(took, SLOW / 2)
        with_slow.join()

    def test_003_15_the_slowest_origins_are_shown(self):
        seconds = {"fast": 0, "slow": 0.3, "slower": 0.6, "medium": 0.1}
        origins = {name: f'sql: "SELECT pg_sleep({takes})::text AS slept, $1 AS id"\n'
                         'params: [{value: "{id}"}]\nresult: row\n'
                   for name, takes in seconds.items()}
        pannier = self.start(origins)
        for name in origins:
            ask(pannier, "GET", f"{name}:1")
        answer = get(pannier.admin_port, "/loaders")
        self.assertEqual(answer.status, 200)
        places = [answer.body.decode().index(f'"{name}"') for name in ("slower", "slow", "medium")]
        self.assertEqual(places, sorted(places))



class Warm(OriginCase):
    def test_001_16_six_queries_warm_with_bounded_parallelism(self):
        keys = ", ".join(f'"clock:{i}"' for i in range(6))
        pannier = self.start({"clock": CLOCK + "concurrency: 2\n"}, tier="{ttl: 60s, local: 30s}",
                             more=f"warm: {{six: {{keys: [{keys}]}}}}", queue_timeout="10s")
        most, over = [0], threading.Event()

        def watch():
            while not over.is_set():
                most[0] = max(most[0], self.postgres.sessions("active"))

        watcher = threading.Thread(target=watch)
        watcher.start()
        post(pannier.admin_port, "/warm/six")
        wait_until(lambda: self.stored("clock:5") != NIL and self.stored("clock:0") != NIL, "all")
        over.set()
        watcher.join()
        self.assertEqual(most[0], 2)
        self.assertTrue(all(took < SLOW / 2 for _, took in
                            at_once(pannier, [f"clock:{i}" for i in range(6)])))

    def test_001_16_sql_with_in_is_sql_like_any_other(self):
        pannier = self.start({"some": """
            sql: "SELECT count(*) FROM orders WHERE status IN ('open', 'returned') AND day = $1"
            params: [{value: "{id}", type: date}]
            result: scalar
        """})
        expected = self.postgres.psql(
            f"SELECT count(*) FROM orders WHERE status <> 'shipped' AND day = '{DAY}'")
        self.assertEqual(ask(pannier, "GET", f"some:{DAY}")[0], bulk(expected))

    def test_002_28_one_day_that_fails_does_not_stop_the_others(self):
        today = datetime.datetime.now(datetime.timezone.utc).date()
        bad = today - datetime.timedelta(days=3)
        pannier = self.start({"daily": f"""
            sql: "SELECT 1 / (CASE WHEN $1 = date '{bad}' THEN 0 ELSE 1 END)"
            params: [{{value: "{{id}}", type: date}}]
            result: scalar
        """}, tier="{ttl: 60s, local: 10s}", more="""
            warm:
              week:
                keys: ["daily:{today}", "daily:{today-1}", "daily:{today-2}", "daily:{today-3}",
                       "daily:{today-4}", "daily:{today-5}", "daily:{today-6}"]
        """)
        post(pannier.admin_port, "/warm/week")
        for back in range(7):
            day = today - datetime.timedelta(days=back)
            if day != bad:
                wait_until(lambda day=day: self.stored(f"daily:{day}") == bulk("1"), f"{day}")
        self.assertEqual(self.stored(f"daily:{bad}"), NIL)


class Changes(OriginCase):
    def test_002_38_a_change_is_seen_within_a_second(self):
        pannier = self.start({"revenue": REVENUE}, tier="{ttl: 60s, local: 30s}", more=NOTIFY)
        ask(pannier, "GET", f"revenue:{DAY}")
        for _ in range(5):
            after, committed = orders.insert(self.postgres)
            self.assert_answers(pannier, f"revenue:{DAY}", bulk(after), 3)
            self.assertLess(time.time() - committed, 1)

    def test_002_38_without_notify_it_is_not(self):
        pannier = self.start({"revenue": REVENUE}, tier="{ttl: 60s, local: 30s}")
        before, _ = ask(pannier, "GET", f"revenue:{DAY}")
        orders.insert(self.postgres)
        self.assertEqual({reply for reply, _ in reads(pannier, f"revenue:{DAY}", 1.2)}, {before})

    def test_002_38_what_changed_while_nobody_listened_is_made_up_for(self):
        pannier = self.start({"revenue": REVENUE}, tier="{ttl: 60s, local: 30s}", more=NOTIFY)
        ask(pannier, "GET", f"revenue:{DAY}")
        for _ in range(3):
            self.assertGreater(self.postgres.terminate(), 0)
            after, _ = orders.insert(self.postgres)
            self.assert_answers(pannier, f"revenue:{DAY}", bulk(after), 8)

    def test_002_38_then_too_nobody_waits_where_a_change_makes_stale(self):
        slow = REVENUE.replace("WHERE", f"CROSS JOIN (SELECT pg_sleep({SLOW})) s WHERE")
        for soft in (True, False):
            with self.subTest(soft=soft):
                channel = NOTIFY if not soft else NOTIFY.replace('"]}}', '"], soft: true}}')
                pannier = self.start({"revenue": slow}, tier="{ttl: 60s, stale: 60s}", more=channel)
                before, _ = ask(pannier, "GET", f"revenue:{DAY}")
                self.assertGreater(self.postgres.terminate(), 0)
                after, _ = orders.insert(self.postgres)
                wait_until(lambda: any(
                    one["by"].startswith("gap of") for one in
                    get(pannier.admin_port, "/stats").json["audit"]), "the gap", 8)
                first, _ = ask(pannier, "GET", f"revenue:{DAY}")
                self.assertEqual(first, before if soft else bulk(after))
                self.assert_answers(pannier, f"revenue:{DAY}", bulk(after), 8)
                pannier.stop()

    def test_002_38_once_all_is_quiet_nothing_old_is_served(self):
        rules = config(self.postgres.url(), {"revenue": REVENUE}, "{ttl: 60s, local: 30s}", NOTIFY)
        sidecars = [self.enterContext(Pannier(rules, self.redis.port)) for _ in range(2)]
        over = threading.Event()

        def reader(pannier):
            with pannier.wire() as wire:
                while not over.is_set():
                    wire.call("GET", f"revenue:{DAY}")

        readers = [threading.Thread(target=reader, args=(one,)) for one in sidecars * 2]
        for one in readers:
            one.start()
        for _ in range(20):
            orders.insert(self.postgres)
        time.sleep(1)
        over.set()
        for one in readers:
            one.join()
        for pannier in sidecars:
            self.assertEqual(ask(pannier, "GET", f"revenue:{DAY}")[0],
                             bulk(orders.revenue(self.postgres)))


if __name__ == "__main__":
    unittest.main()
