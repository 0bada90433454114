#!/usr/bin/python3
"""What pannier serves from memory is what Redis would have answered.

Sends the same seeded random commands to a real server and to a pannier that has none, over a
connection each, and compares the replies byte by byte, in RESP2 and RESP3. Arguments are wrong in
number, type or order now and then, so errors are compared as well. Keys are few, so that commands
meet each other's traces.

    memory_store_differential_test.py [commands [seed ...]]
"""

import random
import sys

from support import Pannier, Redis, free_port

KEYS = [b"a", b"b", b"c", b"d", b"user:1", b"user:2", b"", b"\x00\r\n\xff", b"k" * 40]
WORDS = [b"", b"0", b"-0", b"1", b"-1", b"10", b"010", b"+3", b" 1", b"1 ", b"1.5", b"-2.50",
         b"3.0e3", b"0x1f", b"1e400", b"1e4000", b"inf", b"-inf", b"nan", b"0.1", b"abc",
         b"hello world", b"\x00\xff\r\n", b"9223372036854775807", b"-9223372036854775808",
         b"9223372036854775808", b"3.333333333333333333333333", b"1" * 30, b"x" * 30, b"y" * 3000]
PATTERNS = [b"*", b"user:*", b"?", b"[a-c]", b"[^a]", b"k*k", b"", b"\\a", b"**", b"user:[12"]
FAR_MS = 40_000_000_000_000  # Some day in the year 3237.


class Script:
    """Draws commands."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.pick = self.random.choice
        self.makers = [getattr(self, name) for name in dir(self) if name.startswith("make_")]

    def command(self):
        args = [a if isinstance(a, bytes) else str(a).encode() for a in self.pick(self.makers)()]
        chance = self.random.random() if args[0] != b"select" else 1
        if chance < 0.02 and len(args) > 1:
            args.pop()
        elif chance < 0.04:
            args.append(self.word())
        elif chance < 0.06 and len(args) > 1:
            args[self.random.randrange(1, len(args))] = self.word()
        args[0] = self.any_case(args[0])
        return args

    def key(self):
        return self.pick(KEYS)

    def keys(self):
        return [self.key() for _ in range(self.random.randint(1, 4))]

    def pairs(self):
        return [b for key in self.keys() for b in (key, self.word())]

    def word(self):
        return self.pick(WORDS) if self.random.random() < 0.7 else b"%d" % self.number()

    def number(self):
        return self.random.randint(-1000, 1000)

    def any_case(self, word):
        return self.pick([word.lower, word.upper, word.title])()

    def relative(self):
        """Far enough for both servers to think the same of it, and never twice the same."""
        return self.random.randint(10**6, 10**9)

    def moment(self, unit):
        """Past or far."""
        return self.pick([1, 1000, (FAR_MS + self.number()) // unit])

    def bad_time(self):
        return self.pick([b"0", b"-1", b"9223372036854775807", b"9223372036854775", b"x", b""])

    def option(self, untimed):
        name = self.pick([b"ex", b"px", b"exat", b"pxat", untimed])
        if name == untimed:
            return [self.any_case(name)]
        if self.random.random() < 0.1:
            return [name, self.bad_time()]
        time = {b"ex": self.relative(), b"px": self.relative() * 1000,
                b"exat": self.moment(1000), b"pxat": self.moment(1)}[name]
        return [self.any_case(name), time]

    def options(self, untimed, conditions):
        chosen = [self.any_case(c) for c in conditions if self.random.random() < 0.25]
        found = [chosen, self.option(untimed) if self.random.random() < 0.5 else [],
                 self.option(untimed) if self.random.random() < 0.05 else []]
        self.random.shuffle(found)
        return sum(found, [])

    def make_set(self):
        return [b"set", self.key(), self.word(), *self.options(b"keepttl", [b"nx", b"xx", b"get"])]

    def make_more_set(self):
        return self.make_set()

    def make_getex(self):
        return [b"getex", self.key(), *self.options(b"persist", [])]

    def make_setex(self):
        time = self.bad_time() if self.random.random() < 0.2 else self.relative()
        return [self.pick([b"setex", b"psetex"]), self.key(), time, self.word()]

    def make_one_key(self):
        return [self.pick([b"get", b"getdel", b"strlen", b"incr", b"decr", b"type", b"persist"]),
                self.key()]

    def make_many_keys(self):
        return [self.pick([b"mget", b"exists", b"touch", b"del", b"unlink"]), *self.keys()]

    def make_value(self):
        return [self.pick([b"setnx", b"getset", b"append"]), self.key(), self.word()]

    def make_pairs(self):
        return [self.pick([b"mset", b"msetnx", b"msetnx"]), *self.pairs()]

    def make_range(self):
        return [self.pick([b"getrange", b"substr"]), self.key(),
                self.pick([0, 1, -1, -3, 5, 2999, 10**18, -10**18, self.number()]),
                self.pick([0, 1, -1, -3, 5, 2999, 10**18, -10**18, self.number()])]

    def make_setrange(self):
        offset = self.pick([0, 1, 7, 40, 3000, -1, 536870912, 2**63 - 1, b"x"])
        return [b"setrange", self.key(), offset, self.word()]

    def make_count(self):
        return [self.pick([b"incrby", b"decrby", b"incrbyfloat", b"incrbyfloat"]), self.key(),
                self.word()]

    def make_expire(self):
        name = self.pick([b"expire", b"pexpire", b"expireat", b"pexpireat"])
        if self.random.random() < 0.1:
            time = self.pick([self.bad_time(), b"-9223372036854775808", b"-9223372036854776"])
        elif name.endswith(b"at"):
            time = self.moment(1000 if name == b"expireat" else 1)
        else:
            time = self.relative() * (1000 if name == b"pexpire" else 1)
        words = [self.any_case(w) for w in (b"nx", b"xx", b"gt", b"lt")
                 if self.random.random() < 0.15]
        return [name, self.key(), time, *words]

    def make_ttl(self):
        return [self.pick([b"ttl", b"pttl", b"expiretime", b"pexpiretime"]), self.key()]

    def make_rename(self):
        return [self.pick([b"rename", b"renamenx"]), self.key(), self.key()]

    def make_copy(self):
        more = self.pick([[], [], [b"replace"], [b"db", self.random.randint(0, 1)],
                          [b"DB", self.pick([16, -1, 2**31, b"x"])], [b"replace", b"db", b"1"],
                          [b"db"], [b"what"]])
        return [b"copy", self.key(), self.key(), *more]

    def make_whole_database(self):
        return self.pick([[b"dbsize"], [b"keys", self.pick(PATTERNS)], [b"randomkey"],
                          [b"select", self.random.randint(0, 1)],
                          [b"scan", 0, *self.scan_options()], [b"scan", 0, *self.scan_options()]])

    def make_rare(self):
        if self.random.random() < 0.9:
            return self.make_set()
        return [self.pick([b"flushdb", b"flushall"]),
                *self.pick([[], [b"sync"], [b"ASYNC"], [b"x"]])]

    def make_connection(self):
        return self.pick([[b"ping"], [b"ping", self.word()], [b"echo", self.word()], [b"time"],
                          [b"scan", self.pick([b"x", b"1x", b" 1", b"", b"18446744073709551616"])]])

    def scan_options(self):
        choices = [[b"match", self.pick(PATTERNS)], [b"count", self.pick([1, 2, 10, 100, 10**18])],
                   [b"count", self.pick([0, -1, b"x"])],
                   [b"type", self.pick([b"string", b"hash", b"zz"])], [b"count"], [b"what", b"x"]]
        weights = [6, 6, 1, 4, 1, 1]
        return sum(self.random.choices(choices, weights, k=self.random.randint(0, 2)), [])


def number_of(reply):
    return int(reply[1:-2]) if reply.startswith(b":") else None


def elements(reply):
    """The elements of an array of bulk strings."""
    found, at = [], reply.index(b"\r\n") + 2
    while at < len(reply):
        line = reply.index(b"\r\n", at)
        end = line + 2 + int(reply[at + 1:line])
        found.append(reply[line + 2:end])
        at = end + 2
    return found


def scan_all(wire, args):
    """Every key of a scan to its end; an error's bytes where there is one. A scan that begins in
    the middle of somewhere is only seen to end."""
    cursor, found = args[1], set()
    for _ in range(10_000):
        reply = wire.call(args[0], cursor, *args[2:])
        if reply.startswith(b"-"):
            return reply
        header, keys = reply.index(b"*", 1), set()
        cursor, keys = elements(reply[:header])[0], set(elements(reply[header:]))
        found |= keys
        if cursor == b"0":
            return found if args[1] in (b"0", b"") else None
    return b"a scan without end"


def answer(wire, args):
    """The reply as it is compared: bytes, or what stays when order, chance and time are out."""
    name = args[0].lower()
    if name == b"dbsize" and len(args) == 1:
        scan_all(wire, [b"SCAN", b"0"])  # What has expired is counted until somebody looks.
    if name == b"scan" and len(args) > 1:
        return scan_all(wire, args)
    reply = wire.call(*args)
    if reply.startswith(b"-"):
        return reply
    if name == b"keys":
        return sorted(elements(reply))
    if name == b"randomkey" and reply.startswith(b"$") and reply != b"$-1\r\n":
        return True
    if name == b"time":
        return number_of(b":" + elements(reply)[0] + b"\r\n")
    if name in (b"ttl", b"pttl", b"expiretime", b"pexpiretime"):
        number = number_of(reply)
        return reply if number < 0 else number
    return reply


def close_enough(one, other):
    if isinstance(one, int) and isinstance(other, int):
        return abs(one - other) <= 5_000
    return one == other


def compare(redis, other, seed, commands):
    """Runs a script on both wires. Returns a text about the first difference, or nothing."""
    script, history = Script(seed), []
    for _ in range(commands):
        args = script.command()
        history.append(args)
        wanted, got = answer(redis, args), answer(other, args)
        if not close_enough(wanted, got):
            before = "\n".join(f"    {a}" for a in history[-12:])
            return f"seed {seed}, after\n{before}\n  Redis {wanted!r}\n  here  {got!r}"
    return None


def main(commands=4_000, *seeds):
    failures = []
    with Redis() as redis, Pannier(upstream_port=free_port()) as pannier:
        for resp in (2, 3):
            for seed in seeds or (1, 2, 3):
                with redis.wire() as one, pannier.wire() as other:
                    for wire in (one, other):
                        wire.call("HELLO", resp)
                        wire.call("FLUSHALL")
                    failures.append(compare(one, other, f"{resp}.{seed}", commands))
    failures = [f for f in failures if f]
    print("\n".join(failures) or f"{commands} commands for each seed, no difference")
    return bool(failures)


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
