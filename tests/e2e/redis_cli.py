"""What the tests of operators' commands share: a sidecar with rules, and redis-cli to ask it."""

import json
import subprocess
import unittest

from support import Pannier, Redis

CONFIG = """
tiers:
  short: {ttl: 60s, jitter: 10%, stale: 30s, coalesce: {scope: sidecar, wait: 1s}}
  live: {cache: never}
rules:
  - {match: "live:*", tier: live, name: live}
  - {match: "page:{site}:{id}", tier: short, name: pages, tags: [pages, "site:{site}"]}
  - {match: "doc:{id}", tier: short, name: docs, version: {mode: transparent, current: 3, name: docs}}
  - {match: "tile:{id}:v{n}", tier: short, name: tiles, version: {mode: explicit, current: 1, grace: 5m}}
"""


class AdminCase(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.redis = cls.enterClassContext(Redis())
        cls.pannier = cls.enterClassContext(Pannier(CONFIG, cls.redis.port))

    def setUp(self):
        self.cli("FLUSHALL")

    def cli(self, *words, options=("--no-raw",), port=None):
        """What redis-cli prints, without the last line end."""
        done = subprocess.run(["redis-cli", "-p", str(port or self.pannier.port), *options, *words],
                              capture_output=True, text=True, timeout=10)
        return done.stdout.rstrip("\n")

    def raw(self, *words):
        return self.cli(*words, options=("--raw",)).splitlines()

    def json(self, *words, port=None):
        return json.loads(self.cli(*words, options=("--json", "-3"), port=port))

    def fields(self, *words):
        """A map reply, with its nested maps as lists of lines."""
        lines = self.raw(*words)
        return dict(zip(lines[::2], lines[1::2]))
