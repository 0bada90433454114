#!/usr/bin/python3
"""Which replies become local copies, until when, and what else is answered from them."""

import itertools
import time
import unittest

from differential_cases import examples
from local_copies_test import bulk
from local_copies_upstream_test import RULES, Upstream
from support import encode, wait_until

# On a busy machine a lane may be silent for longer than a second.
PATIENT = RULES.replace("max_lag: 1s", "max_lag: 30s, op_timeout: 30s")
ALL = """
upstream: {max_lag: 1s}
tiers: {copied: {ttl: 600s, local: 30s, foreign: trust}}
rules: [{match: "*", tier: copied}]
"""
# Reads whose whole replies may be kept; everything else must be asked each time.
KEPT = set("""
bitcount bitfield_ro bitpos exists geodist geohash geopos georadius_ro georadiusbymember_ro geosearch
get getbit getrange hexists hget hgetall hkeys hlen hmget hstrlen hvals lindex llen lpos lrange mget
scard sismember smembers smismember strlen substr type xlen xrange xrevrange zcard zcount zlexcount
zmscore zrange zrangebylex zrangebyscore zrank zrevrange zrevrangebylex zrevrangebyscore zrevrank
zscore""".split())
# Of what the sidecar asks in Redis's place of the command itself.
ASKED_AS = {name: "pexpiretime" for name in ("ttl", "pttl", "expiretime", "pexpiretime")}
TEXTS = ["", "a", "hello", "\0\r\n\xff", "0123456789" * 20]
ENDS = [0, 1, 2, 3, 4, 5, 6, 199, 200, 201, 2**31, 2**32, 2**62, 2**63 - 1]
NO_ENDS = ["", "x", "1.5", "+1", "01", " 1", "-0", str(2**63), str(-2**63 - 1), "1e3"]


class Ranges(Upstream):
    rules = PATIENT

    def test_getrange_and_substr_of_a_copy_are_those_of_redis(self):
        ends = [end for size in ENDS for end in (size, -size)] + [-2**63]
        ranges = list(itertools.product(ends, ends))
        ranges += [(end, 1) for end in NO_ENDS] + [(1, end) for end in NO_ENDS]
        for number, text in enumerate(TEXTS):
            key = f"copied:{number}"
            if text:
                self.direct.call("SET", key, text.encode("latin1"))
                wait_until(lambda key=key: self.is_copied(key), "a copy")
            for hello in ("2", "3"):
                self.wire.call("HELLO", hello)
                self.direct.call("HELLO", hello)
                for name in ("GETRANGE", "SUBSTR"):
                    with self.subTest(text=text, name=name, hello=hello):
                        commands = [(name, key, *ends) for ends in ranges]
                        before = self.asked(name.lower())
                        self.assertEqual(self.all(self.wire, commands), self.all(self.direct, commands))
                        # The direct ones; and what is no number Redis refuses in its own words.
                        asked = self.asked(name.lower()) - before - len(ranges)
                        self.assertLessEqual(asked, len(ranges) if not text else 2 * len(NO_ENDS))

    def is_copied(self, key):
        self.wire.call("GET", key)
        before = self.asked()
        self.wire.call("GET", key)
        return self.asked() == before

    @staticmethod
    def all(wire, commands):
        wire.send(b"".join(encode(*words) for words in commands))
        return [wire.reply() for _ in commands]


class MultipleKeys(Upstream):
    rules = PATIENT

    def test_mget_is_asked_only_for_keys_without_copies(self):
        keys = [f"copied:{number}" for number in range(10)] + ["asked:1", "plain", "copied:none"]
        self.direct.call("MSET", *[word for key in keys[:-1] for word in (key, "v" + key)])
        self.direct.call("LPUSH", "copied:list", "x")
        for hello in ("2", "3"):
            self.wire.call("HELLO", hello)
            self.direct.call("HELLO", hello)
            for kept in range(11):
                self.direct.call("MSET", *[word for key in keys[:10] for word in (key, "v" + key)])
                for key in keys[:kept]:
                    self.wire.call("GET", key)
                for asked in (keys, keys[::-1], keys[3:7] * 3, ["copied:list", keys[0]], keys[:1]):
                    self.assertEqual(self.wire.call("MGET", *asked), self.direct.call("MGET", *asked))
        # An MGET has made copies as GETs do, of values; what has another type is still told so.
        before = self.asked()
        for key in keys[:10]:
            self.assertEqual(self.wire.call("GET", key), bulk("v" + key))
        self.assertEqual(self.asked(), before)
        self.assertTrue(self.wire.call("GET", "copied:list").startswith(b"-WRONGTYPE"))

    def test_hits_of_mget_are_timed(self):
        self.direct.call("MSET", "copied:1", "x", "copied:2", "y")
        series = 'pannier_read_seconds_count{tier="copied",result="hit"}'
        hits = 'pannier_tier_hits_total{tier="copied"}'
        for number in range(10):
            self.wire.call("MGET", "copied:1", "copied:2", f"copied:none{number}")
        self.assertEqual((self.metric(hits), self.metric(series)), (20, 20))
        self.assertEqual(self.metric('pannier_tier_local_hits_total{tier="copied"}'), 18)


class Never(Upstream):
    rules = ALL

    def test_d10_what_is_not_on_the_list_is_asked_each_time(self):
        known = examples()
        reads = [name for name in known if "readonly" in self.flags(name) and name not in KEPT]
        reads += ["eval", "eval_ro", "fcall", "fcall_ro", "sort", "time"]
        self.direct.call("FUNCTION", "LOAD", "#!lua name=lib\nredis.register_function{function_name="
                         "'plain', callback=function() return 1 end, flags={'no-writes'}}")
        self.direct.call("RPUSH", "l", "3", "1")
        self.direct.call("SADD", "st", "a", "b", "c")
        tried = 0
        for name in reads:
            asked_as = ASKED_AS.get(name, name)
            for words in known[name]:
                if words[0] in ("xread",) and "BLOCK" in words:
                    continue
                before = self.calls(asked_as)
                if self.direct.call(*words).startswith(b"-"):
                    continue
                own = self.calls(name) - before if asked_as == name else 0
                if asked_as == name and own == 0:
                    continue  # Counted under a subcommand.
                for _ in range(2):
                    self.wire.call(*words)
                with self.subTest(words=words):
                    tried += 1
                    self.assertGreaterEqual(self.calls(asked_as) - before, 2 + own)
        self.assertGreater(tried, 50)
        print(f"{len(reads)} commands, {tried} questions")

    def calls(self, name):
        """Of the command, with its subcommands."""
        lines = self.direct.call("INFO", "commandstats").decode().split("\r\n")
        return sum(int(line.split("calls=")[1].split(",")[0]) for line in lines
                   if line.startswith((f"cmdstat_{name}:", f"cmdstat_{name}|")))

    def flags(self, name):
        return self.direct.call("COMMAND", "INFO", name).decode()


class Moments(Upstream):
    """Delays that put replies, pushes and deadlines in an unlucky order."""

    rules = """
    upstream: {max_lag: 4s, op_timeout: 8s}
    tiers: {copied: {ttl: 1200ms, local: 30s}, long: {ttl: 600s, local: 30s, foreign: trust}}
    rules: [{match: "copied:*", tier: copied}, {match: "long:*", tier: long}]
    """

    def setUp(self):
        super().setUp()
        self.lane = self.relay.pairs[0]

    def test_d13_a_deadline_counts_from_the_question_not_from_the_reply(self):
        self.direct.call("DEBUG", "SET-ACTIVE-EXPIRE", "0")  # No push tells of the end.
        self.direct.call("SET", "copied:1", "x", "PX", "1200")
        self.relay.to_client.delay = 0.8
        sent = time.monotonic()
        self.assertEqual(self.wire.call("GET", "copied:1"), bulk("x"))
        self.assertGreater(time.monotonic() - sent, 0.8)
        copies = late = 0
        while (asked := time.monotonic()) - sent < 2.4:
            found = self.wire.call("GET", "copied:1") == bulk("x")
            copies += found
            late += found and asked - sent > 1.22
        self.assertEqual(late, 0)
        self.assertGreater(copies, 0)

    def test_d3_a_read_from_before_a_write_is_not_shared_with_who_comes_after(self):
        for number in range(5):
            self.direct.call("SET", "long:3", "old")
            with self.pannier.wire() as reader:
                self.lane.answering.clear()
                reader.send(encode("GET", "long:3"))
                time.sleep(0.05)  # Redis has answered it; the reply is on its way.
                for words in (["MULTI"], ["SET", "long:3", f"new{number}"], ["EXEC"]):
                    reply = self.wire.call(*words)
                self.assertEqual(reply, b"*1\r\n+OK\r\n")
                self.wire.send(encode("GET", "long:3"))
                time.sleep(0.05)
                self.lane.answering.set()
                self.assertEqual(self.wire.reply(), bulk(f"new{number}"))
                self.assertEqual(reader.reply(), bulk("old"))

    def test_d1_a_write_over_another_connection_ends_the_copy_before_its_push_comes(self):
        for number in range(20):
            self.direct.call("SET", "long:1", "old")
            for _ in range(2):
                time.sleep(0.02)
                self.wire.call("GET", "long:1")
            self.lane.answering.clear()
            for words in (["MULTI"], ["SET", "long:1", f"new{number}"], ["EXEC"]):
                self.wire.call(*words)
            with self.pannier.wire() as other:
                for wire in (self.wire, other):
                    wire.send(encode("GET", "long:1"))
                time.sleep(0.02)
                self.lane.answering.set()
                self.assertEqual([self.wire.reply(), other.reply()], [bulk(f"new{number}")] * 2)


if __name__ == "__main__":
    unittest.main()
