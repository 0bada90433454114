"""What an entry of the local cache takes, beside what Redis needs for it, and how it grows."""

import json
import os
import random
import subprocess

from . import targets
from .bed import BenchError, connect, need
from .report import print_table

HELP = "bytes per entry of the local cache against Redis, its bound, and what growth costs"
KEY, VALUE = 16, 64
MIB = 1 << 20
OVERHEAD = 64         # Bytes beyond key and value.
BOUND = 1.3           # Resident memory, of the budget.
MUST, GOOD = .85, .75  # Of what Redis takes for the same entry.
STEP_US = 1000        # The longest single store.


def add_options(parser):
    parser.add_argument("--evict", metavar="FILE", help="default: build/release/bench_evict")


def run(bed, options, _cores):
    binary = options.evict or os.path.join(os.path.dirname(options.load), "bench_evict")
    if not os.access(binary, os.X_OK):
        raise BenchError(f"{binary} is not there: cmake --workflow --preset release")
    need(["redis-server"])
    keys, many = (1_000_000, 1_000_000) if options.quick else (1_000_000, 10_000_000)

    def measured(*words):
        done = subprocess.run([binary, *map(str, words)], stdout=subprocess.PIPE, text=True)
        if done.returncode != 0:
            raise BenchError(f"bench_evict {' '.join(map(str, words))} failed")
        return [json.loads(line) for line in done.stdout.splitlines()]

    cells = [("1 M keys, room for more", 1024 * MIB, keys, 0), ("64 MiB, full", 64 * MIB, many, 0),
             ("64 MiB, full, values to 1000", 64 * MIB, many // 3, 1000)]
    if not options.quick:
        cells.append(("1 GiB, full", 1024 * MIB, many, 0))
    fills = [{"what": what, "budget": budget, "keys": count,
              **measured("fill", budget, count, largest)[0]}
             for what, budget, count, largest in cells]
    redis = redis_bytes(bed, keys)
    finds = measured("find", 1_000_000, 1_000, 10_000, 100_000, 1_000_000)
    step = measured("grow", 2_200_000 if options.quick else 8_500_000)[0]["longest_us"]
    return {"fills": fills, "redis": redis, "finds": finds, "longest_us": step,
            "bars": list(bars(fills, redis, step))}


def redis_bytes(bed, keys):
    """Per key, by INFO memory of a server that has nothing else."""
    server = targets.start_redis(bed)
    chance = random.Random(1)
    value = b"v" * VALUE
    with connect(server.address) as connection:
        connection.settimeout(60)
        before = used_memory(connection)
        for start in range(0, keys, 10_000):
            batch = min(10_000, keys - start)
            names = (b"%016x" % chance.getrandbits(64) for _ in range(batch))
            connection.sendall(b"".join(b"*3\r\n$3\r\nSET\r\n$%d\r\n%s\r\n$%d\r\n%s\r\n"
                                        % (KEY, name, VALUE, value) for name in names))
            receive(connection, 5 * batch)
        return (used_memory(connection) - before) / keys


def used_memory(connection):
    connection.sendall(b"*2\r\n$4\r\nINFO\r\n$6\r\nmemory\r\n")
    text = b""
    while not text.endswith(b"\r\n") or b"lazyfreed_objects" not in text:
        text += receive(connection, 1)
    return next(int(line.split(b":")[1]) for line in text.splitlines()
                if line.startswith(b"used_memory:"))


def receive(connection, least):
    got = b""
    while len(got) < least:
        more = connection.recv(65536)
        if not more:
            raise BenchError("Redis has closed the connection")
        got += more
    return got


def overhead(fill, key="counted"):
    return (fill[key] - fill["payload"]) / fill["entries"]


def bars(fills, redis, step):
    def bar(cell, what, value, limit, gates=True):
        return {"cell": cell, "what": what, "value": value, "sense": "at most", "limit": limit,
                "gates": gates, "pass": value <= limit}

    for fill in fills:
        small = fill["payload"] == fill["entries"] * (KEY + VALUE)
        if small:
            yield bar(fill["what"], "overhead per entry", overhead(fill), OVERHEAD)
            yield bar(fill["what"], "bytes per entry / Redis's",
                      fill["counted"] / fill["entries"] / redis, MUST)
            yield bar(fill["what"], "bytes per entry / Redis's",
                      fill["counted"] / fill["entries"] / redis, GOOD, False)
        yield bar(fill["what"], "resident / budget", fill["resident"] / fill["budget"], BOUND)
    yield bar("growth", "longest store, us", step, STEP_US)


def show(result):
    rows = [[fill["what"], str(fill["entries"]), f"{fill['counted'] / fill['entries']:.1f}",
             f"{overhead(fill):.1f}", f"{overhead(fill, 'resident'):.1f}",
             f"{fill['resident'] / fill['budget']:.2f}"] for fill in result["fills"]]
    print_table(["local cache", "entries", "bytes each", "overhead", "by RSS", "RSS/budget"], rows)
    print(f"\nRedis: {result['redis']:.1f} bytes each (used_memory)\n")
    print_table(["entries", "ns per find"], [[str(find["entries"]), f"{find['ns']:.0f}"]
                                             for find in result["finds"]])
    print(f"\nlongest store while it grows: {result['longest_us']:.0f} us\n")
    for bar in result["bars"]:
        print(f"{'pass' if bar['pass'] else 'MISS'}  {bar['cell']}  {bar['what']}  "
              f"{bar['value']:.2f}  {bar['sense']} {bar['limit']}"
              f"{'' if bar['gates'] else '  (goal)'}")
