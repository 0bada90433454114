#!/usr/bin/python3
"""What is invalidated while Redis cannot be reached is invalid here at once, and in Redis before
anything from there is trusted again."""

import threading
import time
import unittest

from degradation_bench import TIERS, Degraded, bulk
from support import Pannier, encode, wait_until


class Journal(Degraded):
    def start_two(self, config=TIERS):
        """self.wire asks the sidecar behind the relay, self.other one that keeps its Redis."""
        self.start(config, relayed=True)
        self.far = self.enterContext(Pannier(config, self.redis.port))
        self.other = self.enterContext(self.far.wire())
        self.direct = self.enterContext(self.redis.wire())
        self.await_state("up")

    def cut(self):
        self.relay.cut()
        self.await_state("down")

    def journal(self):
        return self.metric("pannier_journal_entries")

    def test_everything_is_invalid_here_at_once_and_everywhere_when_redis_is_back(self):
        self.start_two()
        for number in range(8):
            self.keep(f"stale:{number}", "old")
            self.assertEqual(self.other.call("GET", f"stale:{number}"), bulk("old"))
        for key in ("plain:1", "plain:2"):
            self.wire.call("SET", key, "old")
        self.cut()
        for words in (("TAG", "one:1"), ("KEY", "stale:2")):
            self.assertTrue(self.wire.call("PANNIER", "INVALIDATE", *words).startswith(b"+journaled"))
        self.assertEqual(self.wire.call("DEL", "stale:3", "stale:4"), b":2\r\n")
        self.assertEqual(self.wire.call("UNLINK", "stale:5"), b":1\r\n")
        for number in (1, 2, 3, 4, 5):
            self.assertEqual(self.wire.call("GET", f"stale:{number}"), self.refused)
        self.assertEqual(self.wire.call("GET", "stale:6"), bulk("old"))
        self.assertTrue(self.wire.call("PANNIER", "INVALIDATE", "PATTERN", "plain:*")
                        .startswith(b"+journaled"))
        self.assertEqual(self.journal(), 6)
        # Readers who ask without a pause while it comes back must not see anything of before.
        seen, over = set(), threading.Event()

        def read():
            with self.pannier.wire() as wire:
                while not over.is_set():
                    for number in (1, 2, 3, 4, 5):
                        seen.add(wire.call("GET", f"stale:{number}"))

        readers = [threading.Thread(target=read) for _ in range(4)]
        for reader in readers:
            reader.start()
        self.relay.listen()
        self.await_state("up")
        time.sleep(0.3)
        over.set()
        for reader in readers:
            reader.join()
        self.assertNotIn(bulk("old"), seen)
        self.assertIn(b"$-1\r\n", seen)
        self.assertEqual(self.journal(), 0)
        self.assertEqual(self.metric("pannier_invalidations_replayed_total"), 6)
        wait_until(lambda: self.direct.call("EXISTS", *(f"stale:{n}" for n in (1, 2, 3, 4, 5)),
                                            "plain:1", "plain:2") == b":0\r\n", "all are removed")
        for number in (1, 2, 3, 4, 5):
            self.assertEqual(self.other.call("GET", f"stale:{number}"), b"$-1\r\n")

    def test_thousands_go_in_batches_and_in_databases(self):
        self.start_two()
        for db in ("0", "3"):
            self.direct.call("SELECT", db)
            for first in range(0, 2000, 500):
                words = [w for n in range(first, first + 500) for w in (f"stale:{n}", "old")]
                self.direct.call("MSET", *words)
        self.cut()
        for db in ("0", "3"):
            self.wire.call("SELECT", db)
            self.wire.send(b"".join(encode("DEL", f"stale:{n}") for n in range(2000)))
            self.assertEqual({self.wire.reply() for _ in range(2000)}, {b":1\r\n"})
        self.assertEqual(self.journal(), 4000)
        self.relay.listen()
        wait_until(lambda: self.journal() == 0, "it is replayed")
        for db in ("0", "3"):
            self.direct.call("SELECT", db)
            self.assertEqual(self.direct.call("EXISTS", *(f"stale:{n}" for n in range(2000))),
                             b":0\r\n")

    def test_an_overflow_removes_everything_under_rules_and_nothing_else(self):
        self.start_two(TIERS + "journal: {max_entries: 100}\n")
        self.keep("brief:1", "old")
        self.direct.call("MSET", "stale:1", "old", "plain:1", "old", "other", "kept")
        self.cut()
        self.wire.send(b"".join(encode("DEL", f"stale:x{n}") for n in range(200)))
        self.assertEqual({self.wire.reply() for _ in range(200)}, {b":1\r\n"})
        self.assertEqual(self.metric("pannier_journal_overflows_total"), 1)
        self.assertLessEqual(self.journal(), 100)
        self.assertEqual(self.wire.call("GET", "brief:1"), b"$-1\r\n")
        self.relay.listen()
        self.await_state("up")
        for key in ("stale:1", "plain:1", "brief:1"):
            self.assertEqual(self.wire.call("GET", key), b"$-1\r\n")
        self.assertEqual(self.wire.call("GET", "other"), bulk("kept"))
        wait_until(lambda: self.direct.call("EXISTS", "stale:1", "plain:1", "brief:1") == b":0\r\n",
                   "all of it is removed")

    def test_what_was_invalidated_before_redis_was_ever_seen(self):
        self.start(TIERS, relayed=True)
        self.relay.cut()
        with self.redis.wire() as direct:
            direct.call("SET", "stale:1", "old")
            with Pannier(TIERS, self.relay.port) as sidecar, sidecar.wire() as wire:
                self.assertEqual(wire.call("PANNIER", "INVALIDATE", "KEY", "stale:1"), b":0\r\n")
                self.relay.listen()
                wait_until(lambda: direct.call("EXISTS", "stale:1") == b":0\r\n", "it is removed")

    def test_while_redis_refuses_them_rules_fail_with_the_reason(self):
        self.start_two()
        self.keep("stale:1", "old")
        self.cut()
        self.wire.call("PANNIER", "INVALIDATE", "TAG", "group")
        self.direct.call("CONFIG", "SET", "maxmemory", "1")
        self.relay.listen()
        self.await_state("up")
        reply = self.wire.call("GET", "stale:1")
        self.assertRegex(reply, rb"^-ERR pannier: upstream refuses 1 invalidations .*OOM")
        self.assertTrue(reply.endswith(b"; not executed\r\n"))
        self.assertEqual(self.wire.call("EXISTS", "other"), b":0\r\n")
        self.direct.call("CONFIG", "SET", "maxmemory", "0")
        self.await_reply(b"$-1\r\n", "GET", "stale:1")
        self.assertEqual(self.journal(), 0)


if __name__ == "__main__":
    unittest.main()
