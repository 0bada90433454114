#!/usr/bin/python3
"""Redis is killed, stopped and comes back: what goes on without it. Section 10 of the design; rows
C2, C3, C5, C7 of the failures. What must be put right afterwards: journal_test.py."""

import os
import re
import signal
import socket
import subprocess
import time
import unittest
import unittest.mock

import admin_client
from degradation_bench import TIERS, Degraded, bulk
from support import BINARY, wait_until


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

    def test_d23_a_value_that_is_never_replaced_leaves_with_its_ttl_and_window(self):
        """Whoever is told to load it does not: it is served until its end in Redis, and no longer."""
        self.start(TIERS.replace("tiers:\n", "tiers:\n  ahead: {ttl: 1s, stale: 1s, refresh: 50%, "
                                 "local: 30s, on_down: stale, coalesce: sidecar}\n")
                   + '  - {match: "ahead:*", tier: ahead}\n')
        self.await_state("up")
        begun = time.monotonic()
        self.keep("ahead:1", "old")
        seen = []
        while time.monotonic() - begun < 3:
            with self.pannier.wire() as other:  # One that was told to load goes away without.
                seen.append((time.monotonic() - begun, other.call("GET", "ahead:1")))
            time.sleep(0.02)
        old = [at for at, reply in seen if reply == bulk("old")]
        self.assertGreater(max(old), 1.2)  # Into the window ...
        self.assertLess(max(old), 2.3)     # ... but not past it.

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


class Breaker(Degraded):
    def breaker(self):
        stats = self.wire.call("PANNIER", "STATS").replace(b"\r\n", b" ")
        return re.search(rb"breaker \$\d+ (\w+)", stats)[1].decode()

    def test_c2_c5_a_stopped_redis_is_asked_by_one_probe_at_a_time(self):
        """Its kernel accepts connections, so only the handshake tells that it is not there."""
        self.start(TIERS)
        self.await_state("up")
        self.assertEqual(self.breaker(), "closed")
        self.stop_redis()
        wait_until(lambda: self.breaker() == "open", "the breaker is open")
        commands = [("GET", "plain:1"), ("SET", "plain:1", "x"), ("GET", "other"), ("MULTI",),
                    ("HGETALL", "other"), ("EVAL", "return 1", "0"), ("MGET", "plain:1", "other")]
        slow, asked, states, begun = 0, 0, set(), time.monotonic()
        while time.monotonic() - begun < 3:
            for words in commands:
                at = time.monotonic()
                self.assertTrue(self.wire.call(*words).endswith(b"; not executed\r\n"))
                slow += time.monotonic() - at > 0.1
                asked += 1
            states.add(self.breaker())
            with socket.create_connection(("127.0.0.1", self.redis.port), 1):
                pass  # It is accepted, as the sidecar's probes are.
            time.sleep(0.01)
        self.assertLessEqual(slow, asked // 100)
        self.assertEqual(states, {"open", "half_open"})
        self.assertEqual(self.metric('pannier_breaker{state="closed"}'), 0)
        ready = admin_client.get(self.pannier.admin_port, "/readyz").body.decode()
        self.assertRegex(ready, "upstream down, breaker (half_)?open")
        self.go_on()
        self.await_state("up", seconds=5)
        self.assertEqual(self.breaker(), "closed")
        self.assertEqual(self.metric('pannier_breaker{state="closed"}'), 1)
        self.await_reply(b"+OK\r\n", "SET", "other", "1")
        self.await_reply(b"+OK\r\n", "SET", "plain:1", "1")

    def test_c7_coming_and_going_leaves_it_closed(self):
        self.start(TIERS)
        for _ in range(5):
            self.stop_redis()
            time.sleep(0.4)
            self.go_on()
            time.sleep(0.4)
        self.await_reply(b"+OK\r\n", "SET", "other", "1", seconds=5)
        wait_until(lambda: self.breaker() == "closed", "it is closed", 5)


class Modes(Degraded):
    def start_with(self, config=TIERS, **variables):
        with unittest.mock.patch.dict(os.environ, variables):
            self.start(config)

    def mode(self):
        stats = self.wire.call("PANNIER", "STATS").replace(b"\r\n", b" ")
        return re.search(rb"mode \$\d+ (\w+) \$\d+ mode_from \$\d+ ([\w ]+?) \$", stats).groups()

    def test_the_applications_own_switch_makes_the_sidecar_pass_everything(self):
        self.start_with(CACHE_DISABLE="true")
        self.await_reply(b"+OK\r\n", "SET", "stale:1", "x")
        self.assertEqual(self.wire.call("TTL", "stale:1"), b":-1\r\n")
        self.assertEqual(self.mode(), (b"bypass", b"CACHE_DISABLE"))
        self.assertIn("CACHE_DISABLE", self.pannier.log_text())
        self.assertEqual(self.wire.call("PANNIER", "MODE", "normal"), b"+OK\r\n")
        self.assertEqual(self.wire.call("SET", "stale:1", "x"), b"+OK\r\n")
        self.assertEqual(self.wire.call("TTL", "stale:1"), b":2\r\n")
        self.assertEqual(self.mode(), (b"normal", b"PANNIER MODE"))

    def test_without_redis_by_the_environment_and_over_the_file(self):
        self.start_with("mode: bypass\n" + TIERS, SKIP_REDIS="yes")
        self.assertEqual(self.wire.call("SET", "other", "x"), b"+OK\r\n")
        with self.redis.wire() as direct:
            self.assertEqual(direct.call("EXISTS", "other"), b":0\r\n")
        self.assertEqual(self.mode(), (b"memory", b"SKIP_REDIS"))

    def test_what_is_not_understood_is_refused_at_start(self):
        for variables, words in (({"SKIP_REDIS": "maybe"}, "SKIP_REDIS: 'maybe'"),
                                 ({"PANNIER_MODE": "off"}, "PANNIER_MODE: 'off' is not")):
            line = [BINARY, "run", "--listen", "127.0.0.1:0", "--admin", "off"]
            ran = subprocess.run(line, env={**os.environ, **variables}, capture_output=True,
                                 text=True, timeout=10)
            self.assertEqual(ran.returncode, 78, ran.stderr)
            self.assertIn(words, ran.stderr)

    def test_what_was_removed_in_mode_memory_is_removed_in_redis(self):
        self.start(TIERS)
        self.await_reply(b"+OK\r\n", "SET", "stale:1", "old")
        self.wire.call("PANNIER", "MODE", "memory")
        self.assertEqual(self.wire.call("DEL", "stale:1"), b":0\r\n")
        self.wire.call("PANNIER", "MODE", "normal")
        self.assertEqual(self.wire.call("GET", "stale:1"), b"$-1\r\n")


if __name__ == "__main__":
    unittest.main()
