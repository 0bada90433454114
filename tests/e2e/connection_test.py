#!/usr/bin/python3
"""The life of a client's connection: what it asks for is done in order, and ends with it."""

import random
import socket
import struct
import unittest

from support import Pannier, Redis, encode, wait_until

RULES = """
tiers:
  short: {ttl: 60s}
rules:
  - {match: "page:{id}", tier: short, tags: [pages]}
  - {match: "doc:{id}", tier: short, version: 2}
"""


class Connections(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.redis = cls.enterClassContext(Redis())
        cls.pannier = cls.enterClassContext(Pannier(RULES, cls.redis.port))

    def setUp(self):
        self.direct = self.enterContext(self.redis.wire())
        self.direct.call("FLUSHALL")
        self.wire = self.enterContext(self.pannier.wire())

    def clients(self):
        """How many clients the sidecar has."""
        with self.pannier.wire() as wire:
            text = wire.call("INFO", "pannier")
        return int(text.split(b"pannier_clients:")[1].split(b"\r\n")[0])

    def blocked(self):
        return int(self.direct.call("INFO", "clients").split(b"blocked_clients:")[1].split(b"\r\n")[0])

    def assert_as_redis(self, sent, count):
        """The same bytes sent to both give the same `count` replies."""
        with self.pannier.wire() as here, self.redis.wire() as there:
            replies = []
            for wire in (there, here):
                self.direct.call("FLUSHALL")
                wire.send(sent)
                replies.append([wire.reply() for _ in range(count)])
        self.assertEqual(replies[1], replies[0], sent)


class EndsTest(Connections):
    def test_after_a_half_close_everything_is_answered(self):
        commands = b"".join(encode("INCR", "n") for _ in range(5000)) + encode("EVAL", "return 7", "0")
        for sent in (b"SET a 1\r\nGET a\r\nEVAL 'return 7' 0\r\nMULTI\r\nGET a\r\nEXEC\r\n", commands):
            with self.pannier.wire() as wire:
                wire.send(sent)
                wire.socket.shutdown(socket.SHUT_WR)
                received, closed = wire.rest(quiet=5)
                self.assertTrue(closed)
                self.assertEqual(received[-4 if sent == commands else -11:],
                                 b":7\r\n" if sent == commands else b"*1\r\n$1\r\n1\r\n")

    def test_a_client_that_goes_while_it_blocks_takes_no_element_with_it(self):
        with self.pannier.wire() as waiting:
            waiting.send(encode("BLPOP", "q", "0"))
            wait_until(lambda: self.blocked() == 1, "it waits in Redis")
        wait_until(lambda: self.blocked() == 0, "nobody waits in Redis any more", 3)
        self.assertEqual(self.wire.call("RPUSH", "q", "x"), b":1\r\n")
        self.assertEqual(self.wire.call("LLEN", "q"), b":1\r\n")

    def test_a_client_that_is_reset_while_it_blocks_takes_no_element_with_it(self):
        before = self.blocked()
        waiting = self.pannier.wire()
        waiting.send(encode("BLPOP", "q", "0"))
        wait_until(lambda: self.blocked() == before + 1, "it waits in Redis")
        reset(waiting)
        wait_until(lambda: self.blocked() == before, "nobody waits in Redis any more", 3)

    def test_a_client_that_goes_in_the_middle_of_a_command_is_forgotten(self):
        before = self.clients()
        with self.pannier.wire() as leaving:
            leaving.send(b"*2\r\n$3\r\nGET\r\n$5\r\nab")
            wait_until(lambda: self.clients() == before + 1, "it is counted")
        wait_until(lambda: self.clients() == before, "it is no more", 3)

    def test_a_subscriber_that_goes_is_forgotten_by_redis_too(self):
        with self.pannier.wire() as leaving:
            leaving.call("SUBSCRIBE", "news")
            self.assertEqual(self.wire.call("PUBLISH", "news", "x"), b":1\r\n")
        wait_until(lambda: self.wire.call("PUBLISH", "news", "x") == b":0\r\n", "nobody listens", 3)

    def test_transactions_of_clients_that_were_reset_are_nobody_elses(self):
        for i in range(200):
            leaving = self.pannier.wire()
            leaving.send(b"WATCH k\r\nMULTI\r\nSET k lost\r\n")
            if i % 2:
                leaving.reply()
            reset(leaving)
            self.wire.send(b"MULTI\r\nINCR n\r\nEXEC\r\n")
            self.assertEqual([self.wire.reply() for _ in range(3)],
                             [b"+OK\r\n", b"+QUEUED\r\n", b"*1\r\n:%d\r\n" % (i + 1)])
        self.assertEqual(self.wire.call("GET", "k"), b"$-1\r\n")

    def test_clients_that_come_and_go_leave_nothing_behind(self):
        before = self.clients()
        for i in range(500):
            with self.pannier.wire() as wire:
                wire.send(encode("GET", f"page:{i}") * (i % 3))
                if i % 5 == 0:
                    wire.call("PING")
        wait_until(lambda: self.clients() == before, "all are gone", 3)

    def test_quit_is_answered_and_then_the_connection_closed(self):
        self.wire.send(b"SET a 1\r\nEVAL 'return 7' 0\r\nQUIT\r\nSET a 2\r\n")
        self.assertEqual(self.wire.rest(quiet=5), (b"+OK\r\n:7\r\n+OK\r\n", True))
        self.assertEqual(self.direct.call("GET", "a"), b"$1\r\n1\r\n")


def reset(wire):
    wire.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    wire.socket.close()


class StateTest(Connections):
    def test_client_reply_off_on_and_skip_are_as_in_redis(self):
        for sent, count in ((b"CLIENT REPLY OFF\r\nPING\r\nGET a\r\nCLIENT REPLY ON\r\nPING\r\n", 2),
                            (b"CLIENT REPLY SKIP\r\nPING\r\nECHO 1\r\nGET a\r\n", 2),
                            (b"CLIENT REPLY SKIP\r\nGET a\r\nGET b\r\nPING\r\n", 2),
                            (b"CLIENT REPLY SKIP\r\nCLIENT REPLY SKIP\r\nPING\r\nECHO 1\r\n", 1),
                            (b"CLIENT REPLY OFF\r\nCLIENT REPLY SKIP\r\nCLIENT REPLY ON\r\nECHO 1\r\n", 2),
                            (b"CLIENT REPLY OFF\r\nEVAL 'return 1' 0\r\nSET page:1 x\r\nGET page:1\r\n"
                             b"CLIENT REPLY ON\r\nGET page:1\r\n", 2)):
            with self.subTest(sent):
                self.assert_as_redis(sent, count)

    def test_reset_leaves_everything_behind(self):
        for sent, count in ((b"MULTI\r\nRESET\r\nPING\r\n", 3), (b"WATCH a\r\nRESET\r\nMULTI\r\nEXEC\r\n", 4),
                            (b"SELECT 3\r\nSET a 3\r\nRESET\r\nGET a\r\n", 4),
                            (b"CLIENT SETNAME x\r\nRESET\r\nCLIENT GETNAME\r\n", 3),
                            (b"SUBSCRIBE c\r\nRESET\r\nGET a\r\nMULTI\r\nEXEC\r\n", 5),
                            (b"CLIENT REPLY OFF\r\nRESET\r\nPING\r\n", 2)):
            with self.subTest(sent):
                self.assert_as_redis(sent, count)
        for sent in (b"HELLO 3\r\nRESET\r\nHGETALL h\r\nGET none\r\n",):
            self.wire.send(sent)
            self.assertEqual([self.wire.reply() for _ in range(4)][1:],
                             [b"+RESET\r\n", b"*0\r\n", b"$-1\r\n"])

    def test_a_failing_auth_is_one_reply_wherever_it_stands(self):
        self.assert_as_redis(b"SET a 1\r\nGET a\r\nAUTH bad\r\nGET b\r\n", 4)
        self.assert_as_redis(b"AUTH default bad\r\nGET b\r\n", 2)
        self.assert_as_redis(b"MULTI\r\nGET a\r\nAUTH bad\r\nGET b\r\nEXEC\r\nPING\r\n", 6)

    def test_whoever_logs_in_as_default_is_let_in_as_by_a_redis_without_password(self):
        for words in (("AUTH", "default", "x"), ("HELLO", "2", "AUTH", "default", "x")):
            self.assertEqual(self.wire.call(*words)[:3], self.direct.call(*words)[:3], words)

    def test_a_watched_key_with_a_version_is_the_one_that_is_stored(self):
        with self.pannier.wire() as other:
            self.wire.call("SET", "doc:1", "mine")
            self.wire.call("WATCH", "doc:1")
            self.assertEqual(self.wire.call("GET", "doc:1"), b"$4\r\nmine\r\n")
            other.call("SET", "doc:1", "changed")
            self.wire.send(b"MULTI\r\nSET doc:1 lost\r\nEXEC\r\nGET doc:1\r\n")
            self.assertEqual([self.wire.reply() for _ in range(4)][2:],
                             [b"*-1\r\n", b"$7\r\nchanged\r\n"])

    def test_rules_hold_between_watch_and_multi(self):
        self.wire.send(b"WATCH a\r\nSET page:1 x\r\nSET doc:1 y\r\nUNWATCH\r\n")
        self.assertEqual([self.wire.reply() for _ in range(4)], [b"+OK\r\n"] * 4)
        self.assertEqual(self.wire.call("GET", "doc:1"), b"$1\r\ny\r\n")
        self.assertEqual(self.direct.call("EXISTS", "doc:1"), b":0\r\n")
        for key in ("page:1", "doc:1:v2"):
            self.assertNotIn(self.direct.call("TTL", key), (b":-1\r\n", b":-2\r\n"), key)

    def test_rules_hold_again_after_a_subscription_has_ended(self):
        self.wire.call("SUBSCRIBE", "news")
        self.assertEqual(self.wire.call("UNSUBSCRIBE"), b"*3\r\n$11\r\nunsubscribe\r\n$4\r\nnews\r\n:0\r\n")
        self.assertEqual(self.wire.call("SET", "page:1", "x"), b"+OK\r\n")
        self.assertNotEqual(self.direct.call("TTL", "page:1"), b":-1\r\n")

    def test_subscribers_are_told_which_commands_they_may_use(self):
        self.assert_as_redis(b"SUBSCRIBE c\r\nGET a\r\nPING\r\nPING x\r\nUNSUBSCRIBE c\r\nGET a\r\n", 6)
        self.assert_as_redis(b"SET a 1\r\nEVAL 'return 1' 0\r\nSUBSCRIBE c d\r\nUNSUBSCRIBE\r\nGET a\r\n", 7)

    def test_the_protocol_changes_between_two_commands_of_a_pipeline(self):
        two, three = b"*2\r\n$1\r\na\r\n$1\r\n1\r\n", b"%1\r\n$1\r\na\r\n$1\r\n1\r\n"
        self.direct.call("HSET", "h", "a", "1")
        commands = b"HGETALL h\r\nHELLO 3\r\nHGETALL h\r\nHELLO 2\r\nHGETALL h\r\n"
        for first in (b"PING\r\n", b"EVAL 'return 1' 0\r\n", b"GET page:1\r\n", b"GET a\r\n"):
            self.wire.send(first + commands)
            self.assertEqual([self.wire.reply() for _ in range(6)][1::2], [two, three, two], first)

    def test_the_database_belongs_to_the_connection(self):
        with self.pannier.wire() as other:
            for wire, number in ((self.wire, 0), (other, 5)):
                wire.call("SELECT", number)
                wire.call("SET", "page:1", f"of {number}")
                wire.call("EVAL", "redis.call('SET', 'k', ARGV[1])", "0", f"of {number}")
            for wire, number in ((self.wire, b"0"), (other, b"5")):
                wire.send(b"GET page:1\r\nGET k\r\nMULTI\r\nGET k\r\nEXEC\r\n")
                value = b"$4\r\nof " + number + b"\r\n"
                self.assertEqual([wire.reply() for _ in range(5)],
                                 [value, value, b"+OK\r\n", b"+QUEUED\r\n", b"*1\r\n" + value])

    def test_every_split_of_the_bytes_gives_the_same_replies(self):
        sent = (b"SET a 1\r\n" + encode("GET", "a") + encode("SET", "page:1", "x\r\ny") +
                encode("GET", "page:1") + b"*0\r\nMULTI\r\n" + encode("INCR", "a") + b"EXEC\r\nPING\r\n")
        for split in range(len(sent)):
            self.direct.call("FLUSHALL")
            self.wire.send(sent[:split])
            self.wire.send(sent[split:])
            replies = [self.wire.reply() for _ in range(8)]
            self.assertEqual(replies, [b"+OK\r\n", b"$1\r\n1\r\n", b"+OK\r\n", b"$4\r\nx\r\ny\r\n",
                                       b"+OK\r\n", b"+QUEUED\r\n", b"*1\r\n:2\r\n", b"+PONG\r\n"])
        for byte in sent:
            self.wire.send(bytes([byte]))
        self.assertEqual([self.wire.reply() for _ in range(8)][-1], b"+PONG\r\n")


class MixedPipelineTest(Connections):
    """Commands that share a connection to Redis and those that need one of their own, in one
    pipeline, give what Redis alone gives: program order holds."""

    KEYS = ("a", "b", "page:1", "page:2")

    def command(self, dice):
        key, value = dice.choice(self.KEYS), dice.randrange(1000)
        return dice.choice((
            [("GET", key)], [("GET", key)], [("SET", key, value)], [("SET", key, value)],
            [("DEL", key)], [("MGET", *self.KEYS)], [("MSET", "a", value, "page:1", value)],
            [("APPEND", key, "x")], [("EXISTS", *self.KEYS)], [("STRLEN", key)],
            [("SETNX", key, value)], [("GETSET", key, value)], [("GETDEL", key)],
            [("EVAL", "return redis.call('GET', KEYS[1])", "1", key)],
            [("EVAL", "return redis.call('SET', 'a', ARGV[1])", "0", value)],
            [("MULTI",), ("GET", key), ("SET", key, value), ("EXEC",)],
            [("MULTI",), ("SET", key, value), ("DISCARD",)],
            [("WATCH", key), ("SET", key, value), ("MULTI",), ("GET", key), ("EXEC",)],
            [("HSET", "h", key, value)], [("HGETALL", "h")],
            [("RPUSH", "q", value)], [("RPUSH", "q", 1), ("BLPOP", "q", "1")], [("TYPE", "h")],
            [("SELECT", dice.randrange(2))], [("PING",)], [("ECHO", value)], [("NONSENSE", value)],
            [("SORT", "q")], [("GEOPOS", "none", "x")]))

    def outcome(self, server, commands):
        """Each command with its reply, sent at once to a server whose keys were deleted before."""
        with server.wire() as wire:
            for number in (1, 0):
                wire.call("SELECT", number)
                wire.call("DEL", *self.KEYS, "h", "q")
            wire.send(b"".join(encode(*words) for words in commands))
            return [(words, wire.reply()) for words in commands]

    def test_random_pipelines_give_what_redis_gives(self):
        # The sidecar has heard of the FLUSHALL before this, which took the times of all tags with it:
        # what is written behind one and before it was heard of is invalid.
        for number in (1, 0):
            self.assertEqual(self.wire.call("SELECT", number), b"+OK\r\n")
            self.assertEqual(self.wire.call("GET", "page:1"), b"$-1\r\n")
        seed = random.SystemRandom().randrange(1 << 32)
        dice = random.Random(seed)
        with Redis() as reference:
            for _ in range(300):
                commands = [words for _ in range(40) for words in self.command(dice)]
                wanted = self.outcome(reference, commands)
                seen = self.outcome(self.pannier, commands)
                wrong = next((i for i, pair in enumerate(zip(seen, wanted)) if pair[0] != pair[1]), None)
                if wrong is not None:
                    self.fail(f"seed {seed}: after {[words for words, _ in seen[:wrong]]} the reply to "
                              f"{seen[wrong]} should be {wanted[wrong][1]}")


if __name__ == "__main__":
    unittest.main()
