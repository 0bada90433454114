#!/usr/bin/python3
"""Clients that send slowly, in any pieces, what is no command, and go without a word. Rows of groups A
and B of the failures."""

import contextlib
import random
import threading
import time
import unittest

from fault_bench import RULES, Faults
from sockets_of import sockets_of
from support import encode


class Slow(Faults):
    def test_a6_what_is_never_finished_is_closed_and_one_byte_at_a_time_is_not(self):
        self.start("limits: {client_partial_timeout: 2s}\n")
        stuck = [self.enterContext(self.pannier.wire(10)) for _ in range(3)]
        for wire, sent in zip(stuck, (b"*1\n$4\nPING\n", b"*2\r\n$3\r\nGET\r\n$5\r\nab", b"PING")):
            wire.send(sent)
        slow = [self.enterContext(self.pannier.wire(10)) for _ in range(5)]
        for byte in b"ECHO 1\r\n":
            for wire in slow:
                wire.send(bytes([byte]))
            self.assertEqual(self.wire.call("PING"), b"+PONG\r\n")
            time.sleep(0.5)
        for wire in slow:
            self.assertEqual(wire.reply(), b"$1\r\n1\r\n")
        for wire in stuck:
            self.assertEqual(wire.rest(quiet=10), (b"", True))
        self.assertEqual(self.metric('pannier_client_closed_total{why="partial_timeout"}'), 3)
        self.assertEqual(self.wire.call("PING"), b"+PONG\r\n")  # Idle is not unfinished.

    def test_a7_an_inline_command_without_end_is_refused_however_it_comes(self):
        self.start("")
        for size in (61, 4096):
            with self.pannier.wire() as wire:
                with contextlib.suppress(OSError):
                    for _ in range(65_600 // size + 1):
                        wire.send(b"a" * size)
                received, closed = wire.rest(quiet=5)
                self.assertTrue(closed)
                # The error may be lost: it was sent while the client was still sending.
                self.assertIn(received, (b"-ERR Protocol error: too big inline request\r\n", b""))

    def test_a9_attacks_through_other_protocols_are_counted(self):
        self.start("")
        for sent in (b"POST / HTTP/1.1\r\nHost: x\r\n\r\nSET a 1\r\n", b"*1\r\n$5\r\nhOsT:\r\nSET a 1\r\n"):
            with self.pannier.wire() as wire:
                wire.send(sent)
                self.assertEqual(wire.rest(quiet=5), (b"", True))
        self.assertEqual(self.metric('pannier_client_closed_total{why="cross_protocol"}'), 2)
        self.assertEqual(self.wire.call("EXISTS", "a"), b":0\r\n")

    def test_a13_a_session_in_any_pieces_gets_the_same_replies(self):
        seed = random.SystemRandom().randrange(1 << 32)
        dice = random.Random(seed)
        self.start()
        session, replies = b"", b""
        while len(session) < 4096:
            key, value = dice.choice(("plain:1", "lost:1")), dice.randbytes(dice.randrange(300))
            session += encode("SET", key, value) + b"STRLEN " + key.encode() + b"\r\n*0\r\n" + encode("GET", key)
            replies += b"+OK\r\n:%d\r\n$%d\r\n%s\r\n" % (len(value), len(value), value)
        for _ in range(60):
            cuts = sorted(dice.sample(range(1, len(session)), dice.choice((1, 2, 10, 200))))
            for begin, end in zip([0, *cuts], [*cuts, len(session)]):
                self.wire.send(session[begin:end])
            self.assertEqual(self.wire.exactly(len(replies)), replies, f"seed {seed}")
        self.wire.socket.settimeout(20)
        sends = threading.Thread(target=self.wire.send, args=(session * 250,))  # 1 MiB at once.
        sends.start()
        self.assertEqual(self.wire.exactly(len(replies) * 250), replies * 250, f"seed {seed}")
        sends.join()

    def test_a22_10000_keys_and_values_of_any_bytes_come_back_as_they_were(self):
        seed = random.SystemRandom().randrange(1 << 32)
        dice = random.Random(seed)
        self.start()
        for _ in range(20):
            sent, wanted = b"", b""
            for i in range(500):
                key, value = dice.randbytes(dice.randrange(20)), dice.randbytes(dice.randrange(60))
                key = b"lost:" + key if i % 2 else key
                sent += encode("SET", key, value) + encode("GET", key)
                wanted += b"+OK\r\n$%d\r\n%s\r\n" % (len(value), value)
            self.wire.send(sent)
            self.assertEqual(self.wire.exactly(len(wanted)), wanted, f"seed {seed}")


class HalfOpen(Faults):
    def sockets(self):
        found = sockets_of(self.pannier.pid)
        if found is None:
            self.skipTest("the system does not let one process look at another one's sockets")
        return found

    def test_b5_clients_that_are_gone_without_a_word_are_noticed_within_45_seconds(self):
        self.start()
        self.wire.call("PING")
        options = [one.keep_alive for one in self.sockets() if one.local_port == self.pannier.port
                   and one.peer_port == self.wire.socket.getsockname()[1]]
        self.assertEqual(options, [(1, 30, 5, 3)])

    def test_c3_a_redis_that_is_gone_without_a_word_is_noticed_by_the_kernel_too(self):
        self.start("upstream: {op_timeout: 5s}\n" + RULES)
        self.assertEqual(self.wire.call("MULTI"), b"+OK\r\n")
        options = [(one.keep_alive, one.user_timeout) for one in self.sockets()
                   if one.peer_port == self.redis.port]
        self.assertEqual(options, [((1, 30, 5, 3), 5000)] * 2)


if __name__ == "__main__":
    unittest.main()
