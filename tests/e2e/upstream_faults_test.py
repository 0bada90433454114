#!/usr/bin/python3
"""What clients hear while Redis is not there, dies, hangs, and comes back."""

import signal
import time
import unittest

import admin_client
from fault_bench import RULES, Faults
from support import wait_until


class RedisIsNotThere(Faults):
    def test_the_sidecar_serves_from_memory_and_says_so(self):
        self.start(redis_runs=False)
        self.await_state("absent")
        self.assertEqual(self.wire.call("SET", "a", "1"), b"+OK\r\n")
        self.assertEqual(self.wire.call("INCR", "a"), b":2\r\n")
        self.assertEqual(self.wire.call("GET", "a"), b"$1\r\n2\r\n")
        wait_until(lambda: "serving=memory" in self.pannier.log_text(), "the log says so")

    def test_what_was_in_memory_is_dropped_when_redis_appears(self):
        self.start(redis_runs=False)
        self.await_state("absent")
        self.wire.call("SET", "a", "from memory")
        self.redis.start()
        self.await_state("up", seconds=3)
        self.assertEqual(self.wire.call("GET", "a"), b"$-1\r\n")
        self.assertEqual(self.wire.call("SET", "a", "in Redis"), b"+OK\r\n")
        with self.redis.wire() as direct:
            self.assertEqual(direct.call("GET", "a"), b"$8\r\nin Redis\r\n")
        wait_until(lambda: "event=upstream_ready" in self.pannier.log_text(), "the log says so")

    def test_with_embedded_false_unruled_keys_get_an_error(self):
        self.start("upstream: {embedded: false}\n" + RULES, redis_runs=False)
        self.await_state("down")
        self.assertEqual(self.wire.call("GET", "a"), self.refused)

    def test_commands_that_memory_does_not_know_get_an_error(self):
        self.start(redis_runs=False)
        self.await_state("absent")
        self.assertEqual(self.wire.call("ZADD", "z", "1", "a"), self.refused)


    def test_a_subscriber_reads_why_before_it_is_closed(self):
        for config in (RULES, "upstream: {embedded: false}\n" + RULES):
            self.start("deny: []\n" + config, redis_runs=False)
            self.await_state("absent", "down")
            for command in (b"SUBSCRIBE news", b"PSUBSCRIBE n*", b"MONITOR"):
                with self.subTest(command), self.pannier.wire() as wire:
                    wire.send(command + b"\r\n")
                    self.assertEqual(wire.rest(quiet=5), (self.refused, True))

    def test_nobody_knows_how_long_a_redis_is_silent_that_never_was_there(self):
        self.start(redis_runs=False)
        self.await_state("absent")
        stats = admin_client.get(self.pannier.admin_port, "/stats").json
        self.assertIsNone(stats["state"]["lane_silent_ms"])


class RedisDies(Faults):
    def test_keys_without_rule_get_an_error_that_says_not_executed(self):
        self.start()
        self.wire.call("SET", "a", "1")
        self.kill_redis()
        for words in (("GET", "a"), ("SET", "a", "2"), ("MGET", "a", "b"), ("LPUSH", "l", "x"),
                      ("EVAL", "return 1", "0"), ("NONSENSE",)):
            wait_until(lambda words=words: self.wire.call(*words) == self.refused,
                       f"{words} is refused", 3)

    def test_tiers_do_as_on_down_says(self):
        self.start()
        for tier in ("lost", "missed", "kept"):
            self.wire.call("SET", f"{tier}:1", "old")
        self.kill_redis()
        wait_until(lambda: self.wire.call("GET", "lost:1") == self.refused, "lost:1 is refused", 3)
        self.assertEqual(self.wire.call("GET", "missed:1"), b"$-1\r\n")
        self.assertEqual(self.wire.call("SET", "missed:1", "x"), self.refused)
        self.assertEqual(self.wire.call("GET", "kept:1"), b"$-1\r\n")
        self.assertEqual(self.wire.call("SET", "kept:1", "new"), b"+OK\r\n")
        self.assertEqual(self.wire.call("GET", "kept:1"), b"$3\r\nnew\r\n")

    def test_the_sidecar_is_connected_again_within_3_seconds(self):
        self.start()
        for _ in range(3):
            self.kill_redis()
            time.sleep(0.5)  # The pauses between attempts grow meanwhile.
            self.redis.start()
            wait_until(lambda: self.wire.call("SET", "a", "1") == b"+OK\r\n", "SET works", 3)
            wait_until(lambda: self.wire.call("LPUSH", "l", "1")[:1] == b":", "LPUSH works", 3)

    def test_values_of_the_outage_are_not_seen_after_it(self):
        self.start()
        self.kill_redis()
        self.assertEqual(self.wire.call("SET", "kept:1", "of the outage"), b"+OK\r\n")
        self.redis.start()
        self.await_state("up", seconds=3)
        self.assertEqual(self.wire.call("GET", "kept:1"), b"$-1\r\n")

    def test_commands_on_their_way_have_an_unknown_outcome(self):
        self.start()
        self.wire.call("GET", "a")
        self.redis.process.send_signal(signal.SIGSTOP)
        with self.pannier.wire() as ruled:
            self.wire.send(b"INCR n\r\nINCR n\r\n")
            ruled.send(b"SET lost:1 x\r\n")
            wait_until(lambda: self.metric("pannier_commands_total") >= 4, "all have been sent")
            self.redis.process.kill()
            self.assertEqual([self.wire.reply(), self.wire.reply()], [self.lost] * 2)
            self.assertEqual(ruled.reply(), self.lost)

    def test_a_transaction_that_loses_its_connection_is_not_executed_by_halves(self):
        self.start()
        self.assertEqual(self.wire.call("WATCH", "a"), b"+OK\r\n")
        self.assertEqual(self.wire.call("MULTI"), b"+OK\r\n")
        self.assertEqual(self.wire.call("SET", "a", "1"), b"+QUEUED\r\n")
        self.redis.stop()
        self.redis.start()
        self.await_state("up", seconds=3)
        self.assertEqual(self.wire.call("EXEC"), self.lost)
        self.assertEqual(self.wire.call("GET", "a"), b"$-1\r\n")

    def test_a_multi_that_was_refused_begins_nothing(self):
        self.start()
        self.kill_redis()
        for words in (("MULTI",), ("WATCH", "a")):
            self.await_reply(self.refused, *words)
        self.redis.start()
        self.await_state("up", seconds=3)
        wait_until(lambda: self.wire.call("GET", "a") == b"$-1\r\n", "GET works again", 3)

    def test_a_subscriber_is_disconnected_so_that_it_subscribes_again(self):
        self.start()
        self.wire.call("SUBSCRIBE", "news")
        self.redis.stop()
        self.assertTrue(self.wire.rest(quiet=5)[1], "the connection is closed")


class RedisHangs(Faults):
    def stop_redis(self):
        self.redis.process.send_signal(signal.SIGSTOP)

    def test_a_reply_that_takes_too_long_is_an_error(self):
        self.start()
        self.wire.call("GET", "a")
        self.stop_redis()
        begun = time.monotonic()
        self.assertEqual(self.wire.call("GET", "a"), self.late)
        self.assertGreaterEqual(time.monotonic() - begun, 0.95)
        self.assertLess(time.monotonic() - begun, 3)
        self.redis.process.send_signal(signal.SIGCONT)
        wait_until(lambda: self.wire.call("GET", "a") == b"$-1\r\n", "GET works", 3)

    def test_transactions_get_the_error_too(self):
        self.start()
        self.assertEqual(self.wire.call("MULTI"), b"+OK\r\n")
        self.stop_redis()
        self.assertEqual(self.wire.call("SET", "a", "1"), self.late)

    def test_blocking_commands_may_take_as_long_as_they_like(self):
        self.start()
        self.assertEqual(self.wire.call("BLPOP", "q", "1.5"), b"*-1\r\n")


if __name__ == "__main__":
    unittest.main()
