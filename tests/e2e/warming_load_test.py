#!/usr/bin/python3
"""Warming is work that has time: while the loop or Redis is loaded it waits."""

import os
import random
import signal
import threading
import time
import unittest

from origins_bench import REVENUE, Later, OriginCase, ask
from support import wait_until

KEYS = [f"revenue:2026-0{month}-{day:02}" for month in (4, 5) for day in range(1, 31)]
WARM = f"\nwarm: {{days: {{keys: [{', '.join(KEYS)}]}}}}\n"


class Stutter(threading.Thread):
    """A process gets to run for a moment, and not for a longer one, again and again."""

    def __init__(self, pid):
        super().__init__(daemon=True)
        self.pid, self.over = pid, threading.Event()
        self.start()

    def end(self):
        self.over.set()
        self.join()

    def run(self):
        while not self.over.is_set():
            os.kill(self.pid, signal.SIGSTOP)
            time.sleep(random.uniform(0.06, 0.13))  # Or it keeps time with what is done each second.
            os.kill(self.pid, signal.SIGCONT)
            time.sleep(0.01)


class WarmingLoad(OriginCase):
    def setUp(self):
        super().setUp()
        self.pannier = self.start({"revenue": REVENUE + "concurrency: 1\n"}, more=WARM)

    def asked(self):
        return self.postgres.queries("FROM orders WHERE day")

    def check_waits(self, pid):
        """While this process stutters a run goes on with one key a second; then it ends."""
        time.sleep(1.5)  # Redis is asked every second how long it takes.
        stutter = Stutter(pid)
        self.addCleanup(stutter.end)
        time.sleep(1.5)
        with Later(self.pannier, "PANNIER", "WARM", "days") as warming:
            wait_until(lambda: "event=warming_waits" in self.pannier.log_text(), "it waits", 5)
            before = self.asked()
            time.sleep(3)
            loaded = self.asked() - before
            stutter.end()
        self.assertLessEqual(loaded, 5)
        self.assertGreaterEqual(loaded, 1)
        self.assertIn(b"kept\r\n:%d" % len(KEYS), warming.reply)

    def test_g17_a_run_waits_while_redis_is_loaded(self):
        self.check_waits(self.redis.pid)

    def test_g17_a_run_waits_while_the_loop_is_loaded(self):
        self.check_waits(self.pannier.pid)

    def test_g17_else_it_does_not(self):
        reply, _ = ask(self.pannier, "PANNIER", "WARM", "days")
        self.assertIn(b"kept\r\n:%d" % len(KEYS), reply)


if __name__ == "__main__":
    unittest.main()
