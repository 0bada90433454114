"""Sidecars with rules: what they can do, and what they have counted."""

import os
import subprocess
import urllib.request

from . import targets
from .bed import BenchError

# A million keys are set as fast as Redis takes them; on a busy machine it may then be late.
COPIES = """\
upstream: {op_timeout: 30s}
local: {max_bytes: 1GiB}
limits: {max_memory: 3GiB}
tiers:
  copied: {ttl: 1h, local: 1h}
rules:
  - {match: "bench:{id}", tier: copied}
"""


def tier(settings):
    """One tier for everything the readers ask for."""
    return f"""\
tiers:
  measured: {{{settings}}}
rules:
  - {{match: "measured:{{id}}", tier: measured}}
"""


def accepts(bed, options, config):
    """Whether this pannier knows all settings of the configuration."""
    file = bed.write("asked.yaml", config)
    return subprocess.run([options.pannier, "check", file], stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL).returncode == 0


def start(bed, options, redis, config, name="pannier", *, unix=False):
    return targets.start_pannier(bed, name, f"redis://{redis.address}", options.pannier, config,
                                 unix=unix)


def counted(server, metric):
    """The sum of a metric over its labels."""
    url = f"http://127.0.0.1:{server.admin_port}/metrics"
    with urllib.request.urlopen(url, timeout=5) as answer:
        lines = answer.read().decode().splitlines()
    found = [line for line in lines if line.split("{")[0].split(" ")[0] == metric]
    if not found:
        raise BenchError(f"{metric} is not among the metrics")
    return sum(float(line.split()[-1]) for line in found)


class LocalShare:
    """What part of the reads within the block was answered from local copies."""

    def __init__(self, server):
        self._server = server
        self.share = 0.0

    def _counts(self):
        return [counted(self._server, f"pannier_tier_{what}_total")
                for what in ("reads", "local_hits")]

    def __enter__(self):
        self._before = self._counts()
        return self

    def __exit__(self, kind, *_):
        if kind is None:
            reads, hits = (now - then for now, then in zip(self._counts(), self._before))
            self.share = hits / reads if reads else 0.0

    def insist(self, least):
        if self.share < least:
            raise BenchError(f"only {self.share:.1%} of the reads were answered from local copies")


def program(options, name):
    """One of our own, built beside the load generator."""
    path = os.path.join(os.path.dirname(os.path.abspath(options.load)), name)
    if not os.access(path, os.X_OK):
        raise BenchError(f"{path} is not there: cmake --workflow --preset release")
    return path
