#!/usr/bin/python3
"""The tools that tests of faults rely on do what they are relied on for."""

import socket
import threading
import time
import unittest

from canary import KEYS, Canaries, fill, value_of
from fake_redis import FakeRedis
from relay import Relay
from support import Redis, Wire, free_port, wait_until


class RelayTest(unittest.TestCase):
    """In front of a server that sends everything back."""

    def setUp(self):
        self.server = self.enterContext(socket.create_server(("127.0.0.1", 0)))
        threading.Thread(target=self.serve, daemon=True).start()
        self.relay = self.enterContext(Relay(free_port(), self.server.getsockname()[1]))
        self.relay.listen()

    def serve(self):
        while True:
            try:
                connection, _ = self.server.accept()
            except OSError:
                return
            threading.Thread(target=self.echo, args=(connection,), daemon=True).start()

    @staticmethod
    def echo(connection):
        with connection:
            try:
                while data := connection.recv(65536):
                    connection.sendall(data)
            except OSError:
                pass

    def wire(self):
        return self.enterContext(Wire(self.relay.port))

    def test_everything_passes_and_so_does_the_end(self):
        wire = self.wire()
        wire.send(b"x" * 100_000)
        self.assertEqual(wire.exactly(100_000), b"x" * 100_000)
        wire.socket.shutdown(socket.SHUT_WR)
        self.assertEqual(wire.rest(quiet=5), (b"", True))

    def test_a_delay_is_one_way_and_keeps_the_order(self):
        wire = self.wire()
        self.relay.to_client.delay = 0.2
        begun = time.monotonic()
        for i in range(10):
            wire.send(b"%d" % i)
        self.assertEqual(wire.exactly(10), b"0123456789")
        self.assertTrue(0.2 <= time.monotonic() - begun)
        self.assertEqual(self.relay.to_server.passed, 10)

    def test_one_connection_alone_is_held_or_late(self):
        held, other = self.wire(), self.wire()
        pairs = wait_until(lambda: len(self.relay.pairs) == 2 and self.relay.pairs, "both are there")
        way = pairs[0].alone("to_client")
        way.flowing.clear()
        for wire in (held, other):
            wire.send(b"hello")
        self.assertEqual((other.exactly(5), held.rest(0.1)), (b"hello", (b"", False)))
        way.flowing.set()
        held.socket.settimeout(5)
        self.assertEqual(held.exactly(5), b"hello")
        way.delay, begun = 0.2, time.monotonic()
        held.send(b"late")
        self.assertEqual(held.exactly(4), b"late")
        self.assertTrue(0.2 <= time.monotonic() - begun)

    def test_what_is_held_comes_later_and_what_is_swallowed_never(self):
        wire = self.wire()
        self.relay.hold()
        wire.send(b"held")
        self.assertEqual(wire.rest(quiet=0.1), (b"", False))
        self.relay.release()
        wire.socket.settimeout(5)
        self.assertEqual(wire.exactly(4), b"held")
        self.relay.swallow()
        wire.send(b"lost")
        silent = self.wire()
        silent.send(b"lost, too")
        self.assertEqual((wire.rest(0.1), silent.rest(0.1)), ((b"", False), (b"", False)))
        self.relay.swallow(False)
        wire.send(b"again")
        wire.socket.settimeout(5)
        self.assertEqual(wire.exactly(5), b"again")

    def test_a_cut_lets_exactly_so_many_bytes_pass(self):
        for passed in range(7):
            for reset in (False, True):
                with self.subTest(passed=passed, reset=reset):
                    wire, before = self.wire(), self.relay.to_server.passed
                    self.relay.to_server.cut_inside(b"marker", passed, reset)
                    wire.send(b"before marker behind")
                    wire.socket.settimeout(5)
                    if reset:
                        with self.assertRaises(ConnectionError):
                            wire.exactly(20)
                    else:
                        self.assertTrue(wire.rest(quiet=5)[1])
                    self.assertEqual(self.relay.to_server.passed - before, 7 + passed)

    def test_a_reset_is_one(self):
        wire = self.wire()
        wire.send(b"x")
        wire.exactly(1)
        self.relay.break_all(reset=True)
        with self.assertRaises(ConnectionResetError):
            wire.socket.recv(1)

    def test_a_slow_network_takes_its_time(self):
        wire = self.wire()
        self.relay.to_client.rate = 20_000
        begun = time.monotonic()
        wire.send(b"x" * 10_000)
        self.assertEqual(wire.exactly(10_000), b"x" * 10_000)
        self.assertGreater(time.monotonic() - begun, 0.4)


class CanaryTest(unittest.TestCase):
    def test_they_read_what_is_there(self):
        with Redis() as redis:
            fill(redis)
            with Canaries(redis.port) as canaries:
                canaries.await_right(100)
            self.assertEqual(canaries.wrong, [])

    def test_they_notice_one_reply_to_somebody_else_and_one_of_another_database(self):
        for strange in (value_of(KEYS[3], 0), value_of(KEYS[0], 5), b""):
            sick = threading.Event()

            def answer(words):
                if words[0] != b"GET":
                    return None
                value = value_of(words[1].decode(), 0)
                if sick.is_set() and words[1] == KEYS[0].encode():
                    sick.clear()
                    value = strange
                return b"$%d\r\n%s\r\n" % (len(value), value)
            with FakeRedis(answer) as fake, Canaries(fake.port, 2, [0]) as canaries:
                self.assertEqual(canaries.wrong, [])
                sick.set()
                wait_until(lambda: canaries.wrong, "it is noticed")
                self.assertEqual(canaries.wrong[0][:2], (KEYS[0], 0))

    def test_an_error_of_the_sidecars_is_none_of_theirs_only_if_it_is_spelled_right(self):
        for error, is_wrong in ((b"-ERR pannier: upstream x:1 connection lost; outcome unknown\r\n", False),
                                (b"-ERR pannier: upstream x:1 connection lost; not executed\r\n", True),
                                (b"-LOADING\r\n", True), (b"$-1\r\n", True)):
            says = [None]

            def answer(words):
                value = value_of(words[-1].decode(), 0)
                return says[0] or (b"$%d\r\n%s\r\n" % (len(value), value) if words[0] == b"GET" else None)
            with FakeRedis(answer) as fake, Canaries(fake.port, 1, [0]) as canaries:
                says[0] = error
                wait_until(lambda: canaries.wrong if is_wrong else canaries.all[0].errors, error)
                self.assertEqual(bool(canaries.wrong), is_wrong, error)


if __name__ == "__main__":
    unittest.main()
