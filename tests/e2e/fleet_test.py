#!/usr/bin/python3
"""Many sidecars and one Redis, a Redis that is part of a cluster, and memory: its bound, and after a
burst. Rows C6, C26, K1 and K2 of the failures."""

import contextlib
import threading
import time
import unittest
import urllib.request

import admin_client
from support import Pannier, Redis, encode, free_port, wait_until

MIB = 1 << 20
RULES = """
tiers: {short: {ttl: 60s}}
rules: [{match: "page:{id}", tier: short}]
"""


class Fleet(unittest.TestCase):
    def test_c6_sidecars_that_lose_redis_together_do_not_come_back_together(self):
        redis = self.enterContext(Redis())
        fleet = [self.enterContext(Pannier("", redis.port)) for _ in range(20)]
        wires = [self.enterContext(pannier.wire(10)) for pannier in fleet for _ in range(10)]
        for wire in wires:
            self.assertEqual(wire.call("SET", "k", "1"), b"+OK\r\n")
        redis.stop()
        time.sleep(4)  # By now the pauses between their attempts are long.
        redis.start()
        begun, returned = time.monotonic(), {}
        while len(returned) < len(fleet):
            self.assertLess(time.monotonic() - begun, 10, sorted(returned))
            for number in range(len(fleet)):
                if number not in returned and wires[number * 10].call("SET", "k", "1") == b"+OK\r\n":
                    returned[number] = time.monotonic()
            time.sleep(0.01)
        self.assertGreater(max(returned.values()) - min(returned.values()), 0.5)
        for wire in wires:
            wire.call("GET", "k")
        with redis.wire() as direct:
            text = direct.call("INFO", "clients")
        connected = int(text.split(b"connected_clients:")[1].split(b"\r\n")[0])
        self.assertLessEqual(connected, 2 * len(fleet) + 1)  # Not one for each of 200 clients.

    def test_c26_a_cluster_is_refused_with_the_reason(self):
        # Its second port would be this one plus 10,000, whoever has that.
        redis = self.enterContext(Redis("--cluster-enabled", "yes", "--cluster-port", str(free_port())))
        pannier = self.enterContext(Pannier("", redis.port))
        with pannier.wire() as wire:
            for words in (["SET", "k", "1"], ["GET", "k"], ["MULTI"]):
                self.assertEqual(wire.call(*words), (
                    f"-ERR pannier: upstream 127.0.0.1:{redis.port} unavailable (a node of a Redis "
                    "Cluster, which is not supported yet); not executed\r\n").encode())

    def test_k2_memory_of_a_burst_is_given_back(self):
        redis = self.enterContext(Redis())
        pannier = self.enterContext(Pannier(RULES, redis.port))
        with pannier.wire() as wire:
            wire.call("SET", "page:1", "x")
        before = self.memory(pannier)
        with contextlib.ExitStack() as stack:
            wires = [stack.enter_context(pannier.wire(30)) for _ in range(8)]
            # Under a rule a request is held whole; each lacks its last byte.
            for number, wire in enumerate(wires):
                request = encode("SET", f"page:{number}", b"x" * (30 * MIB))
                threading.Thread(target=self.send, args=(wire, request[:-1]), daemon=True).start()
            wait_until(lambda: self.memory(pannier) > before + 200 * MIB, "the burst is here", 60)
        wait_until(lambda: self.memory(pannier) < before * 1.2 + 8 * MIB, "it is given back", 60)

    def test_k1_memory_has_one_bound_and_the_fattest_pay_for_it(self):
        redis = self.enterContext(Redis())
        pannier = self.enterContext(Pannier("limits: {max_memory: 128MiB}\n" + RULES, redis.port))
        other = self.enterContext(pannier.wire(30))
        self.assertEqual(other.call("SET", "page:1", "x"), b"+OK\r\n")
        before = self.memory(pannier)
        wires = [self.enterContext(pannier.wire(30)) for _ in range(12)]
        for number, wire in enumerate(wires):
            request = encode("SET", f"page:{number}", b"x" * (40 * MIB))
            threading.Thread(target=self.send, args=(wire, request[:-1]), daemon=True).start()
        most, served = 0, 0
        end = time.monotonic() + 5
        while time.monotonic() < end:
            most = max(most, self.memory(pannier))
            served += other.call("GET", "page:1") == b"$1\r\nx\r\n"
        self.assertGreater(served, 3)
        self.assertLess(most - before, (128 + 64) * MIB)
        self.assertIn("event=memory_limit", pannier.log_text())
        with urllib.request.urlopen(f"http://127.0.0.1:{pannier.admin_port}/metrics") as answer:
            samples = admin_client.samples(answer.read().decode())
        self.assertGreater(samples['pannier_client_closed_total{why="memory_limit"}'], 0)

    @staticmethod
    def send(wire, request):
        with contextlib.suppress(OSError):  # The burst is over before all of it has come.
            wire.send(request)

    def memory(self, pannier):
        with open(f"/proc/{pannier.pid}/status") as status:
            return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmRSS:"))


if __name__ == "__main__":
    unittest.main()
