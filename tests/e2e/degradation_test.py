#!/usr/bin/python3
"""Redis is killed, stopped and comes back: what goes on without it, and what is put right after it.
Section 10 of the design; rows C2, C3, C5, C7, D23 of the failures."""

import os
import signal
import threading
import time
import unittest

from fault_bench import Faults
from support import encode, wait_until

TIERS = """
upstream: {op_timeout: 1s, max_lag: 1s}
tiers:
  plain: {ttl: 60s, local: 30s}
  stale: {ttl: 2s, local: 500ms, on_down: stale, stale_if_error: 30s}
  brief: {ttl: 60s, local: 30s, on_down: miss, stale_if_error: 1500ms}
  window: {ttl: 1s, stale: 60s, local: 30s, on_down: stale, coalesce: sidecar}
rules:
  - {match: "plain:*", tier: plain}
  - {match: "stale:{id}", tier: stale, tags: ["group", "one:{id}"]}
  - {match: "brief:*", tier: brief}
  - {match: "window:*", tier: window}
"""


def bulk(text):
    return b"$%d\r\n%s\r\n" % (len(text), text.encode())


class Degraded(Faults):
    def keep(self, key, value):
        """Makes the sidecar keep a copy of a value that Redis has."""
        self.assertEqual(self.wire.call("SET", key, value), b"+OK\r\n")
        self.assertEqual(self.wire.call("GET", key), bulk(value))
        time.sleep(0.02)  # The push of the SET may have removed the first one.
        self.assertEqual(self.wire.call("GET", key), bulk(value))

    def stop_redis(self):
        """It answers nothing, and its kernel accepts connections."""
        os.kill(self.redis.pid, signal.SIGSTOP)
        self.addCleanup(self.go_on)

    def go_on(self):
        if self.redis.process.poll() is None:
            os.kill(self.redis.pid, signal.SIGCONT)

    def stale_served(self, tier):
        return self.metric('pannier_tier_stale_on_error_total{tier="%s"}' % tier)


class Stale(Degraded):
    def test_values_go_on_without_an_error_while_redis_is_killed_and_not_after_it(self):
        self.start(TIERS)
        self.await_state("up")
        for number in range(20):
            self.keep(f"stale:{number}", f"v{number}")
        self.wire.call("HSET", "stale:hash", "a", "1")
        for _ in range(2):
            self.assertEqual(self.wire.call("HGETALL", "stale:hash"), b"*2\r\n" + bulk("a") + bulk("1"))
            time.sleep(0.02)
        for number in range(20):  # All of them once more: their copies last half a second.
            self.assertEqual(self.wire.call("GET", f"stale:{number}"), bulk(f"v{number}"))
        self.redis.stop()
        times, begun = [], time.monotonic()
        while time.monotonic() - begun < 3:
            for number in range(20):
                asked = time.perf_counter()
                self.assertEqual(self.wire.call("GET", f"stale:{number}"), bulk(f"v{number}"))
                times.append(time.perf_counter() - asked)
            time.sleep(0.01)
        self.assertLess(sorted(times)[len(times) * 99 // 100], 0.02)
        self.assertEqual(self.wire.call("MGET", "stale:1", "stale:2"),
                         b"*2\r\n" + bulk("v1") + bulk("v2"))
        self.assertEqual(self.wire.call("STRLEN", "stale:1"), b":2\r\n")
        self.assertEqual(self.wire.call("HGETALL", "stale:hash"), b"*2\r\n" + bulk("a") + bulk("1"))
        self.assertGreaterEqual(self.stale_served("stale"), len(times))
        self.assertIn(b"stale_on_error", self.wire.call("PANNIER", "EXPLAIN", "stale:1"))
        self.assertEqual(self.wire.call("GET", "stale:none"), self.refused)
        self.redis.start()  # Without its data.
        self.await_state("up")
        for number in range(20):
            self.assertEqual(self.wire.call("GET", f"stale:{number}"), b"$-1\r\n")

    def test_c2_a_stopped_redis_costs_one_timeout_and_no_error(self):
        self.start(TIERS)
        self.await_state("up")
        for number in range(5):
            self.keep(f"stale:{number}", "old")
        self.stop_redis()
        slow, begun = 0, time.monotonic()
        while time.monotonic() - begun < 10:
            asked = time.monotonic()
            self.assertEqual(self.wire.call("GET", "stale:1"), bulk("old"))
            slow += time.monotonic() - asked > 0.1
            time.sleep(0.02)
        self.assertLessEqual(slow, 3)
        self.go_on()
        self.await_state("up")
        # Its TTL of two seconds is long over in Redis.
        self.assertEqual(self.wire.call("GET", "stale:1"), b"$-1\r\n")

    def test_it_ends_with_stale_if_error(self):
        self.start(TIERS)
        self.await_state("up")
        self.keep("brief:1", "old")
        self.keep("plain:1", "old")
        self.redis.stop()
        self.assertEqual(self.wire.call("GET", "brief:1"), bulk("old"))
        self.await_reply(self.refused, "GET", "plain:1")
        time.sleep(1.6)
        self.assertEqual(self.wire.call("GET", "brief:1"), b"$-1\r\n")

    def test_a_value_in_its_stale_window_stays_too(self):
        self.start(TIERS)
        self.await_state("up")
        self.keep("window:1", "old")
        time.sleep(1.1)
        with self.pannier.wire() as other:
            self.assertEqual(self.wire.call("GET", "window:1"), b"$-1\r\n")  # Elected to load it.
            self.assertEqual(other.call("GET", "window:1"), bulk("old"))
            self.redis.stop()
            for wire in (self.wire, other):
                self.assertEqual(wire.call("GET", "window:1"), bulk("old"))

    def test_what_was_written_or_invalidated_meanwhile_is_not_served(self):
        self.start(TIERS)
        self.await_state("up")
        changes = {
            "1": ("SET", "brief:1", "new"),
            "2": ("APPEND", "brief:2", "more"),
            "3": ("PEXPIRE", "brief:3", "1"),
            "4": ("DEL", "brief:4"),
            "5": ("PANNIER", "INVALIDATE", "KEY", "brief:5"),
        }
        for number in changes:
            self.keep(f"brief:{number}", "old")
        self.keep("brief:6", "old")
        self.keep("stale:7", "old")
        self.redis.stop()
        for number, words in changes.items():
            self.assertEqual(self.wire.call("GET", f"brief:{number}"), bulk("old"))
            self.wire.call(*words)
            self.assertEqual(self.wire.call("GET", f"brief:{number}"), b"$-1\r\n")
        self.assertEqual(self.wire.call("GET", "brief:6"), bulk("old"))
        self.assertEqual(self.wire.call("GET", "stale:7"), bulk("old"))
        self.wire.call("FLUSHALL")
        self.assertEqual(self.wire.call("GET", "brief:6"), b"$-1\r\n")

    def test_other_databases_too(self):
        self.start(TIERS)
        self.await_state("up")
        for db in ("1", "0"):
            self.wire.call("SELECT", db)
            self.keep(f"brief:{db}", f"of {db}")  # A push does not say in which database.
        self.redis.stop()
        for db in ("1", "0"):
            self.wire.call("SELECT", db)
            self.assertEqual(self.wire.call("GET", f"brief:{db}"), bulk(f"of {db}"))

    def test_a_frozen_sidecar_asks_before_it_serves(self):
        """D6 with stale_if_error: silence alone is no reason to serve what may be old."""
        self.start(TIERS)
        self.await_state("up")
        self.keep("brief:1", "old")
        os.kill(self.pannier.pid, signal.SIGSTOP)
        time.sleep(1.3)
        with self.redis.wire() as direct:
            direct.call("SET", "brief:1", "new")
        os.kill(self.pannier.pid, signal.SIGCONT)
        self.assertEqual(self.wire.call("GET", "brief:1"), bulk("new"))


if __name__ == "__main__":
    unittest.main()
