#!/usr/bin/python3
"""Warm sets, what the examples say of keys, and tiers of a platform: one test a need."""

import datetime
import os
import subprocess
import unittest

from admin_client import get, post
from support import BINARY, Pannier, Redis, encode, wait_until

HERE = os.path.dirname(os.path.abspath(__file__))
EXAMPLES = os.path.join(HERE, "../../conf/examples")
OK, NIL = b"+OK\r\n", b"$-1\r\n"
CONFIG = """
tiers: {kpi: {ttl: 5m, local: 1m, coalesce: sidecar}, plain: {ttl: 5m}}
rules:
  - {match: "kpi:*", tier: kpi, tags: [kpis]}
  - {match: "daily:{day}", tier: kpi}
  - {match: "plain:*", tier: plain}
warm:
  kpis: {keys: ["kpi:1", "kpi:2", "plain:1"]}
  week: {keys: ["daily:{today}", "daily:{today-1}", "daily:{today-2}"]}
admin: {aliases: {"/kpi/cache/warm/{name}": {method: POST, to: "/warm/{name}"},
                  "/cache/warm": {method: POST, to: "/warm/week"}}}
"""


def gets(redis):
    """How many GETs Redis has been asked."""
    with redis.wire() as wire:
        text = wire.call("INFO", "commandstats").decode()
    line = next((line for line in text.splitlines() if line.startswith("cmdstat_get:")), "")
    return int(line.partition("calls=")[2].partition(",")[0] or 0)


class Warm(unittest.TestCase):
    def setUp(self):
        self.redis = self.enterContext(Redis())
        self.pannier = self.enterContext(Pannier(CONFIG, self.redis.port))
        self.wire = self.enterContext(self.pannier.wire())
        self.other = self.enterContext(Pannier(CONFIG, self.redis.port))

    def store(self, *keys):
        with self.other.wire() as wire:
            for key in keys:
                self.assertEqual(wire.call("SET", key, "v"), OK)

    def test_000_20_a_set_is_warmed_by_name_and_an_unknown_one_is_404(self):
        self.store("kpi:1", "plain:1")
        for path in ("/warm/kpis", "/kpi/cache/warm/kpis"):
            answer = post(self.pannier.admin_port, path)
            self.assertEqual((answer.status, answer.json),
                             (200, {"warm": "kpis", "kept": 1, "missing": 1, "skipped": 1,
                                    "failed": 0}))
        before = gets(self.redis)
        self.assertEqual(self.wire.call("GET", "kpi:1"), b"$1\r\nv\r\n")
        self.assertEqual(gets(self.redis), before)
        for path in ("/warm/nothing", "/kpi/cache/warm/nothing"):
            self.assertEqual(post(self.pannier.admin_port, path).status, 404)

    def test_000_20_what_is_missing_is_loaded_by_the_first_who_asks(self):
        post(self.pannier.admin_port, "/warm/kpis")
        self.assertEqual(self.wire.call("GET", "kpi:2"), NIL)
        self.assertEqual(self.wire.call("SET", "kpi:2", "loaded"), OK)
        self.assertEqual(self.wire.call("GET", "kpi:2"), b"$6\r\nloaded\r\n")

    def test_000_20_an_invalidated_value_is_not_warmed(self):
        self.store("kpi:1", "kpi:2")
        post(self.pannier.admin_port, "/invalidate/tag/kpis")
        self.assertEqual(post(self.pannier.admin_port, "/warm/kpis").json["kept"], 0)

    def test_001_17_the_old_path_warms(self):
        self.assertEqual(post(self.pannier.admin_port, "/cache/warm").json["warm"], "week")

    def test_002_24_days_that_are_not_there_are_counted_and_skipped(self):
        today = datetime.datetime.now(datetime.timezone.utc).date()
        self.store(f"daily:{today}", f"daily:{today - datetime.timedelta(days=2)}")
        self.assertEqual(post(self.pannier.admin_port, "/warm/week").json,
                         {"warm": "week", "kept": 2, "missing": 1, "skipped": 0, "failed": 0})

    def test_warming_without_redis_says_why(self):
        self.redis.stop()
        wait_until(lambda: get(self.pannier.admin_port, "/readyz").json["upstream"] == "down",
                   "the sidecar knows")
        answer = post(self.pannier.admin_port, "/warm/kpis")
        self.assertEqual(answer.status, 503)
        self.assertIn("away", answer.error)


class Schedule(unittest.TestCase):
    def test_a_schedule_invalidates_and_warms(self):
        config = CONFIG + """
schedules: {often: {every: 1s, invalidate: {patterns: ["plain:*"]}, warm: kpis}}
"""
        with Redis() as redis, Pannier(config, redis.port) as pannier, pannier.wire() as wire:
            self.assertEqual(wire.call("SET", "kpi:1", "v"), OK)
            told = "told=\"warm kpis kept 1 missing 1 skipped 1 failed 0\""
            wait_until(lambda: told in pannier.log_text(), "the set is warmed")
            before = gets(redis)
            self.assertEqual(wire.call("GET", "kpi:1"), b"$1\r\nv\r\n")
            self.assertLessEqual(gets(redis) - before, 2)  # It may run once more just now.


class Examples(unittest.TestCase):
    def explain(self, example, key):
        done = subprocess.run([BINARY, "explain", key, "--config", os.path.join(EXAMPLES, example)],
                              capture_output=True, text=True, check=True)
        return dict(line.split(": ", 1) for line in done.stdout.splitlines())

    def test_001_07_the_ten_names_of_the_dashboard_have_their_tiers(self):
        for key, tier in (
                ("salesPulse", "hot"), ("inventoryHeatmap", "hot"), ("opsMetrics", "hot"),
                ("kpiSummary", "hot"), ("activeAlerts", "hot"), ("trends:30", "warm"),
                ("segments", "warm"), ("productsByCategory", "warm"), ("milestones", "cold"),
                ("timeSavings", "cold")):
            told = self.explain("analytics-dashboard.yaml", f"dashboard:{key}:v1")
            self.assertEqual((told["tier"], told["version.name"], told["version.asked"]),
                             (tier, "dashboard", "1"), key)
        told = self.explain("analytics-dashboard.yaml", "checkout:inventory:7")
        self.assertEqual(told["next_get"], "passes through to Redis as it is")

    def test_003_04_five_tiers_with_jitter(self):
        tiers = (("settings", 300), ("roles", 600), ("perms", 900), ("user", 15), ("users", 60))
        config = "tiers: {" + ", ".join(f"{name}: {{ttl: {ttl}s, jitter: 10%}}"
                                        for name, ttl in tiers) + "}\nrules:\n" + "".join(
            f'  - {{match: "pivotal:org:{{org}}:{name}:*", tier: {name}, name: {name}}}\n'
            for name, _ in tiers)
        with Redis() as redis, Pannier(config, redis.port) as pannier, pannier.wire() as wire:
            for name, ttl in tiers:
                found = set()
                for n in range(100):
                    key = f"pivotal:org:1:{name}:{n}"
                    wire.send(encode("SET", key, "v") + encode("PTTL", key))
                    self.assertEqual(wire.reply(), OK)
                    found.add(int(wire.reply()[1:-2]))
                self.assertLessEqual(max(found), ttl * 1000)
                self.assertGreater(min(found), ttl * 900 - 1000)
                self.assertGreater(len(found), 20)


if __name__ == "__main__":
    unittest.main()
