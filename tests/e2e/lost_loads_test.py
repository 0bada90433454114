#!/usr/bin/python3
"""Clients that were told to load a value and never SET it."""

import time
import unittest

from support import Pannier, Redis, wait_until

CONFIG = """
tiers: {t: {ttl: 60s, jitter: 0%}}
rules: [{match: "k:{id}", tier: t, tags: [hot]}]
"""


class LostLoads(unittest.TestCase):
    """A key whose tag is invalidated every second."""

    def setUp(self):
        redis = self.enterContext(Redis())
        self.pannier = self.enterContext(Pannier(CONFIG, redis.port))
        self.wire = self.enterContext(self.pannier.wire())
        wait_until(lambda: b"pannier_upstream:up" in self.wire.call("INFO", "pannier"), "it is up")

    def second(self, value):
        """Behind an invalidation: how often a client found a value, and how often it loaded it."""
        self.wire.call("PANNIER", "INVALIDATE", "TAG", "hot")
        end, hits, loads = time.monotonic() + 1, 0, 0
        while time.monotonic() < end:
            if self.wire.call("GET", "k:1") == b"$-1\r\n":
                time.sleep(0.02)
                self.wire.call("SET", "k:1", value())
                loads += 1
            else:
                hits += 1
            time.sleep(0.005)
        return hits, loads

    def lose(self, count):
        for _ in range(count):
            self.wire.call("PANNIER", "INVALIDATE", "TAG", "hot")
            with self.pannier.wire() as lost:
                self.assertEqual(lost.call("GET", "k:1"), b"$-1\r\n")

    def test_they_do_not_end_the_hits_of_others(self):
        for lost in (1, 4):
            with self.subTest(lost=lost):
                self.lose(lost)
                seconds = [self.second(lambda: "the same") for _ in range(6)]
                # The first may have to wait for what is told later.
                for hits, loads in seconds[1:]:
                    self.assertGreater(hits, 30, seconds)
                    self.assertLess(loads, 25, seconds)

    def test_without_them_each_invalidation_costs_one_load(self):
        for _ in range(3):
            hits, loads = self.second(lambda: "the same")
            self.assertGreater(hits, 30)
            self.assertLess(loads, 3)


if __name__ == "__main__":
    unittest.main()
