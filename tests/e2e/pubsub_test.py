#!/usr/bin/python3
"""Subscribers, and clients that want no replies, are told through the sidecar what Redis tells them.

Each conversation is played on a direct connection and through sidecars without rules and with rules
that concern other keys: every step is what one connection sends, and all that arrives is compared.
"""

import concurrent.futures
import re
import unittest

from differential_table_test import NO_RULES, RULES
from support import Pannier, Redis, Wire, encode

# name -> steps. A step is "connection: command", commands of one write behind each other; then what
# arrived is read. `a` and `b` are connections, `direct` publishes at the Redis itself.
CONVERSATIONS = {
    "messages":
        "a: SUBSCRIBE one two | direct: PUBLISH one x | direct: PUBLISH two y | "
        "b: PUBLISH one z | a: UNSUBSCRIBE one | direct: PUBLISH one lost | "
        "direct: PUBLISH two kept | a: UNSUBSCRIBE two | a: PING ; SET k v ; GET k",
    "patterns":
        "a: PSUBSCRIBE o* t? t* | b: PUBLISH one x | a: PUNSUBSCRIBE o* | b: PUBLISH one lost | "
        "b: PUBLISH two y | a: PUNSUBSCRIBE t* ; PUNSUBSCRIBE t? | b: PUBLISH two lost | a: GET k",
    "shards":
        "a: SSUBSCRIBE one | b: SPUBLISH one x | b: PUBLISH one other | a: SUNSUBSCRIBE one | "
        "b: SPUBLISH one lost | a: GET k",
    "kinds together":
        "a: SUBSCRIBE one ; PSUBSCRIBE o* | b: PUBLISH one x | a: UNSUBSCRIBE one | "
        "b: PUBLISH one y | a: PUNSUBSCRIBE o* | a: GET k",
    "all at once": "a: SUBSCRIBE one | a: UNSUBSCRIBE | a: GET k | a: UNSUBSCRIBE | a: GET k",
    "never subscribed":
        "a: UNSUBSCRIBE ; PUNSUBSCRIBE ; SUNSUBSCRIBE | a: GET k | a: UNSUBSCRIBE one two | "
        "a: GET k",
    "commands in between":
        "a: SUBSCRIBE one | a: GET k ; PING ; PING x ; ECHO x ; SET k w ; nosuch ; GET | "
        "b: PUBLISH one x | a: MULTI ; GET k ; EXEC | b: PUBLISH one y | "
        "a: UNSUBSCRIBE one ; GET k",
    "own messages":
        "a: SUBSCRIBE one ; PUBLISH one x ; PUBLISH one y ; GET k ; UNSUBSCRIBE one ; "
        "PUBLISH one lost ; PING",
    "reset":
        "a: SUBSCRIBE one | a: RESET ; GET k ; PING | b: PUBLISH one lost | a: SUBSCRIBE two | "
        "b: PUBLISH two x",
    "reset of everything":
        "a: SELECT 3 ; CLIENT SETNAME me ; WATCH k ; MULTI ; SET k v | a: RESET | "
        "a: EXEC ; CLIENT GETNAME ; SET k only | direct: GET k | a: CLIENT REPLY OFF | "
        "a: RESET | a: PING",
    "quit": "a: SUBSCRIBE one | a: QUIT | b: PUBLISH one lost",
    "quit alone": "a: SET k v ; QUIT ; SET k lost | b: GET k",
    "quit in a transaction": "a: MULTI ; SET k v ; QUIT ; EXEC | b: GET k",
    "pubsub":
        "a: SUBSCRIBE one ; PSUBSCRIBE t* | "
        "b: PUBSUB CHANNELS ; PUBSUB NUMSUB one two ; PUBSUB NUMPAT",
    "another database":
        "a: SELECT 3 ; SET k three ; SUBSCRIBE one ; UNSUBSCRIBE one ; GET k | b: GET k",
    "watching":
        "a: WATCH k ; SUBSCRIBE one ; UNSUBSCRIBE one | b: SET k new | "
        "a: MULTI ; GET k ; EXEC",
    "large":
        "a: SUBSCRIBE one | b: PUBLISH one {large} | b: PUBLISH one x | "
        "a: UNSUBSCRIBE one ; GET k",
    "keyspace":
        "direct: CONFIG SET notify-keyspace-events KEA | a: PSUBSCRIBE __key*__:* | "
        "b: SET k x ; DEL k | direct: CONFIG SET notify-keyspace-events '' | a: PING",
    "replies off":
        "a: CLIENT REPLY OFF | a: SET k 1 ; GET k ; nosuch ; PING | a: CLIENT REPLY ON | "
        "a: GET k",
    "replies off at once":
        "a: GET k ; CLIENT REPLY OFF ; INCR k ; CLIENT REPLY OFF ; CLIENT REPLY ON ; GET k",
    "reply skipped":
        "a: CLIENT REPLY SKIP ; INCR k ; GET k | a: CLIENT REPLY SKIP | a: INCR k | a: GET k",
    "skipped skip": "a: CLIENT REPLY SKIP ; CLIENT REPLY SKIP ; INCR k ; GET k",
    "skipped transaction":
        "a: CLIENT REPLY SKIP ; MULTI ; GET k ; EXEC ; GET k | a: MULTI ; GET k ; EXEC",
    "skipped blocking": "a: RPUSH l 1 2 ; CLIENT REPLY SKIP ; BLPOP l 0 ; LRANGE l 0 -1",
    "silent transaction": "a: CLIENT REPLY OFF ; MULTI ; INCR k ; EXEC ; CLIENT REPLY ON ; GET k",
    "silent script":
        "a: CLIENT REPLY OFF ; EVAL return(redis.call('INCR','k')) 0 ; CLIENT REPLY ON ; GET k",
    "silent error":
        "a: CLIENT REPLY OFF ; GET ; nosuch ; EVAL x 0 ; LPUSH k 1 ; CLIENT REPLY x ; "
        "CLIENT REPLY ON ; GET k",
}


def words(command):
    return [b"x" * 100_000 if word == "{large}" else word.strip("'") for word in command.split()]


def play(port, redis_port, text, protocol):
    """What arrives on each connection after each step."""
    wires = {"a": Wire(port), "b": Wire(port), "direct": Wire(redis_port)}
    seen = []
    try:
        wires["direct"].call("FLUSHALL")
        wires["direct"].call("SET", "k", "5")
        wires["a"].call("HELLO", protocol)
        for step in text.split(" | "):
            name, _, commands = step.partition(": ")
            try:
                wires[name].send(b"".join(encode(*words(c)) for c in commands.split(" ; ")))
            except OSError:
                seen.append((step, "closed"))
            # Who asks is answered first; then nothing more is on its way to the others.
            order = [name] + [other for other in ("b", "a") if other != name]
            for other in order:
                data, closed = wires[other].rest(0.04)
                data = re.sub(rb"\$2\r\nid\r\n:\d+", b"", data)
                seen.append((step, other, data[-300:], len(data), closed))
    finally:
        for wire in wires.values():
            wire.socket.close()
    return seen


class PubSub(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        redis = [cls.enterClassContext(Redis()) for _ in range(3)]
        plain = cls.enterClassContext(Pannier(NO_RULES, redis[1].port))
        ruled = cls.enterClassContext(Pannier(RULES, redis[2].port))
        cls.ports = [(redis[0].port, redis[0].port), (plain.port, redis[1].port),
                     (ruled.port, redis[2].port)]

    def compare(self, protocol):
        with concurrent.futures.ThreadPoolExecutor() as pool:
            for name, text in CONVERSATIONS.items():
                direct, *through = pool.map(lambda ports: play(*ports, text, protocol), self.ports)
                for seen, rules in zip(through, ("none", "for other keys")):
                    with self.subTest(name, rules=rules):
                        for one, other in zip(direct, seen, strict=True):
                            self.assertEqual(one, other)

    def test_a_resp2_client_is_told_the_same(self):
        self.compare(2)

    def test_a_resp3_client_is_told_the_same(self):
        self.compare(3)


if __name__ == "__main__":
    unittest.main()
