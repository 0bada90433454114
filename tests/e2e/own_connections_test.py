#!/usr/bin/python3
"""What needs an upstream connection of one's own: transactions across databases, client-side
caching, blocking; and CLIENT about the sidecar's own clients."""

import unittest

from support import Pannier, Redis, encode, wait_until

RULES = """
deny: []
tiers: {short: {ttl: 60s}}
rules: [{match: "page:{id}", tier: short}]
"""


def integer(reply):
    assert reply.startswith(b":"), reply
    return int(reply[1:-2])


def pipeline(wire, *commands):
    wire.send(b"".join(encode(*command) for command in commands))
    return [wire.reply() for _ in commands]


class OwnConnections(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.redis = cls.enterClassContext(Redis("--enable-debug-command", "yes"))
        cls.pannier = cls.enterClassContext(Pannier(RULES, cls.redis.port))

    def setUp(self):
        self.direct = self.enterContext(self.redis.wire())
        self.direct.call("FLUSHALL")
        self.wire = self.enterContext(self.pannier.wire())

    def assert_as_redis(self, *commands):
        with self.redis.wire() as there:
            expected = pipeline(there, *commands)
        self.direct.call("FLUSHALL")
        self.assertEqual(pipeline(self.wire, *commands), expected)

    def test_select_inside_multi_moves_the_client_when_it_ran(self):
        self.assert_as_redis(["SET", "k", "0"], ["MULTI"], ["SELECT", "5"], ["SET", "k", "5"],
                             ["EXEC"], ["GET", "k"], ["MULTI"], ["GET", "k"], ["EXEC"],
                             ["SELECT", "0"], ["GET", "k"], ["MULTI"], ["SELECT", "5"],
                             ["DISCARD"], ["GET", "k"], ["MULTI"], ["GET", "k"], ["EXEC"])

    def test_select_between_watch_and_multi_keeps_the_watch(self):
        self.assert_as_redis(["WATCH", "k"], ["SELECT", "3"], ["MULTI"], ["SET", "k", "3"],
                             ["EXEC"], ["GET", "k"], ["SELECT", "0"], ["GET", "k"])
        self.assertEqual(pipeline(self.wire, ["WATCH", "w"], ["SELECT", "3"]), [b"+OK\r\n"] * 2)
        self.direct.call("SET", "w", "1")
        self.assertEqual(pipeline(self.wire, ["MULTI"], ["SET", "x", "1"], ["EXEC"])[2], b"*-1\r\n")

    def test_a_ruled_key_in_a_transaction_that_selects_gets_its_ttl_in_that_database(self):
        pipeline(self.wire, ["MULTI"], ["SELECT", "5"], ["SET", "page:1", "x"], ["EXEC"])
        self.direct.call("SELECT", "5")
        self.assertIn(integer(self.direct.call("TTL", "page:1")), (59, 60))

    def test_what_is_refused_inside_multi_aborts_it(self):
        self.assert_as_redis(["MULTI"], ["AUTH", "x"], ["CLIENT", "SETNAME", "me"], ["GET", "k"],
                             ["CLIENT", "GETNAME"], ["CLIENT", "NOPE"], ["EXEC"])
        self.assert_as_redis(["MULTI"], ["AUTH", "x"], ["CLIENT", "SETNAME", "me"], ["GET", "k"],
                             ["CLIENT", "GETNAME"], ["AUTH", "default", "x"], ["PING"], ["EXEC"],
                             ["CLIENT", "GETNAME"], ["MULTI"], ["EXEC"])
        replies = pipeline(self.wire, ["MULTI"], ["SET", "k", "1"], ["HELLO", "3"], ["EXEC"],
                           ["GET", "k"])
        self.assertEqual(replies[2], b"-ERR pannier: 'hello inside MULTI' is not available through "
                                     b"the sidecar; not executed\r\n")
        self.assertEqual(replies[3], b"-EXECABORT Transaction discarded because of previous "
                                     b"errors.\r\n")
        self.assertEqual(replies[4], b"$-1\r\n")

    def test_hello_keeps_what_is_watched(self):
        self.wire.call("WATCH", "w")
        self.wire.call("HELLO", "3")
        self.direct.call("SET", "w", "1")
        replies = pipeline(self.wire, ["MULTI"], ["GET", "w"], ["EXEC"], ["GET", "none"])
        self.assertEqual(replies, [b"+OK\r\n", b"+QUEUED\r\n", b"_\r\n", b"_\r\n"])
        with self.pannier.wire() as other:
            self.assertEqual(pipeline(other, ["MULTI"], ["GET", "none"], ["EXEC"])[2],
                             b"*1\r\n$-1\r\n")

    def test_shard_channels_are_counted_apart(self):
        self.assert_as_redis(["PSUBSCRIBE", "one"], ["SUNSUBSCRIBE", "two"], ["SET", "k", "1"],
                             ["PUNSUBSCRIBE"], ["SET", "k", "1"])

    def test_silenced_replies_do_not_silence_messages(self):
        self.wire.send(encode("CLIENT", "REPLY", "OFF") + encode("SUBSCRIBE", "c") +
                       encode("SET", "k", "1"))
        self.assertTrue(self.wire.reply().startswith(b"*3\r\n$9\r\nsubscribe"))
        self.direct.call("PUBLISH", "c", "x")
        self.assertTrue(self.wire.reply().startswith(b"*3\r\n$7\r\nmessage"))

    def test_what_a_subscribed_client_says_of_itself_stays(self):
        self.wire.call("HELLO", "3")
        self.wire.call("SSUBSCRIBE", "two")
        self.assertEqual(self.wire.call("CLIENT", "SETNAME", "me"), b"+OK\r\n")
        self.assertEqual(self.wire.call("SELECT", "3"), b"+OK\r\n")
        self.assertEqual(self.wire.call("SET", "k", "3"), b"+OK\r\n")
        self.wire.call("SUNSUBSCRIBE", "two")
        self.assertEqual(self.wire.call("CLIENT", "GETNAME"), b"$2\r\nme\r\n")
        self.assertEqual(self.wire.call("GET", "k"), b"$1\r\n3\r\n")

    def test_connections_are_shared_one_after_the_other(self):
        before = self.upstream_connections()
        for _ in range(200):
            with self.pannier.wire() as wire:
                replies = pipeline(wire, ["WATCH", "k"], ["MULTI"], ["INCR", "n"], ["EXEC"])
                self.assertTrue(replies[3].startswith(b"*1\r\n:"), replies)
        wires = [self.enterContext(self.pannier.wire()) for _ in range(100)]
        for wire in wires:
            self.assertTrue(pipeline(wire, ["MULTI"], ["INCR", "n"], ["EXEC"])[2].startswith(b"*1"))
        self.assertLessEqual(self.upstream_connections() - before, 3)
        self.assertEqual(self.wire.call("GET", "n"), b"$3\r\n300\r\n")

    def upstream_connections(self):
        text = self.direct.call("INFO", "clients")
        return int(text.split(b"connected_clients:")[1].split(b"\r\n")[0])

    def test_a_connection_with_a_transaction_left_open_is_never_used_again(self):
        for _ in range(20):
            with self.pannier.wire() as wire:
                pipeline(wire, ["WATCH", "k"], ["MULTI"], ["SET", "k", "1"])
            self.direct.call("SET", "k", "2")
            replies = pipeline(self.wire, ["MULTI"], ["SET", "other", "1"], ["EXEC"])
            self.assertEqual(replies, [b"+OK\r\n", b"+QUEUED\r\n", b"*1\r\n+OK\r\n"])

    def test_tracking_in_resp3_pushes_what_changes(self):
        self.wire.call("HELLO", "3")
        self.assertEqual(self.wire.call("CLIENT", "TRACKING", "ON"), b"+OK\r\n")
        self.wire.call("SET", "k", "1")
        self.assertEqual(self.wire.call("GET", "k"), b"$1\r\n1\r\n")
        self.direct.call("SET", "k", "2")
        push = b">2\r\n$10\r\ninvalidate\r\n*1\r\n$1\r\nk\r\n"
        self.assertEqual(self.wire.reply(), push)
        self.assertEqual(self.wire.call("GET", "page:1"), b"_\r\n")
        self.direct.call("SET", "page:1", "x")
        self.assertEqual(self.wire.reply(), push.replace(b"$1\r\nk", b"$6\r\npage:1"))
        self.assertEqual(self.wire.call("SET", "page:2", "x"), b"+OK\r\n")
        self.assertIn(integer(self.direct.call("TTL", "page:2")), (59, 60))
        self.assertEqual(self.wire.call("CLIENT", "TRACKING", "OFF"), b"+OK\r\n")
        self.wire.call("GET", "k")
        self.direct.call("SET", "k", "3")
        self.assertEqual(self.wire.call("PING"), b"+PONG\r\n")

    def test_tracking_with_options_and_errors_is_as_redis_has_it(self):
        self.assert_as_redis(["CLIENT", "TRACKING", "ON", "OPTIN"], ["CLIENT", "CACHING", "YES"],
                             ["GET", "k"], ["CLIENT", "TRACKINGINFO"], ["CLIENT", "GETREDIR"],
                             ["CLIENT", "TRACKING", "ON", "OPTOUT"], ["CLIENT", "TRACKING", "OFF"],
                             ["CLIENT", "CACHING", "YES"], ["CLIENT", "GETREDIR"],
                             ["CLIENT", "TRACKING", "ON", "REDIRECT", "999999"],
                             ["CLIENT", "TRACKING", "maybe"], ["CLIENT", "TRACKINGINFO"])

    def test_tracking_is_redirected_to_another_client(self):
        for subscribes_first in (True, False):
            with self.pannier.wire() as told:
                number = integer(told.call("CLIENT", "ID"))
                if subscribes_first:
                    told.call("SUBSCRIBE", "__redis__:invalidate")
                reply = self.wire.call("CLIENT", "TRACKING", "ON", "REDIRECT", number)
                self.assertEqual(reply, b"+OK\r\n")
                if not subscribes_first:
                    told.call("SUBSCRIBE", "__redis__:invalidate")
                self.assertEqual(integer(self.wire.call("CLIENT", "GETREDIR")), number)
                self.wire.call("GET", "k")
                self.direct.call("SET", "k", "1")
                self.assertEqual(told.reply(), b"*3\r\n$7\r\nmessage\r\n$20\r\n__redis__:invalidate"
                                               b"\r\n*1\r\n$1\r\nk\r\n")
                self.assertEqual(self.wire.call("CLIENT", "TRACKING", "OFF"), b"+OK\r\n")

    def test_a_client_whose_tracking_is_lost_is_closed(self):
        self.wire.call("HELLO", "3")
        self.wire.call("CLIENT", "TRACKING", "ON")
        listed = self.direct.call("CLIENT", "LIST").decode().splitlines()
        mine = [line for line in listed if " flags=t " in line and "cmd=client|tracking" in line]
        self.assertEqual(len(mine), 1, listed)
        self.direct.call("CLIENT", "KILL", "ID", mine[0].split("id=")[1].split()[0])
        self.assertTrue(self.wire.rest(5)[1])

    def test_client_list_and_info_show_the_sidecars_clients(self):
        self.wire.call("CLIENT", "SETNAME", "me")
        with self.pannier.wire() as other:
            other.call("SELECT", "2")
            number = integer(other.call("CLIENT", "ID"))
            lines = self.listed()
            self.assertEqual(len(lines), 2)
            self.assertEqual([line["name"] for line in lines], ["me", ""])
            self.assertEqual((lines[1]["id"], lines[1]["db"]), (str(number), "2"))
            self.assertEqual((lines[1]["cmd"], lines[0]["cmd"]), ("client|id", "client|list"))
            port = other.socket.getsockname()[1]
            self.assertEqual(lines[1]["addr"], f"127.0.0.1:{port}")
            self.assertEqual(lines[1]["laddr"], f"127.0.0.1:{self.pannier.port}")
            self.assertEqual(self.listed("ID", number), lines[1:])
            with self.redis.wire() as direct:
                fields = direct.call("CLIENT", "INFO").decode().splitlines()[1].split()
            self.assertEqual(list(lines[0]), [field.split("=")[0] for field in fields])
        for wrong in (["LIST", "TYPE", "x"], ["LIST", "ID", "x"], ["LIST", "x"], ["KILL", "ID", "x"],
                      ["KILL", "TYPE", "x", "ID", "1"], ["KILL", "127.0.0.1:1"], ["KILL", "ID"],
                      ["KILL", "USER", "x"], ["KILL", "SKIPME", "x"], ["KILL"], ["GETNAME", "x"],
                      ["UNBLOCK", "x"], ["UNBLOCK", "1", "x"], ["NO-TOUCH", "on"], ["NOPE"],
                      ["SETINFO", "lib-name", "x"], ["ID", "x"], ["INFO", "x"]):
            self.assert_as_redis(["CLIENT", *wrong])

    def listed(self, *words):
        text = self.wire.call("CLIENT", "LIST", *words).split(b"\r\n", 1)[1].decode()
        return [dict(field.split("=", 1) for field in line.split(" "))
                for line in text.strip().splitlines()]

    def test_client_kill_ends_the_sidecars_clients(self):
        victims = [self.pannier.wire() for _ in range(3)]
        ids = [integer(victim.call("CLIENT", "ID")) for victim in victims]
        self.assertEqual(self.wire.call("CLIENT", "KILL", "ID", ids[0]), b":1\r\n")
        address = "127.0.0.1:%d" % victims[1].socket.getsockname()[1]
        self.assertEqual(self.wire.call("CLIENT", "KILL", address), b"+OK\r\n")
        self.assertEqual(self.wire.call("CLIENT", "KILL", "TYPE", "normal"), b":1\r\n")
        for victim in victims:
            self.assertTrue(victim.rest(5)[1])
            victim.socket.close()
        number = integer(self.wire.call("CLIENT", "ID"))
        self.wire.send(encode("CLIENT", "KILL", "ID", number, "SKIPME", "no") + encode("PING"))
        self.assertEqual(self.wire.rest(5), (b":1\r\n", True))

    def test_client_unblock_ends_the_wait_of_a_sidecars_client(self):
        for reason, reply in ((["TIMEOUT"], b"*-1\r\n"), ([], b"*-1\r\n"),
                              (["ERROR"], b"-UNBLOCKED client unblocked via CLIENT UNBLOCK\r\n")):
            with self.pannier.wire() as waiting:
                number = integer(waiting.call("CLIENT", "ID"))
                self.assertEqual(self.wire.call("CLIENT", "UNBLOCK", number), b":0\r\n")
                waiting.send(encode("BLPOP", "q", "0"))
                wait_until(lambda: b"blocked_clients:1" in self.direct.call("INFO", "clients"),
                           "it waits")
                self.assertEqual(self.wire.call("CLIENT", "UNBLOCK", number, *reason), b":1\r\n")
                self.assertEqual(waiting.reply(), reply)

    def test_dangerous_commands_are_refused_unless_allowed(self):
        with Pannier(upstream_port=self.redis.port) as strict, strict.wire() as wire:
            for name, words in (("monitor", ["MONITOR"]), ("debug", ["DEBUG", "SLEEP", "0"]),
                                ("config|set", ["config", "set", "maxmemory", "0"]),
                                ("client|kill", ["CLIENT", "kill", "ID", "1"]),
                                ("shutdown", ["shutdown"]), ("swapdb", ["SWAPDB", "0", "1"])):
                refusal = (f"-ERR pannier: command '{name}' is refused by policy 'deny'; "
                           "not executed\r\n").encode()
                self.assertEqual(wire.call(*words), refusal)
                replies = pipeline(wire, ["MULTI"], words, ["EXEC"])
                self.assertEqual(replies[1], refusal)
                self.assertTrue(replies[2].startswith(b"-EXECABORT "), replies)
            self.assertEqual(wire.call("CONFIG", "GET", "databases"),
                             b"*2\r\n$9\r\ndatabases\r\n$2\r\n16\r\n")
        self.assertEqual(self.wire.call("DEBUG", "SLEEP", "0"), b"+OK\r\n")


if __name__ == "__main__":
    unittest.main()
