#!/usr/bin/python3
"""Who clients say they are: with the sidecar's credentials, with a password of its own, or as ACL
users of Redis, of whom none ever sees what only another may."""

import time
import unittest

from support import Pannier, Redis, encode

WRONG = b"-WRONGPASS invalid username-password pair or user is disabled.\r\n"
NOAUTH = b"-NOAUTH Authentication required.\r\n"
RULES = """
tiers: {short: {ttl: 60s, coalesce: sidecar}}
rules: [{match: "page:{id}", tier: short}]
"""


def pipeline(wire, *commands):
    wire.send(b"".join(encode(*command) for command in commands))
    return [wire.reply() for _ in commands]


class SharedIdentity(unittest.TestCase):
    def test_the_password_of_redis_is_accepted_as_by_redis(self):
        redis = self.enterContext(Redis("--requirepass", "open sesame"))
        config = f"upstream: redis://:open%20sesame@127.0.0.1:{redis.port}\n"
        pannier = self.enterContext(Pannier(config))
        with pannier.wire() as wire, redis.wire() as direct:
            for words in (["AUTH", "wrong"], ["AUTH", "default", "wrong"], ["AUTH", "open sesame"],
                          ["AUTH", "default", "open sesame"], ["AUTH", "x", "open sesame"],
                          ["AUTH", "a", "b", "c"], ["AUTH"],
                          ["HELLO", "3", "AUTH", "default", "wrong"]):
                self.assertEqual(wire.call(*words), direct.call(*words), words)
            self.assertEqual(wire.call("SET", "k", "1"), b"+OK\r\n")
            reply = wire.call("HELLO", "3", "AUTH", "default", "open sesame", "SETNAME", "me")
            self.assertTrue(reply.startswith(b"%7\r\n"), reply)
            self.assertEqual(wire.call("CLIENT", "GETNAME"), b"$2\r\nme\r\n")

    def test_without_a_password_auth_is_as_in_redis_without_one(self):
        redis = self.enterContext(Redis())
        pannier = self.enterContext(Pannier("", redis.port))
        with pannier.wire() as wire, redis.wire() as direct:
            for words in (["AUTH", "x"], ["AUTH", "default", "x"], ["AUTH", "user", "x"]):
                self.assertEqual(wire.call(*words), direct.call(*words), words)

    def test_a_password_of_the_sidecars_own_is_asked_for_first(self):
        redis = self.enterContext(Redis())
        pannier = self.enterContext(Pannier("auth: {password: secret, timeout: 2s}\n" + RULES,
                                            redis.port))
        asked = self.enterContext(Redis("--requirepass", "secret"))
        with pannier.wire() as wire, asked.wire() as direct:
            for words in (["GET", "page:1"], ["PING"], ["HELLO", "3"], ["MULTI"],
                          ["CLIENT", "ID"], ["AUTH", "x"], ["RESET"], ["GET"],
                          ["AUTH", "secret"], ["GET", "page:1"], ["PING"], ["RESET"],
                          ["GET", "page:1"], ["HELLO", "2", "AUTH", "default", "x"]):
                self.assertEqual(wire.call(*words), direct.call(*words), words)
            self.assertEqual(wire.call("PANNIER", "STATS"), NOAUTH)
        for sent in (b"*11\r\n", b"*1\r\n$16385\r\n", b"*2\r\n$4\r\nAUTH\r\n$20000\r\n"):
            with pannier.wire() as wire, asked.wire() as direct:
                wire.send(sent)
                direct.send(sent)
                self.assertEqual(wire.rest(1), direct.rest(1), sent)
        with pannier.wire() as wire:
            wire.call("AUTH", "secret")
            self.assertEqual(wire.call("SET", "big", "x" * 100_000), b"+OK\r\n")
        with pannier.wire() as wire:
            self.assertEqual(wire.rest(6), (b"", True))  # It never said who it is.
        self.assertNotIn("secret", pannier.log_text())


class OwnIdentities(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.redis = cls.enterClassContext(Redis())
        with cls.redis.wire() as wire:
            for words in (["SETUSER", "ann", "on", ">a", "~a:*", "~page:*", "+@all", "-flushall"],
                          ["SETUSER", "bob", "on", ">b", "~b:*", "&*", "+@all"],
                          ["SETUSER", "side", "on", ">s", "~*", "&*", "+@all"],
                          ["SETUSER", "default", "off"]):
                assert wire.call("ACL", *words) == b"+OK\r\n"
        url = f"redis://side:s@127.0.0.1:{cls.redis.port}"
        cls.pannier = cls.enterClassContext(
            Pannier(f"upstream: {url}\nauth: {{mode: pass_through, user: ann}}\n" + RULES))

    def setUp(self):
        self.wire = self.enterContext(self.pannier.wire())
        self.direct = self.enterContext(self.redis.wire())

    def test_nobody_gets_anything_before_auth(self):
        with self.pannier.wire() as ann:
            self.assertEqual(pipeline(ann, ["AUTH", "ann", "a"], ["SET", "page:1", "x"],
                                      ["GET", "page:1"]), [b"+OK\r\n", b"+OK\r\n", b"$1\r\nx\r\n"])
        for words in (["GET", "page:1"], ["PANNIER", "EXPLAIN", "page:1"], ["INFO"], ["ECHO", "x"]):
            self.assertEqual(self.wire.call(*words), NOAUTH)

    def test_every_reply_is_the_users_own(self):
        conversation = (["AUTH", "ann", "wrong"], ["AUTH", "ann", "a"], ["ACL", "WHOAMI"],
                        ["SET", "a:1", "x"], ["GET", "b:1"], ["MULTI"], ["SET", "a:2", "y"],
                        ["GET", "b:1"], ["EXEC"], ["AUTH", "bob", "wrong"], ["ACL", "WHOAMI"],
                        ["SELECT", "3"], ["SET", "a:3", "x"], ["AUTH", "bob", "b"],
                        ["ACL", "WHOAMI"], ["GET", "a:1"], ["SET", "b:1", "z"], ["GET", "b:1"],
                        ["SELECT", "0"], ["GET", "b:1"], ["EVAL", "return redis.call('get', KEYS[1])",
                                                          "1", "a:1"], ["RESET"], ["GET", "b:1"])
        expected = [self.direct.call(*words) for words in conversation]
        self.assertEqual([self.wire.call(*words) for words in conversation], expected)
        self.assertEqual(pipeline(self.wire, *conversation), expected)
        self.assertTrue(any(reply.startswith(b"-NOPERM") for reply in expected))

    def test_hello_logs_in(self):
        for words in (["HELLO", "3", "AUTH", "ann", "wrong"], ["HELLO", "3"]):
            self.assertEqual(self.wire.call(*words), self.direct.call(*words))
        self.assertTrue(self.wire.call("HELLO", "3", "AUTH", "bob", "b", "SETNAME", "me")
                        .startswith(b"%7\r\n"))
        self.assertEqual(self.wire.call("ACL", "WHOAMI"), b"$3\r\nbob\r\n")
        self.assertEqual(self.wire.call("GET", "b:none"), b"_\r\n")
        self.assertEqual(self.wire.call("CLIENT", "GETNAME"), b"$2\r\nme\r\n")

    def test_rights_are_redis_own_at_every_moment(self):
        self.wire.call("AUTH", "ann", "a")
        self.assertEqual(self.wire.call("SET", "page:9", "x"), b"+OK\r\n")
        admin = self.enterContext(self.redis.wire())
        admin.call("AUTH", "side", "s")
        self.assertIn(admin.call("TTL", "page:9"), (b":59\r\n", b":60\r\n"))
        admin.call("ACL", "SETUSER", "ann", "resetkeys")
        self.assertTrue(self.wire.call("GET", "page:9").startswith(b"-NOPERM"))
        admin.call("ACL", "SETUSER", "ann", "~a:*", "~page:*")
        self.assertEqual(self.wire.call("GET", "page:9"), b"$1\r\nx\r\n")

    def test_a_lost_connection_comes_back_as_the_same_user(self):
        self.wire.call("AUTH", "bob", "b")
        admin = self.enterContext(self.redis.wire())
        admin.call("AUTH", "side", "s")
        admin.call("CLIENT", "KILL", "USER", "bob")
        deadline = time.monotonic() + 5
        while (reply := self.wire.call("ACL", "WHOAMI")) != b"$3\r\nbob\r\n":
            self.assertTrue(reply.startswith(b"-ERR pannier: "), reply)
            self.assertLess(time.monotonic(), deadline)

    def test_connections_of_users_are_not_handed_on(self):
        for _ in range(10):
            with self.pannier.wire() as ann:
                self.assertEqual(pipeline(ann, ["AUTH", "ann", "a"], ["MULTI"], ["SET", "a:1", "x"],
                                          ["EXEC"])[3], b"*1\r\n+OK\r\n")
            with self.pannier.wire() as bob:
                replies = pipeline(bob, ["AUTH", "bob", "b"], ["ACL", "WHOAMI"], ["GET", "a:1"])
                self.assertEqual(replies[1], b"$3\r\nbob\r\n")
                self.assertTrue(replies[2].startswith(b"-NOPERM"))

    def test_only_the_named_user_may_steer_the_sidecar(self):
        self.wire.call("AUTH", "bob", "b")
        self.assertEqual(self.wire.call("PANNIER", "STATS"),
                         b"-ERR pannier: command 'pannier' is refused by policy 'auth'; "
                         b"not executed\r\n")
        self.wire.call("AUTH", "ann", "a")
        self.assertNotEqual(self.wire.call("PANNIER", "STATS")[:1], b"-")


if __name__ == "__main__":
    unittest.main()
