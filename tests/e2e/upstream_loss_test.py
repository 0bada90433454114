#!/usr/bin/python3
"""Redis is killed, stopped, cut off and comes back while clients go on. Group C of the failures."""

import os
import random
import time
import unittest

from canary import OWN_ERROR, Canaries, fill
from fault_bench import RULES, Faults
from support import encode, wait_until

CRASHES = int(os.environ.get("PANNIER_CRASHES", "20"))
FLAPS = int(os.environ.get("PANNIER_FLAPS", "15"))
QUIET_LANE = "upstream: {max_lag: 1h}\n"  # No heartbeats: only what a test sends passes the relay.


class Load(Faults):
    def canaries(self):
        fill(self.redis)
        return self.enterContext(Canaries(self.pannier.port))


class Counting:
    """What one client hears about 10 INCR and 10 GET of a key, sent again and again at once."""

    def __init__(self, wire, key, batches):
        self.wire, self.left = wire, 10 * batches
        self.acked, self.unknown, self.last = 0, 0, 0
        wire.send((encode("INCR", key) + encode("GET", key)) * 10 * batches)

    def hear(self, most=1 << 30):
        """The next `most` pairs of replies, or all that are left."""
        pairs = min(most, self.left)
        self.left -= pairs
        for _ in range(pairs):
            self.hear_write(self.wire.reply())
            self.hear_read(self.wire.reply())

    def hear_write(self, reply):
        if reply[:1] == b":":
            self.acked += 1
            assert int(reply[1:]) > self.last, (reply, self.last)
            self.last = int(reply[1:])
        else:
            assert OWN_ERROR.fullmatch(reply), reply
            self.unknown += reply.endswith(b"outcome unknown\r\n")

    def hear_read(self, reply):
        if reply[:1] == b"-":
            assert OWN_ERROR.fullmatch(reply), reply
        else:
            value = 0 if reply == b"$-1\r\n" else int(reply.split(b"\r\n")[1])
            assert value >= self.last, (reply, self.last)


class RedisIsKilled(Load):
    def test_c1_killed_redis_executes_what_was_acknowledged_and_nothing_twice(self):
        """Afterwards a counter is between what was acknowledged and that plus what is unknown."""
        self.start(redis_options=("--appendonly", "yes", "--appendfsync", "no"))
        seed = random.SystemRandom().randrange(1 << 32)
        dice, acked, unknown = random.Random(seed), 0, 0
        for number in range(CRASHES):
            with self.subTest(round=number, seed=seed):
                one, other = self.crash(("lost:n%d", "plain:n%d")[number % 2] % number, dice)
                acked, unknown = acked + one, unknown + other
        # Kills that always come too early, or too late, would prove nothing.
        self.assertGreater(acked, 0)
        self.assertGreater(unknown, 0)

    def crash(self, key, dice):
        self.await_reply(b"$-1\r\n", "GET", key)
        with self.pannier.wire() as a, self.pannier.wire() as b, self.pannier.wire() as c:
            clients = [Counting(wire, key, 20) for wire in (a, b, c)]
            clients[0].hear(dice.randint(1, 200))
            self.redis.stop()
            for client in clients:
                client.hear()
        self.redis.start()
        with self.redis.wire() as direct:
            reply = direct.call("GET", key)
        value = 0 if reply == b"$-1\r\n" else int(reply.split(b"\r\n")[1])
        acked, unknown = (sum(getattr(client, name) for client in clients)
                          for name in ("acked", "unknown"))
        self.assertLessEqual(acked, value)
        self.assertLessEqual(value, acked + unknown)
        return acked, unknown

    def test_c1_a_read_under_a_rule_is_asked_again_and_a_write_is_not(self):
        self.start(RULES + QUIET_LANE, relayed=True)
        self.wire.call("SET", "lost:1", "x")
        self.relay.to_server.cut_inside(encode("GET", "lost:1"), 5)
        self.assertEqual(self.wire.call("GET", "lost:1"), b"$1\r\nx\r\n")
        self.relay.to_server.cut_inside(b"lost:2", 2)
        self.assertEqual(self.wire.call("SET", "lost:2", "x"), self.lost)
        self.relay.to_server.cut_inside(encode("GET", "lost:1"), 5)
        self.wire.send(encode("GET", "lost:1") + encode("SET", "lost:1", "later"))
        self.assertEqual(self.wire.reply(), self.lost)  # It might have read what was sent after it.
        self.assertEqual(self.wire.reply(), self.lost)
        self.await_reply(b":1\r\n", "EXISTS", "lost:1")
        self.wire.call("HELLO", "3")
        writes = encode("EVAL", "return redis.call('SET', 'lost:1', 'later')", "0")
        self.relay.to_server.cut_inside(encode("GET", "lost:1"), 5)
        self.wire.send(encode("GET", "lost:1") + writes)
        self.assertEqual([self.wire.reply(), self.wire.reply()], [self.lost] * 2)
        self.assertEqual(self.metric("pannier_reads_retried_total"), 1)

    def test_c1_no_more_reads_are_asked_again_than_the_budget_allows(self):
        self.start(RULES + QUIET_LANE, relayed=True)
        self.await_reply(b"$-1\r\n", "GET", "lost:0")
        self.relay.hold()
        self.wire.send(b"".join(encode("GET", f"lost:{i}") for i in range(500)))
        wait_until(lambda: self.metric('pannier_tier_reads_total{tier="lost"}') == 501, "all are sent")
        self.relay.break_all()
        self.relay.release()
        replies = [self.wire.reply() for _ in range(500)]
        answered = replies.count(b"$-1\r\n")
        self.assertEqual(replies, [b"$-1\r\n"] * answered + [self.lost] * (500 - answered))
        self.assertEqual(answered, self.metric("pannier_reads_retried_total"))
        self.assertTrue(50 <= answered <= 60, answered)

    def test_c18_a_write_cut_off_anywhere_has_an_unknown_outcome_and_is_not_sent_again(self):
        self.start(QUIET_LANE, relayed=True)
        key = "counter:of:19:bytes"
        command = encode("INCR", key)
        self.assertEqual(len(command), 40)
        for sent in range(41):
            for breaks_with_reset in (False, True):
                with self.subTest(sent=sent, reset=breaks_with_reset):
                    self.await_reply(b":0\r\n", "EXISTS", "none")
                    self.relay.to_server.cut_inside(command, sent, breaks_with_reset)
                    reply = self.wire.call("INCR", key)
                    if sent < len(command) or reply[:1] != b":":  # Whole, it may be answered yet.
                        self.assertEqual(reply, self.lost)
        with self.redis.wire() as direct:
            reply = direct.call("GET", key)
        # Only those that passed whole can have been executed.
        self.assertIn(reply, (b"$-1\r\n", b"$1\r\n1\r\n", b"$1\r\n2\r\n"))

    def test_c18_replies_cut_off_anywhere_are_not_taken_for_whole(self):
        self.start(QUIET_LANE, relayed=True)
        self.wire.call("SET", "a", "0123456789")
        reply = b"$10\r\n0123456789\r\n"
        for passed in range(len(reply)):
            with self.subTest(passed=passed):
                self.await_reply(b":0\r\n", "EXISTS", "none")
                self.relay.to_client.cut_inside(reply, passed, passed % 2 == 1)
                self.assertEqual(self.wire.call("GET", "a"), self.lost)


class RedisHangs(Load):
    def test_c3_silence_is_noticed_without_any_client_asking(self):
        self.start(relayed=True)
        self.await_state("up")
        self.relay.swallow()
        begun = time.monotonic()
        self.await_state("down", seconds=10)
        self.assertGreater(time.monotonic() - begun, 0.5)  # op_timeout and no less, but for a beat.
        self.assertEqual(self.wire.call("GET", "a"), self.down(b"connect timeout"))
        self.assertEqual(self.wire.call("GET", "lost:1"), self.down(b"connect timeout"))
        self.assertEqual(self.wire.call("MULTI"), self.down(b"connect timeout"))
        self.relay.swallow(False)
        self.await_reply(b"+OK\r\n", "SET", "a", "1")
        self.await_reply(b"$-1\r\n", "GET", "lost:1")

    def test_c3_what_was_asked_before_the_silence_is_late(self):
        self.start(relayed=True)
        canaries = self.canaries()
        self.assertEqual(self.wire.call("SET", "a", "1"), b"+OK\r\n")
        self.relay.swallow()
        self.assertEqual(self.wire.call("INCR", "a"), self.late)
        canaries.await_errors()
        self.relay.swallow(False)
        canaries.await_right()
        self.assertEqual(canaries.wrong, [])
        self.assertEqual(self.wire.call("GET", "a"), b"$1\r\n1\r\n")


class RedisComesAndGoes(Load):
    def test_c5_while_redis_is_away_it_is_tried_seldom_and_said_once(self):
        self.start("upstream: {embedded: false}\n" + RULES)
        self.await_reply(b"+OK\r\n", "SET", "a", "1")
        self.kill_redis()
        self.await_reply(self.refused, "GET", "a")
        wait_until(lambda: "event=breaker state=open" in self.pannier.log_text(), "it is said")
        lines, cpu, begun = self.pannier.log_text().count("\n"), self.cpu(), time.monotonic()
        attempts = self.metric("pannier_upstream_connect_failures_total")
        time.sleep(2)
        passed = time.monotonic() - begun
        self.assertLess(self.cpu() - cpu, 0.3 * passed)
        # With full jitter between 50 ms and 2 s; a loop without pauses would be thousands.
        self.assertLess(self.metric("pannier_upstream_connect_failures_total") - attempts, 60)
        for _ in range(20):
            self.wire.send(encode("GET", "a") * 500 + encode("GET", "lost:1") * 500)
            self.assertEqual({self.wire.reply() for _ in range(1000)}, {self.refused})
        self.assertLess(self.metric("pannier_upstream_connect_failures_total") - attempts, 200)
        self.assertEqual(self.pannier.log_text().count("\n"), lines)
        self.redis.start()
        self.await_reply(b"$-1\r\n", "GET", "a", seconds=5)
        self.await_reply(b"$-1\r\n", "GET", "lost:1", seconds=5)

    def test_c7_after_much_coming_and_going_it_is_there_again(self):
        self.start(relayed=True)
        canaries = self.canaries()
        for _ in range(FLAPS):
            self.relay.cut(reset=True)
            time.sleep(0.2)
            self.relay.listen()
            time.sleep(0.2)
        canaries.await_right(seconds=5)
        self.await_reply(b"+OK\r\n", "SET", "a", "1", seconds=5)
        self.assertEqual(canaries.wrong, [])

    def test_c21_a_redis_with_too_many_clients_is_one_that_cannot_be_reached(self):
        self.start()
        self.assertEqual(self.wire.call("GET", "lost:1"), b"$-1\r\n")  # The lane is there, no more.
        with self.redis.wire() as direct:
            self.assertEqual(direct.call("CONFIG", "SET", "maxclients", "2"), b"+OK\r\n")
            full = self.down(b"ERR max number of clients reached")
            for words in (("NONSENSE",), ("MULTI",), ("BLPOP", "q", "1")):
                with self.pannier.wire() as wire:
                    self.assertEqual(wire.call(*words), full, words)
            self.assertEqual(self.wire.call("GET", "lost:1"), b"$-1\r\n")
            self.assertEqual(direct.call("CONFIG", "SET", "maxclients", "100"), b"+OK\r\n")
        self.await_reply(b"+OK\r\n", "SET", "a", "1")

    def test_c22_an_idle_timeout_of_redis_costs_no_command(self):
        self.start(redis_options=("--timeout", "1"))
        for _ in range(2):
            self.assertEqual(self.wire.call("SET", "a", "1"), b"+OK\r\n")
            self.assertEqual(self.wire.call("GET", "lost:1"), b"$-1\r\n")
            with self.redis.wire() as direct:  # It closes what has been idle for a second ...
                self.assertTrue(direct.rest(quiet=10)[1])
            time.sleep(0.5)
        self.assertEqual(self.wire.call("GET", "a"), b"$1\r\n1\r\n")
        self.assertEqual(self.metric("pannier_lane_losses_total"), 0)  # ... but not the lane.


if __name__ == "__main__":
    unittest.main()
