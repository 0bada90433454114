"""One generator process: its connections stay open, slices are asked for over stdin."""

import contextlib
import json
import select
import subprocess

from .bed import BenchError


class Load:
    """Use as a context; leaving it ends the process."""

    def __init__(self, bed, binary, address, cell, connections, keys, *, fill=True, stride=1):
        self._bed = bed
        self._what = f"{cell} at {address}"
        argv = [binary, "--address", address, "--command", cell.command, "--size", str(cell.size),
                "--pipeline", str(cell.pipeline), "--connections", str(connections),
                "--keys", str(keys), "--fill", "yes" if fill else "no", "--stride", str(stride)]
        self._process = bed.spawn(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE, text=True)

    def __enter__(self):
        self._answer(120)  # A million keys may have to be set first.
        return self

    def __exit__(self, *_):
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        self._bed.stop(self._process)
        self._process.stdout.close()
        self._process.stderr.close()

    @property
    def pid(self):
        return self._process.pid

    def run(self, seconds, connections=None, *, tolerant=False):
        """A slice: {requests, seconds, p50_us, p99_us, errors}. An error among the replies ends
        the run unless it is `tolerant`: figures about errors are worthless."""
        return self._slice(f"run {seconds} {connections or ''}", seconds + 30, tolerant)

    def once(self):
        """Every key once, over one connection."""
        return self._slice("once", 120, False)

    def _slice(self, line, timeout, tolerant):
        with contextlib.suppress(BrokenPipeError):  # Then _answer says why.
            self._process.stdin.write(line + "\n")
            self._process.stdin.flush()
        answer = self._answer(timeout)
        if answer["errors"] and not tolerant:
            raise BenchError(f"{self._what}: {answer['errors']} of {answer['requests']} replies "
                             f"were errors; the first: {answer['first_error']}")
        return answer

    def _answer(self, timeout):
        ready, _, _ = select.select([self._process.stdout], [], [], timeout)
        line = self._process.stdout.readline() if ready else ""
        if not line:
            self._process.kill()
            text = self._process.stderr.read().strip()
            raise BenchError(f"{self._what}: {text or 'the generator does not answer'}")
        return json.loads(line)
