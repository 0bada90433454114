#!/usr/bin/python3
"""Redis loses what it was told of invalidations: their records are removed, evicted, gone with a
restart or with a primary whose replica had not heard of them. What was invalid stays so."""

import os
import threading
import time
import unittest

from invalidated import NIL, OK, Fleet, bulk, number
from relay import Relay
from support import Pannier, Redis, encode, free_port, wait_until

RULES = """
upstream: {max_lag: 1s, reconnect_max: 100ms}
tiers:
  copied: {ttl: 60s, local: 30s}
  guarded: {ttl: 60s, local: 30s, guard: fleet}
rules:
  - {match: "fence:*", tier: copied}
  - {match: "race:guarded:{id}", tier: guarded, name: guarded}
  - {match: "race:tagged:{id}", tier: copied, tags: [group, "one:{id}"], name: tagged}
  - {match: "race:untagged:{id}", tier: copied, name: untagged}
  - {match: "race:day:{day}:{id}", tier: copied, dates: day, name: days}
"""
KINDS = {
    "tag": ("race:tagged:{n}", "INVALIDATE TAG one:{n}"),
    "all": ("race:tagged:{n}", "INVALIDATE TAG group one:{n} ALL"),
    "pattern": ("race:untagged:{n}", "INVALIDATE PATTERN race:untagged:{n}"),
    "range": ("race:day:2026-11-21:{n}", "INVALIDATE RANGE days 2026-11-20 2026-11-22"),
    "rule": ("race:guarded:{n}", "CLEAR guarded"),
}
ROUNDS = int(os.environ.get("PANNIER_LOSS_ROUNDS", "1"))


class Lost(Fleet):
    """One sidecar's client computes, another one invalidates, the record is lost, and the value is
    stored after all."""

    def late(self, lose, sidecars=(1,)):
        for place in sidecars:
            for kind, (pattern, words) in KINDS.items():
                with self.subTest(kind=kind, loaded_through=place):
                    for turn in range(ROUNDS):
                        self.one_late(pattern, words, place, f"{kind}{place}x{turn}", lose)

    def one_late(self, pattern, words, place, name, lose):
        key, loader = pattern.format(n=name), self.wires[place]
        self.assertEqual(loader.call("GET", key), NIL)
        time.sleep(0.003)
        number(self.wires[0].call("PANNIER", *words.format(n=name).split()))
        lose(name)
        self.assertEqual(loader.call("SET", key, "old"), OK)
        self.assertEqual(self.wires[0].call("GET", key), NIL, key)
        # Whoever knows the ban gives it back when Redis pushes that its record has changed, which
        # may take others as long as any invalidation may: max_lag.
        time.sleep(0.05)
        for wire in (*self.wires, *self.wires):
            self.assertEqual(wire.call("GET", key), NIL, key)
        # Of one that nobody has looked at since, who could have removed it, a sidecar is asked
        # that starts now. The others are in use.
        key, name = key + "z", name + "z"
        self.assertEqual(loader.call("GET", key), NIL)
        time.sleep(0.003)
        number(self.wires[0].call("PANNIER", *words.format(n=name).split()))
        lose(name)
        self.assertEqual(loader.call("SET", key, "old"), OK)
        for wire in self.wires:
            self.fence(wire)
        time.sleep(0.05)  # Who has lost nothing gives back what Redis has.
        with Pannier(RULES, self.redis.port) as late, late.wire() as wire:
            self.assertEqual(wire.call("GET", key), NIL, key + ", of one who starts later")

    def test_lost_generation_while_nobody_asks(self):
        """The sidecars that know of the ban are idle, for longer than any of them may lag."""
        self.start(RULES)
        for kind, (pattern, words) in KINDS.items():
            with self.subTest(kind=kind):
                key = pattern.format(n=kind)
                self.assertEqual(self.wires[1].call("GET", key), NIL)
                time.sleep(0.003)
                number(self.wires[0].call("PANNIER", *words.format(n=kind).split()))
                self.direct.call("DEL", "pn:b")
                self.assertEqual(self.wires[1].call("SET", key, "old"), OK)
                time.sleep(1.5)
                with Pannier(RULES, self.redis.port) as late, late.wire() as wire:
                    self.assertEqual(wire.call("GET", key), NIL)

    def test_lost_generation_by_del(self):
        self.start(RULES)
        self.late(lambda name: self.direct.call("DEL", f"pn:g:one:{name}", "pn:g:group", "pn:b"),
                  (0, 1))

    def test_lost_generation_by_del_and_another_ban_at_once(self):
        """The other ban is made before anybody can have seen that the record was lost."""
        self.start(RULES)

        def lose(name):
            self.wires[0].send(encode("DEL", "pn:b") +
                               encode("PANNIER", "INVALIDATE", "PATTERN", f"nothing:{name}"))
            self.wires[0].reply()
            number(self.wires[0].reply())
        self.late(lose)

    def test_lost_generation_by_eviction(self):
        self.start(RULES, redis_options=("--maxmemory-policy", "allkeys-lru"))

        def lose(name):
            self.direct.call("CONFIG", "SET", "maxmemory", "1")
            wait_until(lambda: self.direct.call("DBSIZE") == b":0\r\n", "all is evicted")
            self.direct.call("CONFIG", "SET", "maxmemory", "0")
        self.late(lose)

    def test_lost_generation_by_flushall(self):
        self.start(RULES)
        self.late(lambda name: self.direct.call("FLUSHALL"))

    def test_lost_generation_by_a_restart(self):
        self.start(RULES)
        for kind, (pattern, words) in KINDS.items():
            with self.subTest(kind=kind):
                key = pattern.format(n=kind)
                self.assertEqual(self.wires[1].call("GET", key), NIL)
                time.sleep(0.003)
                number(self.wires[0].call("PANNIER", *words.format(n=kind).split()))
                self.fence(self.wires[1])
                self.redis.stop()
                self.redis.start()
                for wire in self.wires:
                    wait_until(lambda: wire.call("GET", "fence:up") == NIL, "it is back")
                self.assertEqual(self.wires[1].call("SET", key, "old"), OK)
                for wire in (*self.wires, *self.wires):
                    self.assertEqual(wire.call("GET", key), NIL)


class Failover(unittest.TestCase):
    """A replica takes over that has not heard of the last invalidations. Both sidecars reach the
    primary through a relay of their own, which then leads to the replica."""
    fence = Fleet.fence

    def setUp(self):
        self.primary = self.enterContext(Redis("--repl-diskless-sync-delay", "0"))
        self.replica = self.enterContext(Redis("--replicaof", f"127.0.0.1 {self.primary.port}"))
        self.direct = self.enterContext(self.primary.wire())
        self.heir = self.enterContext(self.replica.wire())
        wait_until(lambda: b"master_link_status:up" in self.heir.call("INFO", "replication"),
                   "it replicates", 20)
        self.relays = [self.enterContext(Relay(free_port(), self.primary.port)) for _ in range(2)]
        for relay in self.relays:
            relay.listen()
        self.sidecars = [self.enterContext(Pannier(RULES, relay.port)) for relay in self.relays]
        self.wires = [self.enterContext(one.wire()) for one in self.sidecars]

    def fork(self):
        """From now on the replica hears nothing any more, and could be a primary."""
        # WAIT is about what its own connection has written: then everything before that is there.
        self.assertEqual(self.direct.call("SET", "forked", "here"), OK)
        self.assertTrue(self.direct.call("WAIT", "1", "2000").startswith(b":1"))
        self.assertEqual(self.heir.call("REPLICAOF", "NO", "ONE"), OK)

    def take_over(self, place):
        self.relays[place].target = self.replica.port
        self.relays[place].break_all()

    def await_replay(self, place):
        """It has reconnected, and has said again what it knows."""
        wait_until(lambda: self.wires[place].call("GET", "fence:up") == NIL, "it is back", 10)

    def each(self, play):
        for kind, (pattern, words) in {**KINDS, "key": (
                "race:guarded:{n}", "INVALIDATE KEY race:guarded:{n}")}.items():
            with self.subTest(kind=kind):
                try:
                    play(pattern.format(n=kind), words.format(n=kind).split())
                finally:
                    self.doCleanups()
                    self.setUp()

    def keep(self, key):
        self.assertEqual(self.wires[0].call("SET", key, "old"), OK)
        for wire in self.wires:
            for _ in range(3):
                self.assertEqual(wire.call("GET", key), bulk("old"))
                time.sleep(0.01)

    def test_lost_generation_by_a_failover(self):
        def play(key, words):
            self.keep(key)
            self.fork()
            self.assertEqual(number(self.wires[0].call("PANNIER", *words)), 1)
            self.assertEqual(self.heir.call("GET", key), bulk("old"))  # The control.
            seen, over = set(), threading.Event()

            def read():
                with self.sidecars[0].wire() as wire:
                    while not over.is_set():
                        seen.add(wire.call("GET", key))
            reader = threading.Thread(target=read)
            reader.start()
            for place in (1, 0):
                self.take_over(place)
            self.await_replay(0)
            self.await_replay(1)
            self.fence(self.wires[1])
            through_other = {self.wires[1].call("GET", key) for _ in range(50)}
            time.sleep(0.2)
            over.set()
            reader.join()
            self.assertNotIn(bulk("old"), seen)
            self.assertEqual(through_other, {NIL})
        self.each(play)

    def test_lost_generation_by_a_failover_while_the_other_has_a_copy(self):
        """The other is there first and takes the old value up again."""
        def play(key, words):
            self.keep(key)
            self.fork()
            number(self.wires[0].call("PANNIER", *words))
            self.take_over(1)
            self.await_replay(1)
            self.wires[1].call("GET", key)
            self.wires[1].call("GET", key)
            self.take_over(0)
            self.await_replay(0)
            self.assertEqual(self.wires[0].call("GET", key), NIL)
            time.sleep(0.05)
            self.fence(self.wires[1])
            self.assertEqual(self.wires[1].call("GET", key), NIL)
        self.each(play)

    def test_lost_generation_by_a_failover_and_a_value_stored_late(self):
        """Its load began before the invalidation, and it is stored behind the replica's back."""
        def play(key, words):
            self.assertEqual(self.wires[1].call("GET", key), NIL)
            self.fork()
            time.sleep(0.003)
            number(self.wires[0].call("PANNIER", *words))
            time.sleep(0.02)
            for place in (0, 1):
                self.take_over(place)
            self.await_replay(0)
            self.await_replay(1)
            self.assertEqual(self.wires[1].call("SET", key, "old"), OK)
            for wire in (*self.wires, *self.wires):
                self.assertEqual(wire.call("GET", key), NIL)
            with Pannier(RULES, self.replica.port) as late, late.wire() as wire:
                self.assertEqual(wire.call("GET", key), NIL)
        self.each(play)


if __name__ == "__main__":
    unittest.main()
