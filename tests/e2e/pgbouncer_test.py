#!/usr/bin/python3
"""Origins and second tiers through a pgbouncer in transaction mode, where each statement may meet
another session of PostgreSQL."""

import os
import shutil
import subprocess
import unittest

import orders
from origins_bench import DAY, ERROR, OK, REVENUE, OriginCase, ask, at_once, bulk
from postgres import DATABASE, TESTER
from second_tier_test import CONFIG, SECOND_TIER, TABLE
from support import Pannier, free_port, wait_until

PGBOUNCER = "/usr/sbin/pgbouncer"


class PgBouncer:
    """In front of `postgres`, with two sessions for everybody; ends with a `with`."""

    def __init__(self, postgres):
        self.postgres, self.port = postgres, free_port()

    def __enter__(self):
        folder = os.path.join(self.postgres.folder, f"pgbouncer-{self.port}")
        os.mkdir(folder)
        self.folder, self.log = folder, os.path.join(folder, "log")
        ini = os.path.join(folder, "pgbouncer.ini")
        with open(ini, "w") as file:
            file.write(f"""
[databases]
{DATABASE} = host=127.0.0.1 port={self.postgres.port} dbname={DATABASE}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {self.port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 2
logfile = {self.log}
""")
        # Everybody is `postgres` there: with auth_type any the one of the database line counts.
        with open(ini) as file:
            text = file.read().replace(f"dbname={DATABASE}", f"dbname={DATABASE} user=postgres")
        with open(ini, "w") as file:
            file.write(text)
        user = {}
        if os.geteuid() == 0:
            shutil.chown(folder, "postgres", "postgres")
            user = {"user": "postgres", "group": "postgres", "extra_groups": []}
        self.process = subprocess.Popen([PGBOUNCER, "-q", ini], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **user)
        ready = ["/usr/lib/postgresql/15/bin/pg_isready", "-q", "-h", "127.0.0.1", "-p",
                 str(self.port)]
        wait_until(lambda: subprocess.call(ready) == 0, "pgbouncer accepts connections")
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()

    def url(self):
        return f"postgresql://postgres@127.0.0.1:{self.port}/{DATABASE}"


class Pooled(OriginCase):
    def setUp(self):
        super().setUp()
        self.pooler = self.enterContext(PgBouncer(self.postgres))

    def test_g11_values_are_right_and_sessions_are_shared(self):
        pannier = self.start({"revenue": REVENUE}, url=self.pooler.url(), transaction_pool="true",
                             pool_size=8)
        days = [f"2026-06-{day:02}" for day in range(1, 29)]
        replies = at_once(pannier, [f"revenue:{day}" for day in days])
        self.assertEqual([reply for reply, _ in replies],
                         [bulk(orders.revenue(self.postgres, day)) for day in days])
        self.assertLessEqual(self.postgres.sessions(), 2 + 1)

    def test_g11_a_session_is_neither_writable_nor_without_limit(self):
        self.postgres.psql("CREATE TABLE IF NOT EXISTS kept (id int); GRANT ALL ON kept TO PUBLIC")
        pannier = self.start(
            {"write": 'sql: "INSERT INTO kept VALUES (1) RETURNING id"\nresult: scalar\n',
             "late": 'sql: "SELECT pg_sleep(5)::text"\nresult: scalar\n', "revenue": REVENUE},
            url=self.pooler.url(), transaction_pool="true", statement_timeout="300ms")
        for key, state in (("write:1", b"25006"), ("late:1", b"57014")):
            reply, took = ask(pannier, "GET", key)
            self.assertTrue(reply.startswith(ERROR), reply)
            self.assertIn(state, reply)
            self.assertLess(took, 1.5)
        # What was set for them is nobody else's.
        url = ["/usr/lib/postgresql/15/bin/psql", "-XAtq", self.pooler.url(), "-c"]
        shown = subprocess.run([*url, "SHOW statement_timeout"], capture_output=True, text=True,
                               timeout=10)
        self.assertEqual(shown.stdout.strip(), "0", shown.stderr)
        self.assertEqual(ask(pannier, "GET", f"revenue:{DAY}")[0],
                         bulk(orders.revenue(self.postgres)))
        self.assertEqual(self.postgres.psql("SELECT count(*) FROM kept"), "0")

    def test_g11_sessions_that_change_do_no_harm(self):
        pannier = self.start({"revenue": REVENUE}, url=self.pooler.url(), transaction_pool="true")
        for day in range(1, 8):
            self.postgres.psql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE "
                               f"usename <> '{TESTER}' AND backend_type = 'client backend'")
            key = f"revenue:2026-05-{day:02}"
            expected = bulk(orders.revenue(self.postgres, key[8:]))
            wait_until(lambda: ask(pannier, "GET", key)[0] == expected, key, 5)

    def test_a_second_tier_goes_through_it(self):
        self.postgres.psql(TABLE)
        text = CONFIG.format(url=self.pooler.url(), second_tier=SECOND_TIER, tier="", more="",
                             statement_timeout="900ms")
        text = text.replace("queue_timeout", "transaction_pool: true, queue_timeout")
        pannier = self.enterContext(Pannier(text, self.redis.port))
        with pannier.wire() as wire:
            for i in range(20):
                self.assertEqual(wire.call("SET", f"a:{i}", f"value {i}"), OK)
            with self.redis.wire() as direct:
                direct.call("FLUSHALL")
            for i in range(20):
                self.assertEqual(wire.call("GET", f"a:{i}"), bulk(f"value {i}"))
            self.assertEqual(wire.call("DEL", "a:1"), b":1\r\n")
        self.assertEqual(self.postgres.psql("SELECT count(*) FROM daily"), "19")


if __name__ == "__main__":
    unittest.main()
