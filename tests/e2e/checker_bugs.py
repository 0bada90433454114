#!/usr/bin/python3
"""Who checks the checker: sidecars that make one mistake of policies/test_bugs.def each, and whether
the checker notices within a minute. Not among the tests: it takes minutes, and another binary.

    ninja -C build/release pannier_bugs && tests/e2e/checker_bugs.py [-v] [BUG... | none]
"""

import collections
import gc
import os
import re
import shutil
import sys
import tempfile
import time

from checker import bench, report
from support import ROOT

BINARY = os.path.join(ROOT, "build/release/pannier_bugs")
LIMIT, PLAYED = 60, 10
UNPLAYED = {"version_back"}  # Of keys with versions, which its clients do not use.


def names():
    with open(os.path.join(ROOT, "policies/test_bugs.def")) as file:
        found = re.findall(r"^PANNIER_BUG\((\w+),", file.read(), re.M)
    return [name for name in found if name not in UNPLAYED]


def hunt(bug):
    """(seconds until the checker noticed, or None; what it noticed)"""
    os.environ.pop("PANNIER_BUG", None)
    if bug != "none":
        os.environ["PANNIER_BUG"] = bug
    played, seed = 0, 0
    while played < LIMIT:
        seed, played = seed + 1, played + PLAYED
        folder = tempfile.mkdtemp(prefix="pannier-checker-")
        try:
            result = bench.run(seed, PLAYED, folder, binary=BINARY)
        finally:
            shutil.rmtree(folder)
        if found := result.unexpected():
            if "-v" in sys.argv:
                print(report.show(result, 1), flush=True)
            return played, dict(collections.Counter(one.check for one in found))
    return None, {}


def main(wanted):
    gc.disable()
    missed = 0
    for bug in wanted or names():
        began = time.monotonic()
        played, found = hunt(bug)
        missed += played is None
        print(f"{bug}: " + (f"noticed within {played} s as {found}" if played else "not noticed") +
              f" ({time.monotonic() - began:.0f} s in all)", flush=True)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main([word for word in sys.argv[1:] if word != "-v"]))
