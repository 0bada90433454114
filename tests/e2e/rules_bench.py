#!/usr/bin/python3
"""What 10,000 rules cost against 10: the sidecar's CPU per GET, answered from local copies and
passed through. Started by hand.

    tests/e2e/rules_bench.py --gate

Both sidecars run in front of one Redis, and their slices alternate; ratios are of neighbours. The
rules begin as those of many teams do, each with a name of its own; with `one beginning` all begin as
the keys do, and differ behind a capture."""

import argparse
import contextlib
import os
import sys

from support import ROOT

sys.path.insert(0, os.path.join(ROOT, "tools"))
sys.dont_write_bytecode = True
from bench_lib import cache_bars, cache_sidecar, counters, targets  # noqa: E402
from bench_lib.bed import Bed, BenchError  # noqa: E402
from bench_lib.cores import Cores  # noqa: E402
from bench_lib.figures import spread  # noqa: E402
from bench_lib.load import Load  # noqa: E402
from bench_lib.pass_through import SETTLE, WARM_UP, Cell  # noqa: E402
from bench_lib.report import print_table  # noqa: E402

FEW, BAR, LEAST_SHARE = 10, 2.0, 0.99
HEAD = """\
listen: 127.0.0.1:{port}
admin: {{listen: 127.0.0.1:{admin}}}
upstream: {{url: "redis://{redis}"}}
local: {{max_bytes: 256MiB}}
tiers:
  copied: {{ttl: 1h, local: 1h}}
rules:
"""
# The rules that do not match what is asked for.
TEAMS = ['team{n}:user:{{id}}', 'team{n}:session:*', 'app{n}:{{tenant}}:report:{{id}}',
         'bench{n}:{{id}}', 'cache:{n}:{{day}}:*']
ONE_BEGINNING = ['bench:{{id}}:part{n}', '{{tenant}}:table{n}:{{id}}']
# What is measured: its other rules, and whether the last one has copies of the keys.
CASES = {"local copies": (TEAMS, True), "passed through": (TEAMS, False),
         "local copies, one beginning": (ONE_BEGINNING, True),
         "passed through, one beginning": (ONE_BEGINNING, False)}


def start(bed, options, redis, count, others, copies):
    """A sidecar with so many rules, of which the last one matches. All of it stands in the file:
    together with options on the command line it might be larger than a file may be."""
    last = ['bench:{id}'] if copies else ['never:asked:{id}']
    patterns = [others[n % len(others)].format(n=n) for n in range(count - 1)] + last
    port, admin = bed.free_port(), bed.free_port()
    text = HEAD.format(port=port, admin=admin, redis=redis.address)
    text += "".join(f'  - {{match: "{one}", tier: copied, name: rule{n}}}\n'
                    for n, one in enumerate(patterns))
    server = bed.serve("pannier", [options.pannier, "run", "--config",
                                   bed.write(f"pannier-{port}.yaml", text)], f"127.0.0.1:{port}")
    server.admin_port = admin
    return server


def cost(options, server, load, copies):
    """CPU microseconds per request in a slice, after it was seen where answers come from."""
    with cache_sidecar.LocalShare(server) as local:
        spent = counters.cost_us(server.pid, load, options.slice, SETTLE)
    if copies:
        local.insist(LEAST_SHARE)
    elif local.share:
        raise BenchError("keys without a rule were answered from local copies")
    return spent


def compare(bed, options, servers, pipeline, copies):
    """Two spreads: of the ratio, and of what a request costs with few rules."""
    ratios, few = [], []
    cores = Cores(options.pin)
    with contextlib.ExitStack() as stack:
        loads = [stack.enter_context(Load(bed, options.load, server.address,
                                          Cell("get", 32, pipeline), 50, 1000))
                 for server in servers]
        for server, load in zip(servers, loads):
            cores.pin_proxy(server.pid)
            cores.pin_generator(load.pid)
            load.once()
            load.run(WARM_UP)
        for turn in range(options.rounds):
            spent = {}
            for place in (0, 1) if turn % 2 == 0 else (1, 0):
                spent[place] = cost(options, servers[place], loads[place], copies)
            ratios.append(spent[1] / spent[0])
            few.append(spent[0])
    return spread(ratios), spread(few)


def measure(bed, options):
    redis, found = targets.start_redis(bed), []
    for name, (others, copies) in CASES.items():
        servers = [start(bed, options, redis, count, others, copies)
                   for count in (FEW, options.rules)]
        for pipeline in (1, 16):
            ratio, few = compare(bed, options, servers, pipeline, copies)
            where = f"{name}, pipeline {pipeline}"
            found += [cache_bars.bar(where, f"CPU per GET, {options.rules:,} rules / {FEW}", ratio,
                                     BAR, gates=True),
                      cache_bars.bar(where, f"CPU us per GET, {FEW} rules", few, None)]
        for server in servers:
            bed.stop(server.process)
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--rules", type=int, default=10_000, help="default: 10000")
    add("--rounds", type=int, default=7, help="slices of each (default: 7)")
    add("--slice", type=float, default=0.3, metavar="SECONDS", help="default: 0.3")
    add("--pin", action="store_true", help="fix processes to cores, as tools/bench does")
    add("--gate", action="store_true", help="exit with 1 when a bar is missed")
    add("--pannier", default=os.path.join(ROOT, "build", "release", "pannier"), metavar="FILE")
    add("--load", default=os.path.join(ROOT, "build", "release", "bench_load"), metavar="FILE",
        help="the load generator (default: build/release/bench_load)")
    options = parser.parse_args()
    print(f"load of the machine {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors")
    with Bed() as bed:
        found = measure(bed, options)
    print_table(cache_bars.HEADER, [cache_bars.row(one) for one in found])
    print(f"load of the machine at the end {os.getloadavg()[0]:.1f}")
    return 1 if options.gate and not all(one["pass"] for one in found if one["gates"]) else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except BenchError as error:
        print(f"rules_bench: {error}", file=sys.stderr)
        sys.exit(2)
