"""What a local copy, a shared load and an invalidation cost and spare."""

import argparse
import sys

from . import cache_change, cache_hits, cache_loads
from .bed import Bed, need
from .cache_bars import HEADER, row
from .report import print_table

HELP = "local copies, coalesced loads and invalidations, against direct Redis"
# Each returns what goes into the JSON file, the bars, and maybe what this pannier does not have.
PARTS = {"hits": cache_hits.hits, "keys": cache_hits.keys, "rules": cache_hits.rules,
         "cold": cache_loads.cold, "hot": cache_loads.hot,
         "invalidation": cache_change.invalidation, "outage": cache_change.outage}
STALE_PROOF = "tests/e2e/run local_copies  # test_forced_stale_sets: 0 stale reads, and a control"


def names(text):
    chosen = text.split(",")
    if not set(chosen) <= set(PARTS):
        raise argparse.ArgumentTypeError(f"{text}: expected some of {','.join(PARTS)}")
    return chosen


def add_options(parser):
    parser.add_argument("--parts", type=names, default=list(PARTS), metavar="PART,...",
                        help=f"default: {','.join(PARTS)}")
    parser.add_argument("--no-strace", action="store_true", help="do not count system calls")


def run(_, options, cores):
    need(["redis-server"] + ([] if options.no_strace else ["strace"]))
    result = {"parts": {}, "bars": [], "not_available": []}
    for name in options.parts:
        print(f"{name} ...", end=" ", flush=True, file=sys.stderr)
        with Bed() as bed:  # A bed each: what one part leaves running would disturb the next.
            found, bars, *missing = PARTS[name](bed, options, cores)
        result["parts"][name] = found
        result["bars"] += bars
        result["not_available"] += missing[0] if missing else []
    print(file=sys.stderr)
    return result


def show(result):
    print_table(HEADER, [row(one) for one in result["bars"]])
    for what in result["not_available"]:
        print(f"not available in this pannier: {what}")
    print(f"stale sets are forced by: {STALE_PROOF}")
