#!/usr/bin/python3
"""A table of PostgreSQL behind the values of a tier, on real processes."""

import contextlib
import signal
import threading
import time
import unittest

from origins_bench import NIL, OK, Later, bulk
from postgres import Postgres
from support import Pannier, Redis, encode, wait_until

TABLE = """
DROP TABLE IF EXISTS daily;
CREATE TABLE daily (key text PRIMARY KEY, value text NOT NULL, began timestamptz NOT NULL,
                    tags text[] NOT NULL DEFAULT '{}');
GRANT ALL ON daily TO PUBLIC;
"""
SECOND_TIER = """\
    second_tier:
      database: main
      sql_get: "SELECT value FROM daily WHERE key = $1 AND began > $2"
      sql_put: >-
        INSERT INTO daily (key, value, began, tags) VALUES ($1, $2, $3, $4)
        ON CONFLICT (key) DO UPDATE SET value = $2, began = $3, tags = $4
      sql_delete: "DELETE FROM daily WHERE key = $1"
"""
CLEARING = """\
      sql_delete_like: "DELETE FROM daily WHERE key LIKE $1"
      sql_delete_tag: "DELETE FROM daily WHERE $1 = ANY (tags)"
"""
CONFIG = """
postgres:
  main: {{url: "{url}", queue_timeout: 500ms, connect_timeout: 1s, statement_timeout: {statement_timeout}}}
tiers:
  daily:
    ttl: 60s
    {tier}
{second_tier}
  plain: {{ttl: 60s}}
rules:
  - {{match: "a:{{id}}", name: a, tier: daily}}
  - {{match: "t:{{id}}", name: t, tier: daily, tags: [t, "t:{{id}}"]}}
  - {{match: "p:{{id}}", name: p, tier: plain}}
{more}
"""


class TableCase(unittest.TestCase):
    postgres = None

    @classmethod
    def setUpClass(cls):
        if not TableCase.postgres:
            TableCase.postgres = unittest.enterModuleContext(Postgres())

    def setUp(self):
        self.sql(TABLE)
        self.redis = self.enterContext(Redis())

    def text(self, second_tier, tier="coalesce: sidecar", more="", statement_timeout="900ms"):
        return CONFIG.format(url=self.postgres.url(), second_tier=second_tier, tier=tier, more=more,
                             statement_timeout=statement_timeout)

    def start(self, second_tier=SECOND_TIER + CLEARING, **more):
        text = self.text(second_tier, **more)
        pannier = self.enterContext(Pannier(text, self.redis.port))
        pannier.config_text = text
        return pannier, self.enterContext(pannier.wire())

    def sql(self, text):
        return self.postgres.psql(text)

    def row(self, key):
        return self.sql(f"SELECT value FROM daily WHERE key = '{key}'")

    def put(self, key, value, began="now()", tags="{}"):
        self.sql(f"INSERT INTO daily VALUES ('{key}', '{value}', {began}, '{tags}')")

    def direct(self, *words):
        with self.redis.wire() as wire:
            return wire.call(*words)


class Reads(TableCase):
    def test_002_06_redis_is_empty_and_the_table_answers_and_fills_it(self):
        _, wire = self.start()
        self.assertEqual(wire.call("SET", "a:1", "one"), OK)
        self.assertEqual(self.row("a:1"), "one")
        self.assertEqual(self.direct("FLUSHALL"), OK)
        self.assertEqual(wire.call("GET", "a:1"), bulk("one"))
        self.assertEqual(self.direct("GET", "a:1"), bulk("one"))
        ttl = int(wire.call("PTTL", "a:1")[1:])
        self.assertTrue(50_000 < ttl <= 60_000, ttl)

    def test_002_20_a_row_of_the_application_is_found(self):
        _, wire = self.start()
        self.put("a:2", "two")
        self.assertEqual(wire.call("GET", "a:2"), bulk("two"))
        self.assertEqual(wire.call("GET", "a:3"), NIL)

    def test_who_misses_both_loads_and_the_others_wait_for_it(self):
        pannier, wire = self.start()
        self.assertEqual(wire.call("GET", "a:4"), NIL)
        with Later(pannier, "GET", "a:4") as other:
            time.sleep(0.2)
            self.assertEqual(wire.call("SET", "a:4", "four"), OK)
            self.assertEqual(other.reply, bulk("four"))
        self.assertEqual(self.row("a:4"), "four")

    def test_many_who_miss_at_once_read_the_row_once(self):
        pannier, _ = self.start()
        self.put("a:5", "five")
        before = self.postgres.queries("SELECT value FROM daily")
        threads = [Later(pannier, "GET", "a:5") for _ in range(20)]
        for one in threads:
            with one:
                self.assertEqual(one.reply, bulk("five"))
        self.assertEqual(self.postgres.queries("SELECT value FROM daily") - before, 1)

    def test_a_key_that_was_missed_twice_is_found_all_the_same(self):
        pannier, wire = self.start()
        self.assertEqual(wire.call("GET", "a:1"), NIL)
        with pannier.wire() as other:
            other.call("GET", "a:1")
        self.assertEqual(wire.call("SET", "a:1", "one"), OK)
        self.direct("DEL", "a:1")
        before = self.postgres.queries("SELECT value FROM daily")
        self.assertEqual(wire.call("GET", "a:1"), bulk("one"))
        self.assertEqual(self.postgres.queries("SELECT value FROM daily") - before, 1)

    def test_the_first_row_under_a_tag_counts(self):
        _, wire = self.start()
        self.assertEqual(wire.call("SET", "t:new", "one"), OK)
        self.direct("DEL", "t:new")
        self.assertEqual(wire.call("GET", "t:new"), bulk("one"))

    def test_mget_finds_rows(self):
        _, wire = self.start()
        self.put("a:6", "six")
        self.assertEqual(wire.call("SET", "a:7", "seven"), OK)
        self.assertEqual(wire.call("MGET", "a:6", "a:7", "a:8", "p:1"),
                         b"*4\r\n" + bulk("six") + bulk("seven") + NIL + NIL)

    def test_rows_end_with_the_ttl_of_the_table(self):
        _, wire = self.start(SECOND_TIER + CLEARING + "      ttl: 10m\n")
        self.put("a:9", "old", "now() - interval '11 minutes'")
        self.put("a:10", "young", "now() - interval '9 minutes'")
        self.assertEqual(wire.call("GET", "a:9"), NIL)
        self.assertEqual(wire.call("GET", "a:10"), bulk("young"))

    def test_another_database_of_redis_has_no_rows(self):
        _, wire = self.start()
        self.put("a:11", "of 0")
        self.assertEqual(wire.call("SELECT", "1"), OK)
        self.assertEqual(wire.call("GET", "a:11"), NIL)
        self.assertEqual(wire.call("SET", "a:11", "of 1"), OK)
        self.assertEqual(self.row("a:11"), "of 0")

    def test_002_24_warming_reads_rows_and_leaves_out_what_is_missing(self):
        _, wire = self.start(more='warm:\n  days: {keys: ["a:12", "a:13"]}\n')
        self.put("a:12", "twelve")
        reply = wire.call("PANNIER", "WARM", "days")
        self.assertIn(b"$4\r\nkept\r\n:1\r\n", reply)
        self.assertIn(b"$7\r\nmissing\r\n:1\r\n", reply)
        self.assertEqual(self.direct("GET", "a:12"), bulk("twelve"))
        # Nobody was told to load it: the next one is.
        began = time.monotonic()
        self.assertEqual(wire.call("GET", "a:13"), NIL)
        self.assertLess(time.monotonic() - began, 0.5)

    def test_bytes_of_all_kinds_where_the_column_is_a_bytea(self):
        self.sql("DROP TABLE daily; CREATE TABLE daily (key text PRIMARY KEY, value bytea, "
                 "began timestamptz, tags text[]); GRANT ALL ON daily TO PUBLIC")
        _, wire = self.start(SECOND_TIER + "      bytea: true\n")
        value = bytes(range(256)) * 3
        self.assertEqual(wire.call("SET", "a:14", value), OK)
        self.direct("FLUSHALL")
        self.assertEqual(wire.call("GET", "a:14"), bulk(value))

    def test_what_a_text_cannot_hold_is_an_error_and_nothing_is_stored(self):
        _, wire = self.start()
        for value in (b"a\x00b", b"\xff\xfe"):
            reply = wire.call("SET", "a:15", value)
            self.assertTrue(reply.startswith(b"-ERR pannier: second tier of 'daily': "), reply)
            self.assertEqual(self.direct("EXISTS", "a:15"), b":0\r\n")


class Writes(TableCase):
    def test_002_21_the_row_comes_first_and_its_error_means_no_set(self):
        _, wire = self.start()
        self.assertEqual(wire.call("SET", "a:1", "before"), OK)
        self.sql("ALTER TABLE daily ADD CONSTRAINT short CHECK (length(value) < 10)")
        reply = wire.call("SET", "a:1", "much too long for it")
        self.assertIn(b"second tier of 'daily'", reply)
        self.assertIn(b"; not executed", reply)
        self.assertEqual(self.direct("GET", "a:1"), bulk("before"))
        self.assertEqual(wire.call("GET", "a:1"), bulk("before"))

    def test_002_21_while_the_row_is_written_redis_has_not_heard_of_it(self):
        pannier, wire = self.start()
        self.sql("CREATE OR REPLACE FUNCTION slow() RETURNS trigger AS $$ BEGIN "
                 "PERFORM pg_sleep(0.4); RETURN NEW; END $$ LANGUAGE plpgsql; "
                 "CREATE TRIGGER slow BEFORE INSERT ON daily FOR EACH ROW EXECUTE FUNCTION slow()")
        with Later(pannier, "SET", "a:2", "two") as one:
            time.sleep(0.2)
            self.assertEqual(self.direct("EXISTS", "a:2"), b":0\r\n")
            self.assertEqual(one.reply, OK)
            self.assertGreater(one.seconds, 0.35)
        self.assertEqual(self.direct("GET", "a:2"), bulk("two"))

    def test_every_way_to_store(self):
        _, wire = self.start()
        for words in (("SETEX", "a:3", "100", "v1"), ("PSETEX", "a:3", "100000", "v2"),
                      ("SET", "a:3", "v3", "EX", "50"), ("GETSET", "a:3", "v4"),
                      ("SET", "a:3", "v5", "GET"), ("MSET", "a:3", "v6", "p:3", "x", "a:4", "v7")):
            wire.call(*words)
            value = words[2] if words[0] != "SETEX" and words[0] != "PSETEX" else words[3]
            self.assertEqual(self.row("a:3"), value)
            self.assertEqual(wire.call("GET", "a:3"), bulk(value))
        self.assertEqual(self.row("a:4"), "v7")
        self.assertEqual(self.row("p:3"), "")

    def test_what_redis_refuses_of_an_mset_leaves_no_rows(self):
        _, wire = self.start()
        self.assertEqual(wire.call("MSET", "a:1", "old", "a:2", "old"), OK)
        self.direct("CONFIG", "SET", "maxmemory", "1")
        self.assertTrue(wire.call("MSET", "a:1", "new", "a:2", "new").startswith(b"-OOM"))
        wait_until(lambda: self.row("a:1") + self.row("a:2") == "", "the rows are removed")

    def test_a_row_stays_that_redis_has_no_room_for(self):
        _, wire = self.start()
        self.put("a:1", "one")
        self.direct("CONFIG", "SET", "maxmemory", "1")
        for _ in range(3):
            self.assertEqual(wire.call("GET", "a:1"), bulk("one"))
        time.sleep(0.3)
        self.assertEqual(self.row("a:1"), "one")

    def test_an_mset_fills_what_an_mget_has_missed(self):
        _, wire = self.start()
        other, second = self.start()
        self.assertEqual(wire.call("MGET", "a:1", "a:2"), b"*2\r\n" + NIL + NIL)
        self.assertEqual(wire.call("MSET", "a:1", "x", "a:2", "y"), OK)
        time.sleep(0.3)
        self.assertEqual((self.row("a:1"), self.row("a:2")), ("x", "y"))
        self.assertEqual(wire.call("MGET", "a:3", "a:4"), b"*2\r\n" + NIL + NIL)
        second.call("DEL", "a:3")  # What is computed now is of before that.
        self.assertEqual(wire.call("MSET", "a:3", "late", "a:4", "y"), OK)
        wait_until(lambda: self.row("a:3") == "", "the row is removed")
        self.assertEqual(self.row("a:4"), "y")
        self.assertEqual(wire.call("GET", "a:3"), NIL)
        del other

    def test_an_mset_that_fails_half_way_leaves_no_row(self):
        _, wire = self.start()
        wire.call("SET", "a:1", "old")
        self.assertIn(b"; not executed", wire.call("MSET", "a:1", "new", "a:2", b"\xff"))
        wait_until(lambda: self.row("a:1") == "", "the row is removed")
        self.assertEqual(wire.call("GET", "a:1"), bulk("old"))

    def test_a_conditional_write_removes_the_row_when_it_was_done(self):
        _, wire = self.start()
        for words, left in ((("SET", "a:5", "w", "XX"), ""), (("SETNX", "a:5", "w"), "five")):
            self.assertEqual(wire.call("SET", "a:5", "five"), OK)
            wire.call(*words)
            time.sleep(0.5)
            self.assertEqual(self.row("a:5"), left)

    def test_three_hundred_at_once_are_all_stored(self):
        pannier, _ = self.start()
        with contextlib.ExitStack() as stack:
            wires = [stack.enter_context(pannier.wire()) for _ in range(300)]
            for i, wire in enumerate(wires):
                wire.send(encode("SET", f"a:{i}", i))
            self.assertEqual({wire.reply() for wire in wires}, {OK})
        self.assertEqual(self.sql("SELECT count(*) FROM daily"), "300")

    def test_a_row_that_cannot_be_read_is_that_keys_matter_alone(self):
        _, wire = self.start(SECOND_TIER + "      max_bytes: 1KiB\n")
        self.put("a:1", "x" * 2000)
        self.put("a:2", "two")
        self.assertEqual(wire.call("GET", "a:1"), NIL)
        self.assertEqual(wire.call("GET", b"a:\xff"), NIL)
        self.assertEqual(wire.call("GET", "a:2"), bulk("two"))
        self.assertIn(b"longer than its max_bytes", wire.call("SET", "a:3", "x" * 2000))

    def test_a_slow_row_is_waited_for_as_long_as_its_timeout_says(self):
        _, wire = self.start(SECOND_TIER.replace(
            "SELECT value FROM daily", "SELECT value FROM daily, pg_sleep(1.3)"
        ) + "      timeout: 4s\n", statement_timeout="3s")
        for i in range(20):  # That clients load quickly is another matter.
            wire.call("GET", f"p:{i}")
            wire.call("SET", f"p:{i}", "x")
        self.put("a:1", "one")
        self.assertEqual(wire.call("GET", "a:1"), bulk("one"))
        self.assertEqual(self.direct("GET", "a:1"), bulk("one"))

    def test_a_reload_without_the_table_while_rows_are_read(self):
        pannier, _ = self.start()
        for i in range(200):
            self.put(f"a:{i}", i)
        over = threading.Event()

        def reader():
            with pannier.wire() as wire:
                i = 0
                while not over.is_set():
                    wire.call("GET", f"a:{i % 200}")
                    wire.call("PANNIER", "INVALIDATE", "TAG", "nothing")
                    self.direct("DEL", f"a:{i % 200}")
                    i += 1
        threads = [threading.Thread(target=reader) for _ in range(4)]
        for one in threads:
            one.start()
        with_table = pannier.config_text
        for i in range(10):
            pannier.write_config(self.text("") if i % 2 == 0 else with_table)
            with pannier.wire() as wire:
                self.assertEqual(wire.call("PANNIER", "RELOAD"), OK)
            time.sleep(0.05)
        over.set()
        for one in threads:
            one.join()
        with pannier.wire() as wire:  # What the reload has stopped failed.
            time.sleep(1.1)
            self.put("a:1000", "last")
            self.assertEqual(wire.call("GET", "a:1000"), bulk("last"))

    def test_other_writes_remove_the_row(self):
        _, wire = self.start()
        for words in (("DEL", "a:5"), ("UNLINK", "a:5"), ("APPEND", "a:5", "x"), ("GETDEL", "a:5"),
                      ("SETRANGE", "a:5", "0", "y"), ("RENAME", "a:5", "p:9"),
                      ("EVAL", "return redis.call('SET', KEYS[1], 'z')", "1", "a:5"),
                      ("EXPIRE", "a:5", "0"), ("GETEX", "a:5", "PXAT", "1")):
            with self.subTest(words[0]):
                self.assertEqual(wire.call("SET", "a:5", "five"), OK)
                wire.call(*words)
                self.assertEqual(self.row("a:5"), "")

    def test_a_moved_expiry_leaves_the_row(self):
        _, wire = self.start()
        self.assertEqual(wire.call("SET", "a:8", "eight"), OK)
        for words in (("EXPIRE", "a:8", "10"), ("PERSIST", "a:8"), ("GETEX", "a:8", "EX", "9")):
            wire.call(*words)
            self.assertEqual(self.row("a:8"), "eight")

    def test_pipelined_writes_keep_their_order(self):
        _, wire = self.start()
        wire.send(b"".join(b"SET a:6 %d\r\n" % i for i in range(50)) + b"GET a:6\r\nDEL a:6\r\n"
                  b"GET a:6\r\nSET a:6 last\r\n")
        replies = [wire.reply() for _ in range(54)]
        self.assertEqual(replies, [OK] * 50 + [bulk("49"), b":1\r\n", NIL, OK])
        self.assertEqual(self.row("a:6"), "last")

    def test_multi_is_told_why_it_cannot(self):
        _, wire = self.start()
        self.assertEqual(wire.call("MULTI"), OK)
        self.assertIn(b"has a second tier", wire.call("SET", "a:7", "x"))
        self.assertTrue(wire.call("EXEC").startswith(b"-EXECABORT"))
        self.assertEqual(self.row("a:7"), "")
        self.assertEqual(wire.call("MULTI"), OK)
        self.assertEqual(wire.call("GET", "a:7"), b"+QUEUED\r\n")
        self.assertEqual(wire.call("SET", "p:7", "x"), b"+QUEUED\r\n")
        self.assertEqual(wire.call("EXEC"), b"*2\r\n$-1\r\n+OK\r\n")


class Invalidation(TableCase):
    def test_002_23_a_key_is_removed_from_both(self):
        _, wire = self.start()
        wire.call("SET", "a:1", "one")
        self.assertEqual(wire.call("PANNIER", "INVALIDATE", "KEY", "a:1"), b":1\r\n")
        self.assertEqual(self.row("a:1"), "")
        self.assertEqual(wire.call("GET", "a:1"), NIL)

    def test_002_23_tags_patterns_and_rules(self):
        for clears in (True, False):
            _, wire = self.start(SECOND_TIER + (CLEARING if clears else ""))
            ways = (("INVALIDATE", "TAG", "t:{}"), ("INVALIDATE", "TAG", "t"),
                    ("INVALIDATE", "PATTERN", "t:{}?"), ("CLEAR", "t"))
            for i, words in enumerate(ways):
                key = f"t:{i}{clears:d}"
                words = [word.format(key[2:] if "TAG" in words else i) for word in words]
                with self.subTest(words, clears=clears):
                    self.assertEqual(wire.call("GET", key), NIL)
                    self.assertEqual(wire.call("SET", key, "one"), OK)
                    self.assertRegex(wire.call("PANNIER", *words), rb":[1-9]\d*\r\n")
                    if clears:
                        wait_until(lambda: self.row(key) == "", "the row is removed")
                    else:
                        self.assertEqual(self.row(key), "one")
                    self.direct("DEL", key)
                    self.assertEqual(wire.call("GET", key), NIL)

    def test_rows_of_before_an_invalidation_by_another_sidecar(self):
        _, wire = self.start(SECOND_TIER)
        _, other = self.start(SECOND_TIER)
        self.assertEqual(wire.call("GET", "t:2"), NIL)
        self.assertEqual(wire.call("SET", "t:2", "two"), OK)
        self.direct("DEL", "t:2")
        self.assertEqual(wire.call("GET", "t:2"), bulk("two"))
        self.assertEqual(other.call("PANNIER", "INVALIDATE", "TAG", "t:2"), b":1\r\n")
        self.assertEqual(wire.call("GET", "t:2"), NIL)
        self.assertEqual(self.row("t:2"), "two")

    def test_what_was_read_before_a_removal_is_not_stored_after_it(self):
        pannier, wire = self.start()
        other, second = self.start()
        self.put("a:3", "old")
        self.sql("ALTER TABLE daily RENAME TO rows; CREATE VIEW daily AS SELECT key, "
                 "CASE WHEN pg_sleep(0.5) IS NULL THEN '' ELSE value END AS value, began, tags "
                 "FROM rows; GRANT ALL ON daily, rows TO PUBLIC; CREATE RULE gone AS ON DELETE TO "
                 "daily DO INSTEAD DELETE FROM rows WHERE key = OLD.key")
        try:
            for who in (wire, second):
                with Later(pannier, "GET", "a:3"):
                    wait_until(lambda: self.postgres.sessions("active") > 0, "the row is read")
                    self.sql("DELETE FROM rows")
                    who.call("PANNIER", "INVALIDATE", "KEY", "a:3")
                time.sleep(0.3)
                self.assertEqual(self.direct("GET", "a:3"), NIL)
                self.sql("INSERT INTO rows VALUES ('a:3', 'old', now(), '{}')")
        finally:
            self.sql("DROP VIEW daily; ALTER TABLE rows RENAME TO daily")
        del other

    def test_a_failed_removal_says_so_and_does_nothing(self):
        _, wire = self.start(SECOND_TIER.replace("DELETE FROM daily WHERE",
                                                 "DELETE FROM nowhere WHERE"))
        wire.call("SET", "a:4", "four")
        for words in (("DEL", "a:4"), ("PANNIER", "INVALIDATE", "KEY", "a:4")):
            reply = wire.call(*words)
            self.assertIn(b"second tier of 'daily'", reply)
            self.assertIn(b"SQLSTATE 42P01", reply)
        self.assertEqual(wire.call("GET", "a:4"), bulk("four"))


class Outages(TableCase):
    def test_the_table_serves_while_redis_is_down(self):
        _, wire = self.start()
        wire.call("SET", "a:1", "one")
        wire.call("SET", "a:2", "two")
        self.redis.process.kill()
        self.redis.process.wait()
        wait_until(lambda: wire.call("GET", "a:1") == bulk("one"), "the table serves", 3)
        self.assertEqual(wire.call("GET", "a:3"), NIL)
        self.assertEqual(wire.call("SET", "a:2", "written meanwhile"), OK)
        self.assertEqual(self.row("a:2"), "written meanwhile")
        self.assertEqual(wire.call("GET", "a:2"), bulk("written meanwhile"))
        self.assertEqual(wire.call("DEL", "a:1"), b":1\r\n")
        self.assertEqual(wire.call("GET", "a:1"), NIL)

    def test_keys_with_known_tags_are_served_too(self):
        _, wire = self.start()
        self.assertEqual(wire.call("GET", "t:1"), NIL)
        self.assertEqual(wire.call("SET", "t:1", "one"), OK)
        self.assertEqual(wire.call("GET", "t:2"), NIL)
        self.assertEqual(wire.call("SET", "t:2", "two"), OK)
        time.sleep(0.01)
        wire.call("PANNIER", "INVALIDATE", "TAG", "t:2")
        self.redis.process.kill()
        self.redis.process.wait()
        wait_until(lambda: wire.call("GET", "t:1") == bulk("one"), "the table serves", 3)
        self.assertEqual(wire.call("GET", "t:2"), NIL)

    def test_a_value_that_redis_refuses_leaves_no_row(self):
        _, wire = self.start()
        self.assertEqual(wire.call("SET", "a:1", "old"), OK)
        self.direct("CONFIG", "SET", "maxmemory", "1")
        self.assertTrue(wire.call("SET", "a:1", "new").startswith(b"-OOM"))
        wait_until(lambda: self.row("a:1") == "", "the row is removed")
        self.assertEqual(wire.call("GET", "a:1"), bulk("old"))

    def test_what_redis_had_before_does_not_come_back(self):
        pannier, wire = self.start()
        wire.call("SET", "a:4", "before")
        wire.call("SET", "a:5", "before")
        self.direct("SAVE")
        self.redis.process.send_signal(signal.SIGSTOP)
        try:
            wait_until(lambda: wire.call("SET", "a:4", "meanwhile") == OK, "it is served", 5)
            self.assertIn(wire.call("DEL", "a:5")[:1], (b":",))
        finally:
            self.redis.process.send_signal(signal.SIGCONT)
        wait_until(lambda: b"pannier_upstream:up" in wire.call("INFO", "pannier"), "Redis is back")
        self.assertEqual(wire.call("GET", "a:4"), bulk("meanwhile"))
        self.assertEqual(wire.call("GET", "a:5"), NIL)
        del pannier

    def test_without_postgres_the_cache_works_on_and_writes_say_why_not(self):
        _, wire = self.start()
        wire.call("SET", "a:6", "six")
        self.sql("CHECKPOINT")
        self.postgres.kill()
        try:
            self.assertEqual(wire.call("GET", "a:6"), bulk("six"))
            self.assertEqual(wire.call("GET", "a:7"), NIL)
            self.assertIn(b"second tier of 'daily'", wire.call("SET", "a:6", "new"))
            self.assertEqual(wire.call("GET", "a:6"), bulk("six"))
        finally:
            self.postgres.start()
        wait_until(lambda: wire.call("SET", "a:6", "new") == OK, "rows are written again", 10)

    def test_a_frozen_postgres_delays_a_miss_once(self):
        _, wire = self.start(SECOND_TIER + "      timeout: 500ms\n")
        self.put("a:8", "eight")
        self.assertEqual(wire.call("GET", "a:8"), bulk("eight"))
        self.postgres.freeze()
        try:
            began = time.monotonic()
            self.assertEqual(wire.call("GET", "a:9"), NIL)
            self.assertEqual(wire.call("GET", "a:10"), NIL)
            self.assertLess(time.monotonic() - began, 1.5)
            self.assertEqual(wire.call("GET", "a:8"), bulk("eight"))
        finally:
            self.postgres.thaw()


class Fleet(TableCase):
    def test_of_concurrent_writers_each_tier_has_a_last_value(self):
        wires = [self.start()[1] for _ in range(2)]

        def work(wire, name):
            for i in range(60):
                wire.call("SET", "a:1", f"{name}{i}")
                wire.call("GET", "a:1")
        threads = [threading.Thread(target=work, args=(wire, i)) for i, wire in enumerate(wires)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertIn(self.row("a:1"), ("059", "159"))
        self.assertIn(self.direct("GET", "a:1"), (bulk("059"), bulk("159")))


if __name__ == "__main__":
    unittest.main()
