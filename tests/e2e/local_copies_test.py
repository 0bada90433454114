#!/usr/bin/python3
"""Reads answered from local copies are what Redis has: through every way of changing a key, past
silent connections and frozen processes. Group D of the failures."""

import itertools
import os
import signal
import time
import unittest

from relay import Relay
from support import Pannier, Redis, encode, free_port, wait_until

ROUNDS = int(os.environ.get("PANNIER_ROUNDS", "500"))
RULES = """
upstream: {max_lag: 1s}
tiers:
  copied: {ttl: 60s, local: 30s, foreign: trust}
  short: {ttl: 300ms, local: 30s, foreign: trust}
  absent: {ttl: 60s, local: 30s, negative: 10s}
rules:
  - {match: "short:*", tier: short}
  - {match: "absent:*", tier: absent}
  - {match: "tagged:{id}", tier: copied, tags: ["group", "one:{id}"]}
  - {match: "versioned:{id}", tier: copied, version: {mode: transparent, name: shape}}
  - {match: "copied:*", tier: copied}
"""


def fence(wire, seen=itertools.count()):
    """Returns when the sidecar has heard of everything that Redis did before: the answer to a
    question that it must ask comes behind the pushes."""
    assert wire.call("GET", f"copied:fence{next(seen)}") in (b"$-1\r\n", b"_\r\n")


def bulk(text):
    return b"$%d\r\n%s\r\n" % (len(text), text.encode())


class Copies(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.redis = cls.enterClassContext(Redis())
        cls.near = cls.enterClassContext(Pannier(RULES, cls.redis.port))
        cls.far = cls.enterClassContext(Pannier(RULES, cls.redis.port))

    def setUp(self):
        self.direct = self.enterContext(self.redis.wire())
        self.wire = self.enterContext(self.near.wire())
        self.other = self.enterContext(self.far.wire())

    def asked(self, command="get"):
        """How often Redis has run the command."""
        text = self.direct.call("INFO", "commandstats").decode()
        line = next((line for line in text.split("\r\n")
                     if line.startswith(f"cmdstat_{command}:")), "calls=0,")
        return int(line.split("calls=")[1].split(",")[0])

    def copy(self, key, value, wire=None):
        """Makes both sidecars keep a copy of the value."""
        (wire or self.wire).call("SET", key, value)
        for one in (self.wire, self.other):
            self.keep(one, key, value)

    def keep(self, wire, key, value):
        """Reads until it is answered from a copy: the push of the last write may remove one."""
        for _ in range(20):
            self.assertEqual(wire.call("GET", key), bulk(value))
            before = self.asked()
            self.assertEqual(wire.call("GET", key), bulk(value))
            if self.asked() == before:
                return
        self.fail(f"{key} is not kept")

    def test_a_second_read_does_not_reach_redis(self):
        self.copy("copied:1", "one")
        before = self.asked()
        for _ in range(100):
            self.assertEqual(self.wire.call("GET", "copied:1"), bulk("one"))
        self.assertEqual(self.asked(), before)

    def test_whole_replies_of_other_reads_are_kept_and_dropped_together(self):
        self.direct.call("DEL", "copied:hash")
        self.wire.call("HSET", "copied:hash", "a", "1", "b", "2")
        reads = [["HGETALL", "copied:hash"], ["HGET", "copied:hash", "a"], ["HLEN", "copied:hash"],
                 ["HMGET", "copied:hash", "a", "none"], ["TYPE", "copied:hash"]]
        for hello in ("2", "3"):
            self.wire.call("HELLO", hello)
            self.direct.call("HELLO", hello)
            for _ in range(3):
                for words in reads:
                    self.assertEqual(self.wire.call(*words), self.direct.call(*words))
                time.sleep(0.05)
            before = self.asked("hgetall"), self.asked("hget"), self.asked("hlen")
            for words in reads:
                self.wire.call(*words)
            self.assertEqual((self.asked("hgetall"), self.asked("hget"), self.asked("hlen")),
                             before)
        self.direct.call("HSET", "copied:hash", "a", "changed")
        wait_until(lambda: self.wire.call("HGET", "copied:hash", "a") == bulk("changed"), "new", 1)
        for words in reads:
            self.assertEqual(self.wire.call(*words), self.direct.call(*words))

    def test_what_a_string_says_about_itself(self):
        self.copy("copied:text", "hello")
        before = self.asked("strlen"), self.asked("exists")
        self.assertEqual(self.wire.call("STRLEN", "copied:text"), b":5\r\n")
        self.assertEqual(self.wire.call("EXISTS", "copied:text"), b":1\r\n")
        self.assertEqual((self.asked("strlen"), self.asked("exists")), before)

    def test_mget_of_copies_does_not_reach_redis(self):
        for number in range(3):
            self.copy(f"copied:m{number}", f"v{number}")
        before = self.asked("mget")
        self.assertEqual(self.wire.call("MGET", "copied:m0", "copied:m1", "copied:m2"),
                         b"*3\r\n" + bulk("v0") + bulk("v1") + bulk("v2"))
        self.assertEqual(self.asked("mget"), before)

    def test_d14_an_absent_key_is_remembered_until_it_is_there(self):
        self.assertEqual(self.wire.call("GET", "absent:1"), b"$-1\r\n")
        before = self.asked()
        for _ in range(10):
            self.assertEqual(self.wire.call("GET", "absent:1"), b"$-1\r\n")
        self.assertEqual(self.asked(), before)
        self.direct.call("SET", "absent:1", "there")
        wait_until(lambda: self.wire.call("GET", "absent:1") == bulk("there"), "it is there", 1)

    def test_d10_what_changes_by_itself_is_never_kept(self):
        self.direct.call("SADD", "copied:set", *range(1000))
        self.direct.call("EXPIRE", "copied:set", 60)
        self.assertGreater(len({self.wire.call("SRANDMEMBER", "copied:set") for _ in range(30)}), 5)
        self.wire.call("PTTL", "copied:set")
        time.sleep(0.02)
        before = self.asked("pexpiretime") + self.asked("pttl")
        self.wire.call("PTTL", "copied:set")
        self.assertGreater(self.asked("pexpiretime") + self.asked("pttl"), before)

    def test_d25_a_set_is_no_copy(self):
        before = self.asked()
        self.wire.call("SET", "copied:25", "mine")
        self.direct.call("SET", "copied:25", "yours")
        self.assertEqual(self.wire.call("GET", "copied:25"), bulk("yours"))
        self.assertGreater(self.asked(), before)

    def test_d15_errors_are_not_kept(self):
        self.direct.call("DEL", "copied:15")
        self.direct.call("LPUSH", "copied:15", "x")
        self.assertTrue(self.wire.call("GET", "copied:15").startswith(b"-WRONGTYPE"))
        self.direct.call("SET", "copied:15", "text")
        self.assertEqual(self.wire.call("GET", "copied:15"), bulk("text"))

    def test_forced_stale_sets(self):
        """The other sidecar's copy is made, the key changed, and at the earliest moment read here
        and there: here at once, there as soon as the change can have arrived. With the control."""
        ways = {
            "set": lambda key: self.wire.call("SET", key, "new"),
            "del": lambda key: self.wire.call("DEL", key),
            "expire": lambda key: self.wire.call("PEXPIRE", key, "1"),
            "rename": lambda key: self.wire.call("RENAME", "copied:source", key),
            "multi": lambda key: [self.wire.call(*words) for words in
                                  (["MULTI"], ["SET", key, "new"], ["EXEC"])],
            "eval": lambda key: self.wire.call(
                "EVAL", "return redis.call('SET', KEYS[1], 'new')", "1", key),
            "undeclared": lambda key: self.wire.call(
                "EVAL", f"return redis.call('SET', '{key}', 'new')", "0"),
            "direct": lambda key: self.direct.call("SET", key, "new"),
            "key": lambda key: self.wire.call("PANNIER", "INVALIDATE", "KEY", key),
            "tag": lambda key: self.wire.call("PANNIER", "INVALIDATE", "TAG", "group"),
            "flush": lambda key: self.wire.call("FLUSHDB"),
        }
        for name, change in ways.items():
            with self.subTest(way=name):
                here, there = self.stale_reads(name, change, ROUNDS // 10)
                self.assertEqual(there, 0)
                self.assertEqual(here, 0)
        here, there = self.stale_reads("control", lambda key: None, ROUNDS // 10)
        self.assertEqual((here, there), (ROUNDS // 10, ROUNDS // 10))

    def stale_reads(self, name, change, rounds):
        here = there = 0
        for number in range(rounds):
            key = f"tagged:{number}" if name == "tag" else f"copied:{name}{number}"
            self.copy(key, "old")
            if name == "rename":
                self.direct.call("SET", "copied:source", "new")
            change(key)
            if name == "expire":
                time.sleep(0.003)
            if name == "direct":  # Nobody here can know before the push.
                fence(self.wire)
            here += self.wire.call("GET", key) == bulk("old")
            fence(self.other)
            there += self.other.call("GET", key) == bulk("old")
        return here, there

    def test_own_writes_are_read_in_a_pipeline(self):
        for number in range(ROUNDS):
            self.wire.send(encode("GET", "copied:own") + encode("SET", "copied:own", number) +
                           encode("GET", "copied:own"))
            replies = [self.wire.reply() for _ in range(3)]
            self.assertEqual(replies[1:], [b"+OK\r\n", bulk(str(number))])
            self.assertEqual(self.wire.call("GET", "copied:own"), bulk(str(number)))

    def test_versions_keep_their_copies_apart(self):
        self.copy("versioned:1", "first")
        self.wire.call("PANNIER", "VERSION", "BUMP", "shape")
        self.assertEqual(self.wire.call("GET", "versioned:1"), b"$-1\r\n")
        wait_until(lambda: self.other.call("GET", "versioned:1") == b"$-1\r\n", "there, too", 2)

    def test_d11_and_d13_a_copy_ends_when_its_key_does(self):
        self.direct.call("DEBUG", "SET-ACTIVE-EXPIRE", "0")
        self.addCleanup(self.direct.call, "DEBUG", "SET-ACTIVE-EXPIRE", "1")
        for number in range(20):
            self.wire.call("SET", f"short:{number}", "x")
            began = sent = time.monotonic()
            while self.wire.call("GET", f"short:{number}") == bulk("x"):
                self.assertLess(sent - began, 0.3 + 0.02)
                sent = time.monotonic()

    def test_d18_every_key_that_a_command_writes_is_read_anew(self):
        ways = [["RENAME", "copied:a", "copied:b"], ["COPY", "copied:a", "copied:b", "REPLACE"],
                ["MSET", "copied:a", "9", "copied:b", "9"], ["APPEND", "copied:b", "x"],
                ["INCR", "copied:b"], ["SETRANGE", "copied:b", "0", "5"], ["GETDEL", "copied:b"],
                ["GETSET", "copied:b", "7"], ["SETBIT", "copied:b", "1", "1"],
                ["BITOP", "NOT", "copied:b", "copied:a"], ["UNLINK", "copied:a", "copied:b"],
                ["INCRBYFLOAT", "copied:b", "1.5"], ["PERSIST", "copied:b"],
                ["SORT", "copied:list", "STORE", "copied:b"], ["RESTORE", "copied:c", "0", None]]
        for words in ways:
            with self.subTest(words=words):
                self.direct.call("DEL", "copied:list", "copied:b", "copied:c")
                self.direct.call("RPUSH", "copied:list", "3", "1")
                for key in ("copied:a", "copied:b"):
                    self.copy(key, "1")
                if words[-1] is None:
                    dump = self.direct.call("DUMP", "copied:a")
                    words = words[:-1] + [dump.split(b"\r\n", 1)[1][:-2]]
                self.wire.call(*words)
                for key in ("copied:a", "copied:b", "copied:c"):
                    self.assertEqual(self.wire.call("GET", key), self.direct.call("GET", key), key)


class Faults(unittest.TestCase):
    """What a sidecar answers whose lane has fallen silent, or that was frozen itself."""

    def setUp(self):
        self.redis = self.enterContext(Redis())
        self.relay = self.enterContext(Relay(free_port(), self.redis.port))
        self.relay.listen()
        self.pannier = self.enterContext(Pannier(RULES, self.relay.port))
        self.wire = self.enterContext(self.pannier.wire())
        self.direct = self.enterContext(self.redis.wire())

    def keep(self, key, value):
        self.wire.call("SET", key, value)
        time.sleep(0.05)
        for _ in range(3):
            self.assertEqual(self.wire.call("GET", key), bulk(value))
            time.sleep(0.02)

    def test_d5_a_silent_lane_is_believed_no_longer_than_max_lag(self):
        self.keep("copied:1", "old")
        self.relay.swallow()
        self.direct.call("SET", "copied:1", "new")
        began, late = time.monotonic(), 0
        while time.monotonic() - began < 2.5:
            sent = time.monotonic()
            reply = self.wire.call("GET", "copied:1")
            late += sent - began > 1.02 and reply == bulk("old")
        self.assertEqual(late, 0)

    def test_d6_a_frozen_sidecar_asks_before_it_answers(self):
        self.keep("copied:1", "old")
        os.kill(self.pannier.pid, signal.SIGSTOP)
        self.direct.call("SET", "copied:1", "new")
        self.wire.send(encode("GET", "copied:1"))
        time.sleep(1.5)
        os.kill(self.pannier.pid, signal.SIGCONT)
        self.assertEqual(self.wire.reply(), bulk("new"))

    def test_d2_a_reply_that_was_overtaken_is_no_copy(self):
        self.wire.call("SET", "copied:1", "old")
        for number in range(20):
            self.relay.to_client.delay = 0.05
            self.wire.send(encode("GET", "copied:1"))
            time.sleep(0.02)
            self.direct.call("SET", "copied:1", f"new{number}")
            self.wire.reply()
            self.relay.to_client.delay = 0.0
            fence(self.wire)
            self.assertEqual(self.wire.call("GET", "copied:1"), bulk(f"new{number}"))

    def test_a_lane_that_was_lost_takes_its_copies_along(self):
        self.keep("copied:1", "old")
        self.relay.cut()
        self.direct.call("SET", "copied:1", "new")
        self.relay.listen()
        deadline = time.monotonic() + 5
        while (reply := self.wire.call("GET", "copied:1")) != bulk("new"):
            self.assertNotEqual(reply, bulk("old"))
            self.assertLess(time.monotonic(), deadline)

    def test_without_tracking_a_copy_lives_as_long_as_max_lag(self):
        self.direct.call("ACL", "SETUSER", "default", "-client|tracking", "-client|caching")
        self.relay.break_all()
        wait_until(lambda: self.wire.call("SET", "copied:1", "old") == b"+OK\r\n", "it is back", 5)
        time.sleep(0.05)
        self.wire.call("GET", "copied:1")
        self.direct.call("SET", "copied:1", "new")
        began = sent = time.monotonic()
        while self.wire.call("GET", "copied:1") == bulk("old"):
            self.assertLess(sent - began, 1.02)
            sent = time.monotonic()


if __name__ == "__main__":
    unittest.main()
