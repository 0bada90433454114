#!/usr/bin/python3
"""Real processes, faults and 19 keys: whatever happens, every answer is one that the contract allows.

PANNIER_CHECKER="SEED SECONDS COUNT" plays other seeds than the usual five, as long as one likes;
PANNIER_CHECKER_OPS=1000000 so many operations of one seed, until nothing differs from the truth.
What was seen is kept where something is wrong; `python3 -m checker.report FOLDER SEED` judges it
again.
"""

import gc
import os
import shutil
import tempfile
import unittest

from checker import bench, report

USUAL = "1 8 5"
USUAL_OPERATIONS = 25_000
CLIENTS = 8


class Checker(unittest.TestCase):
    def setUp(self):
        gc.disable()  # A history is many objects, and none of them garbage.
        self.addCleanup(gc.enable)

    def play(self, seed, seconds, **options):
        folder = tempfile.mkdtemp(prefix="pannier-checker-")
        result = bench.run(seed, seconds, folder, **options)
        print(f"seed {seed}: " + ", ".join(f"{name} {figure}" for name, figure in
                                           result.figures.items()), flush=True)
        if result.unexpected():
            self.fail(f"seed {seed}, kept in {folder}\n{report.show(result)}")
        shutil.rmtree(folder)

    def test_every_answer_is_allowed(self):
        first, seconds, count = (os.environ.get("PANNIER_CHECKER") or USUAL).split()
        for seed in range(int(first), int(first) + int(count)):
            with self.subTest(seed=seed):
                self.play(seed, float(seconds))

    def test_nothing_differs_after_many_operations(self):
        operations = int(os.environ.get("PANNIER_CHECKER_OPS") or USUAL_OPERATIONS)
        self.play(1_000, 0, operations=operations // CLIENTS, pace=0)


if __name__ == "__main__":
    unittest.main()
