#!/usr/bin/python3
"""A share of the copies that were served is compared with Redis."""

import time
import unittest

from degradation_bench import TIERS, Degraded, bulk
from support import wait_until


class SelfCheck(Degraded):
    CONFIG = TIERS + "self_check: {sample: 100%}\n"

    def found(self):
        return self.metric('pannier_inconsistent_total{after="1s"}')

    def test_a_change_that_redis_tells_nobody_is_found(self):
        """SWAPDB by somebody else is not pushed: the copies are wrong, and stay so for a while."""
        self.start(self.CONFIG)
        self.await_state("up")
        self.keep("plain:1", "old")
        with self.redis.wire() as direct:
            direct.call("SWAPDB", "0", "1")
        self.assertEqual(self.wire.call("GET", "plain:1"), bulk("old"))
        wait_until(lambda: self.found() > 0, "it is found")
        stats = self.wire.call("PANNIER", "STATS")
        self.assertIn(b"key_hash", stats)
        self.assertNotIn(b"plain:1", stats)

    def test_what_changes_as_it_should_is_not(self):
        self.start(self.CONFIG)
        self.await_state("up")
        begun = time.monotonic()
        while time.monotonic() - begun < 4:
            for number in range(10):
                self.wire.call("SET", f"plain:{number}", str(time.monotonic_ns()))
                for _ in range(5):
                    self.wire.call("GET", f"plain:{number}")
            with self.redis.wire() as direct:
                direct.call("SET", "plain:1", "outside")
                direct.call("DEL", "plain:2")
            time.sleep(0.1)
        wait_until(lambda: self.metric("pannier_self_checks_total") > 100, "many were checked")
        self.assertEqual(self.found(), 0)

    def test_by_default_nothing_is_asked(self):
        self.start(TIERS)
        self.await_state("up")
        self.keep("plain:1", "old")
        for _ in range(1000):
            self.wire.call("GET", "plain:1")
        time.sleep(1.2)
        self.assertEqual(self.metric("pannier_self_checks_total"), 0)


if __name__ == "__main__":
    unittest.main()
