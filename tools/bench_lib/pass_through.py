"""Requests no rule applies to: what the proxy costs against none, nutcracker and haproxy."""

import argparse
import contextlib
import re
import sys
import time
from typing import NamedTuple

from . import counters, figures, targets
from .bed import BenchError, connect, need, ping
from .load import Load

HELP = "requests that no rule applies to, against direct Redis, nutcracker and haproxy"
SETTLE = 0.005  # A thread that sleeps is accounted exactly; one that runs, by the tick.
WARM_UP = 0.1


class Cell(NamedTuple):
    command: str
    size: int
    pipeline: int

    def __str__(self):
        return f"{self.command}:{self.size}:{self.pipeline}"


CELLS = [Cell(command, size, pipeline)
         for command in ("get", "set") for size in (32, 1024) for pipeline in (1, 16, 64)]
QUICK_CELLS = [Cell("get", 32, 1), Cell("get", 32, 16), Cell("get", 32, 64), Cell("set", 1024, 16)]


def parse_cells(text):
    found = [re.fullmatch(r"(get|set):([1-9]\d*):([1-9]\d*)", item) for item in text.split(",")]
    if not all(found):
        raise argparse.ArgumentTypeError(f"{text}: expected get|set:SIZE:PIPELINE,...")
    return [Cell(match[1], int(match[2]), int(match[3])) for match in found]


def add_options(parser):
    parser.add_argument("--cells", type=parse_cells, metavar="COMMAND:SIZE:PIPELINE,...",
                        help="default: get and set, 32 and 1024 bytes, pipeline 1, 16 and 64")
    parser.add_argument("--targets", default="direct,nutcracker,haproxy,pannier",
                        help="default: %(default)s")
    parser.add_argument("--unix", action="store_true",
                        help="also pannier listening on a Unix socket (pannier-unix), and with "
                             "one on both sides (pannier-unix-both)")
    parser.add_argument("--idle", type=int, default=2000, metavar="N",
                        help="connections for the memory figure, 0 for none (default: 2000)")
    parser.add_argument("--no-strace", action="store_true", help="do not count system calls")


def chosen_targets(options):
    names = options.targets.split(",") + (targets.UNIX if options.unix else [])
    for name in names:
        if name not in targets.ORDER:
            raise BenchError(f"--targets {name}: expected some of {', '.join(targets.ORDER)}")
    if "direct" not in names:
        raise BenchError("--targets: direct is what everything is compared to")
    return [name for name in targets.ORDER if name in names]


def run(bed, options, cores):
    """Measures and returns what goes into the JSON file."""
    names = chosen_targets(options)
    need([name for name in ("nutcracker", "haproxy") if name in names])
    need(["redis-server"] + ([] if options.no_strace else ["strace"]))
    memory = idle_memory(bed, options, names) if options.idle else {}
    redis = targets.start_redis(bed)
    servers = {name: targets.start(bed, name, redis, options.pannier) for name in names}
    for name, server in servers.items():
        if server is not redis:
            cores.pin_proxy(server.pid)
    cells = []
    for cell in options.cells or (QUICK_CELLS if options.quick else CELLS):
        print(f"{cell} ...", end=" ", flush=True, file=sys.stderr)
        with contextlib.ExitStack() as stack:
            lanes = [Lane(bed, options, cores, stack, servers[name], redis, name, cell)
                     for name in names]
            cells.append(figures.summarise(cell, measure(lanes, options)))
    print(file=sys.stderr)
    return {"cells": cells, "memory": memory, "bars": figures.bars(cells, memory)}


class Lane:
    """A target with its own generator, for the time of a cell."""

    def __init__(self, bed, options, cores, stack, server, redis, name, cell, **load):
        self.name = name
        self.cell = cell
        self._bed = bed
        self._cores = cores
        self._proxy = None if server is redis else server.pid
        self._redis = redis.pid
        self._load = stack.enter_context(Load(bed, options.load, server.address, cell,
                                              options.connections, options.keys, **load))
        cores.pin_generator(self._load.pid)

    def read_all(self):
        """Twice: what the first time brings, the push of an earlier write may still remove."""
        self._load.once()
        self._load.once()

    def slice(self, seconds):
        self._cores.pin_redis(self._redis, self._proxy is None)
        before = self._cpu()
        answer = self._load.run(seconds)
        after = self._cpu()
        requests = answer["requests"]
        used = {f"{who}_us": (after[who] - before[who]) / requests / 1000 for who in before}
        return {"throughput": requests / answer["seconds"], "p50_us": answer["p50_us"],
                "p99_us": answer["p99_us"], **used}

    def system_calls(self, seconds, connections=None):
        """Per request, of the proxy; of Redis when there is none."""
        with counters.SystemCalls(self._bed, self._proxy or self._redis) as calls:
            requests = self._load.run(seconds, connections)["requests"]
        return calls.total / requests

    def _cpu(self):
        time.sleep(SETTLE)
        pids = {"redis": self._redis, "generator": self._load.pid}
        if self._proxy:
            pids["proxy"] = self._proxy
        return {who: counters.cpu_ns(pid) for who, pid in pids.items()}


def measure(lanes, options):
    """{name: {"slices": [one per round], "calls_busy": n, "calls_alone": n}}"""
    found = {lane.name: {"slices": []} for lane in lanes}
    for lane in lanes:
        lane.slice(WARM_UP)
    for number in range(options.rounds):
        # Every other round runs backwards, so that a steady drift favours nobody.
        for lane in lanes if number % 2 == 0 else reversed(lanes):
            found[lane.name]["slices"].append(lane.slice(options.slice))
    for lane in lanes if not options.no_strace else []:
        found[lane.name]["calls_busy"] = lane.system_calls(options.slice / 2)
        if lane.cell.pipeline == 1:
            found[lane.name]["calls_alone"] = lane.system_calls(options.slice / 2, 1)
    return found


def idle_memory(bed, options, names):
    """Resident bytes per idle connection, each target fresh, so that nothing is reused."""
    found = {}
    redis = targets.start_redis(bed)
    for name in names:
        server = targets.start_redis(bed) if name == "direct" else targets.start(
            bed, name, redis, options.pannier)
        found[name] = bytes_per_connection(server, options.idle)
        bed.stop(server.process)
    bed.stop(redis.process)
    return found


def bytes_per_connection(server, count):
    with contextlib.ExitStack() as stack:
        def open_one():
            connection = stack.enter_context(connect(server.address))
            if not ping(connection):
                raise BenchError(f"{server.name} does not answer PING")
        open_one()
        time.sleep(0.2)
        before = counters.resident_bytes(server.pid)
        for _ in range(count):
            open_one()
        time.sleep(0.2)
        return (counters.resident_bytes(server.pid) - before) / count
