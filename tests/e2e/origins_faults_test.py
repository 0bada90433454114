#!/usr/bin/python3
"""Group G of the failure catalogue: what PostgreSQL, its network and its answers can do."""

import random
import re
import socket
import threading
import time
import unittest

import orders
from admin_client import get
from origins_bench import (DAY, ERROR, NIL, NOTIFY, OK, REVENUE, Later, OriginCase, PingsMeanwhile,
                           ask, at_once, bulk, config, parsed)
from postgres import Postgres
from relay import Relay
from support import Pannier, Redis, encode, free_port, wait_until

SLEEP = """
sql: "SELECT $1 AS id, pg_sleep(10)::text AS slept"
params: [{value: "{id}"}]
result: row
timeout: 2s
error_ttl: 100ms
"""
NAME = """
sql: "SELECT id FROM customers WHERE name = $1"
params: [{value: "{id}"}]
result: scalar
negative_ttl: 1s
error_ttl: 100ms
"""
BRIEF = "error_ttl: 100ms\n"  # An error is tried again soon.


def resident(pid):
    """Bytes of memory a process has."""
    with open(f"/proc/{pid}/statm") as file:
        return int(file.read().split()[1]) * 4096


class FaultCase(OriginCase):
    """Every test leaves PostgreSQL as it found it."""

    def setUp(self):
        super().setUp()
        self.settings = dict(self.postgres.settings)
        self.addCleanup(self.repair)

    def repair(self):
        if self.postgres.process.poll() is None:
            self.postgres.thaw()
        if self.postgres.process.poll() is not None or self.postgres.settings != self.settings:
            self.postgres.stop()
            self.postgres.settings = self.settings
            self.postgres.start()

    def behind_relay(self, origins, **more):
        relay = self.enterContext(Relay(free_port(), self.postgres.port))
        relay.listen()
        return relay, self.start(origins, url=self.postgres.url(port=relay.port), **more)

    def assert_loads(self, pannier, seconds=10.0):
        """Origins work (again)."""
        self.assert_answers(pannier, f"revenue:{DAY}", bulk(orders.revenue(self.postgres)), seconds)

    def assert_alive(self, pannier):
        """Everything that has nothing to do with PostgreSQL works, and at once."""
        for words, expected in ((("PING",), b"+PONG\r\n"), (("SET", "plain", "1"), OK),
                                (("GET", "plain"), bulk("1"))):
            reply, took = ask(pannier, *words)
            self.assertEqual(reply, expected)
            self.assertLess(took, 0.5)
        self.assertIsNone(pannier.process.poll())


class Away(FaultCase):
    def test_g1_without_postgres_the_sidecar_starts_and_says_so(self):
        url = f"postgresql://postgres@127.0.0.1:{free_port()}/shop"
        pannier = self.start({"revenue": REVENUE + BRIEF,
                              "silent": REVENUE + BRIEF + "on_error: nil\n"}, url=url)
        for _ in range(20):
            reply, took = ask(pannier, "GET", f"revenue:{DAY}")
            self.assert_error(reply)
            self.assertLess(took, 2.5)
            self.assertEqual(ask(pannier, "GET", f"silent:{DAY}")[0], NIL)
        self.assert_alive(pannier)
        for key in (f"revenue:{DAY}", f"silent:{DAY}"):
            self.assertEqual(self.stored(key), NIL)
        self.assertIn('"main"', get(pannier.admin_port, "/stats").body.decode())

    def test_g1_and_uses_it_when_it_comes(self):
        self.postgres.stop()
        pannier = self.start({"revenue": REVENUE + BRIEF})
        self.assert_error(ask(pannier, "GET", f"revenue:{DAY}")[0])
        self.postgres.start()
        self.assert_loads(pannier)

    def test_g2_a_frozen_postgres_holds_nobody_longer_than_the_timeout(self):
        pannier = self.start({"revenue": REVENUE + BRIEF + "timeout: 1s\n"}, connect_timeout="1s",
                             statement_timeout="500ms")
        self.assert_loads(pannier)
        ask(pannier, "DEL", f"revenue:{DAY}")
        self.postgres.freeze()
        with PingsMeanwhile(pannier) as pings:
            replies = at_once(pannier, [f"revenue:2026-06-{day:02}" for day in range(1, 11)])
        for reply, took in replies:
            self.assert_error(reply)
            self.assertLess(took, 1.7)
        self.assertGreater(max(took for _, took in replies), 0.8, "it was asked at all")
        self.assertLess(pings.longest, 0.3)
        self.assert_alive(pannier)
        self.postgres.thaw()
        self.assert_loads(pannier)
        wait_until(lambda: self.postgres.sessions("active") == 0, "none is left behind")

    def test_g2_a_network_that_swallows_is_the_same(self):
        relay, pannier = self.behind_relay({"revenue": REVENUE + BRIEF + "timeout: 1s\n"},
                                           connect_timeout="1s", statement_timeout="500ms")
        self.assert_loads(pannier)
        ask(pannier, "DEL", f"revenue:{DAY}")
        relay.swallow()
        for _ in range(3):
            reply, took = ask(pannier, "GET", f"revenue:{DAY}")
            self.assert_error(reply)
            self.assertLess(took, 1.7)
            time.sleep(0.2)
        self.assert_alive(pannier)
        relay.swallow(False)
        self.assert_loads(pannier)

    def test_g2_who_may_have_an_old_value_gets_it_meanwhile(self):
        pannier = self.start({"revenue": REVENUE + "timeout: 1s\n"},
                             tier="{ttl: 1s, jitter: 0%, stale: 60s}")
        expected = bulk(orders.revenue(self.postgres))
        self.assertEqual(ask(pannier, "GET", f"revenue:{DAY}")[0], expected)
        time.sleep(1.2)
        self.postgres.freeze()
        for reply, took in at_once(pannier, [f"revenue:{DAY}"] * 10):
            self.assertEqual(reply, expected)
            self.assertLess(took, 0.5)

    def test_g15_after_a_failover_the_new_server_is_used(self):
        other = self.enterContext(Postgres())
        orders.create(other)
        extra, _ = orders.insert(other)
        relay, pannier = self.behind_relay({"revenue": REVENUE + BRIEF})
        self.assert_loads(pannier)
        self.postgres.kill()
        relay.break_all()
        ask(pannier, "DEL", f"revenue:{DAY}")
        self.assert_error(ask(pannier, "GET", f"revenue:{DAY}")[0])
        self.assert_alive(pannier)  # Redis has nothing to do with it.
        relay.target = other.port
        self.assert_answers(pannier, f"revenue:{DAY}", bulk(extra))

    def test_g15_killed_and_started_again_it_is_found_again(self):
        pannier = self.start({"revenue": REVENUE + BRIEF})
        for _ in range(3):
            self.assert_loads(pannier)
            self.postgres.kill()
            ask(pannier, "DEL", f"revenue:{DAY}")
            self.assert_error(ask(pannier, "GET", f"revenue:{DAY}")[0])
            self.postgres.start()
        self.assert_loads(pannier)

    def test_g15_values_of_before_are_shown_while_it_is_away(self):
        pannier = self.start({"revenue": REVENUE + BRIEF}, tier="{ttl: 1s, jitter: 0%, stale: 60s}")
        expected = bulk(orders.revenue(self.postgres))
        self.assertEqual(ask(pannier, "GET", f"revenue:{DAY}")[0], expected)
        self.postgres.kill()
        end = time.monotonic() + 3
        while time.monotonic() < end:
            self.assertEqual(ask(pannier, "GET", f"revenue:{DAY}")[0], expected)

    def test_g15_a_server_that_hangs_up_is_not_stormed(self):
        with Closer() as closer:
            url = f"postgresql://postgres@127.0.0.1:{closer.port}/shop"
            pannier = self.start({"revenue": REVENUE + "error_ttl: 0ms\n"}, url=url)
            end, asked = time.monotonic() + 3, 0
            while time.monotonic() < end:
                replies = at_once(pannier, [f"revenue:2026-06-{day:02}" for day in range(1, 21)])
                for reply, _ in replies:
                    self.assert_error(reply)
                asked += len(replies)
            self.assertGreaterEqual(asked, 40)
            self.assertGreater(closer.accepted, 1, "it is tried again")
            self.assertLess(closer.accepted, 30)


class Closer:
    """Accepts connections, closes them and counts."""

    def __enter__(self):
        self.listener, self.accepted = socket.create_server(("127.0.0.1", free_port())), 0
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def _accept(self):
        while True:
            try:
                self.listener.accept()[0].close()
            except OSError:
                return
            self.accepted += 1


class Slow(FaultCase):
    def test_g3_postgres_itself_ends_what_takes_too_long(self):
        pannier = self.start({"sleep": SLEEP}, statement_timeout="500ms")
        reply, took = ask(pannier, "GET", "sleep:1")
        self.assert_error(reply)
        self.assertLess(took, 1.9, "before the client's own end")
        wait_until(lambda: self.postgres.sessions("active") == 0, "nothing runs on", 1)
        self.assertEqual(self.stored("sleep:1"), NIL)

    def test_g3_without_that_the_client_is_answered_all_the_same(self):
        """The control: PostgreSQL goes on, as it does not look for who waits."""
        pannier = self.start({"sleep": SLEEP}, statement_timeout="30s")
        reply, took = ask(pannier, "GET", "sleep:1")
        self.assert_error(reply)
        self.assertGreater(took, 1.8)
        self.assertLess(took, 2.7)
        self.assertEqual(self.postgres.sessions("active"), 1)
        self.postgres.terminate()

    def test_g10_a_server_without_free_connections_is_an_error_that_passes(self):
        self.postgres.stop()
        # Two are left to what is under test.
        self.postgres.settings = self.settings | {"max_connections": "5",
                                                  "superuser_reserved_connections": "3"}
        self.postgres.start()
        nap = """
            sql: "SELECT $1 AS id, pg_sleep(0.3)::text AS slept"
            params: [{value: "{id}"}]
            result: row
            error_ttl: 0ms
        """
        sidecars = [self.start({"nap": nap, "revenue": REVENUE + BRIEF}) for _ in range(3)]
        replies = []
        threads = [threading.Thread(target=lambda one=one, n=n: replies.extend(
            at_once(one, [f"nap:{n}-{i}" for i in range(6)]))) for n, one in enumerate(sidecars)]
        for one in threads:
            one.start()
        for one in threads:
            one.join()
        good = [reply for reply, _ in replies if reply.startswith(b"$") and reply != NIL]
        self.assertGreater(len(good), 0)
        self.assertLess(len(good), len(replies), "there were not enough connections")
        for reply, took in replies:
            self.assertTrue(reply in good or reply.startswith(ERROR), reply)
            self.assertLess(took, 2.6)
        # Who was refused gets a connection once another sidecar closes one that it does not use.
        for pannier in sidecars:
            self.assert_alive(pannier)
        for pannier in sidecars[1:]:
            pannier.stop()
        self.assert_loads(sidecars[0])


class Answers(FaultCase):
    def test_g5_a_read_that_broke_off_is_made_once_more(self):
        text = "".join(random.Random(5).choices("abcdef", k=3000))
        origin = (f'sql: "SELECT \'<{text}>\' || $1"\n'
                  'params: [{value: "{id}"}]\nresult: scalar\nerror_ttl: 0ms\n')
        relay, pannier = self.behind_relay({"long": origin})
        marker, whole = f"<{text}>".encode(), f"<{text}>"
        for number, at in enumerate((0, 1, 500, 1500, 2999, 3001)):
            relay.to_client.cut_inside(marker, at, reset=number % 2 == 1)
            reply, _ = ask(pannier, "GET", f"long:{number}")
            self.assertEqual(reply, bulk(f"{whole}{number}"), at)
            self.assertIsNone(relay.to_client._cut, "it was cut")

    def test_g5_what_breaks_off_again_is_an_error_and_nothing_is_kept(self):
        relay, pannier = self.behind_relay({"revenue": REVENUE + BRIEF})
        value = orders.revenue(self.postgres).encode()
        over = threading.Event()

        def cut_all():
            while not over.is_set():
                if relay.to_client._cut is None:
                    relay.to_client.cut_inside(value, 2)
                time.sleep(0.0005)

        cutter = threading.Thread(target=cut_all)
        cutter.start()
        time.sleep(0.05)
        try:
            self.assert_error(ask(pannier, "GET", f"revenue:{DAY}")[0])
            self.assertEqual(self.stored(f"revenue:{DAY}"), NIL)
        finally:
            over.set()
            cutter.join()
        relay.to_client.take_cut(value)
        self.assert_loads(pannier)

    def test_g6_no_row_is_remembered_for_a_while(self):
        pannier = self.start({"name": NAME})
        gets = lambda: [ask(pannier, "GET", "name:nobody")[0] for _ in range(5)]  # noqa: E731
        replies = []
        self.assertEqual(self.queries_of("FROM customers", lambda: replies.extend(gets())), 1)
        self.assertEqual(set(replies), {NIL})
        self.postgres.psql("INSERT INTO customers VALUES (900001, 'nobody', 'north')")
        self.addCleanup(self.postgres.psql, "DELETE FROM customers WHERE id = 900001")
        self.assert_answers(pannier, "name:nobody", bulk("900001"), 3)

    def test_g6_no_row_costs_the_fleet_one_query(self):
        rules = config(self.postgres.url(), {"name": NAME.replace("ttl: 1s", "ttl: 60s", 1)})
        fleet = [self.enterContext(Pannier(rules, self.redis.port)) for _ in range(3)]
        for one in fleet:
            wait_until(lambda: b"pannier_upstream:up" in ask(one, "INFO", "pannier")[0], "it is up")  # noqa: B023
        everywhere = lambda: {ask(one, "GET", "name:nobody")[0] for one in fleet}  # noqa: E731
        self.assertEqual(self.queries_of("FROM customers", lambda: (everywhere(), everywhere())), 1)
        self.postgres.psql("INSERT INTO customers VALUES (900003, 'nobody', 'north')")
        self.addCleanup(self.postgres.psql, "DELETE FROM customers WHERE id = 900003")
        self.assertEqual(everywhere(), {NIL})
        key = "name:nobody"
        for how in ([("PANNIER", "INVALIDATE", "TAG", "name")], [("DEL", key)],
                    [("PANNIER", "INVALIDATE", "KEY", key)],
                    [("PANNIER", "INVALIDATE", "KEY", key, "SOFT")],
                    [("MULTI",), ("DEL", key), ("EXEC",)], [("SET", key, "x"), ("UNLINK", key)],
                    [("CLIENT", "TRACKING", "ON"), ("DEL", key)]):
            with self.subTest(how=how):
                with fleet[2].wire() as wire:
                    for words in how:
                        wire.call(*words)
                self.assert_answers(fleet[0], "name:nobody", bulk("900003"), 2)
                self.postgres.psql("UPDATE customers SET name = 'no' WHERE id = 900003")
                ask(fleet[1], "PANNIER", "INVALIDATE", "TAG", "name")
                wait_until(lambda: everywhere() == {NIL}, "it is gone again")
                self.postgres.psql("UPDATE customers SET name = 'nobody' WHERE id = 900003")
                self.assertEqual(everywhere(), {NIL})

    def test_g6_an_error_is_not_a_value_and_not_tried_at_once_again(self):
        pannier = self.start({"ratio": """
            sql: "SELECT 1 / count(*) FROM customers WHERE name = $1"
            params: [{value: "{id}"}]
            result: scalar
            error_ttl: 1s
        """})
        failed = lambda: self.postgres.log_text().count("ERROR:  division by zero")  # noqa: E731
        before = failed()
        for _ in range(5):
            self.assert_error(ask(pannier, "GET", "ratio:somebody")[0])
        self.assertEqual(failed() - before, 1)
        self.assertEqual(self.stored("ratio:somebody"), NIL)
        self.postgres.psql("INSERT INTO customers VALUES (900002, 'somebody', 'north')")
        self.addCleanup(self.postgres.psql, "DELETE FROM customers WHERE id = 900002")
        self.assert_answers(pannier, "ratio:somebody", bulk("1"), 3)

    def test_g6_an_error_is_nil_where_the_origin_says_so(self):
        pannier = self.start({"ratio": """
            sql: "SELECT 1 / count(*) FROM customers WHERE name = $1"
            params: [{value: "{id}"}]
            result: scalar
            on_error: nil
        """})
        self.assertEqual(ask(pannier, "GET", "ratio:nobody-at-all")[0], NIL)
        self.assertEqual(self.stored("ratio:nobody-at-all"), NIL)

    def test_g6_null_is_no_text(self):
        null = 'sql: "SELECT nullif($1::text, $1::text) AS it"\nparams: [{value: "{id}"}]\n'
        pannier = self.start({name: f"{null}result: {name}\n"
                              for name in ("scalar", "raw", "row", "rows")})
        self.assertEqual(ask(pannier, "GET", "scalar:1")[0], NIL)
        self.assertEqual(ask(pannier, "GET", "raw:1")[0], NIL)
        self.assertEqual(parsed(ask(pannier, "GET", "row:1")[0]), {"it": None})
        self.assertEqual(parsed(ask(pannier, "GET", "rows:1")[0]), [{"it": None}])
        self.assertEqual(self.stored("scalar:1"), NIL)

    def test_g9_too_much_is_an_error_and_takes_no_memory(self):
        many = ('sql: "SELECT n, $1 AS id FROM generate_series(1, 10000000) n"\n'
                'params: [{value: "{id}"}]\nerror_ttl: 0ms\n')
        wide = ('sql: "SELECT repeat(\'x\', 200000000) || $1 AS text"\n'
                'params: [{value: "{id}"}]\nerror_ttl: 0ms\nmax_bytes: 1MiB\n')
        pannier = self.start({"many": many + "max_rows: 1000\n", "wide": wide,
                              "bytes": many + "max_rows: 10000000\nmax_bytes: 100KiB\n",
                              "revenue": REVENUE})
        self.assert_loads(pannier)
        before, most, over = resident(pannier.pid), [0], threading.Event()

        def watch():
            while not over.wait(0.005):
                most[0] = max(most[0], resident(pannier.pid))

        watcher = threading.Thread(target=watch)
        watcher.start()
        with PingsMeanwhile(pannier) as pings:
            for name in ("many", "bytes", "wide") * 3:
                reply, took = ask(pannier, "GET", f"{name}:1")
                self.assert_error(reply)
                self.assertLess(took, 2.7)
                self.assertEqual(self.stored(f"{name}:1"), NIL)
        over.set()
        watcher.join()
        self.assertLess(most[0] - before, 64 << 20)
        self.assertLess(pings.longest, 0.5)
        self.assert_alive(pannier)
        wait_until(lambda: self.postgres.sessions("active") == 0, "nothing runs on")

    def test_g9_below_its_limits_a_large_result_is_whole(self):
        pannier = self.start({"many": """
            sql: "SELECT n FROM generate_series(1, $1::integer) n"
            params: [{value: "{id}", type: integer}]
            max_rows: 20000
            max_bytes: 1MiB
        """})
        rows = parsed(ask(pannier, "GET", "many:20000")[0])
        self.assertEqual([one["n"] for one in rows], list(range(1, 20001)))
        self.assert_error(ask(pannier, "GET", "many:20001")[0])


EVIL = (b"x'; DROP TABLE customers;--", b"' OR '1'='1", b"x' UNION SELECT 1--", b"\\'; SELECT 1;--",
        b"\xc0\x27; DROP TABLE customers;--", b"\xbf'", b"a\x00b", b"\x00", b"$1", b"{id}", b"%s",
        b"$$; DROP TABLE customers; $$", b"''", b"\"", b"/*", b"--", b"\\", b"\xff\xfe", b"*", b"")


class Hostile(FaultCase):
    def test_g7_what_a_key_says_is_never_sql(self):
        customers = self.postgres.psql("SELECT count(*), max(id) FROM customers")
        typed = {kind: f'sql: "SELECT $1::{sql} AS it"\n'
                       f'params: [{{value: "{{id}}", type: {kind}}}]\nresult: row\n{BRIEF}'
                 for kind, sql in (("integer", "bigint"), ("number", "numeric"), ("date", "date"),
                                   ("boolean", "boolean"), ("timestamp", "timestamptz"),
                                   ("uuid", "uuid"), ("json", "json"))}
        pannier = self.start({"name": NAME} | typed)
        for evil in EVIL:
            for name in ("name", *typed):
                reply, _ = ask(pannier, "GET", name.encode() + b":" + evil)
                self.assertTrue(reply == NIL or reply.startswith(ERROR), (name, evil, reply))
        self.assertEqual(self.postgres.psql("SELECT count(*), max(id) FROM customers"), customers)
        self.assert_alive(pannier)

    def test_g7_and_yet_such_a_name_is_found(self):
        name = "x'; DROP TABLE customers;-- \"\\$1"
        self.postgres.psql(f"INSERT INTO customers VALUES (900003, $name${name}$name$, 'north')")
        self.addCleanup(self.postgres.psql, "DELETE FROM customers WHERE id = 900003")
        pannier = self.start({"name": NAME})
        self.assertEqual(ask(pannier, "GET", f"name:{name}")[0], bulk("900003"))

    def test_g7_what_is_not_of_its_type_is_not_asked(self):
        pannier = self.start({"revenue": REVENUE + BRIEF})
        asked = self.queries_of("FROM orders", lambda: [
            self.assert_error(ask(pannier, "GET", f"revenue:{text}")[0])
            for text in ("yesterday", "2026-13-01", "2026-02-30", "1", "infinity'")])
        self.assertEqual(asked, 0)

    def test_g7_no_error_shows_what_the_key_said_or_the_password(self):
        url = self.postgres.url().replace("postgres@", "postgres:secret-canary@")
        pannier = self.start({"revenue": REVENUE + BRIEF, "name": NAME}, url=url)
        seen = [ask(pannier, "GET", key)[0] for key in
                (f"revenue:{DAY}", b"revenue:\r\n+OK", "revenue:no-day", b"name:a\r\nb")]
        self.postgres.kill()
        seen += [ask(pannier, "GET", "revenue:2026-01-01")[0]]
        for reply in seen:
            self.assertNotIn(b"canary", reply)
            self.assertTrue(reply.startswith(b"$") or reply.count(b"\r\n") == 1, reply)
        for target in ("/stats", "/metrics", "/origins"):
            self.assertNotIn(b"canary", get(pannier.admin_port, target).body)
        self.assertNotIn("canary", pannier.log_text())

    def test_g14_a_statement_that_writes_is_refused(self):
        self.postgres.psql("""
            CREATE OR REPLACE FUNCTION take_order() RETURNS bigint LANGUAGE sql AS
              'DELETE FROM orders WHERE id = (SELECT max(id) FROM orders) RETURNING id';
            CREATE SEQUENCE IF NOT EXISTS numbers""", user="postgres")
        count = lambda: int(self.postgres.psql("SELECT count(*) FROM orders"))  # noqa: E731
        before = count()
        self.postgres.psql("SELECT take_order()", user="postgres")
        self.assertEqual(count(), before - 1, "the control: he may")
        taken = 'params: [{value: "{id}"}]\nresult: scalar\n' + BRIEF
        pannier = self.start({
            "take": 'sql: "SELECT take_order() || $1"\n' + taken,
            "next": "sql: \"SELECT nextval('numbers') || $1\"\n" + taken})
        for key in ("take:1", "next:1", "take:2"):
            self.assert_error(ask(pannier, "GET", key)[0])
            self.assertEqual(self.stored(key), NIL)
        self.assertEqual(count(), before - 1)


class Sessions(FaultCase):
    def test_g11_no_statement_has_a_name_that_another_session_would_not_know(self):
        self.postgres.stop()
        self.postgres.settings = self.settings | {"log_statement": "all"}
        self.postgres.start()
        pannier = self.start({"revenue": REVENUE}, more=NOTIFY)
        for day in range(1, 21):
            self.assertTrue(ask(pannier, "GET", f"revenue:2026-06-{day:02}")[0].startswith(b"$"))
        log = self.postgres.log_text()
        executed = re.findall(r"execute (\S+): .*FROM orders", log)
        self.assertGreater(len(executed), 10, "they are seen in the log")
        self.assertEqual(set(executed), {"<unnamed>"})
        self.assertNotRegex(log, r"(?m)LOG:  \S+ +PREPARE ")

    def test_g11_a_session_that_is_new_each_time_is_enough(self):
        pannier = self.start({"revenue": REVENUE + BRIEF})
        for day in range(1, 11):
            self.postgres.terminate()
            key = f"revenue:2026-06-{day:02}"
            self.assert_answers(pannier, key, bulk(orders.revenue(self.postgres, key[8:])), 5)

    def test_g13_what_was_invalidated_while_its_query_ran_is_not_kept(self):
        slow = """
            sql: >-
              SELECT sum(amount) AS revenue, pg_sleep(1.5)::text AS slept FROM orders
              WHERE day = $1
            params: [{value: "{id}", type: date}]
            result: row
            timeout: 6s
        """
        for tier in ("{ttl: 60s}", "{ttl: 60s, local: 30s}", "{ttl: 60s, guard: fleet}"):
            for how in (("TAG", f"day:{DAY}"), ("PATTERN", "slow:*"), ("KEY", f"slow:{DAY}"),
                        None):
                if how and how[0] == "KEY" and "guard" not in tier:
                    continue  # Of a single key only a guard knows.
                with self.subTest(tier=tier, how=how):
                    self.invalidate_in_flight(slow, tier, how)

    def invalidate_in_flight(self, origin, tier, how):
        rules = config(self.postgres.url(), {"slow": origin}, tier, statement_timeout="5s")
        key = f"slow:{DAY}"
        with Redis() as redis, Pannier(rules, redis.port) as pannier:
            self.invalidate_during_get(pannier, key, how)

    def invalidate_during_get(self, pannier, key, how):
        with Later(pannier, "GET", key) as first:
            wait_until(lambda: self.postgres.sessions("active") == 1, "it is being asked")
            after, _ = orders.insert(self.postgres)
            self.assertEqual(self.postgres.sessions("active"), 1, "it was not too late for that")
            if how:
                ask(pannier, "PANNIER", "INVALIDATE", *how)
            old = first.reply
        self.assertTrue(old.startswith(b"$") or old.startswith(ERROR), old)
        again = float(parsed(ask(pannier, "GET", key)[0])["revenue"])
        if how:
            self.assertEqual(again, float(after))
        else:  # The control: it was read before the change.
            self.assertNotEqual(again, float(after))

    def test_g17_of_five_sidecars_one_warms(self):
        keys = ", ".join(f'"revenue:2026-06-{day:02}"' for day in range(1, 7))
        rules = config(self.postgres.url(), {"revenue": REVENUE}, "{ttl: 60s, local: 10s}", f"""
            warm: {{days: {{keys: [{keys}]}}}}
            schedules: {{often: {{every: 2s, invalidate: {{tags: [revenue]}}, warm: days}}}}
        """)
        before = self.postgres.queries("FROM orders")
        begun = time.monotonic()
        for _ in range(5):
            self.enterContext(Pannier(rules, self.redis.port))
        wait_until(lambda: self.postgres.queries("FROM orders") - before >= 18, "three times", 20)
        time.sleep(0.5)
        runs = (time.monotonic() - begun) / 2 + 1
        self.assertLessEqual(self.postgres.queries("FROM orders") - before, 6 * runs)

    def test_g18_after_any_failure_a_connection_answers_what_it_is_asked(self):
        origins = {
            "good": 'sql: "SELECT $1::text || \' is good\'"',
            "zero": 'sql: "SELECT 1 / (length($1::text) - length($1::text))"',
            "none": 'sql: "SELECT $1::text WHERE false"',
            "late": 'sql: "SELECT $1::text || pg_sleep(10)::text"',
            "many": 'sql: "SELECT $1::text || n FROM generate_series(1, 100000) n"\nmax_rows: 10',
            "cast": 'sql: "SELECT $1::text::integer"'}
        pannier = self.start(
            {name: f'{sql}\nparams: [{{value: "{{id}}"}}]\nresult: scalar\nerror_ttl: 0ms\n'
                   "negative_ttl: 0ms\ntimeout: 400ms\nconcurrency: 4\n"
             for name, sql in origins.items()},
            pool_size=1, pool_overflow=1, statement_timeout="200ms", queue_timeout="10s")
        chance, wrong = random.Random(18), []
        names = [chance.choices(list(origins), (60, 10, 10, 3, 10, 7))[0] for _ in range(400)]

        def client(first):
            with pannier.wire(30) as wire:
                for number in range(first, len(names), 8):
                    reply = wire.call("GET", f"{names[number]}:k{number}")
                    if not self.is_right(names[number], number, reply):
                        wrong.append((names[number], number, reply))

        threads = [threading.Thread(target=client, args=(i,)) for i in range(8)]
        for one in threads:
            one.start()
        for one in threads:
            one.join()
        self.assertEqual(wrong, [])
        self.assertEqual(ask(pannier, "GET", "good:last")[0], bulk("last is good"))
        self.assertLessEqual(self.postgres.sessions(), 2)

    @staticmethod
    def is_right(name, number, reply):
        """A good one is its own value, or an error where it had to wait too long."""
        if name == "none":
            return reply == NIL or reply.startswith(ERROR)
        if name == "good" and reply.startswith(b"$"):
            return reply == bulk(f"k{number} is good")
        return reply.startswith(ERROR)

    def test_g18_clients_that_leave_do_no_harm(self):
        pannier = self.start({"revenue": REVENUE, "nap": """
            sql: "SELECT $1 AS id, pg_sleep(0.2)::text AS slept"
            params: [{value: "{id}"}]
            result: row
        """}, pool_size=1, pool_overflow=0, queue_timeout="10s")
        for i in range(20):
            with pannier.wire() as wire:
                wire.send(encode("GET", f"nap:{i}"))
        self.assert_loads(pannier)
        self.assertEqual(self.postgres.sessions(), 1)


class BothAway(unittest.TestCase):
    def test_g1_without_redis_and_postgres_there_is_an_error_and_no_end(self):
        with Redis() as redis, Postgres() as postgres:
            orders.create(postgres)
            rules = config(postgres.url(), {"revenue": REVENUE + BRIEF})
            with Pannier(rules, redis.port) as pannier:
                self.assertTrue(ask(pannier, "GET", f"revenue:{DAY}")[0].startswith(b"$"))
                redis.stop()
                postgres.kill()
                for _ in range(20):
                    self.assertTrue(ask(pannier, "GET", f"revenue:{DAY}")[0].startswith(ERROR))
                redis.start()
                postgres.start()
                wait_until(lambda: ask(pannier, "GET", f"revenue:{DAY}")[0] ==
                           bulk(orders.revenue(postgres)), "both are back")


if __name__ == "__main__":
    unittest.main()
