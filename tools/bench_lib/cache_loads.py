"""Who loads what is missing: readers of a cold key, and of a hot one that expires."""

import json
import subprocess

from . import cache_sidecar, targets
from .bed import BenchError
from .cache_bars import bar
from .figures import spread

READERS, CONNECTIONS = (100, 1000), (1, 10, 100)
LOAD_MS = 100
WAIT_BAR = 1.25
LEASED = "ttl: 60s, coalesce: {scope: sidecar, wait: 5s}"
FLEET = "ttl: 60s, coalesce: {scope: fleet, wait: 5s}"

HOT_SECONDS, HOT_SECONDS_QUICK = 20, 5
HOT_RATE, HOT_LOAD_MS, HOT_TTL_MS = 200, 200, 1000
HOT = "ttl: 1s, coalesce: {scope: sidecar, wait: 5s}"
REFRESH = HOT + ", refresh: 50%"
CYCLE_BAR, REFRESH_BAR = 1.05, .25
PLAIN_LEAST = 30  # The control: what Redis alone costs a cycle; 40 readers come within a load.


def readers_argv(options, verb, addresses, **words):
    argv = [cache_sidecar.program(options, "bench_readers"), verb, "--addresses",
            ",".join(addresses)]
    for key, value in words.items():
        argv += [f"--{key}", str(value)]
    return argv


def parsed(done, errors):
    if not done:
        raise BenchError(f"bench_readers: {errors.strip()}")
    return json.loads(done)


def ask(options, verb, addresses, **words):
    done = subprocess.run(readers_argv(options, verb, addresses, **words), capture_output=True,
                          text=True, timeout=120)
    return parsed(done.stdout, done.stderr)


class Cold:
    """Rounds of readers who all ask at once for a key that is not there."""

    def __init__(self, options):
        self._options = options
        self._keys = 0

    def rounds(self, verb, servers, readers, connections):
        found = []
        for _ in range(self._options.rounds):
            self._keys += 1
            found.append(ask(self._options, verb, [server.address for server in servers],
                             readers=readers, connections=max(connections, len(servers)),
                             load=LOAD_MS, key=f"measured:cold{self._keys}"))
        return {"verb": verb, "sidecars": len(servers), "readers": readers,
                "connections": connections, "rounds": found}


def cold(bed, options, _):
    """The cells, the bars, and what this pannier does not have."""
    redis = targets.start_redis(bed)
    crowd = Cold(options)
    one = [cache_sidecar.start(bed, options, redis, cache_sidecar.tier(LEASED))]
    fleet = []
    if cache_sidecar.accepts(bed, options, cache_sidecar.tier(FLEET)):
        fleet = [cache_sidecar.start(bed, options, redis, cache_sidecar.tier(FLEET))
                 for _ in range(3)]
    three = [cache_sidecar.start(bed, options, redis, cache_sidecar.tier(LEASED))
             for _ in range(3)]
    groups = [("1 sidecar", one, {"cold": 1, "killed": 2}),
              ("3 sidecars, scope sidecar", three, {"cold": 3}),
              ("3 sidecars, scope fleet", fleet, {"cold": 1, "killed": 2})]
    found, bars = [], []
    readers_counts = READERS[-1:] if options.quick else READERS
    for name, servers, expected in groups:
        for verb, loads in expected.items() if servers else []:
            for readers in readers_counts:
                for connections in CONNECTIONS:
                    cell = crowd.rounds(verb, servers, readers, connections)
                    found.append({"group": name, **cell})
                    bars += cold_bars(name, cell, loads)
    for readers in readers_counts:
        cell = crowd.rounds("cold", [redis], readers, CONNECTIONS[-1])
        found.append({"group": "direct", **cell})
        loads = spread(one["loads"] for one in cell["rounds"])
        bars.append(bar(f"{readers:,} readers, direct Redis", "loads (control)", loads, readers,
                        "at least"))
    missing = [] if fleet else ["coalesce: {scope: fleet}: one load for 3 sidecars"]
    return found, bars, missing


def cold_bars(name, cell, loads):
    where = f"{cell['readers']:,} readers, {cell['connections']} conn., {name}"
    what = "first killed: " if cell["verb"] == "killed" else ""
    rounds = cell["rounds"]
    counts = [one["loads"] for one in rounds]
    # The worst round: a second load is a second load.
    seen = {"median": max(counts), "low": min(counts), "high": max(counts)}
    waits = spread(one["waits_ms"]["p99"] / LOAD_MS for one in rounds)
    return [bar(where, f"{what}loads", seen, loads),
            bar(where, f"{what}p99 wait / load", waits, WAIT_BAR)]


def hot(bed, options, _):
    """All targets at the same time: none of them has much to do."""
    seconds = HOT_SECONDS_QUICK if options.quick else HOT_SECONDS
    redis = targets.start_redis(bed)
    configs = {"pannier": cache_sidecar.tier(HOT)}
    if cache_sidecar.accepts(bed, options, cache_sidecar.tier(REFRESH)):
        configs["refresh"] = cache_sidecar.tier(REFRESH)
    servers = {"direct": redis, **{name: cache_sidecar.start(bed, options, redis, config)
                                   for name, config in configs.items()}}
    running = {}
    for name, server in servers.items():
        argv = readers_argv(options, "hot", [server.address], connections=50, rate=HOT_RATE,
                            seconds=seconds, load=HOT_LOAD_MS, ttl=HOT_TTL_MS,
                            key=f"measured:hot-{name}")
        running[name] = bed.spawn(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    found = {name: parsed(*process.communicate(timeout=seconds + 60))
             for name, process in running.items()}
    return found, hot_bars(found, seconds), missing_refresh(found)


def missing_refresh(found):
    return [] if "refresh" in found else [f"refresh: 50%: p99 of reads at most {REFRESH_BAR} of a "
                                          "load"]


def hot_bars(found, seconds):
    where = f"hot key, {HOT_RATE} reads/s, TTL {HOT_TTL_MS} ms, load {HOT_LOAD_MS} ms"
    # More cycles than TTLs have passed were loads of a value that was there.
    most = seconds * 1000 / HOT_TTL_MS + 1
    bars = [bar(where, "loads per cycle",
                found["pannier"]["loads"] / min(found["pannier"]["cycles"], most), CYCLE_BAR),
            bar(where, "loads per cycle, direct Redis (control)",
                found["direct"]["loads"] / found["direct"]["cycles"], PLAIN_LEAST, "at least"),
            *(bar(where, f"p99 of reads / load, {name}",
                  found[name]["reads_ms"]["p99"] / HOT_LOAD_MS, None)
              for name in ("pannier", "direct"))]
    if "refresh" in found:
        one = found["refresh"]
        bars += [bar(where, "refresh 50%: p99 of reads / load",
                     one["reads_ms"]["p99"] / HOT_LOAD_MS, REFRESH_BAR),
                 bar(where, "refresh 50%: loads per cycle", one["loads"] / one["cycles"],
                     CYCLE_BAR)]
    return bars
