#!/usr/bin/python3
"""What applications ask of invalidation: many keys, patterns, days, tags, everything of their own;
over both ports, under load, and while Redis loses what it is told to keep."""

import os
import time
import unittest

import admin_client
from invalidated import (MAX_LAG, NEEDS, NIL, OK, Fleet, Readers, Truth, bulk, number,
                         store_many)
from support import encode, wait_until

KEYS = int(os.environ.get("PANNIER_KEYS", "50000"))


class Needs(Fleet):
    def setUp(self):
        self.start(NEEDS)
        self.near, self.far = self.wires

    def invalidate(self, *words):
        return number(self.near.call("PANNIER", "INVALIDATE", *words))

    def gone_everywhere(self, gone, stays):
        """At once here, behind the pushes there, and in Redis."""
        self.assertEqual(self.read(gone + stays, [self.near]), set(stays))
        self.fence(self.far)
        self.assertEqual(self.read(gone + stays, [self.far]), set(stays))
        wait_until(lambda: self.direct.call("EXISTS", *gone) == b":0\r\n", f"{gone} are removed")
        self.assertEqual(number(self.direct.call("EXISTS", *stays)), len(stays))

    def test_002_16_del_of_many_keys_counts_them(self):
        store_many(self.near, ((f"bulk:{n}", "x") for n in range(10_000)))
        names = [f"bulk:{n}" for n in range(10_500)]
        self.assertEqual(number(self.near.call("DEL", *names, "bulk:0")), 10_000)
        self.assertEqual(self.direct.call("DBSIZE"), b":0\r\n")

    def test_002_16_a_pattern_counts_exactly_and_never_asks_keys(self):
        store_many(self.near, ((f"bulk:{n}:{'ab'[n % 2]}", "x") for n in range(KEYS)))
        store_many(self.direct, ((f"other:{n}:a", "x") for n in range(KEYS // 10)))
        scans = self.stats("scan")
        self.assertEqual(self.invalidate("PATTERN", "bulk:*:a"), KEYS // 2)
        self.assertEqual(self.invalidate("PATTERN", "bulk:*:a"), 0)
        self.assertEqual(self.stats("keys"), 0)
        self.assertGreater(self.stats("scan"), scans)
        self.assertEqual(self.invalidate("PATTERN", "bulk:*", "other:1*"),
                         KEYS // 2 + sum(str(n).startswith("1") for n in range(KEYS // 10)))

    def test_002_16_patterns_that_overlap_count_a_key_once(self):
        store_many(self.near, ((f"bulk:{n}", "x") for n in range(1000)))
        self.assertEqual(self.invalidate("PATTERN", "bulk:1*", "bulk:*", "bulk:?"), 1000)

    def test_002_26_ranges_meet_whatever_they_overlap(self):
        ranges = {"2026-10-01:2026-10-31": False, "2026-10-01:2026-11-10": True,
                  "2026-11-10:2026-11-10": True, "2026-11-11:2026-11-11": True,
                  "2026-11-12:2026-11-30": True, "2026-11-13:2026-11-30": False,
                  "2026-01-01:2026-12-31": True, "20261101:20261111": True,
                  "20261113:20261114": False, "no:date": True, "2026-11-31:2026-12-01": True}
        keys = {f"usage:{days}:all": meets for days, meets in ranges.items()}
        for key in keys:
            self.copy(key, "x")
        self.copy("day:2026-11-11:all", "x")
        self.assertEqual(self.invalidate("RANGE", "usage", "2026-11-10", "2026-11-12"),
                         sum(keys.values()))
        self.gone_everywhere([key for key in keys if keys[key]],
                             [key for key in keys if not keys[key]] + ["day:2026-11-11:all"])

    def test_002_26_a_range_over_the_end_of_a_year_of_one_day_and_in_short_form(self):
        days = ["2026-12-30", "2026-12-31", "2027-01-01", "2027-01-02"]
        for day in days:
            self.copy(f"day:{day}:u", "x")
        self.assertEqual(self.invalidate("RANGE", "day", "20261231", "20270101"), 2)
        self.gone_everywhere([f"day:{day}:u" for day in days[1:3]],
                             [f"day:{day}:u" for day in (days[0], days[3])])
        self.assertEqual(self.invalidate("RANGE", "day", days[3], days[3]), 1)

    def test_002_26_what_is_no_range_is_refused_and_changes_nothing(self):
        self.copy("day:2026-11-21:u", "x")
        self.copy("customer:1", "x")
        for words in (["day", "2026-11-22", "2026-11-21"], ["day", "2026-02-30", "2026-03-01"],
                      ["day", "yesterday", "today"], ["day", "2026-11-21"],
                      ["nobody", "2026-11-01", "2026-11-30"],
                      ["customer", "2026-11-01", "2026-11-30"]):
            with self.subTest(words=words):
                reply = self.near.call("PANNIER", "INVALIDATE", "RANGE", *words)
                self.assertRegex(reply, rb"^-ERR pannier: ")
        self.assertEqual(self.read(["day:2026-11-21:u", "customer:1"], [self.near]),
                         {"day:2026-11-21:u", "customer:1"})

    def test_002_23_a_date_is_cleared_in_redis_and_in_the_copies_of_both_sidecars(self):
        about = ["day:2026-11-21:a", "day:2026-11-21:b", "sum:2026-11-21"]
        other = ["sum:2026-11-20"]
        for key in about + other:
            self.copy(key, "x")
        self.assertEqual(self.invalidate("TAG", "day:2026-11-21"), 3)
        self.gone_everywhere(about, other)

    def test_003_06_organisations_roles_and_users_are_busted_each(self):
        people = [f"user:o{n % 2}:r{n % 3}:{n}" for n in range(12)]
        for level, hit in (("org:o1", ":o1:"), ("role:r2", ":r2:"), ("user:7", ":7")):
            with self.subTest(level=level):
                for key in people:
                    self.copy(key, "x")
                gone = [key for key in people if hit in key or key.endswith(hit)]
                gone = [key for key in gone if hit != ":7" or key.endswith(":7")]
                self.assertEqual(self.invalidate("TAG", level), len(gone))
                self.gone_everywhere(gone, [key for key in people if key not in gone])

    def test_003_06_del_works_too(self):
        self.copy("user:o1:r1:1", "x")
        self.copy("user:o1:r1:2", "x")
        self.assertEqual(self.near.call("DEL", "user:o1:r1:1"), b":1\r\n")
        self.gone_everywhere(["user:o1:r1:1"], ["user:o1:r1:2"])

    def test_004_04_delete_pattern(self):
        self.copy("customer:1", "x")
        self.copy("customer:2", "x")
        self.copy("churn:1", "x")
        self.direct.call("SET", "customers", "not ours")
        self.assertEqual(self.invalidate("PATTERN", "customer:*"), 2)
        self.gone_everywhere(["customer:1", "customer:2"], ["churn:1", "customers"])

    def test_004_05_clear_leaves_all_neighbours(self):
        own = ["customer:1", "churn:1", "kpi:1", "day:2026-11-21:u",
               "usage:2026-11-01:2026-11-02:u"]
        for key in own:
            self.copy(key, "x")
        others = [f"neighbour:{n}" for n in range(100)] + ["customer:live:1", "kpi", "Kpi:1"]
        for key in others:
            self.direct.call("SET", key, "kept")
        self.direct.call("SADD", "neighbour:set", "a")
        self.direct.call("SELECT", "1")
        self.direct.call("SET", "kpi:1", "of another database")
        self.direct.call("SELECT", "0")
        self.assertEqual(number(self.near.call("PANNIER", "CLEAR")), len(own))
        self.gone_everywhere(own, others)
        self.assertEqual(self.direct.call("EXISTS", "neighbour:set"), b":1\r\n")
        self.direct.call("SELECT", "1")
        self.assertEqual(self.direct.call("GET", "kpi:1"), bulk("of another database"))
        self.assertEqual(self.stats("flushdb") + self.stats("flushall") + self.stats("keys"), 0)

    def test_004_05_clear_of_one_rule(self):
        for key in ("customer:1", "churn:1"):
            self.copy(key, "x")
        self.assertEqual(number(self.near.call("PANNIER", "CLEAR", "churn")), 1)
        self.gone_everywhere(["churn:1"], ["customer:1"])

    def test_004_06_one_bust_clears_profile_and_churn(self):
        for key in ("customer:7", "churn:7", "customer:8", "churn:8"):
            self.copy(key, "x")
        self.assertEqual(self.invalidate("TAG", "customer:7"), 2)
        self.gone_everywhere(["customer:7", "churn:7"], ["customer:8", "churn:8"])

    def test_000_22_a_tag_over_http(self):
        for tag in ("plain", "a/b", "50%", "what?", "two words", "a+b", "ümlaut", "#1", "a&b=c"):
            with self.subTest(tag=tag):
                self.assertEqual(self.near.call("SET", f"odd:{tag}", "x"), OK)
                self.assertEqual(self.near.call("SET", "odd:other", "x"), OK)
                answer = admin_client.post(self.sidecars[0].admin_port,
                                           admin_client.path("invalidate", "tag", tag))
                self.assertEqual((answer.status, answer.body.strip()), (200, b"1"))
                self.gone_everywhere([f"odd:{tag}"], ["odd:other"])

    def test_000_23_a_pattern_over_http(self):
        port, keys = self.sidecars[0].admin_port, {"kpi:a", "kpi:b", "kpi:a/x", "kpi:*", "odd:1"}
        for glob, hit in (("kpi:*", keys - {"odd:1"}), ("kpi:?", {"kpi:a", "kpi:b", "kpi:*"}),
                          ("kpi:[ab]", {"kpi:a", "kpi:b"}), ("kpi:a/*", {"kpi:a/x"}),
                          ("kpi:\\*", {"kpi:*"}), ("%6bpi:a", set())):
            with self.subTest(glob=glob):
                for key in keys:
                    self.assertEqual(self.near.call("SET", key, "x"), OK)
                    self.assertEqual(self.far.call("GET", key), bulk("x"))
                answer = admin_client.post(port, admin_client.path("invalidate", "pattern", glob))
                self.assertEqual((answer.status, answer.body.strip()), (200, b"%d" % len(hit)))
                self.assertEqual(self.read(keys, [self.near]), keys - hit)
                self.fence(self.far)
                self.assertEqual(self.read(keys, [self.far]), keys - hit)

    def test_000_23_over_http_only_who_means_it(self):
        self.copy("kpi:a", "x")
        port = self.sidecars[0].admin_port
        self.assertEqual(admin_client.get(port, "/invalidate/tag/kpi").status, 405)
        self.assertGreaterEqual(admin_client.ask(port, "POST", "/invalidate/tag/kpi").status, 400)
        self.assertGreaterEqual(admin_client.post(port, "/invalidate/tag").status, 400)
        self.assertEqual(self.read(["kpi:a"]), {"kpi:a"})


class UnderLoad(Fleet):
    """Readers load what they miss while it changes; nobody is told what was invalidated."""
    keys = [f"kpi:{n}" for n in range(20)]

    def play(self, seconds, disturb, redis_options=()):
        self.start(NEEDS, redis_options=redis_options)
        truth, near, far = Truth(), *self.sidecars
        with near.wire(20) as wire, Readers(truth, near, self.keys) as here, \
                Readers(truth, far, self.keys, MAX_LAG) as there:
            end = time.monotonic() + seconds
            turn = 0
            while time.monotonic() < end:
                truth.raise_it(lambda: number(wire.call("PANNIER", "INVALIDATE", "TAG", "kpi")))
                time.sleep(0.01)
                turn += 1
                disturb(turn)
        for readers in (here, there):
            self.assertEqual(readers.wrong, [])
            self.assertEqual(readers.stale, [])
            self.assertGreater(readers.reads, 500)
            self.assertGreater(readers.loads, 50)
        return truth

    def test_000_05_no_stale_read_after_a_tag_bump(self):
        self.play(4, lambda turn: None)

    def test_002_43_everything_flushed_again_and_again(self):
        self.play(4, lambda turn: turn % 3 or self.direct.call("FLUSHALL"))
        self.assertGreater(self.stats("flushall"), 10)

    def test_002_41_tags_are_evicted_under_load(self):
        def crowd_out(turn):
            if turn % 5:
                return
            self.direct.send(b"".join(encode("SET", f"filler:{turn}:{n}", "x" * 1000)
                                      for n in range(1000)))
            for _ in range(1000):
                self.direct.reply()
        self.play(5, crowd_out, ("--maxmemory", "3mb", "--maxmemory-policy", "allkeys-lru"))
        evicted = self.direct.call("INFO", "stats").decode().split("evicted_keys:")[1]
        self.assertGreater(int(evicted.split("\r\n")[0]), 1000)


class Evicted(Fleet):
    def test_002_41_what_was_invalidated_stays_so_when_its_tag_is_evicted(self):
        """The value is stored late, so that the tag's generation alone tells that it is old."""
        self.start(NEEDS, redis_options=("--maxmemory-policy", "allkeys-lru"))
        for turn in range(5):
            key = f"kpi:late:{turn}"
            self.assertEqual(self.wires[1].call("GET", key), NIL)
            time.sleep(0.005)
            number(self.wires[0].call("PANNIER", "INVALIDATE", "TAG", "kpi"))
            self.direct.call("CONFIG", "SET", "maxmemory", "1")
            wait_until(lambda: self.direct.call("EXISTS", "pn:g:kpi") == b":0\r\n", "it is evicted")
            self.direct.call("CONFIG", "SET", "maxmemory", "0")
            self.assertEqual(self.wires[1].call("SET", key, "old"), OK)
            for wire in self.wires:
                self.assertEqual(wire.call("GET", key), NIL)


if __name__ == "__main__":
    unittest.main()
