"""What the kernel counts about a process."""

import os
import signal
import subprocess
import time

from .bed import BenchError


def tasks(pid):
    return [int(task) for task in os.listdir(f"/proc/{pid}/task")]


def cpu_ns(pid):
    """Nanoseconds on a core, of all threads. Exact while they sleep; a running thread is only
    accounted at its next tick."""
    total = 0
    for task in tasks(pid):
        with open(f"/proc/{pid}/task/{task}/schedstat") as file:
            total += int(file.read().split()[0])
    return total


def cost_us(pid, load, seconds, settle):
    """CPU microseconds per request of a process, in a slice of that load. `settle`: seconds after
    which what ran last sleeps again."""
    time.sleep(settle)
    before = cpu_ns(pid)
    requests = load.run(seconds)["requests"]
    time.sleep(settle)
    return (cpu_ns(pid) - before) / requests / 1000


def resident_bytes(pid):
    with open(f"/proc/{pid}/smaps_rollup") as file:
        for line in file:
            if line.startswith("Rss:"):
                return int(line.split()[1]) * 1024
    raise BenchError(f"no Rss in /proc/{pid}/smaps_rollup")


def pin(pid, cores):
    for task in tasks(pid):
        os.sched_setaffinity(task, cores)


class SystemCalls:
    """Counts the system calls of a process while the block runs; then `total` is known."""

    def __init__(self, bed, pid):
        self._bed = bed
        self._pid = pid
        self._out = bed.path("strace")
        self.total = 0

    def __enter__(self):
        argv = ["strace", "-c", "-f", "-q", "-o", self._out, "-p", str(self._pid)]
        self._strace = self._bed.spawn(argv, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
        end = time.monotonic() + 5
        while not all(self._traced(task) for task in tasks(self._pid)):
            if self._strace.poll() is not None or time.monotonic() > end:
                raise BenchError("strace cannot attach: "
                                 + self._strace.stderr.read().decode(errors="replace"))
            time.sleep(0.01)
        return self

    def __exit__(self, kind, *_):
        self._strace.send_signal(signal.SIGINT)
        self._strace.wait(5)
        self._strace.stderr.close()
        self._bed.stop(self._strace)
        if kind is None:
            self.total = self._read_total()

    def _traced(self, task):
        with open(f"/proc/{self._pid}/task/{task}/status") as file:
            return f"TracerPid:\t{self._strace.pid}\n" in file.read()

    def _read_total(self):
        with open(self._out) as file:
            for line in file:
                words = line.split()
                if words and words[-1] == "total":
                    return int(words[3])
        raise BenchError("strace counted nothing")
