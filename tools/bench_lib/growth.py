"""What a request costs the proxy when many clients are there instead of few."""

import contextlib
import statistics

from . import counters, targets
from .bed import need
from .load import Load
from .pass_through import SETTLE, WARM_UP, Cell

HELP = "CPU per request of 1,000 connections against 50"
FEW, MANY = 50, 1000
LIMIT = 1.15
CELL = Cell("get", 32, 1)


def add_options(parser):
    parser.set_defaults(connections=MANY)


def run(bed, options, cores):
    need(["redis-server"])
    redis = targets.start_redis(bed)
    server = targets.start(bed, "pannier", redis, options.pannier)
    cores.pin_proxy(server.pid)
    cores.pin_redis(redis.pid, False)
    with contextlib.ExitStack() as stack:
        loads = {}
        for count in (FEW, options.connections):
            loads[count] = stack.enter_context(
                Load(bed, options.load, server.address, CELL, count, options.keys))
            cores.pin_generator(loads[count].pid)
            loads[count].run(WARM_UP)
        rounds = []
        for number in range(options.rounds):
            order = sorted(loads, reverse=number % 2 == 1)
            rounds.append({count: counters.cost_us(server.pid, loads[count], options.slice, SETTLE)
                           for count in order})
    ratios = [one[options.connections] / one[FEW] for one in rounds]
    value = statistics.median(ratios)
    bar = {"cell": str(CELL), "what": f"proxy CPU per request, {options.connections} / {FEW} connections",
           "value": value, "sense": "at most", "limit": LIMIT, "gates": True, "pass": value <= LIMIT}
    return {"rounds": rounds, "bars": [bar]}


def show(result):
    for number, one in enumerate(result["rounds"], 1):
        print(f"round {number}: " + ", ".join(f"{count} connections {used:.2f} us"
                                              for count, used in sorted(one.items())))
    for bar in result["bars"]:
        print(f"{'pass' if bar['pass'] else 'MISS'}  {bar['what']}  {bar['value']:.3f}  "
              f"{bar['sense']} {bar['limit']}")
