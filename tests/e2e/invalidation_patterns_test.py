#!/usr/bin/python3
"""Invalidation by patterns over many keys: exact, in steps that hold nobody up, never by KEYS.

PANNIER_KEYS=5000000 has as many as the catalogue; by itself then, as `run` ends what takes three
minutes."""

import threading
import time
import unittest

from invalidated import NIL, OK, bulk, number, p99, plain, store_many
from much_invalidated import KEYS, PATIENCE, PATIENT, Large, jobs, values
from support import Pannier, Redis, wait_until

SWEPT = 200_000


class Pattern(Large):
    def test_f7_what_was_there_before_is_counted_exactly_and_gone(self):
        """New keys are inserted during the scan: they may stay or not, and are then counted."""
        store_many(self.near, ((f"bulk:{n}", "old") for n in range(KEYS)))
        store_many(self.direct, ((f"rest:bulk:{n}", "x") for n in range(KEYS // 10)))
        over, inserted = threading.Event(), []

        def insert():
            with self.sidecars[1].wire(20) as wire:
                while not over.is_set():
                    self.assertEqual(wire.call("SET", f"bulk:new:{len(inserted)}", "x"), OK)
                    inserted.append(None)
        thread = threading.Thread(target=insert)
        thread.start()
        count = number(self.near.call("PANNIER", "INVALIDATE", "PATTERN", "bulk:*"))
        over.set()
        thread.join()
        self.assertGreater(len(inserted), 100)
        old = [f"bulk:{n}" for n in range(KEYS)]
        self.assertEqual(set(values(self.direct, old)), {NIL})
        new = values(self.direct, [f"bulk:new:{n}" for n in range(len(inserted))])
        self.assertEqual(count, KEYS + new.count(NIL))
        rest = values(self.direct, [f"rest:bulk:{n}" for n in range(KEYS // 10)])
        self.assertEqual(set(rest), {bulk("x")})
        self.assertEqual(self.stats("keys"), 0)
        self.assertGreater(self.stats("scan"), 10)

    def test_f7_whatever_a_glob_may_say_it_removes_what_keys_would_list(self):
        keys = ["odd:*", "odd:a", "odd:b", "odd:ab", "odd:[a]", "odd:[", "odd:]", "odd:^", "odd:-",
                "odd:\\", "odd:\\*", "odd:?", "odd:??", "odd:a\r\nb", "odd:\x00", "odd:ä", "odd:",
                "odd:{a}", "odd:a:v1", "ODD:a", "odd", "xodd:a"]
        globs = ["odd:*", "odd:?", "odd:\\*", "odd:[*]", "odd:[a-b]", "odd:[b-a]", "odd:[^a]",
                 "odd:[^]*", "odd:[", "odd:[a", "odd:\\[a\\]", "odd:[[]", "odd:\\", "odd:\\\\",
                 "odd:\\\\\\*", "odd:[\\]]", "odd:[\\^-]", "odd:a\r\n*", "odd:??", "odd:{a}",
                 "odd:**b", "?odd:a", "[o]dd", "odd", "od*:\x00", "odd:a*"]
        with Redis() as control, control.wire() as same:
            for glob in globs:
                with self.subTest(glob=glob):
                    for key in keys:
                        self.assertEqual(self.near.call("SET", key, "x"), OK)
                        self.assertEqual(same.call("SET", key, "x"), OK)
                    doomed = set(plain(same.call("KEYS", glob)))
                    count = number(self.near.call("PANNIER", "INVALIDATE", "PATTERN", glob))
                    left = {key.encode() for key in keys if self.direct.call("GET", key) != NIL}
                    self.assertEqual({key.encode() for key in keys} - left, doomed)
                    self.assertEqual(count, len(doomed))
        self.assertEqual(self.stats("keys"), 0)

    def test_f7_what_takes_long_becomes_a_job(self):
        with Pannier("invalidation_wait: 50ms\n" + PATIENT, self.redis.port) as sidecar, \
                sidecar.wire(20) as wire:
            store_many(wire, ((f"bulk:{n}", "old") for n in range(KEYS)))
            reply = wire.call("PANNIER", "INVALIDATE", "PATTERN", "bulk:*")
            self.assertRegex(reply, rb"^\+job 1: ")
            self.assertGreater(self.size(), KEYS / 10)
            keys = [f"bulk:{n}" for n in range(0, KEYS, KEYS // 50)]
            self.fence(self.far)
            for other in (wire, self.far):
                self.assertEqual(set(values(other, keys)), {NIL})
            states = []
            wait_until(lambda: states.append(jobs(wire)[0]) or states[-1]["state"] != b"running",
                       "the job ends", PATIENCE)
            self.assertEqual(states[0]["state"], b"running")
            self.assertEqual((states[-1]["state"], states[-1]["job"], states[-1]["removed"]),
                             (b"done", 1, KEYS))
            self.assertEqual(set(values(self.direct, keys)), {NIL})

    def test_002_16_other_clients_during_a_sweep(self):
        """In slices between quiet ones: what others wait for is of the same size in both."""
        groups = 4
        store_many(self.direct, ((f"bulk:{n % groups}:{n}", "x") for n in range(SWEPT)))
        self.assertEqual(self.near.call("SET", "other:1", "x"), OK)
        wires = [self.enterContext(one.wire(20)) for one in (self.redis, *self.sidecars)]
        quiet, swept = [[] for _ in wires], [[] for _ in wires]

        def ask(waits, over):
            while not over():
                for wire, found in zip(wires, waits):
                    begun = time.monotonic()
                    self.assertEqual(wire.call("GET", "other:1"), bulk("x"))
                    found.append(time.monotonic() - begun)
        counts = []
        for group in range(groups):
            end = time.monotonic() + 0.5
            ask(quiet, lambda: time.monotonic() > end)
            sweep = threading.Thread(target=lambda: counts.append(number(self.near.call(
                "PANNIER", "INVALIDATE", "PATTERN", f"bulk:{group}:*"))))
            sweep.start()
            ask(swept, lambda: not sweep.is_alive())
        end = time.monotonic() + 0.5
        ask(quiet, lambda: time.monotonic() > end)
        self.assertEqual(counts, [SWEPT // groups] * groups)
        for where, before, during in zip(("direct", "near", "far"), quiet, swept):
            with self.subTest(where=where):
                self.assertGreater(len(during), 200)
                self.assertLess(p99(during), 5 * p99(before))

    def test_f7_redis_is_never_held(self):
        def sweep(turn):
            store_many(self.direct, ((f"bulk:{n}", turn) for n in range(KEYS)))
            count = number(self.near.call("PANNIER", "INVALIDATE", "PATTERN", "bulk:*"))
            self.assertEqual(count, KEYS)
        self.never_slow(sweep)


if __name__ == "__main__":
    unittest.main()
