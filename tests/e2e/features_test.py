#!/usr/bin/python3
"""What takes several steps works through the sidecar: cursors, dumps, scripts, functions, logs.

What single commands answer is compared in differential_table_test.py.
"""

import random
import unittest

from differential_cases import LIBRARY
from differential_table_test import NO_RULES, RULES
from lockstep import tree
from support import Pannier, Redis, encode, wait_until

KEYS = 20_000


class Features(unittest.TestCase):
    rules = NO_RULES

    @classmethod
    def setUpClass(cls):
        cls.redis = cls.enterClassContext(Redis("--enable-debug-command", "yes"))
        cls.pannier = cls.enterClassContext(Pannier(cls.rules, cls.redis.port))
        cls.direct = cls.enterClassContext(cls.redis.wire())

    def setUp(self):
        for command in (["FLUSHALL"], ["FUNCTION", "FLUSH"], ["SCRIPT", "FLUSH"]):
            self.direct.call(*command)
        self.wire = self.enterContext(self.pannier.wire(20))

    def value(self, *command):
        return tree(self.wire.call(*command))[0][1]

    def walk(self, *command, step=None):
        """All that a cursor brings; `step` is called between its commands."""
        cursor, found = b"0", []
        while True:
            name, *rest = command
            at = [name, cursor, *rest] if name == "SCAN" else [name, rest[0], cursor, *rest[1:]]
            (_, cursor), (_, items) = self.value(*at)
            found += [item[1] for item in items]
            if cursor == b"0":
                return found
            if step:
                step()

    def test_a_scan_finds_every_key_at_any_pace(self):
        self.direct.call("DEBUG", "POPULATE", KEYS, "key")
        expected = {b"key:%d" % i for i in range(KEYS)}
        for count in (10, 1000, KEYS * 2):
            found = self.walk("SCAN", "COUNT", count)
            self.assertEqual(set(found), expected)
            self.assertEqual(len(found), KEYS)
        self.assertEqual(set(self.walk("SCAN", "MATCH", "*9", "COUNT", 500)),
                         {key for key in expected if key.endswith(b"9")})

    def test_a_scan_finds_what_stays_while_other_keys_come_and_go(self):
        self.direct.call("DEBUG", "POPULATE", 3000, "key")
        pick = random.Random(1)

        def step():
            for _ in range(20):
                self.wire.send(encode("SET", f"new:{pick.random()}", 1) +
                               encode("DEL", f"key:{pick.randrange(1500)}"))
                self.wire.reply(), self.wire.reply()

        found = set(self.walk("SCAN", "COUNT", 50, step=step))
        self.assertLessEqual({b"key:%d" % i for i in range(1500, 3000)}, found)

    def test_scans_of_one_value_find_every_element(self):
        self.wire.call("SADD", "set", *range(3000))
        self.wire.call("HSET", "hash", *range(3000))
        self.wire.call("ZADD", "zset", *range(3000))
        self.assertEqual(len(self.walk("SSCAN", "set")), 3000)
        self.assertEqual(len(self.walk("HSCAN", "hash", "COUNT", 7)), 3000)
        self.assertEqual(len(self.walk("ZSCAN", "zset", "MATCH", "*")), 3000)

    def test_the_whole_keyspace_is_seen(self):
        self.direct.call("DEBUG", "POPULATE", KEYS, "key")
        self.assertEqual(self.value("DBSIZE"), b"%d" % KEYS)
        self.assertEqual(len(self.value("KEYS", "*")), KEYS)
        self.assertEqual(len(self.value("KEYS", "key:1[0-4]?")), 50)
        keys = {self.value("RANDOMKEY") for _ in range(50)}
        self.assertGreater(len(keys), 40)
        self.wire.call("SELECT", 5)
        self.assertEqual(self.value("DBSIZE"), b"0")
        self.assertEqual(self.wire.call("RANDOMKEY"), b"$-1\r\n")

    def test_every_type_survives_dump_and_restore(self):
        self.wire.call("SET", "s", bytes(range(256)) * 50)
        self.wire.call("RPUSH", "l", *range(500))
        self.wire.call("HSET", "h", *range(500))
        self.wire.call("SADD", "st", *range(500))
        self.wire.call("ZADD", "z", *range(500))
        self.wire.call("XADD", "x", "1-1", "f", "v")
        for key in ("s", "l", "h", "st", "z", "x"):
            dump = self.value("DUMP", key)
            self.assertEqual(self.wire.call("RESTORE", "copy:" + key, 0, dump), b"+OK\r\n")
            digests = self.value("DEBUG", "DIGEST-VALUE", key, "copy:" + key)
            self.assertEqual(digests[0], digests[1])
            self.assertIn(b"BUSYKEY", self.wire.call("RESTORE", key, 0, dump))
            broken = dump[:-1] + bytes([dump[-1] ^ 1])
            self.assertIn(b"checksum", self.wire.call("RESTORE", "broken", 0, broken))

    def test_a_script_is_loaded_when_it_is_missing(self):
        script = "return {KEYS[1], ARGV[1], redis.call('INCR', KEYS[1])}"
        sha = "0" * 40
        self.assertTrue(self.wire.call("EVALSHA", sha, 0).startswith(b"-NOSCRIPT"))
        sha = self.value("SCRIPT", "LOAD", script)
        self.wire.call("SCRIPT", "FLUSH")
        self.assertTrue(self.wire.call("EVALSHA", sha, 1, "k", "x").startswith(b"-NOSCRIPT"))
        self.assertEqual(self.value("SCRIPT", "EXISTS", sha, "0" * 40), [(b":", b"0"), (b":", b"0")])
        self.assertEqual(self.value("SCRIPT", "LOAD", script), sha)
        with self.pannier.wire() as other:
            self.assertEqual(other.call("EVALSHA", sha, 1, "k", "x"),
                             b"*3\r\n$1\r\nk\r\n$1\r\nx\r\n:1\r\n")
        self.wire.send(encode("MULTI") + encode("EVALSHA", sha, 1, "k", "y") + encode("EXEC"))
        self.assertEqual([self.wire.reply() for _ in range(3)][2],
                         b"*1\r\n*3\r\n$1\r\nk\r\n$1\r\ny\r\n:2\r\n")

    def test_functions_are_loaded_called_dumped_and_restored(self):
        self.assertEqual(self.wire.call("FUNCTION", "LOAD", LIBRARY), b"$3\r\nlib\r\n")
        self.assertIn(b"already exists", self.wire.call("FUNCTION", "LOAD", LIBRARY))
        self.wire.call("SET", "k", "v")
        self.assertEqual(self.value("FCALL", "first", 1, "k"), b"v")
        self.assertEqual(self.value("FCALL_RO", "plain", 0, "x"), b"x")
        dump = self.value("FUNCTION", "DUMP")
        self.wire.call("FUNCTION", "FLUSH")
        self.assertEqual(self.value("FUNCTION", "LIST"), [])
        self.assertIn(b"not found", self.wire.call("FCALL", "first", 1, "k"))
        self.assertEqual(self.wire.call("FUNCTION", "RESTORE", dump), b"+OK\r\n")
        self.assertEqual(self.value("FCALL", "first", 1, "k"), b"v")
        self.assertEqual(self.wire.call("FUNCTION", "DELETE", "lib"), b"+OK\r\n")

    def test_a_long_script_is_killed_from_another_connection(self):
        self.direct.call("CONFIG", "SET", "busy-reply-threshold", 50)
        self.wire.send(encode("EVAL", "while true do end", 0))
        try:
            with self.pannier.wire(2) as other:
                wait_until(lambda: other.call("SCRIPT", "KILL") == b"+OK\r\n", "the script is killed")
            self.assertIn(b"Script killed by user", self.wire.reply())
        finally:
            self.direct.call("SCRIPT", "KILL")

    def test_logs_of_the_server_tell_of_what_clients_did(self):
        self.wire.call("CONFIG", "SET", "slowlog-log-slower-than", 0)
        self.wire.call("SLOWLOG", "RESET")
        self.wire.call("SET", "slow", "value")
        entries = self.value("SLOWLOG", "GET", 50)
        said = [[word for _, word in entry[3][1]] for _, entry in entries]
        self.assertIn([b"SET", b"slow", b"value"], said)
        self.assertGreaterEqual(int(self.value("SLOWLOG", "LEN")), 1)
        self.wire.call("CONFIG", "SET", "slowlog-log-slower-than", 10_000)
        self.wire.call("CONFIG", "SET", "latency-monitor-threshold", 10)
        self.wire.call("DEBUG", "SLEEP", 0.03)
        events = [entry[0][1] for _, entry in self.value("LATENCY", "LATEST")]
        self.assertIn(b"command", events)
        self.assertEqual(len(self.value("LATENCY", "HISTORY", "command")), 1)
        self.assertGreaterEqual(int(self.value("LATENCY", "RESET")), 1)
        self.assertGreater(int(self.value("MEMORY", "USAGE", "slow")), 40)

    def test_idle_times_and_encodings_are_those_of_the_server(self):
        self.wire.call("SET", "n", 1)
        self.wire.call("RPUSH", "l", *range(5000))
        self.assertEqual(self.value("OBJECT", "ENCODING", "n"), b"int")
        self.assertEqual(self.value("OBJECT", "ENCODING", "l"), b"quicklist")
        self.assertIn(self.value("OBJECT", "IDLETIME", "n"), (b"0", b"1"))


class FeaturesUnderOtherRules(Features):
    rules = RULES


if __name__ == "__main__":
    unittest.main()
