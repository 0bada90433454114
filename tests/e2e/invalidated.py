"""What tests of invalidation share: sidecars in front of one Redis, and how to look at both."""

import itertools
import os
import threading
import time
import unittest

from lockstep import tree
from support import Pannier, Redis, encode

ROUNDS = int(os.environ.get("PANNIER_ROUNDS", "100"))
OK, NIL = b"+OK\r\n", b"$-1\r\n"
MAX_LAG = 1.0
# What the applications have that ask for invalidation.
NEEDS = """
upstream: {max_lag: 1s}
tiers:
  copied: {ttl: 60s, local: 30s}
  plain: {ttl: 60s}
  live: {cache: never}
rules:
  - {match: "usage:{start}:{end}:{user}", tier: copied, dates: [start, end], name: usage}
  - {match: "day:{day}:{user}", tier: copied, dates: day, name: day, tags: ["day:{day}"]}
  - {match: "sum:{day}", tier: copied, dates: day, name: sum, tags: ["day:{day}"]}
  - {match: "user:{org}:{role}:{id}", tier: copied, tags: ["org:{org}", "role:{role}", "user:{id}"]}
  - {match: "customer:live:*", tier: live}
  - {match: "customer:{id}", tier: copied, tags: ["customer:{id}"], name: customer}
  - {match: "churn:{id}", tier: copied, tags: ["customer:{id}"], name: churn}
  - {match: "kpi:*", tier: copied, tags: [kpi]}
  - {match: "odd:{tag}", tier: plain, tags: ["{tag}"]}
  - {match: "bulk:*", tier: plain}
  - {match: "fence:*", tier: copied}
"""


def bulk(text):
    return b"$%d\r\n%s\r\n" % (len(text), text.encode())


def number(reply):
    """A reply that must be a number."""
    if not reply.startswith(b":"):
        raise AssertionError(f"no number: {reply}")
    return int(reply[1:])


def p99(values):
    return sorted(values)[int(len(values) * 0.99)]


def unlabelled(value):
    """A reply as Python has it: lists, bytes and numbers."""
    kind, content = value
    if isinstance(content, (list, tuple)):
        return [unlabelled(one) for one in content]
    return content


def plain(raw):
    return unlabelled(tree(raw)[0])


class Fleet(unittest.TestCase):
    """start(config, 2) gives self.redis, self.sidecars and, to each, a connection in self.wires."""

    def start(self, config, sidecars=2, redis_options=(), ports=None):
        self.redis = self.enterContext(Redis(*redis_options))
        ports = ports or [self.redis.port] * sidecars
        self.sidecars = [self.enterContext(Pannier(config, port)) for port in ports]
        self.wires = [self.enterContext(one.wire(20)) for one in self.sidecars]
        self.direct = self.enterContext(self.redis.wire(20))

    def stats(self, command):
        """How often Redis has run a command."""
        text = self.direct.call("INFO", "commandstats").decode()
        line = next((line for line in text.split("\r\n")
                     if line.startswith(f"cmdstat_{command}:")), "calls=0,")
        return int(line.split("calls=")[1].split(",")[0])

    def fence(self, wire, seen=itertools.count()):
        """Returns when that sidecar has heard of everything that Redis did before: the answer to
        a question that it must ask comes behind the pushes."""
        self.assertIn(wire.call("GET", f"fence:{id(self)}:{next(seen)}"), (NIL, b"_\r\n"))

    def keep(self, wire, key, value):
        """Reads until it is answered from a copy: the push of the last write may remove one."""
        for _ in range(20):
            self.assertEqual(wire.call("GET", key), bulk(value))
            before = self.stats("get")
            self.assertEqual(wire.call("GET", key), bulk(value))
            if self.stats("get") == before:
                return
        self.fail(f"{key} is not kept")

    def copy(self, key, value):
        """All sidecars keep a copy of that value."""
        self.assertEqual(self.wires[0].call("SET", key, value), OK)
        for wire in self.wires:
            self.keep(wire, key, value)

    def read(self, keys, wires=None):
        """What each sidecar says that it has of these keys, as one set; nothing if it has none."""
        return {key for wire in wires or self.wires for key in keys
                if wire.call("GET", key) != NIL}


def store_many(wire, pairs, batch=2_000):
    """SETs through a connection, many at a time."""
    pairs = iter(pairs)
    while some := list(itertools.islice(pairs, batch)):
        wire.send(b"".join(encode("SET", key, value) for key, value in some))
        for _ in some:
            if (reply := wire.reply()) != OK:
                raise AssertionError(reply)


class Truth:
    """A number that only grows, and what of it must not be seen any more: numbers below `floor`.
    Those who load read it; who raises it invalidates, and says when that was answered."""

    def __init__(self):
        self.number, self.lock = 1, threading.Lock()
        self.floors = [(0.0, 1)]  # From this moment on nothing below is right.

    def raise_it(self, invalidate):
        with self.lock:
            self.number += 1
            number = self.number
        invalidate()
        self.floors.append((time.monotonic(), number))

    def floor(self, at):
        """What nobody may be below who asks at `at`."""
        return max(number for since, number in self.floors[-50:] + self.floors[:1] if since <= at)


class Readers:
    """Threads that read keys through a sidecar, and load and SET what they miss; each answer that
    is below what was invalidated `lag` seconds before it was asked for is in `stale`."""

    def __init__(self, truth, sidecar, keys, lag=0.0, count=3):
        self.truth, self.sidecar, self.keys, self.lag = truth, sidecar, keys, lag
        self.stale, self.reads, self.loads, self.wrong = [], 0, 0, []
        self.over = threading.Event()
        self.threads = [threading.Thread(target=self._run, args=(n,)) for n in range(count)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        for thread in self.threads:
            thread.join()

    def _run(self, place):
        with self.sidecar.wire(20) as wire:
            for turn in itertools.count(place):
                if self.over.is_set():
                    return
                key = self.keys[turn * 7 % len(self.keys)]
                sent = time.monotonic()
                reply = wire.call("GET", key)
                self.reads += 1
                if reply == NIL:
                    value = self.truth.number
                    time.sleep(turn % 5 / 1000)
                    self.loads += 1
                    if (reply := wire.call("SET", key, f"{key}={value}")) != OK:
                        self.wrong.append(reply)
                    continue
                name, _, value = reply.split(b"\r\n")[1].decode().partition("=")
                if name != key:
                    self.wrong.append((key, reply))
                elif int(value) < self.truth.floor(sent - self.lag):
                    self.stale.append((key, int(value), self.truth.floor(sent - self.lag)))
