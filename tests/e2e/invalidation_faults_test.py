#!/usr/bin/python3
"""Invalidation of a tag with many members, and of sidecars that are not told: who asks is answered
at once, Redis is not held up, and no copy outlives what is allowed.

PANNIER_MEMBERS=1000000 has as many as the catalogue; by itself then, as `run` ends what takes three
minutes."""

import threading
import time
import unittest

from invalidated import MAX_LAG, NIL, Fleet, bulk, number, plain, store_many
from much_invalidated import MEMBERS, PATIENCE, PATIENT, RULES, Large, jobs, values
from relay import Relay
from support import Pannier, Redis, free_port, wait_until


class Tag(Large):
    def setUp(self):
        super().setUp()
        self.keys = [f"member:{n}" for n in range(MEMBERS)]
        store_many(self.near, ((key, "old") for key in self.keys))

    def invalidate(self):
        """The number, the seconds until it was told, and the keys that Redis then still had."""
        begun = time.monotonic()
        count = number(self.near.call("PANNIER", "INVALIDATE", "TAG", "crowd"))
        return count, time.monotonic() - begun, self.size()

    def end_of_purge(self):
        wait_until(lambda: self.direct.call("ZCARD", "pn:t:crowd") == b":0\r\n" or
                   self.direct.call("EXISTS", "pn:t:crowd") == b":0\r\n", "all is purged", PATIENCE)

    def test_f6_the_reply_comes_long_before_the_end_of_the_purge(self):
        begun = time.monotonic()
        count, answered, left = self.invalidate()
        self.assertEqual(count, MEMBERS)
        self.assertGreater(left, MEMBERS * 0.8)
        # By then none of them is served any more, by nobody.
        self.assertEqual(set(values(self.near, self.keys[-500:])), {NIL})
        self.fence(self.far)
        self.assertEqual(set(values(self.far, self.keys[-500:])), {NIL})
        self.end_of_purge()
        self.assertGreater(time.monotonic() - begun, 10 * answered)
        self.assertEqual(set(values(self.direct, self.keys)), {NIL})

    def test_f6_what_is_stored_meanwhile_stays(self):
        new = set(self.keys[::50])
        self.invalidate()
        store_many(self.far, ((key, "new") for key in new))
        self.assertGreater(self.size(), MEMBERS / 4)
        wait_until(lambda: number(self.direct.call("ZCARD", "pn:t:crowd")) == len(new),
                   "what is left is new", PATIENCE)
        for wire in (self.direct, self.near, self.far):
            found = dict(zip(self.keys, values(wire, self.keys)))
            self.assertEqual({key for key in self.keys if found[key] == bulk("new")}, new)
            self.assertEqual(set(found.values()), {NIL, bulk("new")})

    def test_f6_what_is_stored_just_where_the_purge_is_hides_nothing(self):
        """Keys that leave the list's beginning because they are new do not make others be left."""
        new = set()
        self.invalidate()
        while number(self.direct.call("ZCARD", "pn:t:crowd")) > len(new) + 100:
            first = plain(self.direct.call("ZRANGE", "pn:t:crowd", "0", "80"))
            some = [key.decode() for key in first[::7]]
            if new.issuperset(some):
                break
            store_many(self.far, ((key, "new") for key in some if key not in new))
            new.update(some)
        self.assertGreater(len(new), 100)
        wait_until(lambda: all(one["state"] != b"running" for one in jobs(self.near)), "it ends",
                   PATIENCE)
        found = dict(zip(self.keys, values(self.direct, self.keys)))
        self.assertEqual([key for key in self.keys if found[key] == bulk("old")], [])
        self.assertEqual({key for key in self.keys if found[key] == bulk("new")}, new)

    def test_f6_its_progress_is_counted(self):
        before, seen = self.purged(), set()
        self.invalidate()
        wait_until(lambda: seen.add(self.purged() - before) or max(seen) >= MEMBERS,
                   "the counter reaches all of them", PATIENCE)
        self.assertEqual(max(seen), MEMBERS)
        self.assertGreater(len([one for one in seen if 0 < one < MEMBERS]), 3)

    def test_f6_its_progress_is_a_job(self):
        self.invalidate()
        seen = []

        def over():
            purges = [one for one in jobs(self.near) if one["what"] == b"purge of tag crowd"]
            self.assertEqual(len(purges), 1)
            seen.append((purges[0]["state"], purges[0]["removed"]))
            return seen[-1][0] != b"running"
        wait_until(over, "the job ends", PATIENCE)
        self.assertEqual(seen[-1], (b"done", MEMBERS))
        removed = [one for _, one in seen]
        self.assertEqual(removed, sorted(removed))
        self.assertGreater(len({one for one in removed if 0 < one < MEMBERS}), 3)

    def test_f6_it_goes_on_when_redis_is_back(self):
        """Its connection breaks in the middle."""
        with Relay(free_port(), self.redis.port) as relay:
            relay.listen()
            with Pannier(PATIENT, relay.port) as sidecar, sidecar.wire(20) as wire:
                count = number(wire.call("PANNIER", "INVALIDATE", "TAG", "crowd"))
                self.assertEqual(count, MEMBERS)
                wait_until(lambda: self.size() < MEMBERS * 0.9, "it has begun", PATIENCE)
                relay.break_all()
                self.assertGreater(self.size(), MEMBERS / 4)
                self.end_of_purge()
                self.assertEqual(set(values(self.direct, self.keys)), {NIL})
                wait_until(lambda: jobs(wire)[0]["state"] == b"done", "the job ends", PATIENCE)

    def test_f6_redis_is_never_held(self):
        def purge(turn):
            if turn:
                store_many(self.near, ((key, "old") for key in self.keys))
            self.assertEqual(self.invalidate()[0], MEMBERS)
            self.end_of_purge()
        self.never_slow(purge)


class NotTold(Fleet):
    """Three sidecars with local copies; the third is told nothing more by Redis, and nobody says
    so to it."""
    kinds = {"single:1": "INVALIDATE KEY single:1", "tagged:1": "INVALIDATE TAG one",
             "all:1": "INVALIDATE TAG two three:1 ALL", "globbed:1": "INVALIDATE PATTERN globbed:*",
             "day:2026-11-21": "INVALIDATE RANGE days 2026-11-20 2026-11-22",
             "cleared:1": "CLEAR cleared"}

    def setUp(self):
        redis = self.enterContext(Redis())
        self.relay = self.enterContext(Relay(free_port(), redis.port))
        self.relay.listen()
        self.redis, self.direct = redis, self.enterContext(redis.wire(20))
        ports = (redis.port, redis.port, self.relay.port)
        self.sidecars = [self.enterContext(Pannier(RULES, port)) for port in ports]
        self.wires = [self.enterContext(one.wire(20)) for one in self.sidecars]

    def not_told(self, keys):
        """What the third says of them. It may have nothing to say until it gives up on Redis."""
        found = []
        for key in keys:
            with self.sidecars[2].wire(20) as wire:
                found.append((time.monotonic(), key, wire.call("GET", key)))
        return found

    def test_f17_all_copies_are_gone_within_the_lag(self):
        for kind, words in self.kinds.items():
            self.copy(kind, "old")
        self.relay.to_client.swallows = True
        replied, told = {}, []
        for key, words in self.kinds.items():
            number(self.wires[0].call("PANNIER", *words.split()))
            replied[key] = time.monotonic()
            self.assertEqual(self.wires[0].call("GET", key), NIL)
            self.fence(self.wires[1])
            self.assertEqual(self.wires[1].call("GET", key), NIL)
            told += self.not_told([key])
        # The control: it has not heard of it.
        self.assertEqual({reply for _, _, reply in told}, {bulk("old")})
        told.clear()
        end = time.monotonic() + 2 * MAX_LAG
        while time.monotonic() < end:
            threads = [threading.Thread(target=lambda one: told.extend(self.not_told([one])),
                                        args=(key,)) for key in self.kinds]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        stale = [(key, sent - replied[key]) for sent, key, reply in told
                 if reply == bulk("old") and sent > replied[key] + MAX_LAG]
        self.assertEqual(stale, [])
        late = {key for sent, key, _ in told if sent > replied[key] + MAX_LAG}
        self.assertEqual(late, set(self.kinds))
        self.relay.to_client.swallows = False
        self.relay.break_all()
        wait_until(lambda: self.not_told(["fence:back"])[0][2] == NIL, "it is back", 20)
        self.assertEqual({reply for _, _, reply in self.not_told(self.kinds)}, {NIL})


if __name__ == "__main__":
    unittest.main()
