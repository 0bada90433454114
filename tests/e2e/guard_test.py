#!/usr/bin/python3
"""What was computed before its key was removed is not stored after it (group E of the failures).

A reader misses the key and computes; the key is removed, through the same sidecar, another one or
past both; then the reader's SET arrives. Without a guard that value would stay.
"""

import os
import time
import unittest

from support import Pannier, Redis

ROUNDS = int(os.environ.get("PANNIER_ROUNDS", "500")) // 10
RULES = """
tiers:
  none: {ttl: 60s}
  near: {ttl: 60s, guard: sidecar}
  fleet: {ttl: 60s, guard: fleet}
rules:
  - {match: "none:*", tier: none}
  - {match: "near:*", tier: near}
  - {match: "fleet:*", tier: fleet}
"""

OK, NIL = b"+OK\r\n", b"$-1\r\n"


def delete(wire, key):
    wire.call("DEL", key)


def unlink_several(wire, key):
    wire.call("UNLINK", "unruled", key, key + ":other")


def getdel(wire, key):
    wire.call("GETDEL", key)


def invalidate(wire, key):
    wire.call("PANNIER", "INVALIDATE", "KEY", key)


def delete_in_transaction(wire, key):
    wire.call("MULTI")
    wire.call("DEL", key)
    wire.call("EXEC")


def increment(wire, key):
    """Not a removal; but what was computed from the key's absence is older than this."""
    wire.call("INCR", key)


def write_through(wire, key):
    wire.call("SET", key, "newer")


def flush(wire, _):
    wire.call("FLUSHDB")


REMOVALS = [delete, unlink_several, getdel, invalidate, delete_in_transaction, flush]
CHANGES = [increment]


def fill(wire, key, value):
    assert wire.call("SET", key, value) == OK


def fill_with_time(wire, key, value):
    assert wire.call("SETEX", key, "30", value) == OK


def fill_and_get(wire, key, value):
    reply = wire.call("SET", key, value, "GET")
    assert reply in (NIL, b"$1\r\n1\r\n", b"$5\r\nnewer\r\n"), reply


def fill_many(wire, key, value):
    assert wire.call("MSET", key, value) == OK


def fill_in_transaction(wire, key, value):
    wire.call("MULTI")
    assert wire.call("SET", key, value) == b"+QUEUED\r\n"
    assert wire.call("EXEC") == b"*1\r\n" + OK


FILLS = [fill, fill_with_time, fill_and_get, fill_many, fill_in_transaction]


class Guard(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.redis = cls.enterClassContext(Redis())
        cls.near = cls.enterClassContext(Pannier(RULES, cls.redis.port))
        cls.far = cls.enterClassContext(Pannier(RULES, cls.redis.port))

    def setUp(self):
        self.direct = self.enterContext(self.redis.wire())
        self.loader = self.enterContext(self.near.wire())
        self.wires = {"near": self.enterContext(self.near.wire()),
                      "far": self.enterContext(self.far.wire())}
        self.number = 0

    def stale_sets(self, tier, remove, through, fill_by):
        """How often an old value was there after all."""
        stale = 0
        for _ in range(max(ROUNDS // 10, 2)):
            self.number += 1
            key = f"{tier}:{remove.__name__}:{fill_by.__name__}:{self.number}"
            self.assertEqual(self.loader.call("GET", key), NIL)
            remove(through, key)
            fill_by(self.loader, key, "old")
            stale += b"old" in self.direct.call("GET", key)
            # The key is not spoiled: who misses it now may store it.
            if self.loader.call("GET", key) == NIL:
                fill_by(self.loader, key, "new")
                self.assertEqual(self.direct.call("GET", key), b"$3\r\nnew\r\n", key)
        return stale

    def assert_none_stale(self, tier, where, removals=REMOVALS):
        for remove in removals:
            for fill_by in FILLS:
                with self.subTest(remove=remove.__name__, fill=fill_by.__name__, where=where):
                    self.assertEqual(self.stale_sets(tier, remove, self.wires[where], fill_by), 0)

    def test_removals_through_the_same_sidecar(self):
        self.assert_none_stale("near", "near")

    def test_removals_through_the_same_sidecar_of_a_fleet(self):
        self.assert_none_stale("fleet", "near")

    def test_removals_through_another_sidecar(self):
        self.assert_none_stale("fleet", "far")

    def test_other_writes_in_between(self):
        self.assert_none_stale("fleet", "near", CHANGES)
        self.assert_none_stale("fleet", "far", CHANGES)
        self.assertEqual(self.stale_sets("fleet", write_through, self.wires["far"], fill), 0)

    def test_without_a_guard_every_one_is_stored(self):
        for where in ("near", "far"):
            stale = self.stale_sets("none", delete, self.wires[where], fill)
            self.assertEqual(stale, max(ROUNDS // 10, 2))
        # A guard that knows its own sidecar only cannot know of others.
        self.assertEqual(self.stale_sets("near", delete, self.wires["far"], fill),
                         max(ROUNDS // 10, 2))

    def test_many_stale_sets_in_both_directions(self):
        for where in ("near", "far"):
            stale = 0
            for number in range(ROUNDS):
                key = f"fleet:many:{where}:{number}"
                self.loader.call("GET", key)
                self.wires[where].call("DEL", key)
                self.loader.call("SET", key, "old")
                stale += self.direct.call("EXISTS", key) == b":1\r\n"
            self.assertEqual(stale, 0)

    def test_e5_a_removal_past_the_sidecars_of_a_key_that_was_there(self):
        # The miss is told for a value that is invalid, so that there is something to remove.
        with Pannier("""
tiers: {t: {ttl: 60s, guard: sidecar, foreign: miss}}
rules: [{match: "k:*", tier: t}]
""", self.redis.port) as pannier, pannier.wire() as wire:
            for number in range(20):
                key = f"k:{number}"
                self.direct.call("SET", key, "foreign")
                self.assertEqual(wire.call("GET", key), NIL)
                self.direct.call("DEL", key)
                time.sleep(0.05)
                self.assertEqual(wire.call("SET", key, "old"), OK)
                self.assertEqual(self.direct.call("GET", key), NIL)

    def test_e6_a_refused_set_leaves_nothing_and_is_counted(self):
        key = "fleet:e6"
        self.loader.call("GET", key)
        other = self.wires["far"]
        self.assertEqual(other.call("GET", key), NIL)
        other.call("DEL", key)
        self.assertEqual(other.call("GET", key), NIL)
        self.assertEqual(self.loader.call("SET", key, "old"), OK)
        self.assertEqual(self.direct.call("GET", key), NIL)
        stats = self.loader.call("PANNIER", "STATS")
        self.assertRegex(stats.replace(b"\r\n", b" "), rb"stale_sets_refused :[1-9]")

    def test_e9_a_lost_record_is_as_good_as_a_removal(self):
        key = "fleet:e9"
        self.wires["far"].call("DEL", key)
        self.loader.call("GET", key)
        self.direct.call("DEL", "pn:d:" + key)
        self.assertEqual(self.loader.call("SET", key, "old"), OK)
        self.assertEqual(self.direct.call("GET", key), NIL)

    def test_e14_locks_are_locks(self):
        for tier in ("near", "fleet"):
            key = f"{tier}:lock"
            self.assertEqual(self.loader.call("GET", key), NIL)
            self.assertEqual(self.wires["near"].call("SET", key, "a", "NX", "PX", "500"), OK)
            self.assertEqual(self.loader.call("SET", key, "b", "NX", "PX", "500"), NIL)
            self.assertEqual(self.direct.call("GET", key), b"$1\r\na\r\n")
            self.wires["near"].call("DEL", key)
            self.assertEqual(self.loader.call("SET", key, "b", "NX", "PX", "500"), OK)

    def test_removals_answer_as_redis(self):
        wire = self.wires["near"]
        self.direct.call("MSET", "fleet:x", "1", "fleet:y", "2", "unruled", "3")
        self.direct.call("HSET", "fleet:hash", "a", "1")
        self.assertEqual(wire.call("UNLINK", "fleet:x", "unruled", "fleet:none"), b":2\r\n")
        self.assertEqual(wire.call("GETDEL", "fleet:y"), b"$1\r\n2\r\n")
        self.assertEqual(wire.call("GETDEL", "fleet:y"), NIL)
        self.assertEqual(wire.call("GETDEL", "fleet:hash"), self.direct.call("GETDEL", "fleet:hash"))
        self.assertEqual(wire.call("DEL", "fleet:hash", "fleet:hash"), b":1\r\n")
        wire.call("HELLO", "3")
        self.assertEqual(wire.call("GETDEL", "fleet:y"), b"_\r\n")


if __name__ == "__main__":
    unittest.main()
