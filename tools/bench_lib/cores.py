"""Where processes run, if that is to be fixed."""

import os

from .counters import pin


class Cores:
    """Every process a core of its own where there are three. With two: the proxy has the first,
    generator and Redis the second; without a proxy Redis has the first."""

    def __init__(self, wanted):
        cores = sorted(os.sched_getaffinity(0))
        self._wanted = wanted and len(cores) > 1
        self._first, self._last = {cores[0]}, {cores[-1]}
        self._middle = {cores[1]} if len(cores) > 2 else None

    def pin_proxy(self, pid):
        self._pin(pid, self._first)

    def pin_generator(self, pid):
        self._pin(pid, self._last)

    def pin_redis(self, pid, direct):
        self._pin(pid, self._middle or (self._first if direct else self._last))

    def _pin(self, pid, cores):
        if self._wanted:
            pin(pid, cores)
