#!/usr/bin/python3
"""What Redis says, at which moment, and how large it is: replies reach who asked, as they are."""

import time
import unittest

from fake_redis import HELLO, FakeRedis
from fault_bench import RULES, Faults
from support import Pannier, encode, wait_until

MIB = 1 << 20
LEASED = """
tiers:
  leased: {ttl: 60s, coalesce: sidecar}
rules:
  - {match: "leased:*", tier: leased}
"""
ERRORS = (
    b"-LOADING Redis is loading the dataset in memory\r\n",
    b"-BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.\r\n",
    b"-OOM command not allowed when used memory > 'maxmemory'.\r\n",
    b"-MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist.\r\n",
    b"-MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.\r\n",
    b"-NOAUTH Authentication required.\r\n",
    b"-NOPERM this user has no permissions to run the 'get' command\r\n",
    b"-WRONGTYPE Operation against a key holding the wrong kind of value\r\n",
    b"-CROSSSLOT Keys in request don't hash to the same slot\r\n",
    b"-ERR \r\n")


class Scripted(Faults):
    def start_fake(self, config, answer=lambda words: None):
        self.fake = self.enterContext(FakeRedis(answer))
        self.start_sidecar(config, self.fake.port)
        self.await_state("up")

    def start_at(self, url, config=""):
        """A sidecar with this upstream in its file."""
        self.pannier = self.enterContext(Pannier(f"upstream: {{url: \"{url}\", embedded: false}}\n"
                                                 + config))
        self.wire = self.enterContext(self.pannier.wire())


class Handshakes(Scripted):
    def test_c30_no_command_is_sent_before_the_handshake_is_answered(self):
        def slowly(words):
            if words[0] in (b"HELLO", b"CLIENT", b"CONFIG", b"SELECT", b"PING"):
                time.sleep(0.05)
            return b"$%d\r\n%s\r\n" % (len(words[1]), words[1]) if words[0] == b"GET" else None

        self.start_fake(RULES, slowly)
        for db in range(3):
            self.assertEqual(self.wire.call("SELECT", db), b"+OK\r\n")
            self.wire.send(b"GET plain:1\r\nGET plain:2\r\nGET lost:1\r\nGET lost:2\r\n")
            self.assertEqual([self.wire.reply() for _ in range(4)],
                             [b"$7\r\nplain:1\r\n", b"$7\r\nplain:2\r\n",
                              b"$6\r\nlost:1\r\n", b"$6\r\nlost:2\r\n"])
        handshakes = {}
        for number, words, behind in self.fake.seen:
            # What is to be tracked is said within conversations.
            is_of_handshake = words[:2] != [b"CLIENT", b"CACHING"]
            if is_of_handshake and words[0] in (b"HELLO", b"PING", b"CLIENT", b"CONFIG", b"SELECT"):
                handshakes[number] = (words, behind)
        self.assertGreaterEqual(len(handshakes), 3)  # One for each database at least.
        for words, behind in handshakes.values():
            self.assertEqual(behind, b"", words)

    def test_c30_an_error_in_the_handshake_is_nobodys_reply(self):
        wrong = {b"SELECT": b"-ERR DB index is out of range\r\n"}
        self.start_fake(RULES, lambda words: wrong.get(words[0]))
        self.wire.call("SELECT", "3")
        for words in (("GET", "plain:1"), ("GET", "lost:1"), ("MULTI",), ("BLPOP", "q", "0")):
            self.assertEqual(self.wire.call(*words), self.down(b"ERR DB index is out of range"), words)
        wrong.clear()
        self.await_reply(b"+OK\r\n", "GET", "plain:1")

    def test_c25_without_tracking_everything_else_works(self):
        self.start(redis_runs=True)
        with self.redis.wire() as direct:
            for user, rights in (("side", "+@all -client|tracking"), ("reader", "+get")):
                self.assertEqual(direct.call("ACL", "SETUSER", user, "on", ">pw", "~*", "&*",
                                             *rights.split()), b"+OK\r\n")
            direct.call("MSET", "plain:1", "p", "lost:1", "l")
        self.start_at(f"redis://side:pw@127.0.0.1:{self.redis.port}", RULES)
        self.await_state("up")
        wait_until(lambda: "upstream_without_tracking" in self.pannier.log_text(), "the log says so")
        for key in ("plain:2", "lost:2"):
            self.assertEqual(self.wire.call("SET", key, "x"), b"+OK\r\n")
            self.assertEqual(self.wire.call("GET", key), b"$1\r\nx\r\n")
        self.start_at(f"redis://reader:pw@127.0.0.1:{self.redis.port}", RULES)
        self.await_state("up")
        self.assertEqual(self.wire.call("GET", "plain:1"), b"$1\r\np\r\n")
        self.assertEqual(self.wire.call("SET", "plain:1", "x"),
                         b"-NOPERM this user has no permissions to run the 'set' command\r\n")

    def test_c25_a_redis_that_refuses_the_sidecar_is_not_replaced_by_memory(self):
        """What is written there would be thrown away as soon as the password is right."""
        self.start(redis_options=("--requirepass", "secret"))
        self.await_state("down")
        for key in ("plain:1", "lost:1"):
            self.assertRegex(self.wire.call("SET", key, "x"),
                             rb"^-ERR pannier: upstream .+ unavailable \(NOAUTH .+\); not executed\r\n$")

    def test_c9_with_a_name_that_means_nothing_every_key_of_a_command_gets_an_error(self):
        self.start_at(f"redis://{'x' * 64}.invalid:6379", RULES)  # No name server need be asked.
        for words in (("MGET", "a", "b"), ("MGET", "lost:1", "b", "lost:2"), ("MSET", "a", "1", "lost:1", "1"),
                      ("DEL", "lost:1", "lost:2"), ("MULTI",), ("GET", "a")):
            reply = self.wire.call(*words)
            self.assertRegex(reply, rb"^-ERR pannier: upstream x+\.invalid:6379 unavailable "
                                    rb"\(.+\); not executed\r\n$", words)


class Replies(Scripted):
    def test_c15_errors_of_redis_are_passed_on_and_remembered_by_nobody(self):
        says = [ERRORS[0]]
        self.start_fake(LEASED, lambda words: says[0] if words[0] in (b"GET", b"MGET") else None)
        with self.pannier.wire() as other:
            for says[0] in ERRORS:
                for wire in (self.wire, other):  # A lease would make the second one wait.
                    self.assertEqual(wire.call("GET", "leased:1"), says[0])
                    self.assertEqual(wire.call("GET", "plain:1"), says[0])
                    self.assertEqual(wire.call("MGET", "plain:1", "leased:1"), says[0])
                self.assertEqual(self.state(), "up")
            says[0] = b"$1\r\nx\r\n"
            self.assertEqual(other.call("GET", "leased:1"), b"$1\r\nx\r\n")
        for counter in ("misses", "leases_granted", "loads"):
            self.assertEqual(self.metric(f'pannier_tier_{counter}_total{{tier="leased"}}'), 0, counter)
        self.assertEqual(self.metric("pannier_lane_losses_total"), 0)

    def test_c15_a_redis_that_is_busy_with_a_script_is_not_one_that_is_away(self):
        self.start(redis_options=("--lua-time-limit", "50"))
        self.wire.call("SET", "lost:1", "x")
        with self.redis.wire(timeout=30) as runs, self.redis.wire() as kills:
            runs.send(encode("EVAL", "while true do end", "0"))
            wait_until(lambda: kills.call("GET", "a")[:5] == b"-BUSY", "Redis is busy")
            for key in ("plain:1", "lost:1"):
                self.assertEqual(self.wire.call("GET", key), kills.call("GET", key))
            self.assertEqual(self.state(), "up")
            self.assertEqual(kills.call("SCRIPT", "KILL"), b"+OK\r\n")
        self.await_reply(b"$1\r\nx\r\n", "GET", "lost:1")
        self.assertEqual(self.metric("pannier_lane_losses_total"), 0)

    def test_a21_replies_of_every_kind_reach_each_protocol_as_it_has_them(self):
        pairs = (
            (b":9223372036854775807\r\n", b":9223372036854775807\r\n"),
            (b":-9223372036854775808\r\n", b":-9223372036854775808\r\n"),
            (b":-0\r\n", b":-0\r\n"), (b"_\r\n", b"$-1\r\n"), (b"#t\r\n", b":1\r\n"),
            (b"#f\r\n", b":0\r\n"), (b",inf\r\n", b"$3\r\ninf\r\n"), (b",-inf\r\n", b"$4\r\n-inf\r\n"),
            (b",nan\r\n", b"$3\r\nnan\r\n"), (b",1.5e300\r\n", b"$7\r\n1.5e300\r\n"),
            (b"(" + b"9" * 400 + b"\r\n", b"$400\r\n" + b"9" * 400 + b"\r\n"),
            (b"=15\r\ntxt:Some string\r\n", b"$11\r\nSome string\r\n"),
            (b"!12\r\nERR of bytes\r\n", b"-ERR of bytes\r\n"), (b"~2\r\n:1\r\n_\r\n", b"*2\r\n:1\r\n$-1\r\n"),
            (b"%1\r\n+a\r\n~1\r\n,1\r\n", b"*2\r\n+a\r\n*1\r\n$1\r\n1\r\n"), (b"%0\r\n", b"*0\r\n"),
            (b"$0\r\n\r\n", b"$0\r\n\r\n"))
        says = [b""]
        self.start_fake(RULES, lambda words: says[0] if words[0] == b"HGETALL" else None)
        with self.pannier.wire() as other:
            other.call("HELLO", "3")
            for says[0], in_resp2 in pairs:
                with self.subTest(says[0]):
                    self.assertEqual(other.call("HGETALL", "lost:1"), says[0])
                    self.assertEqual(other.call("HGETALL", "plain:1"), says[0])
                    self.assertEqual(self.wire.call("HGETALL", "lost:1"), in_resp2)
            self.assertEqual([wire.call("ECHO", "1") for wire in (self.wire, other)], [b"$1\r\n1\r\n"] * 2)

    def test_k14_a_reply_nested_without_end_ends_its_connection(self):
        says = [b"*1\r\n" * 100_000]
        self.start_fake(RULES, lambda words: says[0] if words[0] == b"LRANGE" else None)
        self.assertEqual(self.wire.call("LRANGE", "a", "0", "1"), self.lost)
        self.assertEqual(self.wire.call("LRANGE", "lost:1", "0", "1"), self.lost)
        says[0] = b"*1\r\n" * 100 + b":1\r\n"
        self.await_reply(says[0], "LRANGE", "a", "0", "1")

    def test_what_is_not_resp_ends_its_connection(self):
        says = [b""]
        self.start_fake("", lambda words: says[0] if words[0] == b"GET" else None)
        for says[0] in (b"hello\r\n", b"$x\r\n", b"$-2\r\n", b"*99999999999999999999\r\n", b"$3\r\nabcd\r\n",
                        b":1x\r\n", b"+OK\r\n+OK\r\n"):
            self.await_reply(b"+OK\r\n", "SET", "a", "1")
            with self.subTest(says[0]):
                first = self.wire.call("GET", "a")
                self.assertIn(first, (self.lost, b"+OK\r\n"))
                self.assertEqual(first == b"+OK\r\n", says[0] == b"+OK\r\n+OK\r\n")
                self.await_reply(b"+OK\r\n", "SET", "a", "1")


class Attributes(Scripted):
    def test_a21_attributes_reach_who_speaks_resp3_and_nobody_else(self):
        told = b"|1\r\n+ttl\r\n:3\r\n$1\r\nx\r\n"
        self.start_fake(RULES, lambda words: told if words[0] == b"GET" else None)
        for key in ("plain:1", "lost:1"):
            self.assertEqual(self.wire.call("GET", key), b"$1\r\nx\r\n")
        with self.pannier.wire() as wire:
            wire.call("HELLO", "3")
            for key in ("plain:1", "lost:1"):
                wire.send(encode("GET", key))
                self.assertEqual(wire.exactly(len(told)), told)


class Sizes(Scripted):
    def test_c17_an_answer_that_comes_before_the_command_has_gone_is_passed_on(self):
        self.start_fake(RULES)
        self.wire.socket.settimeout(20)
        for key in ("lost:1", "plain:1"):  # The last is still being sent when it is answered.
            self.fake.early = b"-ERR too big\r\n"
            self.wire.send(encode("SET", key, b"v" * (24 * MIB)))
            self.assertEqual(self.wire.reply(), b"-ERR too big\r\n")
            self.assertEqual(self.wire.call("SET", key, "small"), b"+OK\r\n")
        self.assertEqual(self.metric("pannier_lane_losses_total"), 0)

    def test_c19_a_reply_of_256_mib_passes_in_little_memory(self):
        size = 256 * MIB
        self.start("upstream: {op_timeout: 30s}\n" + RULES)
        with self.redis.wire() as direct:
            direct.call("SETRANGE", "large", size - 1, "x")
        before, most = self.memory(), 0
        with self.pannier.wire(timeout=30) as wire:
            wire.send(encode("GET", "large") + b"PING\r\n")
            head = b"$%d\r\n" % size
            self.assertEqual(wire.exactly(len(head)), head)
            left = size + 2 - len(wire.buffer)
            wire.buffer = b""
            room = bytearray(MIB)
            while left > 0:
                got = wire.socket.recv_into(room, min(left, MIB))
                self.assertGreater(got, 0, f"closed {left} bytes before the end")
                left -= got
                most = max(most, self.memory())
            self.assertEqual(wire.reply(), b"+PONG\r\n")
        self.assertLess(most - before, 64 * MIB)

    def test_k5_what_redis_is_too_slow_for_is_refused_and_the_rest_answered(self):
        self.start("limits: {max_inflight: 100}\n", relayed=True)
        with self.redis.wire() as direct:
            direct.call("MSET", *(word for i in range(400) for word in (f"k{i}", f"value {i}")))
        self.await_reply(b"$7\r\nvalue 1\r\n", "GET", "k1")
        self.relay.to_client.delay = 0.3
        wires = [self.enterContext(self.pannier.wire()) for _ in range(4)]
        for wire in wires:
            wire.send(b"".join(encode("GET", f"k{i}") for i in range(400)))
        busy = b"-ERR pannier: overloaded (max_inflight=100); not executed\r\n"
        replies = [[wire.reply() for _ in range(400)] for wire in wires]
        accepted = sum(reply != busy for one in replies for reply in one)
        for one in replies:
            for i, reply in enumerate(one):
                self.assertIn(reply, (busy, b"$%d\r\nvalue %d\r\n" % (len(f"value {i}"), i)))
        self.assertTrue(100 <= accepted < 1600, accepted)
        self.relay.to_client.delay = 0
        self.await_reply(b"$7\r\nvalue 7\r\n", "GET", "k7")


class AnOldRedis(unittest.TestCase):
    def test_before_7_0_keys_without_rule_work_and_the_log_warns_of_the_rules(self):
        def answer(words):
            if words[0] == b"HELLO":
                return HELLO.replace(b"6\r\n7.0.15", b"5\r\n6.2.7")
            if words[0] == b"PEXPIRETIME":
                return b"-ERR unknown command\r\n"
            return b"$1\r\nx\r\n" if words[0] == b"GET" else None

        with FakeRedis(answer) as redis, Pannier(LEASED, redis.port) as pannier:
            with pannier.wire() as wire:
                wait_until(lambda: wire.call("GET", "a") == b"$1\r\nx\r\n", "it is connected")
                self.assertEqual(wire.call("GET", "leased:1"), b"$-1\r\n")
            wait_until(lambda: "event=upstream_too_old redis_version=6.2.7" in pannier.log_text(),
                       "the log warns")


if __name__ == "__main__":
    unittest.main()
