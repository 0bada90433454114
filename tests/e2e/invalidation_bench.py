#!/usr/bin/python3
"""What it costs to invalidate a tag with very many members: whoever asks, those who read copies
elsewhere, and everybody else while the keys are removed. Started by hand.

    tests/e2e/invalidation_bench.py --gate                        # a million members, three rounds
    tests/e2e/invalidation_bench.py --members 30000 --rounds 1    # to see that it runs

A round trip is the median of a GET without a rule, through the same sidecar over the same
connection, just before. p99 of others: generators ask without pause, in slices of half a second in
turn, over one connection each; a figure is the median of its slices. The quiet slices are as many
before the invalidation as after the end of the purge."""

import argparse
import contextlib
import os
import statistics
import subprocess
import sys
import time

from support import ROOT, Wire, encode

sys.path.insert(0, os.path.join(ROOT, "tools"))
sys.dont_write_bytecode = True
from bench_lib import cache_bars, counters, targets  # noqa: E402
from bench_lib.bed import Bed, BenchError  # noqa: E402
from bench_lib.figures import spread  # noqa: E402
from bench_lib.load import Load  # noqa: E402
from bench_lib.pass_through import Cell  # noqa: E402
from bench_lib.report import print_table  # noqa: E402

CONFIG = """\
upstream: {op_timeout: 30s}
tiers:
  copied: {ttl: 1h, local: 1h}
rules:
  - {match: "member:{id}", tier: copied, tags: [crowd]}
"""
SLICE, QUIET_SLICES, COPIES = 0.5, 8, 20
TRIPS_BAR, ELSEWHERE_BAR, P99_BAR, GROWTH_BAR = 5, 3, 2, 16 << 20
NIL, OLD = b"$-1\r\n", b"$3\r\nold\r\n"


def number(reply):
    if not reply.startswith(b":"):
        raise BenchError(f"no number: {reply}")
    return int(reply[1:])


def fill(bed, server, members):
    """As a user would: redis-cli reads the commands from a file."""
    path = bed.path("fill")
    with open(path, "wb") as file:
        for number_ in range(members):
            file.write(encode("SET", f"member:{number_}", "old"))
    with open(path, "rb") as file:
        done = subprocess.run(["redis-cli", "-p", str(targets.port_of(server)), "--pipe"],
                              stdin=file, capture_output=True, text=True, check=True)
    os.remove(path)
    if f"errors: 0, replies: {members}" not in done.stdout:
        raise BenchError(f"redis-cli --pipe: {done.stdout}")


def round_trip(wire):
    waits = []
    for _ in range(2_000):
        begun = time.monotonic()
        if wire.call("GET", "nothing:here") != NIL:
            raise BenchError("a key without a rule is there")
        waits.append(time.monotonic() - begun)
    return statistics.median(waits)


def keep_copies(wire):
    for _ in range(3):
        for number_ in range(COPIES):
            if wire.call("GET", f"member:{number_}") != OLD:
                raise BenchError("not the value that was set")
        time.sleep(0.05)


class Bench:
    def __init__(self, bed, options, stack):
        self.bed, self.options, self.stack = bed, options, stack
        self.redis = targets.start_redis(bed)
        self.sidecars = [targets.start_pannier(bed, f"pannier{place}",
                                               f"redis://{self.redis.address}", options.pannier,
                                               CONFIG) for place in range(3)]
        self.direct = stack.enter_context(Wire(targets.port_of(self.redis), 60))
        self.wires = [stack.enter_context(Wire(targets.port_of(one), 60))
                      for one in self.sidecars]
        self.loads = {name: stack.enter_context(Load(bed, options.load, server.address,
                                                     Cell("get", 32, 1), 1, 100))
                      for name, server in (("direct", self.redis),
                                           ("the same sidecar", self.sidecars[0]),
                                           ("another sidecar", self.sidecars[1]))}

    def slices(self, goes_on):
        """A slice of each in turn: {target: [p99 in us]}."""
        found = {name: [] for name in self.loads}
        while True:
            for name, load in self.loads.items():
                if not goes_on(found):
                    return found
                found[name].append(load.run(SLICE)["p99_us"])

    def quiet(self):
        return self.slices(lambda found: len(found["another sidecar"]) < QUIET_SLICES)

    def resident(self):
        return [counters.resident_bytes(one.pid) for one in self.sidecars]

    def listed(self):
        return number(self.direct.call("ZCARD", "pn:t:crowd"))

    def invalidate(self):
        """Seconds until the reply, and from then until the last old value came from each other."""
        begun = time.monotonic()
        count = number(self.wires[0].call("PANNIER", "INVALIDATE", "TAG", "crowd"))
        replied = time.monotonic()
        last, old = [0.0, 0.0], True
        while old:
            old = False
            for place in (0, 1):
                if self.wires[place + 1].call("GET", "member:7") == OLD:
                    last[place], old = time.monotonic() - replied, True
        if count != self.options.members:
            raise BenchError(f"{count} instead of {self.options.members}")
        return replied - begun, last, replied

    def round(self):
        fill(self.bed, self.sidecars[0], self.options.members)
        for wire in self.wires[1:]:
            keep_copies(wire)
        before = self.quiet()
        for wire in self.wires[1:]:
            keep_copies(wire)
        trips = [round_trip(wire) for wire in self.wires]
        resident = self.resident()
        took, last, replied = self.invalidate()
        grown = [0, 0, 0]

        def goes_on(_):
            for place, (now, then) in enumerate(zip(self.resident(), resident)):
                grown[place] = max(grown[place], now - then)
            return self.listed() > 0
        during = self.slices(goes_on)
        purged = time.monotonic() - replied
        after = self.quiet()
        kept = 0
        for at in range(0, self.options.members, 1_000):
            some = (f"member:{n}" for n in range(at, at + 1_000))
            kept += number(self.direct.call("EXISTS", *some))
        return {"trips": took / trips[0], "elsewhere": [one / trip for one, trip in
                                                        zip(last, trips[1:])],
                "trip_us": trips[0] * 1e6, "before": before, "during": during, "after": after,
                "grown": max(grown), "purged": purged, "kept": kept}


def p99_bars(rounds):
    found = []
    for name in rounds[0]["before"]:
        ratios, quiet_ratios = [], []
        for one in rounds:
            if not one["during"][name]:
                continue
            quiet = statistics.median(one["before"][name] + one["after"][name])
            ratios.append(statistics.median(one["during"][name]) / quiet)
            quiet_ratios.append(statistics.median(one["after"][name]) /
                                statistics.median(one["before"][name]))
        if ratios:
            found += [cache_bars.bar(f"GETs, {name}", "p99 while purging / quiet", spread(ratios),
                                     P99_BAR),
                      cache_bars.bar(f"GETs, {name}", "p99 quiet after / before (control)",
                                     spread(quiet_ratios), None)]
    return found


def bars(rounds):
    def seen(key):
        return spread(one[key] for one in rounds)

    bar = cache_bars.bar
    return [bar("INVALIDATE TAG", "round trips until the reply", seen("trips"), TRIPS_BAR),
            bar("INVALIDATE TAG", "a round trip, us", seen("trip_us"), None),
            bar("copies elsewhere", "round trips to the last old value",
                spread(value for one in rounds for value in one["elsewhere"]), ELSEWHERE_BAR),
            *p99_bars(rounds),
            bar("sidecars", "growth of memory, MiB",
                spread(one["grown"] / (1 << 20) for one in rounds), GROWTH_BAR >> 20),
            bar("purge", "seconds", seen("purged"), None),
            bar("purge", "keys left", float(max(one["kept"] for one in rounds)), 0)]


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--members", type=int, default=1_000_000, help="default: 1000000")
    add("--rounds", type=int, default=3, help="default: 3")
    add("--gate", action="store_true", help="exit with 1 when a bar is missed")
    add("--pannier", default=os.path.join(ROOT, "build", "release", "pannier"), metavar="FILE")
    add("--load", default=os.path.join(ROOT, "build", "release", "bench_load"), metavar="FILE",
        help="the load generator (default: build/release/bench_load)")
    options = parser.parse_args()
    print(f"{options.members:,} members, {options.rounds} rounds; load of the machine "
          f"{os.getloadavg()[0]:.1f} on {os.cpu_count()} processors")
    with Bed() as bed, contextlib.ExitStack() as stack:
        bench = Bench(bed, options, stack)
        found = bars([bench.round() for _ in range(options.rounds)])
    print_table(cache_bars.HEADER, [cache_bars.row(one) for one in found])
    print(f"load of the machine at the end {os.getloadavg()[0]:.1f}")
    missed = [one for one in found if not one["pass"]]
    return 1 if options.gate and missed else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except BenchError as error:
        print(f"invalidation_bench: {error}", file=sys.stderr)
        sys.exit(2)
