#!/usr/bin/python3
"""Clocks that jump: the machine was suspended, or somebody set the time of day (D7).

No test can suspend the machine, and a time namespace only shifts clocks of processes that begin in
it. So the sidecar's own clock_gettime is replaced by one that jumps when the test says so."""

import os
import struct
import subprocess
import tempfile
import time
import unittest

from relay import Relay
from support import Pannier, Redis, free_port, wait_until

HERE = os.path.dirname(os.path.abspath(__file__))
RULES = """
upstream: {max_lag: 1s, op_timeout: 60s}
tiers: {copied: {ttl: 600s, local: 30s, foreign: trust}}
rules: [{match: "copied:*", tier: copied}]
"""


class ShiftedPannier(Pannier):
    def __init__(self, library, *arguments):
        super().__init__(*arguments)
        self.library, self.clocks = library, os.path.join(self.folder.name, "clocks")
        self.shift()

    def command_line(self):
        return ["env", f"LD_PRELOAD={self.library}", f"SHIFTED_CLOCK={self.clocks}",
                "ASAN_OPTIONS=verify_asan_link_order=0", *super().command_line()]

    def shift(self, boot=0, wall=0):
        """Its clocks are this many seconds later than the machine's from now on."""
        with open(self.clocks, "r+b" if os.path.exists(self.clocks) else "wb") as file:
            file.write(struct.pack("qq", boot * 10**9, wall * 10**9))


class Clocks(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = cls.enterClassContext(tempfile.TemporaryDirectory(prefix="pannier-e2e-"))
        cls.library = os.path.join(folder, "shifted_clock.so")
        subprocess.run([os.environ.get("CXX", "c++"), "-shared", "-fPIC", "-O1", "-o", cls.library,
                        os.path.join(HERE, "shifted_clock.cpp")], check=True)

    def setUp(self):
        self.redis = self.enterContext(Redis())
        self.relay = self.enterContext(Relay(free_port(), self.redis.port))
        self.relay.listen()
        self.pannier = self.enterContext(ShiftedPannier(self.library, RULES, self.relay.port))
        self.wire = self.enterContext(self.pannier.wire())
        self.direct = self.enterContext(self.redis.wire())
        self.wire.call("SET", "copied:1", "old")
        wait_until(self.is_kept, "a copy")

    def asked(self):
        text = self.direct.call("INFO", "commandstats").decode()
        return int(text.split("cmdstat_get:calls=")[1].split(",")[0]) if "_get:" in text else 0

    def is_kept(self):
        self.wire.call("GET", "copied:1")
        before = self.asked()
        return self.wire.call("GET", "copied:1") == b"$3\r\nold\r\n" and self.asked() == before

    def test_d7_what_was_known_before_a_suspension_is_old_after_it(self):
        self.relay.to_client.flowing.clear()  # Nothing of the change reaches the sidecar.
        self.direct.call("SET", "copied:1", "new")
        self.assertEqual(self.wire.call("GET", "copied:1"), b"$3\r\nold\r\n")  # Within max_lag.
        self.pannier.shift(boot=5)
        self.wire.send(b"*2\r\n$3\r\nGET\r\n$8\r\ncopied:1\r\n")
        time.sleep(0.1)
        self.relay.release()
        self.assertEqual(self.wire.reply(), b"$3\r\nnew\r\n")

    def test_d7_deadlines_go_on_while_the_machine_is_suspended(self):
        self.pannier.shift(boot=40)  # The lane is asked, and answers: what is left is the deadline.
        before = self.asked()
        time.sleep(0.2)
        self.assertEqual(self.wire.call("GET", "copied:1"), b"$3\r\nold\r\n")
        self.assertEqual(self.asked(), before + 1)

    def test_d7_the_time_of_day_decides_nothing(self):
        for wall in (3600, -3600, 0):
            with self.subTest(wall=wall):
                self.pannier.shift(wall=wall)
                self.assertTrue(self.is_kept())
        self.pannier.shift(wall=-3600)
        self.direct.call("SET", "copied:1", "new")
        wait_until(lambda: self.wire.call("GET", "copied:1") == b"$3\r\nnew\r\n", "the change", 1)


if __name__ == "__main__":
    unittest.main()
