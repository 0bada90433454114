"""What goes wrong, by a schedule that follows from the seed; each fault is a line of the history."""

import os
import random
import shutil
import signal
import time

from checker import world
from checker.history import Op

W = world.LAG_MS / 1000
SHARE = 0.3  # Of the time something is wrong.
# Each is a method below; how often, and for how long.
FAULTS = (("delay", 3, (0.1, 0.5)), ("stall", 5, (W / 2, 2 * W, 1.0)), ("trickle", 1, (0.3,)),
          ("swallow", 6, (W / 2, 2 * W, 1.0)), ("cut", 3, (0.0, 0.3)), ("cut_inside", 2, (0.3,)),
          ("stall_one", 3, (W / 2, 2 * W)), ("cut_one", 2, (0.0,)), ("delay_one", 2, (0.3,)),
          ("stop_redis", 3, (0.1, W / 2, 2 * W)), ("stop_sidecar", 4, (0.1, W / 2, 2 * W)),
          ("kill_redis", 2, (0.0, 0.2)), ("lose_redis", 1, (0.0, 0.2)), ("kill_sidecar", 2, (0.0,)),
          ("client_kill", 3, (0.0,)), ("client_pause", 2, (0.1, 2 * W)), ("sleep", 2, (0.1, 2 * W)),
          ("flush", 1, (0.0,)), ("small_table", 3, (0.5,)), ("evict", 2, (0.1,)),
          ("timeout", 1, (1.5,)), ("reload", 2, (0.0,)), ("swap", 1, (0.0,)))


class Nemesis:
    """`bench` has redis, relays, sidecars, direct() and note(); `only` names the faults there are."""

    def __init__(self, bench, seed, only=None, without=()):
        self.bench, self.dice = bench, random.Random(f"nemesis {seed}")
        self.faults = [fault for fault in FAULTS for _ in range(fault[1])
                       if (only is None or fault[0] in only) and fault[0] not in without]
        self.variant = 0

    def run(self, ended):
        """Until `ended()`; at the end nothing is wrong any more."""
        while not ended():
            name, _, spans = self.dice.choice(self.faults)
            span = self.dice.choice(spans)
            began = time.monotonic_ns()
            getattr(self, name)(span)
            self.bench.note(Op(op="nemesis", key=name, value=span, inv_ns=began,
                               ret_ns=time.monotonic_ns()))
            took = (time.monotonic_ns() - began) / 1e9
            self._pause(max(took, 0.1) * (1 - SHARE) / SHARE * self.dice.uniform(0.5, 1.5), ended)

    def _pause(self, seconds, ended):
        until = time.monotonic() + seconds
        while time.monotonic() < until and not ended():
            time.sleep(0.02)

    def _relay(self):
        return self.dice.choice(self.bench.relays)

    def _way(self, relay):
        return self.dice.choice((relay.to_server, relay.to_client))

    def _one(self):
        """One connection's way in one direction, with faults of its own: every other time that of
        one of the oldest, which lanes are."""
        pairs = list(self._relay().pairs)
        pair = self.dice.choice((pairs[:2] if self.dice.random() < 0.5 else pairs) or [None])
        return pair and pair.alone(self.dice.choice(("to_server", "to_client")))

    def delay(self, span):
        relay, seconds = self._relay(), self.dice.choice((0.005, 0.05, 0.15))
        ways = self.dice.choice(((relay.to_server,), (relay.to_client,),
                                 (relay.to_server, relay.to_client)))
        for way in ways:
            way.delay = seconds
        time.sleep(span)
        for way in ways:
            way.delay = 0.0

    def stall(self, span):
        way = self._way(self._relay())
        way.flowing.clear()
        time.sleep(span)
        way.flowing.set()

    def trickle(self, span):
        way = self._way(self._relay())
        way.rate = 3_000
        time.sleep(span)
        way.rate = None

    def swallow(self, span):
        """One or both directions; what is missing is never made up for: the connections end."""
        relay = self._relay()
        if self.dice.random() < 0.5:
            relay.swallow()
        else:
            self._way(relay).swallows = True
        time.sleep(span)
        relay.break_all(self.dice.random() < 0.5)
        relay.swallow(False)

    def cut(self, span):
        relay = self._relay()
        relay.cut(self.dice.random() < 0.5)
        time.sleep(span)
        relay.listen()

    def cut_inside(self, span):
        """Inside a reply, or a command."""
        marker = self.dice.choice((b"|default|", b"PEXPIRETIME", b"invalidate", b"+OK"))
        self._way(self._relay()).cut_inside(marker, self.dice.randint(0, len(marker)),
                                            self.dice.random() < 0.5)
        time.sleep(span)

    def stall_one(self, span):
        if way := self._one():
            way.flowing.clear()
            time.sleep(span)
            way.flowing.set()

    def delay_one(self, span):
        if way := self._one():
            way.delay = self.dice.choice((0.02, 0.1))
            time.sleep(span)
            way.delay = 0.0

    def cut_one(self, _):
        if pairs := list(self._relay().pairs):
            self.dice.choice(pairs).end(self.dice.random() < 0.5)

    def _stop(self, process, span):
        os.kill(process.pid, signal.SIGSTOP)
        time.sleep(span)
        os.kill(process.pid, signal.SIGCONT)

    def stop_redis(self, span):
        self._stop(self.bench.redis, span)

    def stop_sidecar(self, span):
        self._stop(self.dice.choice(self.bench.sidecars), span)

    def kill_redis(self, span):
        self.bench.redis.stop()
        time.sleep(span)
        self.bench.redis.start()

    def lose_redis(self, span):
        self.bench.redis.stop()
        folder = os.path.join(self.bench.redis.folder.name, "appendonlydir")
        shutil.move(folder, f"{folder}.{len(self.bench.lost)}")
        self.bench.lost.append(f"{folder}.{len(self.bench.lost)}")
        time.sleep(span)
        self.bench.redis.start()

    def kill_sidecar(self, _):
        sidecar = self.dice.choice(self.bench.sidecars)
        sidecar.stop()
        sidecar.start()

    def client_kill(self, _):
        self.bench.direct("CLIENT", "KILL", "TYPE", "normal")

    def client_pause(self, span):
        self.bench.direct("CLIENT", "PAUSE", int(span * 1000), self.dice.choice(("ALL", "WRITE")))
        time.sleep(span)

    def sleep(self, span):
        self.bench.direct("DEBUG", "SLEEP", span)

    def flush(self, _):
        self.bench.direct("SELECT", self.dice.choice(world.DATABASES))
        self.bench.direct("FLUSHDB")

    def swap(self, _):
        self.bench.direct("SWAPDB", *world.DATABASES)

    def small_table(self, span):
        self.bench.direct("CONFIG", "SET", "tracking-table-max-keys", 10)
        time.sleep(span)
        self.bench.direct("CONFIG", "SET", "tracking-table-max-keys", 1_000_000)

    def evict(self, span):
        self.bench.direct("CONFIG", "SET", "maxmemory-policy", "allkeys-random", "maxmemory", "1mb")
        time.sleep(span)
        self.bench.direct("CONFIG", "SET", "maxmemory", 0)

    def timeout(self, span):
        self.bench.direct("CONFIG", "SET", "timeout", 1)
        time.sleep(span)
        self.bench.direct("CONFIG", "SET", "timeout", 0)

    def reload(self, _):
        self.variant += 1
        for sidecar in self.bench.sidecars:
            sidecar.write_config(world.config(self.variant))
            os.kill(sidecar.pid, signal.SIGHUP)
