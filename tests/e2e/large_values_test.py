#!/usr/bin/python3
"""Values of any size pass both ways in bounded memory, and their faults harm nobody else."""

import hashlib
import threading
import time
import unittest

from support import Pannier, Redis, encode, wait_until

MIB = 1 << 20
RULES = """
tiers: {short: {ttl: 60s}}
rules: [{match: "page:{id}", tier: short}]
"""


def memory(pid, what="VmHWM"):
    with open(f"/proc/{pid}/status") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith(what + ":"))


def pieces(size, seed=b"x"):
    """`size` bytes in pieces of 1 MiB, none like the other."""
    left, number = size, 0
    while left > 0:
        number += 1
        block = hashlib.sha256(seed + b"%d" % number).digest() * (MIB // 32)
        yield block[:left]
        left -= MIB


def send_set(wire, key, size, tail=b"", head=b"*3\r\n"):
    wire.send(head + b"$3\r\nSET\r\n" + b"$%d\r\n%s\r\n" % (len(key), key) + b"$%d\r\n" % size)
    for piece in pieces(size):
        wire.send(piece)
    wire.send(b"\r\n" + tail)


def read_value(wire, size):
    """Reads a bulk reply without holding it, and returns its digest."""
    digest = hashlib.sha256()
    line = wire._line()
    assert line == b"$%d\r\n" % size, line
    left = size
    digest.update(wire.buffer[:left])
    left -= len(wire.buffer[:left])
    wire.buffer = wire.buffer[size - left:] if left == 0 else b""
    while left > 0:
        piece = wire.socket.recv(min(left, MIB))
        assert piece
        digest.update(piece)
        left -= len(piece)
    assert wire.exactly(2) == b"\r\n"
    return digest.digest()


def digest_of(size):
    digest = hashlib.sha256()
    for piece in pieces(size):
        digest.update(piece)
    return digest.digest()


class LargeValues(unittest.TestCase):
    def setUp(self):
        self.redis = self.enterContext(Redis())
        self.pannier = self.enterContext(Pannier(RULES, self.redis.port))
        self.direct = self.enterContext(self.redis.wire(60))
        self.wire = self.enterContext(self.pannier.wire(60))
        self.other = self.enterContext(self.pannier.wire(60))

    def test_512_mb_pass_both_ways_in_little_memory(self):
        size = 512 * MIB
        # Redis itself may take a second for the copy of such a value, on a machine that is busy.
        patient = "upstream: {op_timeout: 20s}\n"
        pannier = self.enterContext(Pannier(patient + RULES, self.redis.port))
        wire = self.enterContext(pannier.wire(60))
        wire.call("PING")
        before = memory(pannier.pid)
        send_set(wire, b"big", size)
        self.assertEqual(wire.reply(), b"+OK\r\n")
        self.assertEqual(self.direct.call("STRLEN", "big"), b":%d\r\n" % size)
        wire.send(encode("GET", "big") + encode("PING"))
        self.assertEqual(read_value(wire, size), digest_of(size))
        self.assertEqual(wire.reply(), b"+PONG\r\n")
        self.assertLess(memory(pannier.pid) - before, 64 * MIB)

    def test_arguments_before_and_behind_and_pipelines_around_are_kept(self):
        size = 3 * MIB + 5
        self.wire.send(encode("SET", "a", "1"))
        send_set(self.wire, b"big", size, b"$2\r\nPX\r\n$6\r\n100000\r\n" + encode("GET", "a"), b"*5\r\n")
        self.assertEqual([self.wire.reply() for _ in range(3)],
                         [b"+OK\r\n", b"+OK\r\n", b"$1\r\n1\r\n"])
        self.assertGreater(int(self.direct.call("PTTL", "big")[1:]), 90000)
        self.wire.send(encode("SELECT", "3") + encode("MULTI"))
        send_set(self.wire, b"big", size, encode("STRLEN", "big") + encode("EXEC"))
        self.assertEqual([self.wire.reply() for _ in range(5)],
                         [b"+OK\r\n", b"+OK\r\n", b"+QUEUED\r\n", b"+QUEUED\r\n",
                          b"*2\r\n+OK\r\n:%d\r\n" % size])
        send_set(self.wire, b"big", size, b"$5\r\nNOPE!\r\n", b"*4\r\n")
        self.assertEqual(self.wire.reply(), b"-ERR syntax error\r\n")
        self.assertEqual(self.wire.call("SET", "b", "1"), b"+OK\r\n")

    def test_a_request_that_must_be_whole_has_a_bound(self):
        size = 70 * MIB
        self.wire.send(encode("SET", "page:1", b"")[:-6] + b"$%d\r\n" % size)
        self.assertEqual(self.wire.rest(2), (b"-ERR pannier: request larger than "
                                             b"max_buffered_bytes=67108864; not executed\r\n", True))
        before = memory(self.pannier.pid)
        ruled = 40 * MIB
        send_set(self.other, b"page:1", ruled)
        self.assertEqual(self.other.reply(), b"+OK\r\n")
        self.assertIn(self.direct.call("TTL", "page:1"), (b":59\r\n", b":60\r\n"))
        # As it came, as it goes on, and as it is sent; and what else it takes.
        self.assertLess(memory(self.pannier.pid) - before, 3 * ruled + 8 * MIB)

    def test_a_request_larger_than_allowed_is_refused_before_it_comes(self):
        with Pannier("limits: {max_request_bytes: 2MiB}\n", self.redis.port) as strict:
            with strict.wire() as wire:
                wire.send(b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$2097153\r\n")
                self.assertEqual(wire.rest(2), (b"-ERR pannier: request larger than "
                                                b"max_request_bytes=2097152; not executed\r\n", True))
            with strict.wire() as wire:  # The bound is passed only behind a part that was sent.
                wire.send(b"*4\r\n$3\r\nSET\r\n$1\r\nk\r\n$2000000\r\n" + b"x" * 2000000 +
                          b"\r\n$200000\r\n" + b"y" * 200000)
                self.assertTrue(wire.rest(2)[1])
        self.assertEqual(self.direct.call("EXISTS", "k"), b":0\r\n")

    def test_a_client_that_goes_in_the_middle_leaves_nothing(self):
        for _ in range(20):
            with self.pannier.wire() as wire:
                wire.send(b"*3\r\n$3\r\nSET\r\n$3\r\nbig\r\n$9000000\r\n" + b"x" * (4 * MIB))
                wait_until(lambda: b"argv-mem=" in self.direct.call("CLIENT", "LIST"), "it came")
        self.assertEqual(self.other.call("SET", "k", "1"), b"+OK\r\n")
        self.assertEqual(self.direct.call("EXISTS", "big"), b":0\r\n")
        wait_until(lambda: self.direct.call("CLIENT", "LIST").count(b"id=") < 8, "links are closed")

    def test_upstream_lost_in_the_middle_is_one_error_and_the_rest_goes_nowhere(self):
        size = 8 * MIB
        self.wire.send(b"*3\r\n$3\r\nSET\r\n$3\r\nbig\r\n$%d\r\n" % size + b"x" * (4 * MIB))
        time.sleep(0.2)
        self.direct.call("CLIENT", "KILL", "TYPE", "normal")
        self.assertTrue(self.wire.reply().endswith(b"connection lost; outcome unknown\r\n"))
        self.wire.send(b"x" * (4 * MIB) + b"\r\n" + encode("ECHO", "next"))
        self.assertEqual(self.wire.reply(), b"$4\r\nnext\r\n")

    def test_a_wrong_end_is_a_protocol_error(self):
        self.wire.send(b"*3\r\n$3\r\nSET\r\n$3\r\nbig\r\n$2000000\r\n" + b"x" * 2000000 + b"xx")
        self.assertEqual(self.wire.rest(2),
                         (b"-ERR Protocol error: expected CRLF after bulk\r\n", True))
        self.assertEqual(self.direct.call("EXISTS", "big"), b":0\r\n")

    def test_the_bytes_of_a_large_value_mean_nothing(self):
        # A reply that begins with | would have attributes; a piece of a value may begin with any.
        for byte in b"|", b"-", b">", b"$":
            value = byte * (4 * MIB)
            self.assertEqual(self.direct.call("SET", "big", value), b"+OK\r\n")
            for _ in range(3):
                self.assertEqual(self.wire.call("GET", "big"), b"$%d\r\n%s\r\n" % (4 * MIB, value))

    def test_a_slow_reader_of_a_large_value_gets_it_and_costs_little(self):
        size = 200 * MIB
        self.direct.send(b"*3\r\n$3\r\nSET\r\n$3\r\nbig\r\n$%d\r\n" % size)
        for piece in pieces(size):
            self.direct.send(piece)
        self.direct.send(b"\r\n")
        self.assertEqual(self.direct.reply(), b"+OK\r\n")
        before = memory(self.pannier.pid)
        self.wire.send(encode("GET", "big"))
        time.sleep(1.5)  # Longer than op_timeout; what it does not read waits in Redis.
        self.assertEqual(self.other.call("SET", "k", "1"), b"+OK\r\n")
        self.assertEqual(read_value(self.wire, size), digest_of(size))
        self.assertLess(memory(self.pannier.pid) - before, 64 * MIB)

    def test_many_large_writers_at_once(self):
        before = memory(self.pannier.pid)
        size, wrong = 20 * MIB, []

        def write(number):
            with self.pannier.wire(60) as wire:
                send_set(wire, b"big:%d" % number, size)
                if wire.reply() != b"+OK\r\n":
                    wrong.append(number)

        threads = [threading.Thread(target=write, args=(i,)) for i in range(10)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(wrong, [])
        self.assertEqual(self.direct.call("DBSIZE"), b":10\r\n")
        self.assertLess(memory(self.pannier.pid) - before, 64 * MIB)


if __name__ == "__main__":
    unittest.main()
