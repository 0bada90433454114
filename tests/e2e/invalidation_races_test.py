#!/usr/bin/python3
"""What began before an invalidation is not served after it, through whichever sidecar it is stored
and read, and however the invalidation was said. Soft ones make values stale instead."""

import time
import unittest

from invalidated import NIL, OK, ROUNDS, Fleet, bulk, number
from support import Pannier, encode

RULES = """
upstream: {max_lag: 1s}
tiers:
  copied: {ttl: 60s, local: 30s}
  guarded: {ttl: 60s, local: 30s, guard: fleet}
  window: {ttl: 60s, stale: 2s, coalesce: sidecar}
  copied_window: {ttl: 60s, stale: 2s, local: 30s, coalesce: sidecar}
rules:
  - {match: "fence:*", tier: copied}
  - {match: "race:guarded:{id}", tier: guarded, name: guarded}
  - {match: "race:tagged:{id}", tier: copied, tags: [group, "one:{id}"], name: tagged}
  - {match: "race:untagged:{id}", tier: copied, name: untagged}
  - {match: "race:day:{day}:{id}", tier: copied, dates: day, name: days}
  - {match: "soft:tagged:{id}", tier: window, tags: [softly, "soft:{id}"], name: softly}
  - {match: "soft:day:{day}:{id}", tier: window, dates: day, name: softdays}
  - {match: "soft:copied:{id}", tier: copied_window, tags: [softcopied], name: softcopied}
  - {match: "soft:plain:{id}", tier: window, name: softplain}
  - {match: "hard:{id}", tier: copied, tags: [nowindow], name: hard}
  - {match: "hard:day:{day}:{id}", tier: copied, dates: day, name: harddays}
"""
DAY = "2026-11-21"
# kind: the key of a round, and the words that make it invalid.
KINDS = {
    "key": ("race:guarded:{n}", "INVALIDATE KEY race:guarded:{n}"),
    "tag": ("race:tagged:{n}", "INVALIDATE TAG one:{n}"),
    "tag of all": ("race:tagged:{n}", "INVALIDATE TAG group"),
    "tags all": ("race:tagged:{n}", "INVALIDATE TAG group one:{n} ALL"),
    "pattern": ("race:untagged:{n}", "INVALIDATE PATTERN race:untagged:{n}"),
    "wide pattern": ("race:untagged:{n}", "INVALIDATE PATTERN race:*"),
    "range": (f"race:day:{DAY}:{{n}}", "INVALIDATE RANGE days 2026-11-20 2026-11-22"),
    "clear a rule": ("race:untagged:{n}", "CLEAR untagged"),
    "clear": ("race:tagged:{n}", "CLEAR"),
}


class Races(Fleet):
    def setUp(self):
        self.start(RULES)

    def fill(self, way, wire, key, value):
        if way == "set":
            return self.assertEqual(wire.call("SET", key, value), OK)
        if way == "setex":
            return self.assertEqual(wire.call("SETEX", key, "60", value), OK)
        if way == "mset":
            return self.assertEqual(wire.call("MSET", key, value), OK)
        wire.call("MULTI")
        wire.call("SET", key, value)
        self.assertEqual(wire.call("EXEC"), b"*1\r\n" + OK)

    def stored_late(self, kind, loader, invalidator, way):
        """How often anybody is told the old value; new ones must be kept."""
        pattern, words = KINDS[kind]
        stale, spoiled = [], 0
        rounds = max(ROUNDS * 2 // 5 // 4, 5)
        for n in range(rounds):
            name = f"{kind.replace(' ', '')}{loader}{invalidator}{way}{n}"
            key = pattern.format(n=name)
            load = self.wires[loader]
            self.assertEqual(load.call("GET", key), NIL, key)
            number(self.wires[invalidator].call("PANNIER", *words.format(n=name).split()))
            self.fill(way, load, key, "old")
            for place in (0, 1, 0, 1):
                if self.wires[place].call("GET", key) == bulk("old"):
                    stale.append((key, place))
            self.fill(way, load, key, "new")
            spoiled += self.wires[invalidator].call("GET", key) != bulk("new")
        # What begins in the very millisecond of another sidecar's invalidation counts as before it.
        self.assertLessEqual(spoiled, 1 + rounds // 10, f"{kind}: what was loaded anew is not kept")
        return stale

    def everything_once(self, loader, invalidator):
        for kind in KINDS:
            for way in ("set", "setex", "mset", "exec"):
                with self.subTest(kind=kind, way=way):
                    self.assertEqual(self.stored_late(kind, loader, invalidator, way), [])

    def test_stored_late_through_the_sidecar_that_invalidated(self):
        self.everything_once(0, 0)

    def test_stored_late_through_another_one(self):
        self.everything_once(0, 1)

    def test_several_of_one_millisecond(self):
        """A load between two of them is invalid by the second one, whoever says which."""
        stale = []
        for n in range(ROUNDS):
            key = f"race:tagged:several{n}"
            raised = encode("PANNIER", "INVALIDATE", "TAG", "group")
            second = encode("PANNIER", "INVALIDATE", "TAG", "group", f"one:several{n}", "ALL")
            self.wires[0].send(raised * 5 + encode("GET", key) + second + encode("SET", key, "old"))
            replies = [self.wires[0].reply() for _ in range(8)]
            self.assertEqual([replies[5], replies[7]], [NIL, OK])
            time.sleep(0.006)
            stale += [(key, place) for place in (0, 1) if self.wires[place].call("GET", key) != NIL]
            key = f"race:tagged:elsewhere{n}"
            number(self.wires[0].call("PANNIER", "INVALIDATE", "TAG", "group"))
            self.assertEqual(self.wires[1].call("GET", key), NIL)
            number(self.wires[0].call("PANNIER", "INVALIDATE", "TAG", f"one:elsewhere{n}"))
            self.assertEqual(self.wires[1].call("SET", key, "old"), OK)
            time.sleep(0.003)
            stale += [(key, place) for place in (0, 1) if self.wires[place].call("GET", key) != NIL]
        self.assertEqual(stale, [])

    def test_copies_are_gone_as_soon_as_a_sidecar_can_know(self):
        for kind, (pattern, words) in KINDS.items():
            with self.subTest(kind=kind):
                here = there = 0
                for n in range(ROUNDS // 20):
                    key = pattern.format(n=f"copy{kind.replace(' ', '')}{n}")
                    self.copy(key, "old")
                    number(self.wires[0].call("PANNIER", *words.format(
                        n=f"copy{kind.replace(' ', '')}{n}").split()))
                    here += self.wires[0].call("GET", key) == bulk("old")
                    self.fence(self.wires[1])
                    there += self.wires[1].call("GET", key) == bulk("old")
                self.assertEqual((here, there), (0, 0))

    def test_own_writes_behind_an_invalidation_are_read(self):
        """In one pipeline, so that both are of the same millisecond; of keys without a miss."""
        for kind, (pattern, words) in KINDS.items():
            for store in (["SET", None, "mine"], ["MSET", None, "mine"], ["APPEND", None, "mine"]):
                with self.subTest(kind=kind, store=store[0]):
                    lost = 0
                    for n in range(ROUNDS // 5):
                        name = f"own{kind.replace(' ', '')}{store[0]}{n}"
                        key = pattern.format(n=name)
                        self.wires[0].send(encode("PANNIER", *words.format(n=name).split()) +
                                           encode(store[0], key, store[2]) + encode("GET", key))
                        number(self.wires[0].reply())
                        self.assertIn(self.wires[0].reply(), (OK, b":4\r\n"))
                        lost += self.wires[0].reply() != bulk("mine")
                    self.assertEqual(lost, 0, f"own writes that are not read, of {ROUNDS // 5}")

    def test_who_starts_later_knows_of_all_of_them(self):
        keys = {}
        for kind, (pattern, words) in KINDS.items():
            name = f"later{kind.replace(' ', '')}"
            keys[pattern.format(n=name)] = words.format(n=name)
        for key in keys:
            self.assertEqual(self.wires[0].call("GET", key), NIL)
        for words in keys.values():
            number(self.wires[1].call("PANNIER", *words.split()))
        for key in keys:
            self.assertEqual(self.wires[0].call("SET", key, "old"), OK)
        with Pannier(RULES, self.redis.port) as late, late.wire() as wire:
            for key in keys:
                self.assertEqual(wire.call("GET", key), NIL, key)


SOFT = {
    "tag": ("soft:tagged:{n}", "INVALIDATE TAG soft:{n} SOFT"),
    "tags all": ("soft:tagged:{n}", "INVALIDATE TAG softly soft:{n} ALL SOFT"),
    "key with tags": ("soft:tagged:{n}", "INVALIDATE KEY soft:tagged:{n} SOFT"),
    "key": ("soft:plain:{n}", "INVALIDATE KEY soft:plain:{n} SOFT"),
    "pattern": ("soft:plain:{n}", "INVALIDATE PATTERN soft:plain:{n} SOFT"),
    "pattern with tags": ("soft:tagged:{n}", "INVALIDATE PATTERN soft:tagged:{n} SOFT"),
    "range": (f"soft:day:{DAY}:{{n}}", f"INVALIDATE RANGE softdays {DAY} {DAY} SOFT"),
    "copies by tag": ("soft:copied:{n}", "INVALIDATE TAG softcopied SOFT"),
    "copies by key": ("soft:copied:{n}", "INVALIDATE KEY soft:copied:{n} SOFT"),
    "copies by pattern": ("soft:copied:{n}", "INVALIDATE PATTERN soft:copied:{n} SOFT"),
}


class Soft(Fleet):
    def setUp(self):
        self.start(RULES)

    def clients(self, count):
        return [self.enterContext(self.sidecars[0].wire()) for _ in range(count)]

    def begin(self, kind, name):
        pattern, words = SOFT[kind]
        key = pattern.format(n=name)
        self.assertEqual(self.wires[0].call("SET", key, "old"), OK)
        time.sleep(0.01)
        self.assertEqual(self.wires[0].call("GET", key), bulk("old"))
        self.assertEqual(self.wires[1].call("GET", key), bulk("old"))
        self.assertEqual(number(self.wires[0].call("PANNIER", *words.format(n=name).split())), 1)
        return key

    def one_loads_and_the_others_wait(self, place, key):
        """As with any value that is not there: nobody is told the old one."""
        with self.sidecars[place].wire() as one, self.sidecars[place].wire(0.3) as other:
            self.assertEqual(one.call("GET", key), NIL)
            with self.assertRaises(TimeoutError):
                self.fail(other.call("GET", key))

    def test_one_reader_is_elected_and_the_others_get_the_old_value(self):
        for kind in SOFT:
            with self.subTest(kind=kind):
                key = self.begin(kind, "elect" + kind.replace(" ", ""))
                answers = [wire.call("GET", key) for wire in self.clients(5)]
                self.assertEqual(sorted(answers), sorted([NIL] + [bulk("old")] * 4))
                # The other sidecar elects one of its own.
                self.fence(self.wires[1])
                self.assertEqual(self.wires[1].call("GET", key), NIL)
                self.assertEqual(self.wires[0].call("SET", key, "new"), OK)
                time.sleep(0.05)
                answers = {wire.call("GET", key) for wire in self.clients(5) + [self.wires[1]]}
                self.assertEqual(answers, {bulk("new")})

    def test_behind_the_window_nothing_is_left(self):
        keys = {kind: self.begin(kind, "end" + kind.replace(" ", "")) for kind in SOFT}
        for kind, key in keys.items():
            self.assertEqual(self.wires[0].call("GET", key), NIL)
        time.sleep(2.1)
        for kind, key in keys.items():
            with self.subTest(kind=kind):
                self.one_loads_and_the_others_wait(1, key)

    def test_a_hard_one_after_it_counts(self):
        for kind in ("tag", "pattern", "key"):
            with self.subTest(kind=kind):
                key = self.begin(kind, "hard" + kind)
                number(self.wires[0].call("PANNIER", *SOFT[kind][1].format(n="hard" + kind)
                                          .removesuffix(" SOFT").split()))
                self.one_loads_and_the_others_wait(0, key)

    def test_a_hard_one_before_it_still_counts(self):
        key = "soft:tagged:before"
        self.assertEqual(self.wires[0].call("GET", key), NIL)
        number(self.wires[1].call("PANNIER", "INVALIDATE", "TAG", "softly"))
        number(self.wires[1].call("PANNIER", "INVALIDATE", "TAG", "softly", "SOFT"))
        self.assertEqual(self.wires[0].call("SET", key, "old"), OK)
        for sidecar in self.sidecars:
            with sidecar.wire(0.3) as wire:
                self.assertEqual(wire.call("GET", key), NIL)

    def test_without_a_stale_window_it_is_invalid(self):
        ways = {"tag": ("hard:1", "INVALIDATE TAG nowindow SOFT"),
                "tags": ("hard:2", "INVALIDATE TAG nowindow other ALL SOFT"),
                "key": ("hard:3", "INVALIDATE KEY hard:3 SOFT"),
                "pattern": ("hard:4", "INVALIDATE PATTERN hard:4 SOFT"),
                "range": (f"hard:day:{DAY}:1", f"INVALIDATE RANGE harddays {DAY} {DAY} SOFT")}
        for kind, (key, words) in ways.items():
            with self.subTest(kind=kind):
                self.copy(key, "old")
                number(self.wires[0].call("PANNIER", *words.split()))
                expected = bulk("old") if kind == "tags" else NIL
                self.assertEqual(self.wires[0].call("GET", key), expected)
                self.fence(self.wires[1])
                self.assertEqual(self.wires[1].call("GET", key), expected)


if __name__ == "__main__":
    unittest.main()
