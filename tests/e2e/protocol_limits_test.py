#!/usr/bin/python3
"""Bytes that no client library sends, and more of them than there is room for."""

import random
import subprocess
import threading
import unittest

from support import Pannier, Redis, encode, wait_until

MIB = 1 << 20


class Limits(unittest.TestCase):
    config = ""

    @classmethod
    def setUpClass(cls):
        cls.redis = cls.enterClassContext(Redis())
        cls.pannier = cls.enterClassContext(Pannier(cls.config, cls.redis.port))

    def setUp(self):
        with self.redis.wire() as direct:
            direct.call("FLUSHALL")
        self.wire = self.enterContext(self.pannier.wire())

    def memory(self):
        """Resident bytes of the sidecar."""
        with open(f"/proc/{self.pannier.pid}/status") as status:
            line = next(line for line in status if line.startswith("VmRSS:"))
        return int(line.split()[1]) * 1024


class BrokenInput(Limits):
    def assert_closed_after(self, sent, text):
        with self.pannier.wire() as wire:
            wire.send(sent)
            self.assertEqual(wire.rest(quiet=5), (text, True), sent[:100])

    def assert_protocol_error(self, sent, text, before=b""):
        self.assert_closed_after(sent, before + b"-ERR Protocol error: " + text + b"\r\n")

    def test_empty_commands_are_skipped(self):
        self.wire.send(b"*0\r\n*-1\r\n\r\n\r\nPING\r\n*0\r\n*1\r\n$4\r\nPING\r\n")
        self.assertEqual([self.wire.reply(), self.wire.reply()], [b"+PONG\r\n"] * 2)

    def test_a_length_that_is_none_ends_the_connection(self):
        for sent in (b"*1\r\n$-1\r\n", b"*2\r\n$3\r\nGET\r\n$536870913\r\n", b"*1\r\n$ 4\r\nPING\r\n",
                     b"*1\r\n$+4\r\nPING\r\n", b"*1\r\n$04\r\nPING\r\n", b"*1\r\n$x\r\n",
                     b"*1\r\n$99999999999999999999\r\n"):
            self.assert_protocol_error(sent, b"invalid bulk length")
        for sent in (b"*2147483648\r\n", b"*x\r\n", b"*99999999999999999999\r\n"):
            self.assert_protocol_error(sent, b"invalid multibulk length")

    def test_what_came_before_the_error_is_answered(self):
        self.assert_protocol_error(b"PING\r\nPING\r\n*1\r\n$x\r\nPING\r\n", b"invalid bulk length",
                                   b"+PONG\r\n" * 2)
        self.assert_protocol_error(encode("SET", "a", "1") + b"*1\r\n:4\r\n", b"expected '$', got ':'",
                                   b"+OK\r\n")

    def test_bytes_between_arguments_are_an_error_and_reach_nobody(self):
        self.assert_protocol_error(b"*1\r\n$4\r\nPINGxx*1\r\n$4\r\nPING\r\n", b"expected CRLF after bulk")
        self.assert_protocol_error(b"*3\r\n$3\r\nSET\r\n$1\r\naxx$1\r\n1\r\n", b"expected CRLF after bulk")
        with self.redis.wire() as direct:
            self.assertEqual(direct.call("DBSIZE"), b":0\r\n")

    def test_an_inline_command_may_have_64_kib(self):
        self.wire.send(b"ECHO " + b"a" * 65_000 + b"\r\n")
        self.assertEqual(self.wire.reply(), b"$65000\r\n" + b"a" * 65_000 + b"\r\n")
        self.assert_protocol_error(b"a" * 65_537, b"too big inline request")
        with self.pannier.wire() as wire:
            wire.send(b"a" * 65_535)
            self.assertEqual(wire.rest(), (b"", False))

    def test_inline_commands_have_no_nul_bytes(self):
        self.assert_protocol_error(b"PING\x00\r\n", b"invalid character in inline request")

    def test_quotes_must_be_closed(self):
        self.assert_protocol_error(b'SET a "1\r\n', b"unbalanced quotes in request")

    def test_other_protocols_are_turned_away_without_a_word(self):
        for sent in (b"GET / HTTP/1.1\r\nHost: x\r\n\r\nFLUSHALL\r\n",
                     b"POST / HTTP/1.1\r\nHost: x\r\n\r\nSET a 1\r\n", b"host: x\r\nSET a 1\r\n",
                     b"*1\r\n$5\r\nhost:\r\n*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\n1\r\n",
                     b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"):
            with self.subTest(sent), self.pannier.wire() as wire:
                wire.send(sent)
                received, closed = wire.rest(quiet=5)
                self.assertTrue(closed)
                # An HTTP GET is a GET with too many arguments until its Host: line comes.
                self.assertIn(received, (b"", b"-ERR wrong number of arguments for 'get' command\r\n"))
        with self.redis.wire() as direct:
            self.assertEqual(direct.call("DBSIZE"), b":0\r\n")

    def test_tls_is_told_that_there_is_none(self):
        self.assert_closed_after(b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03" + bytes(160),
                                 b"-ERR pannier: this port does not speak TLS; not executed\r\n")

    def test_errors_are_one_line_whatever_they_repeat(self):
        for name in (b"fo\r\no\r\n", b"x" * 300, b"\x00\x01\xff", b"'"):
            sent = b"*2\r\n$%d\r\n%s\r\n$4\r\na\r\nb\r\n" % (len(name), name)
            with self.pannier.wire() as here, self.redis.wire() as there:
                for wire in (here, there):
                    wire.send(sent + b"PING\r\n")
                self.assertEqual([here.reply(), here.reply()], [there.reply(), there.reply()])

    def test_wrong_commands_are_answered_as_redis_does(self):
        for words in (("GET",), ("SET", "a"), ("NONSENSE",), ("OBJECT", "NONSENSE"), ("CLIENT",),
                      ("CLIENT", "NONSENSE"), ("CLIENT", "REPLY", "x"), ("CLIENT", "SETNAME", "a b"),
                      ("SELECT", "x"), ("SELECT", "-1"), ("SELECT", "16"), ("PING", "a", "b"),
                      ("ECHO",), ("HELLO", "x"), ("HELLO", "4"), ("HELLO", "3", "x"),
                      ("AUTH", "x"), ("AUTH",), ("AUTH", "a", "b", "c"), ("RESET", "x"), ("EXEC",),
                      ("DISCARD",), ("SET", "a", "1", "EX", "0"), ("SET", "a", "1", "PX"),
                      ("EVAL", "return", "0"), ("EVAL", "x", "-1"), ("MULTI", "x"), ("WATCH",)):
            with self.subTest(words), self.pannier.wire() as here, self.redis.wire() as there:
                self.assertEqual(here.call(*words), there.call(*words))

    def test_any_bytes_can_be_key_and_value(self):
        dice = random.Random(4711)
        pairs = [(dice.randbytes(dice.randrange(40)), dice.randbytes(dice.choice((0, 1, 9, 999, 20_000))))
                 for _ in range(500)]
        for key, value in pairs:
            self.wire.send(encode("SET", key, value) + encode("GET", key))
            self.assertEqual(self.wire.reply(), b"+OK\r\n")
            self.assertEqual(self.wire.reply(), b"$%d\r\n%s\r\n" % (len(value), value))


class LargeRequests(Limits):
    config = "limits: {max_request_bytes: 1MiB}\n"

    def test_a_request_over_the_limit_is_refused_before_it_is_held(self):
        before = self.memory()
        self.wire.send(b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$67108865\r\n" + b"x" * 65536)
        self.assertEqual(self.wire.rest(quiet=5), (
            b"-ERR pannier: request larger than max_request_bytes=1048576; not executed\r\n", True))
        self.assertLess(self.memory() - before, 4 * MIB)

    def test_a_request_of_many_arguments_counts_as_a_whole(self):
        self.wire.send(b"*9000\r\n$4\r\nMGET\r\n")
        for _ in range(1100):
            try:
                self.wire.send(b"$1000\r\n" + b"k" * 1000 + b"\r\n")
            except OSError:
                break
        received, closed = self.wire.rest(quiet=5)
        self.assertTrue(closed)
        self.assertIn(received, (
            b"-ERR pannier: request larger than max_request_bytes=1048576; not executed\r\n", b""))

    def test_promised_arguments_cost_nothing_until_they_come(self):
        before = self.memory()
        wires = [self.enterContext(self.pannier.wire()) for _ in range(500)]
        for wire in wires:
            wire.send(b"*1048576\r\n")
        self.assertEqual(self.wire.call("PING"), b"+PONG\r\n")
        self.assertLess(self.memory() - before, 4 * MIB)

    def test_the_largest_request_allowed_works(self):
        value = b"v" * (MIB - 1000)
        self.assertEqual(self.wire.call("SET", "k", value), b"+OK\r\n")
        self.assertEqual(self.wire.call("GET", "k"), b"$%d\r\n%s\r\n" % (len(value), value))


class DeepPipelines(Limits):
    def test_commands_that_nobody_reads_the_replies_of_take_no_room(self):
        """200,000 commands; the client reads only after the sidecar has stopped reading."""
        count = 200_000
        self.wire.call("SET", "k", "v" * 100)
        before = self.memory()
        sent = threading.Thread(target=self.wire.send, args=(encode("GET", "k") * count,))
        self.wire.socket.settimeout(60)
        sent.start()
        with self.pannier.wire() as other:
            for _ in range(200):
                self.assertEqual(other.call("PING"), b"+PONG\r\n")
                self.assertLess(self.memory() - before, 16 * MIB)
        self.assert_replies(b"$100\r\n" + b"v" * 100 + b"\r\n", count)
        sent.join()
        self.assertLess(self.memory() - before, 16 * MIB)

    def assert_replies(self, reply, count):
        wanted = reply * 1000
        for _ in range(count // 1000):
            self.assertEqual(self.wire.exactly(len(wanted)), wanted)

    def test_a_slow_reader_gets_every_reply_in_order(self):
        count = 100_000
        commands = b"".join(encode("SET", f"k{i % 100}", i) + encode("GET", f"k{i % 100}")
                            for i in range(count // 2))
        self.wire.socket.settimeout(60)
        sent = threading.Thread(target=self.wire.send, args=(commands,))
        sent.start()
        received, wanted = 0, b"".join(b"+OK\r\n$%d\r\n%d\r\n" % (len(str(i)), i) for i in range(count // 2))
        while received < len(wanted):  # In small pieces, so that the sidecar always has to wait.
            piece = self.wire.socket.recv(4096)
            self.assertEqual(piece, wanted[received:received + len(piece)])
            received += len(piece)
        sent.join()

    def test_redis_cli_pipe_loads_100000_keys(self):
        data = b"".join(encode("SET", f"k{i}", f"value {i}") for i in range(100_000))
        done = subprocess.run(["redis-cli", "-p", str(self.pannier.port), "--pipe"], input=data,
                              capture_output=True, timeout=60)
        self.assertIn(b"errors: 0, replies: 100000", done.stdout)
        self.assertEqual(self.wire.call("DBSIZE"), b":100000\r\n")

    def test_large_values_nobody_reads_do_not_fill_the_memory(self):
        self.wire.call("SET", "k", b"v" * MIB)
        before = self.memory()
        deaf = [self.enterContext(self.pannier.wire()) for _ in range(5)]
        for wire in deaf:
            wire.send(encode("GET", "k") * 100)
        for _ in range(100):
            self.assertEqual(self.wire.call("PING"), b"+PONG\r\n")
        self.assertLess(self.memory() - before, 200 * MIB)
        for wire in deaf:
            wire.socket.close()
        wait_until(lambda: self.memory() - before < 40 * MIB, "the memory is given back")


if __name__ == "__main__":
    unittest.main()
