#!/usr/bin/python3
"""Versions of values, as applications need them (needs 001-33 to 001-36) and as they may fail
(F11, F13): two sidecars in front of one Redis."""

import random
import threading
import time
import unittest

from support import Pannier, Redis, wait_until
from value_client import Client

RULES = """
upstream: {embedded: false, reconnect_min: 10ms, reconnect_max: 30ms}
tiers:
  t: {ttl: 600s}
  near: {ttl: 60s, local: {ttl: 30s}, negative: 10s}
  fleet: {ttl: 60s, coalesce: {scope: fleet}}
rules:
  - {match: "dashboard:{id}:v{n}", tier: t, version: {mode: explicit, name: dashboard}}
  - {match: "tile:{id}", tier: t, version: {mode: transparent, fallback: stale, grace: 10s}}
  - {match: "near:{id}", tier: near, version: {mode: transparent, fallback: stale, grace: 60s}}
  - {match: "fleet:{id}", tier: fleet, version: {mode: transparent, fallback: stale, grace: 60s}}
  - {match: "query:{id}", tier: t, version: {mode: transparent, versions: {1: 90, 2: 10}}}
  - {match: "job:{id}", tier: t, version: 3}
"""
RETIRED = "is retired (current is 2); not executed"


class Versions(unittest.TestCase):
    def setUp(self):
        self.redis = self.enterContext(Redis())
        self.one = self.enterContext(Pannier(RULES, self.redis.port))
        self.two = self.enterContext(Pannier(RULES, self.redis.port))
        self.direct = self.client(self.redis)

    def client(self, server, **options):
        return self.enterContext(Client(server.port, **options))

    def known(self, server, name, field, value):
        with Client(server.port, protocol=3) as client:
            wait_until(lambda: client("PANNIER", "VERSION", "LIST")[name].get(field) == value,
                       f"{name} {field} {value}")

    def test_001_33_a_new_version_hides_what_the_old_one_wrote(self):
        old, new = self.client(self.one), self.client(self.two)
        for i in range(1_000):
            old("SET", f"job:{i}", "old")
        self.assertEqual(new("PANNIER", "VERSION", "BUMP", "job"), 4)
        self.known(self.one, "job", "current", 4)
        self.assertEqual({client("GET", f"job:{i}") for i in range(1_000)
                          for client in (old, new)}, {None})
        self.assertEqual(self.direct("GET", "job:7:v3"), "old")

    def test_001_34_the_version_before_is_readable_for_its_grace_and_gone_after(self):
        a, b = self.client(self.one), self.client(self.two)
        a("MSET", "dashboard:1:v1", "one", "dashboard:2:v1", "two")
        self.assertEqual(a("PANNIER", "VERSION", "BUMP", "dashboard", "GRACE", "1"), 2)
        begun = time.monotonic()
        self.known(self.two, "dashboard", "current", 2)
        for client in a, b:
            self.assertEqual(client("GET", "dashboard:1:v1"), "one")
            self.assertEqual(client("SET", "dashboard:3:v1", "three"), "OK")
        self.assertLess(time.monotonic() - begun, 1)
        wait_until(lambda: b("GET", "dashboard:1:v1") is None, "retired")
        self.assertGreaterEqual(time.monotonic() - begun, 0.9)
        wait_until(lambda: self.direct("KEYS", "dashboard:*") == [], "purged")
        for client in a, b:
            self.assertEqual(client("MGET", "dashboard:1:v1", "dashboard:2:v1"), [None, None])
            self.assertEqual(client("HGETALL", "dashboard:1:v1"), [])
            self.assertIn(RETIRED, str(client("SET", "dashboard:1:v1", "x")))
            self.assertIn(RETIRED, str(client("HSET", "dashboard:1:v1", "f", "x")))
        self.assertEqual(a("SET", "dashboard:1:v2", "new"), "OK")
        self.assertEqual(b("GET", "dashboard:1:v2"), "new")

    def test_001_34_a_transparent_bump_keeps_serving_while_one_reader_a_key_loads(self):
        loaders = [self.client(server) for server in (self.one, self.two)]
        for i in range(50):
            loaders[0]("SET", f"tile:{i}", "old")
        loaders[0]("PANNIER", "VERSION", "BUMP", "tile")
        self.known(self.two, "tile", "current", 2)
        for i in range(50):
            answers = []
            for server in (self.one, self.two) * 5:
                with Client(server.port) as reader:
                    answers.append(reader("GET", f"tile:{i}"))
            # One of each sidecar loads; with coalesce: fleet it is one in all.
            self.assertEqual((answers.count(None), answers.count("old")), (2, 8))
        wait_until(lambda: self.direct("KEYS", "tile:*") == [], "purged", 30)
        with Client(self.two.port) as reader:
            self.assertEqual(reader("GET", "tile:7"), None)

    def test_001_34_one_reader_of_the_whole_fleet_loads(self):
        for i in range(20):
            self.client(self.one)("SET", f"fleet:{i}", "old")
        self.client(self.two)("PANNIER", "VERSION", "BUMP", "fleet")
        self.known(self.one, "fleet", "current", 2)
        for i in range(20):
            readers = [self.client(server) for server in (self.one, self.two) * 3]
            answers = [reader("GET", f"fleet:{i}") for reader in readers]
            self.assertEqual(answers, [None] + ["old"] * 5)
            self.assertEqual(readers[0]("SET", f"fleet:{i}", "new"), "OK")
            self.assertEqual([reader("GET", f"fleet:{i}") for reader in readers], ["new"] * 6)

    def test_explain_tells_which_version_a_client_gets_and_until_when(self):
        client = self.client(self.one, protocol=3)
        client("SET", "tile:1", "old")
        self.client(self.two)("PANNIER", "VERSION", "BUMP", "tile", "GRACE", "30")
        self.known(self.one, "tile", "current", 2)
        told = self.client(self.one, protocol=3)("PANNIER", "EXPLAIN", "tile:1")
        self.assertEqual((told["upstream_key"], told["version"], told["version_served"],
                          told["version_previous"], told["version_pinned"]),
                         ("tile:1:v2", 2, 2, 1, False))
        self.assertIn(told["version_grace_left_ms"], range(20_000, 30_001))
        self.assertIn("others get the value of the version before", told["next_get"])
        client("SET", "tile:1", "new")
        self.assertEqual(client("PANNIER", "EXPLAIN", "tile:1")["next_get"], "hit")
        self.assertEqual(client("PANNIER", "EXPLAIN", "tile:2")["next_get"], "nil")

    def share_of_2(self, names, server):
        found = {}
        for name in names:
            with Client(server.port) as client:
                client("CLIENT", "SETNAME", name)
                found[name] = client("GET", "query:1")
        return {name for name, version in found.items() if version == "two"}

    def store_queries(self):
        self.direct("SET", "query:1:v1", "one", "EX", "600")
        self.direct("SET", "query:1:v2", "two", "EX", "600")

    def test_001_35_clients_are_split_by_their_names(self):
        self.store_queries()
        names = [f"web-{i}" for i in range(4_000)]
        mine = self.share_of_2(names, self.one)
        self.assertAlmostEqual(len(mine) / len(names), 0.1, delta=0.01)
        self.assertEqual(self.share_of_2(names[:500], self.two), mine & set(names[:500]))
        client = self.client(self.one)
        client("CLIENT", "SETNAME", min(mine))
        explained = self.client(self.one, protocol=3)("PANNIER", "EXPLAIN", "query:1")
        self.assertEqual(explained["version_percent"], {"1": 90.0, "2": 10.0})
        self.assertEqual(client("SET", "query:2", "x"), "OK")
        self.assertEqual(self.direct("GET", "query:2:v2"), "x")

    def test_001_36_a_rollout_grows_live_and_survives_restarts(self):
        self.store_queries()
        names = [f"web-{i}" for i in range(500)]
        before = self.share_of_2(names, self.one)
        admin = self.client(self.one)
        self.assertEqual(admin("PANNIER", "VERSION", "WEIGHTS", "query", "1=50", "2=50"), "OK")
        self.known(self.two, "query", "percent", {"1": 50.0, "2": 50.0})
        after = self.share_of_2(names, self.two)
        self.assertLess(before, after)  # Nobody went back.
        self.assertAlmostEqual(len(after) / len(names), 0.5, delta=0.05)
        for server in self.one, self.two:
            server.stop()
            server.start()
        self.assertEqual(self.share_of_2(names, self.one), after)
        admin = self.client(self.two)
        self.assertEqual(admin("PANNIER", "VERSION", "WEIGHTS", "query", "2=100"), "OK")
        self.known(self.one, "query", "current", 2)
        self.assertEqual(self.share_of_2(names, self.one), set(names))

    def test_pins_hold_in_all_sidecars(self):
        a, b = self.client(self.one), self.client(self.two)
        self.assertEqual(a("PANNIER", "VERSION", "PIN", "query", "1"), "OK")
        self.known(self.two, "query", "pinned", True)
        self.store_queries()
        self.assertEqual(self.share_of_2([f"web-{i}" for i in range(100)], self.two), set())
        self.assertIn("is pinned to 1", str(b("PANNIER", "VERSION", "BUMP", "query")))
        self.assertEqual(b("PANNIER", "VERSION", "UNPIN", "query"), "OK")
        self.assertEqual(a("PANNIER", "VERSION", "BUMP", "query"), 3)

    def test_f11_a_version_that_cannot_be_read_is_not_guessed(self):
        self.direct("SET", "job:1:v3", "old", "EX", "600")
        self.direct("SET", "job:1:v4", "new", "EX", "600")
        self.direct("SET", "pn:v:job", "4 1 0")
        self.direct("CONFIG", "SET", "save", "")
        folder = self.redis.folder.name
        self.direct("SAVE")
        self.redis.stop()
        with Pannier(RULES, self.redis.port) as fresh:
            with Client(fresh.port) as client:
                for command in ("GET", "job:1"), ("SET", "job:1", "x"), ("EXISTS", "job:1"):
                    self.assertIn("unavailable", str(client(*command)))
            self.redis.start()
            with Client(fresh.port) as client:
                wait_until(lambda: client("GET", "job:1") == "new", "the version")
        self.assertTrue(folder)

    def test_f11_a_version_that_may_not_be_read_is_refused_and_all_else_works(self):
        self.direct("ACL", "SETUSER", "default", "resetkeys", "~job:*", "~other")
        with Pannier(RULES, self.redis.port) as fresh, Client(fresh.port) as client:
            self.direct("SET", "job:1:v3", "old", "EX", "600")
            self.assertIn("the version of 'job' cannot be read", str(client("GET", "job:1")))
            self.assertEqual(client("SET", "other", "x"), "OK")
            self.direct("ACL", "SETUSER", "default", "allkeys")
            self.direct("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
            wait_until(lambda: client("GET", "job:1") == "old", "the version")

    def test_f13_no_connection_sees_an_older_version_after_a_newer_one(self):
        for kind in "tile", "near":
            with self.subTest(kind):
                self.play_bumps(kind)

    def play_bumps(self, kind):
        wrong, nils, served = [], [0], [0]
        stop = threading.Event()
        version = [1]
        writing = threading.Lock()  # No bump between the question which version and the SET.

        def read(server, seed):
            rand = random.Random(seed)
            while not stop.is_set():
                with Client(server.port) as client:
                    newest = 0
                    for _ in range(rand.randrange(1, 60)):
                        keys = [f"{kind}:{rand.randrange(20)}" for _ in range(rand.randrange(1, 4))]
                        shown = version[0]
                        values = ([client("GET", keys[0])] if len(keys) == 1
                                  else client("MGET", *keys))
                        found = [int(value) for value in values if value]
                        served[0] += len(found)
                        nils[0] += len(values) - len(found)
                        if found and min(found) < newest:
                            wrong.append((keys, values, newest))
                        newest = max([newest, *found])
                        for key, value in zip(keys, values):
                            # What it loads is of the version that it may know of.
                            if value is None and newest <= shown and rand.random() < 0.3:
                                with writing:
                                    now = client("PANNIER", "EXPLAIN", key)
                                    written = dict(zip(now[::2], now[1::2]))["version_served"]
                                    client("SET", key, written)
                                newest = max(newest, written)

        servers = [self.one, self.two] * 3
        readers = [threading.Thread(target=read, args=(server, i))
                   for i, server in enumerate(servers)]
        for reader in readers:
            reader.start()
        admin = self.client(self.one)
        for _ in range(12):
            time.sleep(0.25)
            with writing:
                version[0] = admin("PANNIER", "VERSION", "BUMP", kind)
                self.known(self.two, kind, "current", version[0])
        stop.set()
        for reader in readers:
            reader.join()
        self.assertEqual(wrong[:3], [])
        self.assertGreater(served[0], 100)
        self.assertGreater(nils[0], 0)

    def test_names_in_replies_are_the_clients(self):
        for protocol in 2, 3:
            with self.subTest(protocol):
                client = self.client(self.one, protocol=protocol)
                other = self.client(self.two)
                client("RPUSH", "job:list", "a", "b", "c", "d")
                client("ZADD", "job:set", 1, "x", 2, "y", 3, "z")
                client("XADD", "job:stream", "1-1", "f", "v")
                client("XGROUP", "CREATE", "job:stream", "g", "0")
                self.assertEqual(client("BLPOP", "job:none", "job:list", 1), ["job:list", "a"])
                self.assertEqual(client("BRPOP", "job:list", "plain", 1), ["job:list", "d"])
                self.assertEqual(client("LMPOP", 1, "job:list", "LEFT"), ["job:list", ["b"]])
                self.assertEqual(client("BLMPOP", 1, 1, "job:list", "LEFT"), ["job:list", ["c"]])
                self.assertEqual(client("BZPOPMIN", "job:set", 1)[:2], ["job:set", "x"])
                self.assertEqual(client("ZMPOP", 1, "job:set", "MIN")[0], "job:set")
                self.assertEqual(client("BZMPOP", 1, 1, "job:set", "MAX")[0], "job:set")
                self.assertEqual(client("LMPOP", 1, "job:list", "LEFT"), None)
                for read in (("XREAD", "STREAMS", "job:stream", "0"),
                             ("XREAD", "BLOCK", 1000, "STREAMS", "job:stream", "0"),
                             ("XREADGROUP", "GROUP", "g", "c", "STREAMS", "job:stream", ">")):
                    reply = client(*read)
                    name = next(iter(reply)) if protocol == 3 else reply[0][0]
                    self.assertEqual(name, "job:stream", read)
                self.assertEqual(client("XREAD", "COUNT", 1, "STREAMS", "job:stream", "9"), None)
                client("MULTI")
                client("RPUSH", "job:list", "a")
                client("LMPOP", 1, "job:list", "LEFT")
                client("BLPOP", "job:list", 0)
                client("RANDOMKEY")
                self.assertEqual(client("EXEC")[:3], [1, ["job:list", ["a"]], None])
                self.assertEqual(client("EVAL", "return KEYS[1]", 1, "job:x"), "job:x:v3")
                client("EVAL", "return redis.call('SET', KEYS[1], ARGV[1])", 1, "job:x", "s")
                self.assertEqual(other("GET", "job:x"), "s")
                self.assertEqual(client("EVAL_RO", "return redis.call('GET', KEYS[1])", 1,
                                        "job:x"), "s")
                sha = client("SCRIPT", "LOAD", "return redis.call('STRLEN', KEYS[1])")
                self.assertEqual(client("EVALSHA", sha, 1, "job:x"), 1)
                client("FUNCTION", "LOAD", "REPLACE",
                       "#!lua name=l\nredis.register_function('f', function(k) "
                       "return redis.call('GET', k[1]) end)")
                self.assertEqual(client("FCALL", "f", 1, "job:x"), "s")
                self.assertEqual(sorted(client("KEYS", "job:*")),
                                 ["job:stream", "job:x"])
                self.assertEqual(client("COMMAND", "GETKEYS", "GET", "job:x"), ["job:x"])
                client("DEL", "job:stream", "job:x")

    def test_a_blocked_client_is_woken_and_its_key_is_its_own(self):
        waits = self.client(self.one, timeout=20)
        waits.send("BLPOP", "job:queue", 0)
        time.sleep(1.5)  # Longer than op_timeout, which is not for it.
        self.client(self.two)("RPUSH", "job:queue", "x")
        self.assertEqual(waits.reply(), ["job:queue", "x"])
        waits.send("BLPOP", "job:queue", 0)
        time.sleep(0.1)
        waits.close()
        self.assertEqual(self.client(self.one)("RPUSH", "job:queue", "y"), 1)

    def test_a_tracking_client_hears_of_keys_by_its_own_names(self):
        tracks = self.client(self.one, protocol=3)
        self.assertEqual(tracks("CLIENT", "TRACKING", "ON"), "OK")
        tracks("GET", "job:1")
        self.client(self.two)("SET", "job:1", "x")
        self.assertEqual(tracks.push(), ["invalidate", ["job:1"]])

    def test_scan_shows_every_key_once_and_no_other(self):
        client = self.client(self.one)
        mine = {f"job:{i}" for i in range(700)} | {f"plain:{i}" for i in range(300)}
        for key in mine:
            client("SET", key, "x")
        for key in list(mine)[:200]:
            self.direct("SET", f"{key}:v1", "older")
        for pattern, expected in ((None, mine), ("job:1*", {k for k in mine if k[:5] == "job:1"}),
                                  ("*:77", {"job:77", "plain:77"}), ("job:[34]?", None)):
            found, cursor = [], "0"
            while True:
                command = ["SCAN", cursor, "COUNT", 50]
                cursor, keys = client(*command, *(["MATCH", pattern] if pattern else []))
                found += keys
                if cursor == "0":
                    break
            if expected is None:
                expected = {f"job:{i}" for i in range(30, 50)}
            older = {key for key in found if key.startswith("plain:") and key.endswith(":v1")}
            self.assertEqual(set(found) - older, expected, pattern)
        self.assertIn(client("RANDOMKEY").split(":")[0], ("job", "plain"))

    def test_operators_do_the_same_with_and_without_redis(self):
        """The script in Redis and its twin in the memory store."""
        memory = self.enterContext(Pannier("mode: memory\n" + RULES))
        rand = random.Random(5)
        for _ in range(300):
            name = rand.choice(["query", "job"])
            what = rand.choice([("BUMP", name), ("PIN", name, rand.randrange(1, 40)),
                                ("UNPIN", name), ("UNPIN", name),
                                ("WEIGHTS", name, *(f"{v}={rand.randrange(3)}" for v in
                                                    rand.sample(range(1, 40), 3)))])
            replies = [self.client(server)("PANNIER", "VERSION", *what)
                       for server in (self.one, memory)]
            self.assertEqual(str(replies[0]), str(replies[1]), what)
            lists = []
            for server in self.one, memory:
                with Client(server.port, protocol=3) as client:
                    listed = client("PANNIER", "VERSION", "LIST")
                lists.append({name: {k: v for k, v in listed[name].items()
                                     if k not in ("grace_left_ms", "previous")}
                              for name in ("query", "job")})
            self.assertEqual(lists[0], lists[1], what)


if __name__ == "__main__":
    unittest.main()
