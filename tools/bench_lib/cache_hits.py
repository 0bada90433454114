"""What a read costs that is answered from a local copy, and what that depends on."""

import argparse
import contextlib
import subprocess
import time

from . import cache_sidecar, counters, targets
from .bed import BenchError, Server, connect
from .cache_bars import bar
from .figures import spread
from .load import Load
from .pass_through import SETTLE, WARM_UP, Cell, Lane, measure

CPU_BARS = {1: (1.00, .95), 16: (.90, .75), 64: (.75, .55)}
UNIX_BARS = (1.8, 2.2)
IDLE_CALLS_BAR, BUSY_CALLS_BAR = 4.2, 2.5
PACED, PAUSE = 200, .003  # Idle: every request finds a loop that sleeps.
BUSY_SECONDS = 2  # Under strace the sidecar is the limit, and needs a moment to see it.
LEAST_SHARE = .99
KEYS = {"few": 10_000, "many": 1_000_000, "quick": 100_000}
KEYS_BAR = 1.10
RULES, RULES_BARS = 1000, {1: 1.02, 16: 1.10}


def hits(bed, options, cores):
    """Sidecars, direct Redis and a responder that understands nothing, slice by slice."""
    redis = targets.start_redis(bed)
    servers = {"responder": responder(bed, options),
               "pannier": cache_sidecar.start(bed, options, redis, cache_sidecar.COPIES),
               "direct": redis,
               "pannier-unix": cache_sidecar.start(bed, options, redis, cache_sidecar.COPIES,
                                                   "pannier-unix", unix=True)}
    for name, server in servers.items():
        if name != "direct":
            cores.pin_proxy(server.pid)
    found, bars = [], []
    unstraced = argparse.Namespace(**{**vars(options), "no_strace": True})
    for pipeline in CPU_BARS:
        cell = Cell("get", 32, pipeline)
        with contextlib.ExitStack() as stack:
            lanes = [Lane(bed, options, cores, stack, server, redis, name, cell,
                          fill=name != "responder") for name, server in servers.items()]
            for lane in lanes:
                lane.read_all()
            with cache_sidecar.LocalShare(servers["pannier"]) as local:
                measured = measure(lanes, unstraced)
            if pipeline == 1 and not options.no_strace:
                for lane in lanes:
                    if lane.name in ("pannier", "responder"):
                        measured[lane.name]["calls_busy"] = lane.system_calls(BUSY_SECONDS)
                        measured[lane.name]["calls_idle"] = idle_calls(bed, servers[lane.name])
        local.insist(LEAST_SHARE)
        found.append({"cell": str(cell), "local_share": local.share, "targets": measured})
        bars += hit_bars(cell, measured)
    return found, bars


def idle_calls(bed, server):
    """System calls a request of one client that pauses after each, without what the timers cost
    in the same time. Without pauses strace makes the server so slow that it finds the next
    request before it would wait for it."""
    get = b"*2\r\n$3\r\nGET\r\n$16\r\nbench:0000000000\r\n"
    with connect(server.address) as connection:
        with counters.SystemCalls(bed, server.pid) as asked:
            began = time.monotonic()
            for _ in range(PACED):
                connection.sendall(get)
                if connection.recv(4096) != b"$32\r\n" + b"x" * 32 + b"\r\n":
                    raise BenchError("not the value that was set")
                time.sleep(PAUSE)
            seconds = time.monotonic() - began
        # A call at least, or strace says nothing: the responder has no timers.
        with counters.SystemCalls(bed, server.pid) as idle:
            connection.sendall(get)
            connection.recv(4096)
            time.sleep(seconds)
    return (asked.total - idle.total) / (PACED - 1)


def hit_bars(cell, measured):
    rounds = {name: one["slices"] for name, one in measured.items()}
    direct = rounds["direct"]

    def ratios(name, figure, other=None):
        return spread(one[figure] / against[other or figure]
                      for one, against in zip(rounds[name], direct))

    where = f"hit, pipeline {cell.pipeline}"
    must, good = CPU_BARS[cell.pipeline]
    cpu = ratios("pannier", "proxy_us", "redis_us")
    found = [bar(where, "CPU per request / direct", cpu, must),
             bar(where, "CPU per request / direct", cpu, good, gates=False),
             bar(where, "the bare responder's / direct",
                 ratios("responder", "proxy_us", "redis_us"), None)]
    if cell.pipeline == 1:
        requests = ratios("pannier-unix", "throughput")
        found += [bar(where, "requests, Unix socket / direct TCP", requests, limit, "at least",
                      gates=limit == UNIX_BARS[0]) for limit in UNIX_BARS]
        for key, what, limit in (("calls_idle", "system calls, idle", IDLE_CALLS_BAR),
                                 ("calls_busy", "system calls, saturated", BUSY_CALLS_BAR)):
            if key in measured["pannier"]:
                found.append(bar(where, what, measured["pannier"][key], limit))
                found.append(bar(where, f"{what}, responder", measured["responder"][key], None))
    return found


def responder(bed, options):
    port = bed.free_port()
    process = bed.spawn([cache_sidecar.program(options, "bench_respond"), str(port), "32"],
                        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    if b"ready" not in process.stdout.readline():
        raise BenchError("bench_respond does not start")
    return Server("responder", process, f"127.0.0.1:{port}")


class Pair:
    """Two sidecars of which the second has more to carry; each with its own generator."""

    def __init__(self, options, cores, servers, loads):
        self._options, self._servers, self._loads = options, servers, loads
        for server, load in zip(servers, loads):
            cores.pin_proxy(server.pid)
            cores.pin_generator(load.pid)
            load.once()
            load.run(WARM_UP)

    def ratio(self):
        """Of CPU per request, over the rounds."""
        rounds = []
        for number in range(self._options.rounds):
            costs = {}
            for i in (0, 1) if number % 2 == 0 else (1, 0):
                with cache_sidecar.LocalShare(self._servers[i]) as local:
                    costs[i] = counters.cost_us(self._servers[i].pid, self._loads[i],
                                                self._options.slice, SETTLE)
                local.insist(LEAST_SHARE)
            rounds.append(costs[1] / costs[0])
        return spread(rounds)


def keys(bed, options, cores):
    many = KEYS["quick" if options.quick else "many"]
    counts = (KEYS["few"], many)
    redis = targets.start_redis(bed)
    servers = [cache_sidecar.start(bed, options, redis, cache_sidecar.COPIES) for _ in counts]
    for server, count in zip(servers, counts):
        with Load(bed, options.load, server.address, Cell("get", 32, 64), 1, count) as all_keys:
            all_keys.once()
    with contextlib.ExitStack() as stack:
        # Scattered: one after the other in the order of storing would be kind to the caches.
        loads = [stack.enter_context(Load(bed, options.load, server.address, Cell("get", 32, 1),
                                          options.connections, count, fill=False, stride=7919))
                 for server, count in zip(servers, counts)]
        ratio = Pair(options, cores, servers, loads).ratio()
    for server in (*servers, redis):
        bed.stop(server.process)
    return ratio, [bar("hit, pipeline 1", f"CPU per request, {many:,} keys / {counts[0]:,}", ratio,
                       KEYS_BAR, gates=not options.quick)]


def rules(bed, options, cores):
    others = "".join(f'  - {{match: "app{number}:{{id}}", tier: copied}}\n'
                     for number in range(RULES - 1))
    head, last = cache_sidecar.COPIES.split("rules:\n")
    configs = [cache_sidecar.COPIES, f"{head}rules:\n{others}{last}"]
    redis = targets.start_redis(bed)
    servers = [cache_sidecar.start(bed, options, redis, config) for config in configs]
    found, bars = [], []
    for pipeline, limit in RULES_BARS.items():
        with contextlib.ExitStack() as stack:
            loads = [stack.enter_context(Load(bed, options.load, server.address,
                                              Cell("get", 32, pipeline), options.connections,
                                              options.keys)) for server in servers]
            found.append(Pair(options, cores, servers, loads).ratio())
        bars.append(bar(f"hit, pipeline {pipeline}", f"CPU per request, {RULES:,} rules / 1",
                        found[-1], limit))
    for server in (*servers, redis):
        bed.stop(server.process)
    return found, bars
