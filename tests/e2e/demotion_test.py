#!/usr/bin/python3
"""The primary becomes a replica while its connections stay open, and its address another's."""

import unittest

from relay import Relay
from support import Pannier, Redis, free_port, wait_until

RULES = """
tiers: {short: {ttl: 60s}}
rules: [{match: "page:{id}", tier: short, tags: [pages]}]
"""


class Demotion(unittest.TestCase):
    def setUp(self):
        self.old, self.new = (self.enterContext(
            Redis("--repl-diskless-sync-delay", "0")) for _ in range(2))
        self.relay = self.enterContext(Relay(free_port(), self.old.port))
        self.relay.listen()
        self.pannier = self.enterContext(Pannier(RULES, self.relay.port))
        self.follow(self.new, self.old)

    def follow(self, replica, primary):
        with replica.wire() as wire:
            wire.call("REPLICAOF", "127.0.0.1", primary.port)
            wait_until(lambda: b"master_link_status:up" in wire.call("INFO", "replication"),
                       "it follows")

    def swap(self):
        with self.new.wire() as wire:
            wire.call("REPLICAOF", "NO", "ONE")
        self.relay.target = self.new.port
        self.follow(self.old, self.new)

    def test_c10_writes_reach_the_new_primary_after_one_refusal_a_connection(self):
        wires = [self.enterContext(self.pannier.wire()) for _ in range(10)]
        for number, wire in enumerate(wires):
            if number % 2:
                wire.call("HELLO", "3")
            self.assertEqual(wire.call("SET", "k", "1"), b"+OK\r\n")
            self.assertEqual(wire.call("SET", "page:1", "1"), b"+OK\r\n")
        self.swap()
        refused = 0
        for _ in range(5):
            for number, wire in enumerate(wires):
                for key in ("k", f"page:{number}"):
                    reply = wire.call("SET", key, "2")
                    refused += reply.startswith(b"-READONLY ")
                    self.assertTrue(reply.startswith((b"-READONLY ", b"+OK\r\n")), reply)
        self.assertGreater(refused, 0)
        self.assertLessEqual(refused, 4)
        with self.new.wire() as wire:
            self.assertEqual(wire.call("GET", "k"), b"$1\r\n2\r\n")
        replies = [wires[0].call(*words) for words in (["MULTI"], ["INCR", "n"], ["EXEC"])]
        self.assertEqual(replies[2], b"*1\r\n:1\r\n")

    def test_a_replica_that_stays_one_is_read_without_disturbance(self):
        with Pannier("", self.new.port) as pannier, pannier.wire() as wire:
            before = self.connections()
            for _ in range(200):
                self.assertTrue(wire.call("SET", "k", "1").startswith(b"-READONLY "))
                self.assertEqual(wire.call("GET", "none"), b"$-1\r\n")
            self.assertLess(self.connections() - before, 10)

    def connections(self):
        with self.new.wire() as wire:
            text = wire.call("INFO", "stats")
        return int(text.split(b"total_connections_received:")[1].split(b"\r\n")[0])


if __name__ == "__main__":
    unittest.main()
