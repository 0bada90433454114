"""One generator process: its connections stay open, slices are asked for over stdin."""

import contextlib
import json
import select
import subprocess

from .bed import BenchError


class Load:
    """Use as a context; leaving it ends the process."""

    def __init__(self, bed, binary, address, cell, connections, keys):
        self._bed = bed
        self._what = f"{cell} at {address}"
        argv = [binary, "--address", address, "--command", cell.command, "--size", str(cell.size),
                "--pipeline", str(cell.pipeline), "--connections", str(connections),
                "--keys", str(keys)]
        self._process = bed.spawn(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE, text=True)

    def __enter__(self):
        self._answer(30)
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

    def run(self, seconds, connections=None):
        """A slice: {requests, seconds, p50_us, p99_us}. An error among the replies ends the run:
        figures about errors are worthless."""
        with contextlib.suppress(BrokenPipeError):  # Then _answer says why.
            self._process.stdin.write(f"run {seconds} {connections or ''}\n")
            self._process.stdin.flush()
        answer = self._answer(seconds + 30)
        if answer["errors"]:
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
