#!/usr/bin/python3
"""Tags when things go wrong (group F of the failures): what a tag's invalidation has made invalid is
never served again, whatever the list of the tag's keys says, and what it has not stays."""

import json
import os
import random
import threading
import time
import unittest

from support import Pannier, Redis, wait_until

SECONDS = float(os.environ.get("PANNIER_SECONDS", "8"))
RULES = """
tiers:
  page: {ttl: 60s, foreign: adopt}
  short: {ttl: 2s}
  long: {ttl: 60s}
  near: {ttl: 60s, local: 30s}
rules:
  - {match: "page:{tenant}:{id}", tier: page, tags: ["tenant:{tenant}"]}
  - {match: "short:{id}", tier: short, tags: [both]}
  - {match: "long:{id}", tier: long, tags: [both]}
  - {match: "cart:{id}", tier: page, tags_from: [{json: "$.items[*].id", as: "product:{}"}]}
  - {match: "near:{id}", tier: near, tags_from: [{json: "$.items[*].id", as: "product:{}"}]}
  - {match: "said:{id}", tier: near, runtime_tags: true}
"""
OK, NIL = b"+OK\r\n", b"$-1\r\n"


def cart(*products, **others):
    return json.dumps({"items": [{"id": p} for p in products], **others})


def number(reply):
    return int(reply[1:])


class Tags(unittest.TestCase):
    def setUp(self):
        self.redis = self.enterContext(Redis())
        self.pannier = self.sidecar()
        self.wire = self.enterContext(self.pannier.wire())
        self.direct = self.enterContext(self.redis.wire())

    def sidecar(self):
        return self.enterContext(Pannier(RULES, self.redis.port))

    def test_f1_a_sidecar_killed_between_value_and_list_leaves_nothing_behind_that_is_served(self):
        """Killed at any moment. Afterwards the tag is invalidated through a new one: no value from
        before is served, listed or not; and the list lacks only what was under way."""
        unlisted = stored = rounds = 0
        until = time.monotonic() + SECONDS
        while time.monotonic() < until:
            rounds += 1
            with Pannier(RULES, self.redis.port) as doomed:
                under_way, answered = self.store_until_killed(doomed, rounds)
            with Pannier(RULES, self.redis.port) as fresh, fresh.wire() as wire:
                listed = wire.call("PANNIER", "KEYS", f"tenant:{rounds}").count(b"page:")
                there = number(self.direct.call("EXISTS", *answered))
                self.assertEqual(there, len(answered))
                in_redis = number(self.direct.call("EXISTS", *answered, *under_way))
                unlisted += in_redis - listed
                stored += in_redis
                self.assertLessEqual(in_redis - listed, len(under_way))
                wire.call("PANNIER", "INVALIDATE", "TAG", f"tenant:{rounds}")
                served = wire.call("MGET", *answered, *under_way)
                self.assertEqual(served.count(b"$-1"), len(answered) + len(under_way))
        self.assertGreater(rounds, 3)
        self.assertGreater(stored, 100)
        print(f"{rounds} kills, {stored} values, {unlisted} of them not listed", end=" ")

    def store_until_killed(self, doomed, tenant):
        """Four clients that SET as fast as they can. Returns the keys of which the answer did not
        come, and the others."""
        under_way, answered = [], []

        def client(name):
            wire = doomed.wire()
            try:
                for i in range(100_000):
                    key = f"page:{tenant}:{name}-{i}"
                    under_way.append(key)
                    assert wire.call("SET", key, "v" * random.randrange(10, 3000)) == OK
                    under_way.remove(key)
                    answered.append(key)
            except (ConnectionError, TimeoutError):
                pass
            finally:
                wire.socket.close()

        clients = [threading.Thread(target=client, args=(n,)) for n in range(4)]
        for one in clients:
            one.start()
        time.sleep(random.uniform(0.02, 0.15))
        doomed.stop()
        for one in clients:
            one.join()
        return under_way, answered

    def test_f2_what_was_loaded_before_an_invalidation_never_survives_it(self):
        """Two sidecars in a tight loop: one stores what it loaded, the other changes the origin and
        invalidates. Once it has answered nobody reads what was loaded before."""
        self.race("page:7:{}", "tenant:7", lambda version: str(version))

    def test_f2_with_tags_that_only_the_value_tells(self):
        self.race("cart:{}", "product:7", lambda version: cart(7, version=version))

    def test_f2_with_copies(self):
        self.race("near:{}", "product:7", lambda version: cart(7, version=version))

    def race(self, pattern, tag, made):
        other = self.sidecar()
        keys = [pattern.format(i) for i in range(3)]
        origin, stop = [0], threading.Event()
        self.sets = 0

        def load():
            with self.pannier.wire() as wire:
                while not stop.is_set():
                    for key in keys:
                        if wire.call("GET", key) == NIL:
                            version = origin[0]
                            time.sleep(random.choice((0, 0, 0.002)))
                            self.assertEqual(wire.call("SET", key, made(version)), OK)
                            self.sets += 1

        loaders = [threading.Thread(target=load) for _ in range(2)]
        for one in loaders:
            one.start()
        hits = rounds = 0
        until = time.monotonic() + SECONDS
        try:
            with other.wire() as there:
                while time.monotonic() < until:
                    rounds += 1
                    origin[0] += 1
                    there.call("PANNIER", "INVALIDATE", "TAG", tag)
                    # Not through the one that loads: a miss there is taken for the load's begin.
                    for _ in range(random.randrange(1, 30)):
                        for key in keys:
                            value = there.call("GET", key)
                            if value == NIL:
                                continue
                            hits += 1
                            text = value.split(b"\r\n")[1]
                            version = json.loads(text)
                            if isinstance(version, dict):
                                version = version["version"]
                            self.assertEqual(version, origin[0], f"{key}, round {rounds}")
        finally:
            stop.set()
            for one in loaders:
                one.join()
        self.assertGreater(hits, 20)
        self.assertGreater(self.sets, 100)
        print(f"{rounds} invalidations, {self.sets} loads, {hits} hits", end=" ")

    def test_f3_a_list_lives_as_long_as_the_longest_of_its_keys(self):
        self.wire.call("SET", "long:1", "v")
        longest = number(self.direct.call("PEXPIRETIME", "long:1"))
        self.wire.call("SET", "short:1", "v")
        # The script that stores without knowing the tag's generation ends a little later.
        for key in ("pn:t:both",):
            self.assertGreater(number(self.direct.call("PEXPIRETIME", key)), longest - 1000)
        self.assertGreater(number(self.direct.call("PEXPIRETIME", "pn:g:both")), longest)
        wait_until(lambda: self.direct.call("EXISTS", "short:1") == b":0\r\n", "its end")
        self.assertIn(b"long:1", self.wire.call("PANNIER", "KEYS", "both"))
        self.wire.call("PANNIER", "INVALIDATE", "TAG", "both")
        self.assertEqual(self.wire.call("GET", "long:1"), NIL)

    def test_f3_a_record_of_tags_lives_as_long_as_its_key(self):
        self.wire.call("PANNIER", "TAG", "said:1", "a")
        self.direct.call("PEXPIRE", "pn:k:said:1", "5000")
        self.wire.call("SET", "said:1", "v")
        record = number(self.direct.call("PEXPIRETIME", "pn:k:said:1"))
        self.assertGreater(record, number(self.direct.call("PEXPIRETIME", "said:1")))

    def test_f5_a_value_without_the_tag_outlives_its_invalidation(self):
        """The value moves from tag A to tag B; A's list still has the key, and A is invalidated."""
        for prefix in ("cart", "near"):
            key = f"{prefix}:1"
            self.wire.call("SET", key, cart("A"))
            self.assertNotEqual(self.wire.call("GET", key), NIL)
            time.sleep(0.01)
            self.wire.call("SET", key, cart("B"))
            self.assertIn(key.encode(), self.wire.call("PANNIER", "KEYS", "product:A"))
            time.sleep(0.01)
            self.wire.call("PANNIER", "INVALIDATE", "TAG", "product:A")
            time.sleep(0.2)  # The purge follows the list.
            self.assertEqual(self.wire.call("GET", key).split(b"\r\n")[1], cart("B").encode())
            self.assertEqual(self.direct.call("EXISTS", key), b":1\r\n")
            self.wire.call("PANNIER", "INVALIDATE", "TAG", "product:B")
            self.assertEqual(self.wire.call("GET", key), NIL)
            wait_until(lambda: self.direct.call("EXISTS", key) == b":0\r\n", "its purge")

    def test_f5_a_key_that_is_given_other_tags(self):
        self.wire.call("PANNIER", "TAG", "said:1", "A")
        self.wire.call("SET", "said:1", "old")
        self.wire.call("PANNIER", "TAG", "said:1", "B")
        self.wire.call("SET", "said:1", "new")
        time.sleep(0.01)
        self.wire.call("PANNIER", "INVALIDATE", "TAG", "A")
        time.sleep(0.2)
        self.assertEqual(self.wire.call("GET", "said:1"), b"$3\r\nnew\r\n")
        self.wire.call("PANNIER", "INVALIDATE", "TAG", "B")
        self.assertEqual(self.wire.call("GET", "said:1"), NIL)

    def test_f5_other_tags_bring_nothing_back(self):
        self.wire.call("PANNIER", "TAG", "said:1", "A")
        self.wire.call("SET", "said:1", "old")
        time.sleep(0.01)
        self.direct.call("EVAL", "return redis.call('SET', 'pn:g:A', ARGV[1])", 0,
                         int(time.time() * 1000) + 5)  # As another sidecar does, without a purge.
        time.sleep(0.01)
        self.assertEqual(self.wire.call("GET", "said:1"), NIL)
        self.wire.call("PANNIER", "TAG", "said:1", "B")
        self.assertEqual(self.direct.call("EXISTS", "said:1"), b":1\r\n")
        self.assertEqual(self.wire.call("GET", "said:1"), NIL)

    def test_f5_a_lost_record_invalidates(self):
        self.wire.call("PANNIER", "TAG", "said:1", "A")
        self.wire.call("SET", "said:1", "v")
        self.assertNotEqual(self.wire.call("GET", "said:1"), NIL)
        self.direct.call("DEL", "pn:k:said:1")
        time.sleep(0.05)
        self.assertEqual(self.wire.call("GET", "said:1"), NIL)

    def test_f15_tags_of_any_bytes_and_any_length(self):
        """Each is one well-formed name upstream, and only its own values fall with it."""
        random.seed(15)
        strange = ["}", "{", "a}b{c", "a\nb", "a\r\nDEL x", "a b", "'", '"', "\x00", "*", "?", "[a]",
                   "%s", "../x", "ü", "x" * 257, "y" * 10_000, "y" * 10_001, "~", " "]
        strange += ["".join(chr(random.randrange(1, 255)) for _ in range(random.randrange(1, 40)))
                    for _ in range(60)]
        strange = list(dict.fromkeys(strange))
        for i, tag in enumerate(strange):
            self.assertEqual(self.wire.call("SET", f"cart:{i}", cart(tag)), OK)
        names = self.direct.call("KEYS", "pn:[gt]:*").split(b"\r\n")[2::2]
        self.assertGreaterEqual(len(names), 2 * len(strange))
        for name in names:
            self.assertRegex(name, rb"^pn:[gt]:[!-z|~]{1,256}$")
        gone = random.sample(range(len(strange)), len(strange) // 2)
        time.sleep(0.01)
        for i in gone:
            self.wire.call("PANNIER", "INVALIDATE", "TAG", "product:" + strange[i])
        for i, tag in enumerate(strange):
            is_gone = self.wire.call("GET", f"cart:{i}") == NIL
            self.assertEqual(is_gone, i in gone, repr(tag[:40]))

    def test_f15_captures_are_named_likewise(self):
        tenant = "a}b{c\n" + "x" * 300
        self.wire.call("SET", f"page:{tenant}:1", "v")
        shown = self.wire.call("PANNIER", "TAGS", f"page:{tenant}:1").split(b"\r\n")[2]
        self.wire.call("PANNIER", "INVALIDATE", "TAG", f"tenant:{tenant}")
        self.assertEqual(self.wire.call("GET", f"page:{tenant}:1"), NIL)
        self.wire.call("SET", f"page:{tenant}:1", "v")
        time.sleep(0.01)
        self.wire.call("PANNIER", "INVALIDATE", "TAG", shown)
        self.assertEqual(self.wire.call("GET", f"page:{tenant}:1"), NIL)


if __name__ == "__main__":
    unittest.main()
