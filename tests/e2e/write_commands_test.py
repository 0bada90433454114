#!/usr/bin/python3
"""No command that writes leaves a stale copy behind: every one of Redis's own list, in every example
of the differential test, and commands nobody knows (D17, D18)."""

import unittest

from differential_cases import FIXTURES, LIBRARY, examples
from local_copies_test import fence
from support import Pannier, Redis, encode

RULES = """
deny: []
tiers: {copied: {ttl: 600s, local: 30s, negative: 10s, foreign: trust}}
rules: [{match: "*", tier: copied}]
"""

# Commands that the flag `write` marks and that change no key a client can read, so that nothing may
# be stale after them.
WITHOUT_KEYS = {"function": "libraries", "pfdebug": "a look at the encoding, by a detour"}
# Those that change what none of the reads here tells, and is never kept: times to live, and what
# the groups of a stream have read.
UNSEEN = {"expire", "getex", "persist", "pexpire", "pexpireat", "xack", "xautoclaim", "xclaim",
          "xreadgroup", "xsetid", "evalsha", "fcall", "migrate"}
EXTRA = {"georadiusbymember": [["georadiusbymember", "geo", "Palermo", "200", "km", "STORE", "s"]]}
# Scripts are not marked: what they write, their text says.
SCRIPTS = ("eval", "evalsha", "fcall")
UNDECLARED = [["EVAL", "redis.call('SET', 's', 'changed') return redis.call('HSET', 'h', 'a', 9)", "0"],
              ["EVAL", "return redis.call('DEL', 's', 'l', 'z')", "0"],
              ["EVAL", "return redis.call('FLUSHALL')", "0"]]
READS = {"string": ["GET"], "hash": ["HGETALL"], "list": ["LRANGE", "0", "-1"], "set": ["SMEMBERS"],
         "zset": ["ZRANGE", "0", "-1", "WITHSCORES"], "stream": ["XRANGE", "-", "+"], "none": ["GET"]}
# Not among them: what has a time of its own, of which no copy is kept.
KEYS = sorted({word for line in FIXTURES.split("\n") for text in line.split("|")
               for word in text.split(" ")[1:2]} - {"CREATE", "GROUP", "ttl"} | {"g_b", "new", "new2"})
BULK = 200


def bulk_of(reply):
    return reply.split(b"\r\n", 1)[1][:-2]


class Written(unittest.TestCase):
    options = ()

    @classmethod
    def setUpClass(cls):
        cls.redis = cls.enterClassContext(Redis(*cls.options))
        cls.pannier = cls.enterClassContext(Pannier(RULES, cls.redis.port))
        cls.direct = cls.enterClassContext(cls.redis.wire())

    def setUp(self):
        self.wire = self.enterContext(self.pannier.wire())
        for wire in (self.wire, self.direct):  # In RESP2 not all of the reads have copies.
            wire.call("HELLO", "3")

    def all(self, wire, commands):
        wire.send(b"".join(encode(*words) for words in commands))
        return [wire.reply() for _ in commands]

    def restore(self):
        """The fixtures, written past the sidecar; and what reads them."""
        lines = [text.split(" ") for line in FIXTURES.split("\n") if line for text in line.split("|")]
        replies = self.all(self.direct, [["FLUSHALL"], ["FUNCTION", "LOAD", "REPLACE", LIBRARY]] +
                           [[word.encode("latin1") for word in words] for words in lines])
        self.assertFalse([reply for reply in replies if reply.startswith(b"-")])
        types = self.all(self.direct, [["TYPE", key] for key in KEYS])
        reads = []
        for key, kind in zip(KEYS, types):
            name, *rest = READS[kind[1:-2].decode()]
            reads.append([name, key, *rest])
            if kind != b"+none\r\n":
                reads.append(["TYPE", key])
        return reads

    def asked(self, names):
        text = self.direct.call("INFO", "commandstats").decode()
        calls = dict(line.removeprefix("cmdstat_").split(":calls=")
                     for line in text.split("\r\n") if line.startswith("cmdstat_"))
        return sum(int(calls.get(name, "0").split(",")[0]) for name in names)

    def keep(self, reads):
        """Reads until all of it is answered from copies."""
        names = {words[0].lower() for words in reads}
        for _ in range(20):
            fence(self.wire)
            replies = self.all(self.wire, reads)
            before = self.asked(names)
            self.assertEqual(self.all(self.wire, reads), replies)
            if self.asked(names) == before:
                return replies
        self.fail("there are no copies")

    def values(self):
        scripts = self.direct.call("SCRIPT", "LOAD", "return 1")
        self.assertTrue(scripts.startswith(b"$40"))
        return {"$dump": bulk_of(self.direct.call("DUMP", "s")), "$library": LIBRARY,
                "$functions": bulk_of(self.direct.call("FUNCTION", "DUMP"))}

    def stale_after(self, commands):
        """What of the reads the sidecar answers with another reply than Redis, right after these."""
        reads = self.restore()
        values = self.values()
        before = self.keep(reads)
        commands = [[values.get(word, word) for word in words] for words in commands]
        replies = self.all(self.wire, commands + reads)
        now = self.all(self.direct, reads)
        self.changed += now != before
        return [(words, got, should) for words, got, should in zip(reads, replies[len(commands):], now)
                if got != should]


class WriteCommands(Written):
    def writers(self):
        """Names of all commands that write, those with subcommands as a whole."""
        reader = iter(self.direct.call("COMMAND").split(b"\r\n"))

        def value():
            line = next(reader)
            kind, text = line[:1], line[1:]
            if kind in b"*~%":
                return [value() for _ in range(int(text) * (2 if kind == b"%" else 1))]
            return next(reader).decode() if kind == b"$" else text.decode()

        def writes(entry):
            return "write" in entry[2] or any(writes(one) for one in entry[9])

        return sorted(entry[0] for entry in value() if writes(entry))

    def test_d17_d18_after_a_command_that_writes_every_read_is_new(self):
        known, tried, self.changed = examples(), 0, 0
        names = self.writers()
        for name in [*names, *SCRIPTS]:
            self.assertIn(name, known, f"no example of {name}, which writes")
            if name in WITHOUT_KEYS:
                continue
            changed = self.changed
            for words in known[name] + EXTRA.get(name, []):
                with self.subTest(words=words):
                    tried += 1
                    self.assertEqual(self.stale_after([words]), [])
            with self.subTest(no_example_of=name):
                self.assertEqual(self.changed == changed, name in UNSEEN)
        print(f"{len(names)} commands, {tried} examples, {self.changed} with changes")

    def test_d9_nor_after_scripts_and_transactions_that_do_not_say_what_they_write(self):
        self.changed = 0
        for words in UNDECLARED:
            with self.subTest(words=words):
                self.assertEqual(self.stale_after([words]), [])
        for words in (["SET", "s", "9"], ["RENAME", "l", "z"], ["FLUSHDB"], UNDECLARED[0]):
            with self.subTest(transaction=words):
                self.assertEqual(self.stale_after([["MULTI"], words, ["EXEC"]]), [])
        self.assertEqual(self.changed, len(UNDECLARED) + 4)

    def test_the_reads_themselves_can_be_stale(self):
        """The control: what is changed past the sidecar is seen later, sometimes."""
        self.changed, stale = 0, 0
        for number in range(BULK):
            self.wire.call("GET", "control")
            self.direct.call("SET", "control", number)
            stale += self.wire.call("GET", "control") != self.direct.call("GET", "control")
        print(f"{stale} of {BULK} reads are from before a change that nobody here can know of")


class UnknownCommands(Written):
    options = ("--rename-command", "SETRANGE", "MODULE.WRITES")

    def test_d17_after_a_command_nobody_knows(self):
        self.changed = 0
        for number in range(BULK // 10):
            words = ["MODULE.WRITES", "s", "0", f"x{number}"]
            self.assertEqual(self.stale_after([words]), [])
        self.assertEqual(self.changed, BULK // 10)


if __name__ == "__main__":
    unittest.main()
