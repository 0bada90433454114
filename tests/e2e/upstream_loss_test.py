#!/usr/bin/python3
"""Redis is killed, stopped, cut off and comes back while clients go on. Group C of the failures."""

import os
import random
import signal
import subprocess
import time
import unittest

from canary import OWN_ERROR, Canaries, fill
from fault_bench import RULES, Faults
from support import Pannier, encode, wait_until

CRASHES = int(os.environ.get("PANNIER_CRASHES", "20"))
QUIET_LANE = "upstream: {max_lag: 1h}\n"  # No heartbeats: only what a test sends passes the relay.


class Load(Faults):
    def canaries(self):
        fill(self.redis)
        return self.enterContext(Canaries(self.pannier.port))


class RedisIsKilled(Load):
    def test_c1_killed_redis_has_executed_what_was_acknowledged_and_nothing_twice(self):
        """A counter incremented by a client that is told what happened to each of its commands is
        afterwards between what was acknowledged and that plus what is unknown."""
        self.start(redis_options=("--appendonly", "yes", "--appendfsync", "no"))
        seed = random.SystemRandom().randrange(1 << 32)
        dice, seen = random.Random(seed), {"acked": 0, "unknown": 0}
        for number in range(CRASHES):
            with self.subTest(round=number, seed=seed):
                self.crash(f"n:{number}", dice, seen)
        # Kills that always come too early or too late would prove nothing.
        self.assertGreater(seen["acked"], 0)
        self.assertGreater(seen["unknown"], 0)

    def crash(self, key, dice, seen):
        self.await_reply(b"$-1\r\n", "GET", key)
        wires = [self.enterContext(self.pannier.wire()) for _ in range(5)]
        batch = (encode("INCR", key) + encode("GET", key)) * 10
        for wire in wires:
            for _ in range(dice.randint(1, 20)):
                wire.send(batch)
        time.sleep(dice.uniform(0, 0.004))
        self.redis.process.kill()
        for wire in wires:
            wire.send(batch)
            wire.call("PING")
        acked, unknown = 0, 0
        for wire in wires:
            wire.send(b"ECHO end\r\n")
        for wire in wires:
            acked, unknown = self.count(wire, acked, unknown)
            wire.socket.close()
        self.redis.process.wait()
        self.redis.start()
        with self.redis.wire() as direct:
            reply = direct.call("GET", key)
        value = int(reply.split(b"\r\n")[1]) if reply != b"$-1\r\n" else 0
        self.assertLessEqual(acked, value)
        self.assertLessEqual(value, acked + unknown)
        seen["acked"] += acked
        seen["unknown"] += unknown

    def count(self, wire, acked, unknown):
        return acked, unknown


if __name__ == "__main__":
    unittest.main()
