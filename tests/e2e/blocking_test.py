#!/usr/bin/python3
"""Clients that block through the sidecar are served, time out and die as at Redis."""

import contextlib
import time
import unittest

from differential_table_test import NO_RULES, RULES
from support import Pannier, Redis, encode, wait_until

MANY = 200


class Blocking(unittest.TestCase):
    rules = NO_RULES

    @classmethod
    def setUpClass(cls):
        cls.redis = cls.enterClassContext(Redis())
        cls.pannier = cls.enterClassContext(Pannier(cls.rules, cls.redis.port))
        cls.direct = cls.enterClassContext(cls.redis.wire())

    def setUp(self):
        self.direct.call("FLUSHALL")

    def blocked(self):
        """How many clients are blocked in Redis."""
        text = self.direct.call("INFO", "clients")
        return int(text.split(b"blocked_clients:")[1].split(b"\r\n")[0])

    def block(self, stack, *command):
        before = self.blocked()
        wire = stack.enter_context(self.pannier.wire(30))
        wire.send(encode(*command))
        wait_until(lambda: self.blocked() == before + 1, "blocked in Redis")
        return wire

    def test_what_is_pushed_after_a_client_died_goes_to_the_next(self):
        for commands in (["BLPOP", "q", 0], ["BRPOP", "q", 0], ["BLMPOP", 0, 1, "q", "LEFT"],
                         ["BLMOVE", "q", "done", "LEFT", "LEFT", 0], ["BZPOPMIN", "q", 0]):
            with self.subTest(commands[0]), contextlib.ExitStack() as stack:
                dead = self.block(stack, *commands)
                living = self.block(stack, *commands)
                dead.socket.close()
                wait_until(lambda: self.blocked() == 1, "the place of the dead client is free", 2)
                if commands[0] == "BZPOPMIN":
                    self.direct.call("ZADD", "q", 1, "element")
                else:
                    self.direct.call("RPUSH", "q", "element")
                self.assertIn(b"element", living.reply())
                self.direct.call("FLUSHALL")

    def test_a_client_that_dies_with_commands_behind_its_blocking_one_is_gone_as_well(self):
        with contextlib.ExitStack() as stack:
            dead = self.block(stack, "BLPOP", "q", 0)
            dead.send(encode("SET", "behind", 1) + encode("BLPOP", "q", 0))
            time.sleep(0.05)
            dead.socket.close()
            wait_until(lambda: self.blocked() == 0, "the place of the dead client is free", 2)
        self.direct.call("RPUSH", "q", "element")
        self.assertEqual(self.direct.call("LLEN", "q"), b":1\r\n")

    def test_elements_are_handed_out_in_the_order_of_asking(self):
        with contextlib.ExitStack() as stack:
            wires = [self.block(stack, "BLPOP", "q", 0) for _ in range(20)]
            self.direct.call("RPUSH", "q", *range(20))
            for i, wire in enumerate(wires):
                element = str(i).encode()
                self.assertEqual(wire.reply(), encode("q", element))

    def test_many_blocked_clients_are_all_served_while_others_go_on(self):
        with contextlib.ExitStack() as stack:
            wires = [stack.enter_context(self.pannier.wire(30)) for _ in range(MANY)]
            for i, wire in enumerate(wires):
                wire.send(encode("BLPOP", f"q{i}", 0))
            wait_until(lambda: self.blocked() == MANY, "all are blocked")
            with self.pannier.wire() as other:
                begun = time.monotonic()
                for i in range(1000):
                    other.call("SET", "k", i)
                self.assertLess(time.monotonic() - begun, 5)
                for i in range(MANY):
                    self.assertEqual(other.call("RPUSH", f"q{i}", i), b":1\r\n")
            for i, wire in enumerate(wires):
                self.assertEqual(wire.reply(), encode(f"q{i}", i))
            self.assertEqual(self.blocked(), 0)

    def test_timeouts_are_those_asked_for(self):
        for seconds in (0.1, 1.3):
            with contextlib.ExitStack() as stack:
                commands = [["BLPOP", "q", seconds], ["BLMOVE", "q", "r", "LEFT", "LEFT", seconds],
                            ["BLMPOP", seconds, 1, "q", "LEFT"], ["BRPOPLPUSH", "q", "r", seconds],
                            ["XREAD", "BLOCK", int(seconds * 1000), "STREAMS", "s", "$"],
                            ["BZMPOP", seconds, 1, "q", "MIN"], ["WAIT", 1, int(seconds * 1000)]]
                wires = [stack.enter_context(self.pannier.wire(10)) for _ in commands]
                begun = time.monotonic()
                for wire, command in zip(wires, commands):
                    wire.send(encode(*command) + encode("PING"))
                for wire, command in zip(wires, commands):
                    expected = b":0\r\n" if command[0] == "WAIT" else b"*-1\r\n"
                    self.assertEqual(wire.reply(), expected, command)
                    self.assertEqual(wire.reply(), b"+PONG\r\n")
                self.assertAlmostEqual(time.monotonic() - begun, seconds, delta=0.3)

    def test_what_stands_behind_a_blocking_command_waits_for_it(self):
        with contextlib.ExitStack() as stack:
            wire = self.block(stack, "BLPOP", "q", 0)
            wire.send(encode("SET", "after", "x") + encode("GET", "after") + encode("MULTI") +
                      encode("BLPOP", "q", 0) + encode("EXEC"))
            time.sleep(0.1)
            self.assertEqual(self.direct.call("EXISTS", "after"), b":0\r\n")
            self.direct.call("RPUSH", "q", "element")
            self.assertEqual([wire.reply() for _ in range(6)],
                             [encode("q", "element"), b"+OK\r\n", b"$1\r\nx\r\n", b"+OK\r\n",
                              b"+QUEUED\r\n", b"*1\r\n*-1\r\n"])

    def test_readers_of_a_stream_are_woken_and_groups_share_it(self):
        self.direct.call("XGROUP", "CREATE", "s", "grp", "$", "MKSTREAM")
        with contextlib.ExitStack() as stack:
            plain = [self.block(stack, "XREAD", "BLOCK", 0, "STREAMS", "s", "$") for _ in range(3)]
            first = self.block(stack, "XREADGROUP", "GROUP", "grp", "a", "COUNT", 1, "BLOCK", 0,
                               "STREAMS", "s", ">")
            dead = self.block(stack, "XREADGROUP", "GROUP", "grp", "b", "COUNT", 1, "BLOCK", 0,
                              "STREAMS", "s", ">")
            dead.socket.close()
            wait_until(lambda: self.blocked() == 4, "the place of the dead consumer is free", 2)
            with self.pannier.wire() as writer:
                self.assertEqual(writer.call("XADD", "s", "1-1", "f", "v"), b"$3\r\n1-1\r\n")
                entry = b"*2\r\n$1\r\ns\r\n*1\r\n*2\r\n$3\r\n1-1\r\n" + encode("f", "v")
                for wire in (*plain, first):
                    self.assertEqual(wire.reply(), b"*1\r\n" + entry)
                writer.call("XADD", "s", "1-2", "f", "w")
                self.assertEqual(writer.call("XPENDING", "s", "grp")[:8], b"*4\r\n:1\r\n")
                self.assertEqual(writer.call("XACK", "s", "grp", "1-1"), b":1\r\n")
                rest = writer.call("XREADGROUP", "GROUP", "grp", "b", "STREAMS", "s", ">")
                self.assertIn(b"1-2", rest)

    def test_quit_and_reset_behind_a_blocking_command_come_after_it(self):
        with contextlib.ExitStack() as stack:
            wire = self.block(stack, "BLPOP", "q", 0.3)
            wire.send(encode("RESET") + encode("QUIT"))
            self.assertEqual(wire.rest(1), (b"*-1\r\n+RESET\r\n+OK\r\n", True))


class BlockingUnderOtherRules(Blocking):
    rules = RULES


if __name__ == "__main__":
    unittest.main()
