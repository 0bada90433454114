#!/usr/bin/python3
"""What happens to local copies when Redis does not track, forgets, changes its role or swaps its
databases; and what they cost it."""

import subprocess
import time
import unittest

import admin_client
from fault_bench import Faults
from local_copies_test import bulk, fence
from support import Pannier, Redis, encode, free_port, wait_until

RULES = """
upstream: {max_lag: 1s}
local: {max_bytes: 16MiB}
tiers:
  copied: {ttl: 600s, local: 30s, foreign: trust}
  asked: {ttl: 600s, foreign: trust}
rules:
  - {match: "copied:*", tier: copied}
  - {match: "asked:*", tier: asked}
"""
MIB = 1 << 20


class Upstream(Faults):
    rules = RULES

    def setUp(self):
        self.start(self.rules, redis_options=("--enable-debug-command", "yes"), relayed=True)
        self.direct = self.enterContext(self.redis.wire())
        self.await_state("up")

    def asked(self, command="get"):
        text = self.direct.call("INFO", "commandstats").decode()
        line = next((line for line in text.split("\r\n")
                     if line.startswith(f"cmdstat_{command}:")), "calls=0,")
        return int(line.split("calls=")[1].split(",")[0])

    def info(self, field):
        text = self.wire.call("INFO", "pannier").decode()
        return next(line.split(":")[1] for line in text.split("\r\n")
                    if line.startswith(f"pannier_{field}:"))

    def is_copied(self, key, value):
        self.wire.call("GET", key)
        before = self.asked()
        return self.wire.call("GET", key) == bulk(value) and self.asked() == before

    def many(self, commands, size=1000):
        """The replies, over one connection, `size` commands at a time."""
        with self.pannier.wire(30) as wire:
            for begin in range(0, len(commands), size):
                batch = commands[begin:begin + size]
                wire.send(b"".join(encode(*words) for words in batch))
                yield from [wire.reply() for _ in batch]


class Coherence(Upstream):
    def said(self):
        """What every report says keeps copies right."""
        ready = admin_client.get(self.pannier.admin_port, "/readyz")
        self.assertEqual((ready.status, ready.json["ready"]), (200, True))
        state = admin_client.get(self.pannier.admin_port, "/stats").json["state"]
        gauge = [by for by in ("push", "ttl", "off")
                 if self.metric(f'pannier_local_coherence{{by="{by}"}}')]
        return {ready.json["coherence"], state["coherence"], self.info("coherence"), *gauge}

    def test_c25_that_redis_does_not_track_is_said_everywhere_and_logged_once(self):
        self.assertEqual(self.said(), {"push"})
        self.direct.call("ACL", "SETUSER", "default", "-client|tracking", "-client|caching")
        for db in (0, 1):
            self.relay.break_all()
            wait_until(lambda: self.said() == {"ttl"}, "all say so", 5)
            self.wire.call("SELECT", db)
            self.await_reply(b"+OK\r\n", "SET", "copied:1", "x")
        self.assertEqual(self.pannier.log_text().count("upstream_without_tracking"), 1)
        self.direct.call("ACL", "SETUSER", "default", "+client|tracking", "+client|caching")
        self.relay.break_all()
        wait_until(lambda: self.said() == {"push"}, "all say so", 5)

    def test_c25_without_tracking_no_read_goes_back_behind_another_one(self):
        self.direct.call("ACL", "SETUSER", "default", "-client|tracking", "-client|caching")
        self.relay.break_all()
        wait_until(lambda: self.said() == {"ttl"}, "all say so", 5)
        for number in range(20):
            self.direct.call("SET", "copied:1", "a" * number)
            self.wire.call("BITCOUNT", "copied:1")
            for _ in range(2):
                self.assertEqual(self.wire.call("GET", "copied:1"), bulk("a" * number))
            self.direct.call("SET", "copied:1", "b" * number)
            self.assertEqual(self.wire.call("BITCOUNT", "copied:1"), b":%d\r\n" % (3 * number))
            self.assertEqual(self.wire.call("GET", "copied:1"), bulk("b" * number))

    def test_c29_a_tracking_table_that_is_too_small_costs_hits_and_nothing_else(self):
        self.assertEqual(self.metric("pannier_local_dropped_total"), 0)
        self.direct.call("CONFIG", "SET", "tracking-table-max-keys", "10")
        keys = [f"copied:{number}" for number in range(500)]
        self.direct.call("MSET", *[word for key in keys for word in (key, key)])

        def dropped():
            replies = list(self.many([["GET", key] for key in keys]))
            self.assertEqual(replies, [bulk(key) for key in keys])
            return self.metric("pannier_local_dropped_total")

        wait_until(lambda: dropped() > 400, "they are dropped")
        self.direct.call("SET", keys[0], "new")
        fence(self.wire)
        self.assertEqual(self.wire.call("GET", keys[0]), bulk("new"))


class SwappedDatabases(Upstream):
    rules = "deny: []" + RULES.replace("16MiB}", "16MiB, max_ttl: 1s}")

    def test_c14_a_swap_of_databases_is_seen_within_max_ttl(self):
        self.direct.call("SELECT", "1")
        self.direct.call("SET", "copied:1", "one")
        self.direct.call("SELECT", "0")
        self.direct.call("SET", "copied:1", "zero")
        wait_until(lambda: self.is_copied("copied:1", "zero"), "a copy")
        self.direct.call("SWAPDB", "0", "1")
        began, late = time.monotonic(), 0
        self.assertEqual(self.wire.call("GET", "copied:1"), bulk("zero"))  # Nobody can know.
        while (sent := time.monotonic()) - began < 1.5:
            late += self.wire.call("GET", "copied:1") == bulk("zero") and sent - began > 1.02
        self.assertEqual(late, 0)

    def test_c14_a_swap_through_the_sidecar_is_seen_at_once(self):
        self.direct.call("SET", "copied:1", "zero")
        wait_until(lambda: self.is_copied("copied:1", "zero"), "a copy")
        with self.pannier.wire() as other:
            self.assertEqual(other.call("SWAPDB", "0", "1"), b"+OK\r\n")
            self.assertEqual(self.wire.call("GET", "copied:1"), b"$-1\r\n")


class Cost(Upstream):
    def tracked(self):
        text = self.direct.call("INFO", "stats").decode()
        return int(text.split("tracking_total_keys:")[1].split("\r\n")[0])

    def test_d27_keys_without_copies_are_not_tracked(self):
        before = self.tracked()
        for _ in self.many([["GET", f"asked:{number}"] for number in range(20_000)]):
            pass
        for _ in self.many([["HGET", f"asked:{number}", "a"] for number in range(20_000)]):
            pass
        self.assertLess(self.tracked() - before, 10)
        for _ in self.many([["GET", f"copied:{number}"] for number in range(2_000)]):
            pass
        self.assertGreaterEqual(self.tracked() - before, 2_000)

    def test_d26_the_bound_holds_whatever_is_read(self):
        self.direct.call("DEBUG", "POPULATE", "100000", "copied", "512")
        commands = [["GET", f"copied:{number}"] for number in range(100_000)]
        for _ in self.many(commands[:2_000]):  # Buffers have their size.
            pass
        before = self.memory() - self.metric("pannier_local_bytes")
        for _ in self.many(commands):
            pass
        self.assertLessEqual(self.metric("pannier_local_bytes"), 16 * MIB)
        self.assertGreater(self.metric("pannier_local_bytes"), 14 * MIB)
        self.assertGreater(self.metric("pannier_local_evictions_total"), 50_000)
        self.assertLess(self.memory() - before, 1.3 * 16 * MIB)
        self.assertEqual(self.metric("pannier_local_keys"), int(self.info("local_keys")))

    def test_d22_hot_keys_without_copies_are_asked_about_once_each(self):
        keys = 100
        names = [f"copied:{number:012}" for number in range(keys)]
        self.direct.call("MSET", *[word for name in names for word in (name, "x")])
        load = subprocess.Popen(
            ["redis-benchmark", "-p", str(self.pannier.port), "-c", "20", "-P", "8", "-r", str(keys),
             "-n", "100000000", "-q", "GET", "copied:__rand_int__"], stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL)
        self.addCleanup(load.wait)
        self.addCleanup(load.kill)
        hits = 'pannier_tier_local_hits_total{tier="copied"}'
        for _ in range(5):
            served = self.metric(hits)
            wait_until(lambda: self.metric(hits) > served + 20_000, "copies are served")
            before = self.asked()
            self.relay.break_all()
            served = self.metric(hits)
            wait_until(lambda: self.metric(hits) > served + 5_000, "copies are served again")
            self.assertLessEqual(self.asked() - before, 1.5 * keys)  # Usually 101 to 103.


class Roles(Upstream):
    def test_d21_of_a_replica_there_are_no_copies_until_it_is_promoted(self):
        with Redis("--repl-diskless-sync-delay", "0", "--replicaof", "127.0.0.1",
                   str(self.redis.port)) as replica, Pannier(RULES, replica.port) as pannier, \
                pannier.wire() as wire, replica.wire() as direct:
            self.direct.call("SET", "copied:1", "one")
            wait_until(lambda: direct.call("GET", "copied:1") == bulk("one"), "it follows")
            self.direct, self.wire, self.pannier = direct, wire, pannier
            wait_until(lambda: self.info("upstream") == "up", "up")
            self.assertEqual(self.info("coherence"), "off")
            self.assertIn("upstream_is_replica", pannier.log_text())
            before = self.asked()
            for _ in range(10):
                self.assertEqual(wire.call("GET", "copied:1"), bulk("one"))
            self.assertEqual(self.asked(), before + 10)
            direct.call("REPLICAOF", "NO", "ONE")
            wait_until(lambda: self.info("coherence") == "push", "it is known", 5)
            wait_until(lambda: self.is_copied("copied:1", "one"), "a copy", 5)

    def test_c11_a_demotion_is_noticed_by_those_who_only_read(self):
        with Redis() as other, other.wire() as there:
            for wire in (self.direct, there):
                wire.call("SET", "copied:1", "old")
            wait_until(lambda: self.is_copied("copied:1", "old"), "a copy")
            # From here on the old primary is cut off from everything but those who read from it.
            self.relay.target = other.port
            self.direct.call("REPLICAOF", "127.0.0.1", str(free_port()))
            there.call("SET", "copied:1", "new")
            began, late, fresh = time.monotonic(), 0, 0
            while (sent := time.monotonic()) - began < 4:
                reply = self.wire.call("GET", "copied:1")
                late += reply == bulk("old") and sent - began > 2.1
                fresh += reply == bulk("new")
            self.assertEqual(late, 0)
            self.assertGreater(fresh, 0)
            self.assertEqual(self.info("coherence"), "push")


if __name__ == "__main__":
    unittest.main()
