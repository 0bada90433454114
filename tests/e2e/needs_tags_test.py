#!/usr/bin/python3
"""What five real applications ask of tags and TTLs, one test a need."""

import datetime
import os
import struct
import subprocess
import tempfile
import time
import unittest

from support import Pannier, Redis, wait_until

HERE = os.path.dirname(os.path.abspath(__file__))
OK, NIL = b"+OK\r\n", b"$-1\r\n"


def words(reply):
    """The texts of a list."""
    return [line.decode() for line in reply.split(b"\r\n")[2::2]]


class ShiftedRedis(Redis):
    """Its clock is what the test says."""

    def __init__(self, library, shift):
        super().__init__()
        self.library, self.clocks = library, os.path.join(self.folder.name, "clocks")
        self.shift(shift)

    def command_line(self):
        return ["env", f"LD_PRELOAD={self.library}", f"SHIFTED_CLOCK={self.clocks}",
                *super().command_line()]

    def shift(self, seconds):
        """From now on it is that much later there."""
        with open(self.clocks, "r+b" if os.path.exists(self.clocks) else "wb") as file:
            file.write(struct.pack("qq", 0, int(seconds * 10**9)))


class Needs(unittest.TestCase):
    def start(self, rules):
        self.redis = self.enterContext(Redis())
        self.pannier = self.enterContext(Pannier(rules, self.redis.port))
        return self.enterContext(self.pannier.wire())

    def test_002_22_what_is_not_complete_yet_lives_less_long(self):
        wire = self.start("""
            tiers: {usage: {ttl: 30d, local: 10s}}
            rules:
              - match: "usage:{day}"
                tier: usage
                tags: ["day:{day}"]
                incomplete: {json: "$.isComplete", ttl: 1500ms}
        """)
        half, whole = '{"n": 1, "isComplete": false}', '{"n": 2, "isComplete": true}'
        for value, longest in ((half, 1_500), (whole, 30 * 86_400_000), ("no JSON", 30 * 86_400_000)):
            with self.subTest(value):
                wire.call("PANNIER", "INVALIDATE", "TAG", "day:1")
                self.assertEqual(wire.call("GET", "usage:1"), NIL)
                self.assertEqual(wire.call("SET", "usage:1", value), OK)
                left = int(wire.call("PTTL", "usage:1")[1:])
                # What begins in the millisecond of an invalidation begins one later.
                self.assertTrue(longest - 1_000 < left <= longest + 5, left)
                for words in (("GET", "usage:1"), ("GET", "usage:1"), ("MGET", "usage:1")):
                    self.assertIn(value.encode(), wire.call(*words))
        wire.call("SET", "usage:2", half)
        self.assertIn(half.encode(), wire.call("GET", "usage:2"))
        # What makes it invalid is told from its real age, not from how soon it ends.
        self.assertEqual(wire.call("PANNIER", "INVALIDATE", "PATTERN", "usage:3*"), b":0\r\n")
        wire.call("SET", "usage:31", half)
        self.assertIn(half.encode(), wire.call("GET", "usage:31"))
        self.assertEqual(wire.call("PANNIER", "INVALIDATE", "TAG", "day:2"), b":1\r\n")
        self.assertEqual(wire.call("GET", "usage:2"), NIL)
        time.sleep(1.6)
        self.assertEqual(wire.call("GET", "usage:31"), NIL)

    def test_000_21_an_entry_has_the_tags_that_its_key_implies(self):
        wire = self.start("""
            tiers: {kpi: {ttl: 5m}}
            rules:
              - match: "kpi_{name}_dealership_{d}"
                tier: kpi
                tags: [kpi, "{name}", "dealership_{d}"]
        """)
        key = "kpi_conversation_summary_dealership_17"
        self.assertEqual(sorted(words(wire.call("PANNIER", "TAGS", key))),
                         ["conversation_summary", "dealership_17", "kpi"])
        for tag in ("kpi", "conversation_summary", "dealership_17"):
            self.assertEqual(wire.call("SET", key, "v"), OK)
            self.assertNotEqual(wire.call("GET", key), NIL)
            time.sleep(0.005)
            self.assertEqual(wire.call("PANNIER", "INVALIDATE", "TAG", tag), b":1\r\n")
            self.assertEqual(wire.call("GET", key), NIL, tag)

    def test_000_24_tags_survive_the_restart_of_the_sidecar(self):
        wire = self.start("""
            tiers: {t: {ttl: 5m}}
            rules:
              - {match: "rule:{id}", tier: t, tags: ["id:{id}"]}
              - {match: "value:*", tier: t, tags_from: [{json: $.id, as: "id:{}"}]}
              - {match: "said:*", tier: t, runtime_tags: true}
        """)
        wire.call("PANNIER", "TAG", "said:1", "id:7")
        self.assertEqual(wire.call("MSET", "rule:7", "v", "value:1", '{"id":7}', "said:1", "v"), OK)
        self.pannier.stop()
        self.pannier.start()
        with self.pannier.wire() as again:
            self.assertEqual(sorted(words(again.call("PANNIER", "KEYS", "id:7"))),
                             ["rule:7", "said:1", "value:1"])
            self.assertIn("id:7", words(again.call("PANNIER", "TAGS", "said:1")))
            self.assertNotIn(b"$-1", again.call("MGET", "rule:7", "value:1", "said:1"))
            self.assertEqual(again.call("PANNIER", "INVALIDATE", "TAG", "id:7"), b":3\r\n")
            self.assertEqual(again.call("MGET", "rule:7", "value:1", "said:1"),
                             b"*3\r\n" + 3 * NIL)

    def test_002_10_the_ttl_depends_on_whether_the_day_in_the_key_is_today(self):
        folder = self.enterContext(tempfile.TemporaryDirectory(prefix="pannier-e2e-"))
        library = os.path.join(folder, "shifted_clock.so")
        subprocess.run([os.environ.get("CXX", "c++"), "-shared", "-fPIC", "-O1", "-o", library,
                        os.path.join(HERE, "shifted_clock.cpp")], check=True)
        midnight = datetime.datetime(2030, 3, 1, tzinfo=datetime.timezone.utc).timestamp()
        until_midnight = midnight - time.time()
        redis = self.enterContext(ShiftedRedis(library, until_midnight - 60))
        pannier = self.enterContext(Pannier("""
            tiers:
              daily: {ttl: {when: "date({day}) is today", then: 5m, else: 30d}}
            rules: [{match: "report:{day}:{id}", tier: daily}]
        """, redis.port))
        wire = self.enterContext(pannier.wire())

        def ttl(day):
            wire.call("SET", f"report:{day}:1", "v")
            return int(wire.call("TTL", f"report:{day}:1")[1:])

        def lives(day, seconds):
            return seconds - 5 <= ttl(day) <= seconds

        short, long = 300, 30 * 86400
        self.assertTrue(lives("2030-02-27", long))
        self.assertTrue(lives("2030-02-28", short))
        self.assertTrue(lives("20300301", short), "days to come count as today")
        self.assertTrue(lives("latest", long))
        redis.shift(until_midnight + 1)
        # What was stored before midnight ends as it was to end.
        self.assertLess(int(wire.call("TTL", "report:2030-02-28:1")[1:]), short - 55)
        wait_until(lambda: lives("2030-02-28", long), "the new day")
        self.assertTrue(lives("2030-03-01", short))

    def test_002_25_parts_of_a_key_that_have_defaults(self):
        wire = self.start("""
            tiers: {t: {ttl: 5m}}
            rules:
              - match: "analytics:{start}:{end}:{user}:{model}:{provider}:{key}"
                tier: t
                tags: ["user:{user}", "model:{model}"]
              - {match: "user-breakdown:{start}:{end}:{user}", tier: t, tags: ["user:{user}"]}
        """)
        one = "analytics:2026-11-01:2026-11-21:u7:gpt:openai:k1"
        every = "analytics:2026-11-01:2026-11-21:all-users:all-models:all-providers:all-keys"
        other = "user-breakdown:2026-11-01:2026-11-21:u7"
        self.assertEqual(words(wire.call("PANNIER", "TAGS", one)), ["model:gpt", "user:u7"])
        self.assertEqual(words(wire.call("PANNIER", "TAGS", every)),
                         ["model:all-models", "user:all-users"])
        wire.call("MSET", one, "1", every, "2", other, "3")
        time.sleep(0.005)
        self.assertEqual(wire.call("PANNIER", "INVALIDATE", "TAG", "user:u7"), b":2\r\n")
        self.assertEqual(wire.call("MGET", one, every, other),
                         b"*3\r\n" + NIL + b"$1\r\n2\r\n" + NIL)

    def test_003_05_keys_of_an_organisation(self):
        wire = self.start("""
            tiers: {t: {ttl: 5m}}
            rules:
              - {match: "pivotal:org:{orgId}:role:{roleId}", tier: t, name: roles,
                 tags: ["org:{orgId}", "role:{roleId}"]}
              - {match: "pivotal:org:{orgId}:user:{userId}:*", tier: t, name: users,
                 tags: ["org:{orgId}", "user:{userId}"]}
              - {match: "pivotal:org:{orgId}:*", tier: t, tags: ["org:{orgId}"]}
        """)
        keys = ["pivotal:org:1:role:admin", "pivotal:org:1:user:7:perms", "pivotal:org:1:settings",
                "pivotal:org:2:user:7:perms"]
        for tag, gone in (("role:admin", [0]), ("user:7", [1, 3]), ("org:1", [0, 1, 2])):
            wire.call("MSET", *(word for key in keys for word in (key, "v")))
            time.sleep(0.005)
            count = wire.call("PANNIER", "INVALIDATE", "TAG", tag)
            self.assertEqual(count, b":%d\r\n" % len(gone), tag)
            for i, key in enumerate(keys):
                self.assertEqual(wire.call("GET", key) == NIL, i in gone, f"{key} under {tag}")


if __name__ == "__main__":
    unittest.main()
