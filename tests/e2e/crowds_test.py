#!/usr/bin/python3
"""Clients that come by the thousand, ask for much and read little. Rows of groups A, B and K of the
failures."""

import os
import threading
import time
import unittest

from crowd import closing, connections
from fault_bench import RULES, Faults, reset
from support import Wire, encode, wait_until

MIB = 1 << 20
CHURN = float(os.environ.get("PANNIER_CHURN_SECONDS", "2"))


class Many(Faults):
    def test_k13_5000_connects_at_once_are_all_served(self):
        self.start("")
        with closing(connections(self.pannier.port, 5000)) as clients:
            for one in clients:
                one.sendall(b"PING\r\n")
            for one in clients:
                self.assertEqual(one.recv(100), b"+PONG\r\n")
        wait_until(lambda: self.metric("pannier_clients") == 1, "all are gone")

    def test_10000_idle_connections_cost_at_most_4_kib_each(self):
        self.start("")
        with closing([]) as clients:
            for count in (1000, 9000):  # The first ones fill what memory there was.
                before = self.memory()
                clients += connections(self.pannier.port, count)
                wait_until(lambda: self.metric("pannier_clients") == len(clients) + 1, "all are there")
                clients[-1].sendall(b"PING\r\n")
                self.assertEqual(clients[-1].recv(100), b"+PONG\r\n")
            self.assertLess((self.memory() - before) / 9000, 4096)
            spent = self.cpu()
            time.sleep(1)
            self.assertLess(self.cpu() - spent, 0.2)
        wait_until(lambda: self.metric("pannier_clients") == 1, "all are gone")

    def test_b25_clients_that_come_and_go_leave_nothing_behind(self):
        self.start(RULES)
        self.come_and_go(0.3)
        lines, files, memory = self.pannier.log_text(), self.descriptors(), self.memory()
        came = self.come_and_go(CHURN)
        self.assertGreater(came, 100)
        wait_until(lambda: self.metric("pannier_clients") == 1, "all are gone")
        self.assertEqual(self.pannier.log_text(), lines)
        wait_until(lambda: self.descriptors() <= files, "their descriptors are free")
        self.assertLess(self.memory() - memory, 2 * MIB)

    def come_and_go(self, seconds):
        came, until = 0, time.monotonic() + seconds
        while time.monotonic() < until:
            for i in range(10):
                wire = self.pannier.wire()
                if i % 3 == 0:
                    wire.send(b"GET lost:1\r\nGET a\r\n*2\r\n$3\r\nGE"[:i * 4])
                (reset if i % 2 else Wire.__exit__)(wire)
            came += 10
        return came


class Flood(Faults):
    def test_a14_a_million_commands_nobody_reads_the_replies_of_take_no_room(self):
        count = 1_000_000
        self.start()
        self.wire.call("SET", "k", "v")
        before, most = self.memory(), 0
        with self.pannier.wire(timeout=60) as deaf, self.pannier.wire() as other:
            commands = encode("GET", "k") * count
            sends = threading.Thread(target=deaf.send, args=(commands,))
            sends.start()
            for _ in range(200):
                self.assertEqual(other.call("GET", "k"), b"$1\r\nv\r\n")
                most = max(most, self.memory())
            wanted, left = b"$1\r\nv\r\n" * 10_000, count // 10_000
            while left:
                self.assertEqual(deaf.exactly(len(wanted)), wanted)
                most, left = max(most, self.memory()), left - 1
            sends.join()
        self.assertLess(most - before, 16 * MIB)

    def test_k3_a_client_that_floods_leaves_others_their_turn(self):
        """While 300,000 commands of one are served another one, who asks one at a time, gets its
        share: about one for each 1,024 at least."""
        count = 300_000
        self.start()
        for key in ("plain", "lost:1"):
            self.wire.call("SET", key, "v")
            with self.pannier.wire(timeout=60) as floods, self.pannier.wire() as other:
                sends = threading.Thread(target=floods.send, args=(encode("GET", key) * count,))
                reads = threading.Thread(target=floods.exactly, args=(7 * count,))
                sends.start()
                reads.start()
                served = 0
                while reads.is_alive():
                    self.assertEqual(other.call("GET", "plain"), b"$1\r\nv\r\n")
                    served += 1
                sends.join()
            self.assertGreater(served, 60)

    def test_b3_what_nobody_reads_is_not_held(self):
        self.start()
        self.wire.call("SET", "large", b"v" * MIB)
        before = self.memory()
        deaf = [self.enterContext(self.pannier.wire()) for _ in range(10)]
        for wire in deaf:
            wire.send(encode("GET", "large") * 500)
        most, until = 0, time.monotonic() + 2
        while time.monotonic() < until:
            self.assertEqual(self.wire.call("PING"), b"+PONG\r\n")
            most = max(most, self.memory())
        self.assertLess(most - before, 400 * MIB)
        for wire in deaf:
            wire.socket.close()
        wait_until(lambda: self.memory() - before < 40 * MIB, "the memory is given back")


if __name__ == "__main__":
    unittest.main()
