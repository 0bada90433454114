#!/usr/bin/python3
"""The audit: who made what invalid, when, and what came of it."""

import time
import unittest

import admin_client
from invalidated import NEEDS, Fleet, number
from support import encode


class Audited(Fleet):
    def setUp(self):
        self.start(NEEDS)
        self.port = self.sidecars[0].admin_port

    def audit(self):
        return admin_client.get(self.port, "/stats").json["audit"]

    def test_who_made_what_invalid_when_and_how_many(self):
        wire = self.wires[0]
        wire.call("CLIENT", "SETNAME", "nightly")
        who = b"%d" % number(wire.call("CLIENT", "ID"))
        before = int(time.time() * 1000)
        for key in ("kpi:1", "kpi:2", "customer:1", "churn:1", "day:2026-11-21:u"):
            self.copy(key, "x")
        for words in ("INVALIDATE TAG kpi", "INVALIDATE KEY customer:1 none",
                      "INVALIDATE PATTERN churn:*", "INVALIDATE RANGE day 2026-11-01 2026-11-30",
                      "CLEAR churn", "INVALIDATE TAG kpi customer:1 ALL",
                      "INVALIDATE TAG kpi SOFT"):
            number(wire.call("PANNIER", *words.split()))
        admin_client.post(self.port, "/invalidate/key/kpi:1")
        after = int(time.time() * 1000)
        records = list(reversed(self.audit()))
        self.assertEqual([(one["what"], one["count"]) for one in records],
                         [("tag kpi", 2), ("key customer:1; key none", 1), ("pattern churn:*", 1),
                          ("dates of day 2026-11-01 to 2026-11-30", 1), ("rule churn", 0),
                          ("tags kpi and customer:1", 0), ("tag kpi (soft)", 0), ("key kpi:1", 0)])
        for one in records[:-1]:
            self.assertIn(who.decode(), one["by"])
            self.assertIn("nightly", one["by"])
        self.assertEqual(records[-1]["by"], "http")
        for one in records:
            self.assertEqual(one["outcome"], "done")
            self.assertLessEqual(before - 1000, one["at_ms"])
            self.assertLessEqual(one["at_ms"], after + 1000)
            self.assertLessEqual(one["took_ms"], after - before)
        self.assertIn(b"nightly", wire.call("PANNIER", "STATS"))

    def test_what_redis_refuses_is_there_with_its_words(self):
        self.direct.call("CONFIG", "SET", "maxmemory", "1")
        reply = self.wires[0].call("PANNIER", "INVALIDATE", "TAG", "kpi")
        self.assertRegex(reply, b"^-.*OOM")
        record = self.audit()[0]
        self.assertEqual((record["what"], record["outcome"]), ("tag kpi", "failed"))
        self.assertIn("OOM", record["error"])

    def test_what_was_journaled_while_redis_was_away(self):
        self.redis.stop()
        for words in ("INVALIDATE TAG kpi", "INVALIDATE PATTERN churn:*", "CLEAR customer",
                      "INVALIDATE RANGE day 2026-11-01 2026-11-30", "INVALIDATE KEY kpi:1"):
            reply = self.wires[0].call("PANNIER", *words.split())
            self.assertTrue(reply.startswith(b"+journaled: "), (words, reply))
        self.assertEqual([one["outcome"] for one in self.audit()], ["journaled"] * 5)
        self.assertEqual(self.audit()[0]["what"], "key kpi:1")

    def test_it_is_bounded(self):
        self.wires[0].send(b"".join(encode("PANNIER", "INVALIDATE", "KEY", f"kpi:{n}")
                                    for n in range(1200)))
        for _ in range(1200):
            number(self.wires[0].reply())
        records = self.audit()
        self.assertLessEqual(len(records), 1000)
        self.assertEqual(records[0]["what"], "key kpi:1199")


if __name__ == "__main__":
    unittest.main()
