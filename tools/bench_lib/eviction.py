"""What the local cache misses on recorded traces, against LRU and against the best there can be."""

import csv
import glob
import json
import lzma
import os
import shutil
import subprocess

from .bed import BenchError
from .report import print_table

HELP = "misses of the local cache on traces (--traces DIR), against LRU and Belady"
SHARES = ["0.001", "0.01", "0.1"]
WORSE = 1.02       # At most this much of LRU's misses, on every trace and at every size.
CLOSED = 0.15      # At least this part of the way from LRU to Belady, with room for a tenth.
LEAST_BUDGET = 64 * 1024  # Below, the tables' fixed part is all there is.
REFERENCE = "reference-miss-ratios.csv"
OTHERS = {"belady", "lru"}  # What the best known policy is not chosen from.


def add_options(parser):
    parser.add_argument("--traces", metavar="DIR", required=True,
                        help="*.csv.xz with t_ms,op,key,size,ttl_s,tag, and " + REFERENCE)
    parser.add_argument("--evict", metavar="FILE", help="default: build/release/bench_evict")


def run(bed, options, _cores):
    binary = options.evict or os.path.join(os.path.dirname(options.load), "bench_evict")
    if not os.access(binary, os.X_OK):
        raise BenchError(f"{binary} is not there: cmake --workflow --preset release")
    files = sorted(glob.glob(os.path.join(options.traces, "*.csv.xz")))
    if not files:
        raise BenchError(f"no *.csv.xz in {options.traces}")
    references = read_references(os.path.join(options.traces, REFERENCE))
    rows = []
    for file in files:
        name = os.path.basename(file).removesuffix(".csv.xz")
        if options.quick and os.path.getsize(file) > 2 << 20:
            continue
        for line in play(bed, binary, file).splitlines():
            row = {"trace": name, **json.loads(line)}
            row.update(references.get((name, row["share"]), {}))
            rows.append(row)
    return {"rows": rows, "bars": [bar for row in rows for bar in bars_of(row)]}


def play(bed, binary, file):
    process = bed.spawn([binary, "misses", *SHARES], stdin=subprocess.PIPE,
                        stdout=subprocess.PIPE, text=False)
    try:
        with lzma.open(file) as trace:
            shutil.copyfileobj(trace, process.stdin, 1 << 20)
        process.stdin.close()
        printed = process.stdout.read().decode()
    except (BrokenPipeError, lzma.LZMAError) as error:
        raise BenchError(f"{file}: {error}") from error
    finally:
        process.stdout.close()
    if process.wait() != 0:
        raise BenchError(f"bench_evict could not play {file}")
    return printed


def read_references(file):
    """(trace, share) -> what other simulators found: LRU's misses, and the best policy's."""
    found = {}
    if not os.path.exists(file):
        return found
    with open(file) as lines:
        for line in csv.DictReader(lines):
            entry = found.setdefault((line["trace"], float(line["fraction"])), {})
            misses = float(line["miss_ratio"])
            if line["policy"].lower() == "lru":
                entry["reference_lru"] = misses
            elif line["policy"].lower() not in OTHERS and misses < entry.get("reference_best", 1):
                entry["reference_best"] = misses
                entry["reference_policy"] = line["policy"]
    return found


def bars_of(row):
    cell = f"{row['trace']} {row['share']:g}"

    def bar(what, value, sense, limit, passed):
        return {"cell": cell, "what": what, "value": value, "sense": sense, "limit": limit,
                "gates": True, "pass": passed}

    against = row["ours"] / row["lru"]
    yield bar("misses / LRU's", against, "at most", WORSE, against <= WORSE)
    if row["share"] == 0.1:
        gap = closed(row)
        yield bar("way to Belady", gap, "at least", CLOSED, gap >= CLOSED)
    if "reference_lru" in row:
        here, there = round(row["lru"], 4), row["reference_lru"]
        yield bar("our LRU is the reference's", here, "exactly", there, here == there)
    if row.get("budget", 0) >= LEAST_BUDGET:
        against = row["ours_in_bytes"] / row["lru_in_bytes"]
        yield bar("misses / LRU's, in bytes", against, "at most", WORSE, against <= WORSE)


def closed(row):
    return (row["lru"] - row["ours"]) / max(row["lru"] - row["best"], 1e-9)


def show(result):
    header = ["trace", "room", "entries", "LRU", "reference", "ours", "best known", "by", "Belady",
              "ours/LRU", "closed", "in bytes"]
    print_table(header, [line(row) for row in result["rows"]])
    print("\nshares of requests that miss; closed: of the way from LRU to Belady, the optimum; in"
          "\nbytes: ours/LRU with the same budget in bytes, all overhead counted")
    for bar in result["bars"]:
        if not bar["pass"]:
            print(f"MISS  {bar['cell']}  {bar['what']}  {bar['value']:.4f}  "
                  f"{bar['sense']} {bar['limit']}")


def line(row):
    def ratio(value):
        return "-" if value is None else f"{value:.4f}"

    in_bytes = "-"
    if row.get("budget", 0) >= LEAST_BUDGET:
        in_bytes = percent(row["ours_in_bytes"] / row["lru_in_bytes"] - 1)
    gap = f"{100 * closed(row):.0f} %" if row["lru"] - row["best"] > 0.0005 else "-"
    return [row["trace"], f"{100 * row['share']:g} %", str(row["capacity"]), ratio(row["lru"]),
            ratio(row.get("reference_lru")), ratio(row["ours"]),
            ratio(row.get("reference_best")), row.get("reference_policy", "-"), ratio(row["best"]),
            percent(row["ours"] / row["lru"] - 1), gap, in_bytes]


def percent(value):
    return f"{100 * value:+.1f} %"
