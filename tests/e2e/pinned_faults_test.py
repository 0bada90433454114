#!/usr/bin/python3
"""Transactions, blocking commands and subscriptions, each on a connection of its own: faults and
load do not mix them up. Rows B9 to B15 of the failures."""

import random
import threading
import time
import unittest

from connection_test import Connections
from fault_bench import Faults
from support import encode, wait_until


class Transactions(Connections):
    def test_b9_an_exec_whose_watch_was_lost_does_not_run(self):
        for words in (("MULTI", "SET k 1"), ("MULTI",), ()):
            self.direct.call("DEL", "k")
            with self.subTest(words), self.pannier.wire() as wire:
                self.assertEqual(wire.call("WATCH", "k"), b"+OK\r\n")
                for word in words:
                    wire.call(*word.split())
                self.kill_connections_that_last_said("watch", "multi", "set")
                replies = [wire.call(*word.split()) for word in ("MULTI", "SET k 1")[len(words):]]
                reply = wire.call("EXEC")
                self.assertTrue(reply.endswith(b" connection lost; outcome unknown\r\n"), (reply, replies))
                self.assertEqual(self.direct.call("EXISTS", "k"), b":0\r\n")
                wire.send(b"MULTI\r\nSET k 2\r\nEXEC\r\n")  # It was said; the next one is a new one.
                self.assertEqual([wire.reply() for _ in range(3)],
                                 [b"+OK\r\n", b"+QUEUED\r\n", b"*1\r\n+OK\r\n"])

    def kill_connections_that_last_said(self, *commands):
        def listed():
            lines = self.direct.call("CLIENT", "LIST").decode().splitlines()
            return [dict(pair.split("=", 1) for pair in line.split()) for line in lines if " cmd=" in line]
        found = [one["id"] for one in listed() if one["cmd"] in commands]
        self.assertEqual(len(found), 1, listed())
        self.direct.call("CLIENT", "KILL", "ID", found[0])

    def test_b10_transactions_of_every_shape_are_as_in_redis(self):
        for sent, count in ((b"MULTI\r\nEXEC\r\nPING\r\n", 3), (b"MULTI\r\nPING\r\nEXEC\r\n", 3),
                            (b"MULTI\r\nPUBLISH c x\r\nEVAL 'return {1,{2,{3,{}}},\"x\"}' 0\r\nEXEC\r\nPING\r\n", 5),
                            (b"MULTI\r\nMULTI\r\nWATCH a\r\nEXEC\r\nPING\r\n", 5),
                            (b"MULTI\r\nfoo\r\nEXEC\r\nPING\r\n", 4), (b"MULTI\r\nGET\r\nEXEC\r\nEXEC\r\n", 4),
                            (b"MULTI\r\nBLPOP q 0\r\nBZPOPMIN z 0\r\nEXEC\r\nPING\r\n", 5),
                            (b"MULTI\r\nINCR a\r\nLPUSH a x\r\nINCR a\r\nEXEC\r\nGET a\r\n", 6),
                            (b"MULTI\r\nDISCARD\r\nEXEC\r\nDISCARD\r\n", 4),
                            (b"CLIENT REPLY SKIP\r\nMULTI\r\nGET a\r\nEXEC\r\nPING\r\n", 3)):
            with self.subTest(sent):
                self.assert_as_redis(sent, count)


class Blocking(Faults):
    def test_b11_blocked_clients_hinder_nobody_and_get_one_element_each(self):
        self.start("upstream: {op_timeout: 300ms}\n")
        blocked = [self.enterContext(self.pannier.wire(20)) for _ in range(50)]
        for number, wire in enumerate(blocked):
            wire.send(encode("BLPOP", "none", f"q{number % 5}", "0") + b"ECHO after\r\n")
        with self.redis.wire() as direct:
            wait_until(lambda: b"blocked_clients:50\r" in direct.call("INFO", "clients"), "all wait")
            until = time.monotonic() + 0.7  # Longer than op_timeout allows.
            while time.monotonic() < until:
                self.assertEqual(self.wire.call("SET", "a", "1"), b"+OK\r\n")
            self.assertIn(b"blocked_clients:50\r", direct.call("INFO", "clients"))
            for number in range(50):
                self.assertEqual(direct.call("RPUSH", f"q{number % 5}", f"element {number}"), b":1\r\n")
        got = set()
        for wire in blocked:
            got.add(wire.reply().split(b"\r\n")[-2])
            self.assertEqual(wire.reply(), b"$5\r\nafter\r\n")
        self.assertEqual(got, {b"element %d" % number for number in range(50)})

    def test_b11_a_timeout_of_its_own_is_respected(self):
        self.start("upstream: {op_timeout: 300ms}\n")
        wires = [self.enterContext(self.pannier.wire(20)) for _ in range(4)]
        for wire in wires:
            wire.send(b"BLPOP q 0.7\r\nBRPOPLPUSH q p 0.1\r\nXREAD BLOCK 100 STREAMS s $\r\nPING\r\n")
        for wire in wires:
            self.assertEqual([wire.reply() for _ in range(4)],
                             [b"*-1\r\n"] * 3 + [b"+PONG\r\n"])


class Subscribers(Faults):
    ROUNDS = 60

    def publish(self):
        with self.redis.wire() as direct:
            while not self.ending.is_set():
                direct.send(b"".join(encode("PUBLISH", channel, "noise") for channel in "abc") * 20)
                for _ in range(60):
                    direct.reply()

    def test_b14_confirmations_messages_and_replies_keep_their_order_in_resp3(self):
        self.start("")
        self.wire.call("SET", "k", "value")
        self.wire.call("HELLO", "3")
        self.ending = threading.Event()
        publisher = threading.Thread(target=self.publish)
        publisher.start()
        try:
            messages = sum(self.subscribe_and_read() for _ in range(self.ROUNDS))
        finally:
            self.ending.set()
            publisher.join()
        self.assertGreater(messages, 0)

    def subscribe_and_read(self):
        """One round; how many messages came in it."""
        self.wire.send(b"SUBSCRIBE a b\r\nGET k\r\nUNSUBSCRIBE a zzz\r\nSUBSCRIBE c\r\nGET k\r\n"
                       b"PING\r\nUNSUBSCRIBE\r\nECHO end\r\n")

        def confirms(kind, channel, count):
            return b">3\r\n$%d\r\n%s\r\n$%d\r\n%s\r\n:%d\r\n" % (len(kind), kind, len(channel), channel, count)
        value = b"$5\r\nvalue\r\n"
        wanted = [confirms(b"subscribe", b"a", 1), confirms(b"subscribe", b"b", 2), value,
                  confirms(b"unsubscribe", b"a", 1), confirms(b"unsubscribe", b"zzz", 1),
                  confirms(b"subscribe", b"c", 2), value, b"+PONG\r\n"]
        seen, messages = [], 0
        while len(seen) < len(wanted) + 3:
            reply = self.wire.reply()
            if reply.startswith(b">3\r\n$7\r\nmessage\r\n"):
                messages += 1
            else:
                seen.append(reply)
        self.assertEqual(seen[:len(wanted)], wanted)
        last = {confirms(b"unsubscribe", b"b", 1), confirms(b"unsubscribe", b"c", 0)}, \
               {confirms(b"unsubscribe", b"c", 1), confirms(b"unsubscribe", b"b", 0)}
        self.assertIn(set(seen[-3:-1]), last)
        self.assertEqual(seen[-1], b"$3\r\nend\r\n")
        return messages

    def test_b13_subscribers_in_resp2_are_told_what_they_may_and_lose_no_message(self):
        self.start("")
        seed = random.SystemRandom().randrange(1 << 32)
        dice = random.Random(seed)
        with self.redis.wire() as direct:
            for number in range(200):
                channel = dice.choice((b"c", b"dd"))
                self.wire.send(b"SUBSCRIBE c dd\r\n")
                self.assertEqual([self.wire.reply()[-4:] for _ in range(2)], [b":1\r\n", b":2\r\n"], seed)
                self.assertEqual(direct.call("PUBLISH", channel, number), b":1\r\n")
                self.wire.send(b"GET a\r\n")
                message, refusal = self.wire.reply(), self.wire.reply()
                self.assertTrue(message.endswith(b"\r\n%s\r\n$%d\r\n%d\r\n" % (
                    channel, len(str(number)), number)), (message, seed))
                self.assertTrue(refusal.startswith(b"-ERR Can't execute 'get': only "), refusal)
                self.wire.send(b"UNSUBSCRIBE\r\nGET a\r\n")
                self.assertEqual([self.wire.reply() for _ in range(3)][2], b"$-1\r\n", seed)


if __name__ == "__main__":
    unittest.main()
