#!/usr/bin/python3
"""What applications ask of events, schedules and hooks. A test's name has the row of the need."""

import json
import statistics
import time
import unittest

from admin_client import get
from events_bench import (JSON, SECRET, Receiver, is_up, local, metric, send, signature)
from relay import Relay
from support import Pannier, Redis, free_port, wait_until

CONFIG = f"""
webhook: {{secret: "{SECRET}"}}
tiers:
  kpi: {{ttl: 60s, local: 30s, on_down: stale, stale_if_error: 30s}}
  slow: {{ttl: 60s}}
rules:
  - {{match: "kpi:{{kind}}:{{dealership}}:{{rest}}", name: kpi, tier: kpi, tags: ["dealer:{{dealership}}"]}}
  - {{match: "dashboard:{{tile}}:v{{n}}", name: tiles, tier: kpi, tags: [daily]}}
  - {{match: "usage:{{from}}:{{to}}:*", name: usage, tier: slow, dates: [from, to]}}
events:
  kpi_data_updated:
    when: {{source: final_watchdog}}
    invalidate: {{patterns: ["kpi:*"]}}
  inventory_updated: {{invalidate: {{patterns: ["kpi:inventory:{{dealership_id}}:*"]}}}}
  leads_updated: {{invalidate: {{patterns: ["kpi:leads:{{dealership_id}}:*"]}}}}
  analytics_updated: {{invalidate: {{tags: ["dealer:{{dealership_id}}"]}}}}
  google_ads_updated:
    invalidate: {{patterns: ["kpi:ads:{{ids[*]}}:*"]}}
    idempotency: "{{run_id}}"
  order_created: {{invalidate: {{keys: ["dashboard:salesPulse:v1", "dashboard:kpiSummary:v1"]}}}}
  stock_updated: {{invalidate: {{keys: ["dashboard:inventoryHeatmap:v1", "dashboard:kpiSummary:v1"]}}}}
  sla_breached:
    invalidate:
      keys: ["dashboard:activeAlerts:v1", "dashboard:opsMetrics:v1", "dashboard:kpiSummary:v1"]
  shop_activated: {{invalidate: {{keys: ["dashboard:opsMetrics:v1"]}}}}
  clear-cache:
    schema:
      type: object
      required: [startDate, endDate]
      properties: {{startDate: {{type: string, format: date}}, endDate: {{type: string, format: date}}}}
    invalidate: {{ranges: [{{rule: usage, from: "{{startDate}}", to: "{{endDate}}"}}]}}
    reply:
      message: "Usage cache cleared"
      keysDeleted: "{{count}}"
      dateRange: {{startDate: "{{startDate}}", endDate: "{{endDate}}"}}
sources:
  - {{redis_channel: "rylie:cache_events", event: "{{event}}"}}
"""

KEYS = ("kpi:inventory:17:a", "kpi:inventory:17:b", "kpi:inventory:18:a", "kpi:leads:17:a",
        "kpi:ads:17:a", "kpi:ads:18:a")


class EventCase(unittest.TestCase):
    config = CONFIG

    def setUp(self):
        self.redis = self.enterContext(Redis())
        self.relay = self.enterContext(Relay(free_port(), self.redis.port))
        self.relay.listen()
        self.pannier = self.enterContext(Pannier(self.config, self.relay.port))
        self.direct = self.enterContext(self.redis.wire())
        self.wire = self.enterContext(self.pannier.wire())
        wait_until(lambda: is_up(self.pannier), "upstream")

    def fill(self, *keys):
        for key in keys or KEYS:
            self.assertEqual(self.wire.call("SET", key, "v"), b"+OK\r\n")

    def left(self, *keys):
        """Those of the keys that a client still finds."""
        return [key for key in keys or KEYS if self.wire.call("GET", key) != b"$-1\r\n"]

    def event(self, name, **payload):
        return self.wire.call("PANNIER", "EVENT", name, json.dumps(payload))


class InvalidationTest(EventCase):
    def test_000_12_an_event_of_the_named_source_takes_its_pattern_and_tells_how_many(self):
        self.fill()
        self.assertEqual(self.event("kpi_data_updated", source="loader"), b":0\r\n")
        self.assertEqual(len(self.left()), 6)
        self.assertEqual(self.event("kpi_data_updated", source="final_watchdog"), b":6\r\n")
        self.assertEqual(self.left(), [])
        self.assertEqual(self.direct.call("EXISTS", *KEYS), b":0\r\n")
        self.assertEqual(metric(self.pannier, "events_ignored"), 1)

    def test_000_13_fields_of_the_payload_are_part_of_the_pattern(self):
        self.fill()
        self.assertEqual(self.event("inventory_updated", dealership_id=17), b":2\r\n")
        self.assertEqual(self.left(), list(KEYS[2:]))
        self.assertEqual(self.event("leads_updated", dealership_id="17"), b":1\r\n")
        self.assertEqual(self.left(), [KEYS[2], KEYS[4], KEYS[5]])
        self.event("analytics_updated", dealership_id=18)
        self.assertEqual(self.left(), [KEYS[4]])

    def test_000_13_injection_of_wildcards_does_not_widen_a_pattern(self):
        self.fill()
        literal = "kpi:inventory:*:a"
        self.fill(literal)
        for hostile in ("?", "[1-2]", "1*", "17:a", "\\", "{dealership_id}", "*:*"):
            self.assertEqual(self.event("inventory_updated", dealership_id=hostile), b":0\r\n")
        self.assertEqual(self.event("inventory_updated", dealership_id="*"), b":1\r\n")
        self.assertEqual(self.left(literal), [])
        self.assertEqual(len(self.left()), 6)
        for nothing in ("", None, {}, []):
            reply = self.event("inventory_updated", dealership_id=nothing)
            self.assertTrue(reply.startswith(b"-ERR pannier: ") and b"not executed" in reply, reply)
        self.assertEqual(len(self.left()), 6)

    def test_000_14_messages_of_the_channel_are_events(self):
        wait_until(lambda: self.direct.call("PUBSUB", "NUMSUB", "rylie:cache_events")
                   .endswith(b":1\r\n"), "a subscription")
        times, round_trips = [], []
        for _ in range(9):
            self.fill(*KEYS[:2])
            begun = time.perf_counter()
            self.direct.call("PING")
            round_trips.append(time.perf_counter() - begun)
            begun = time.perf_counter()
            self.direct.call("PUBLISH", "rylie:cache_events", json.dumps(
                {"event": "inventory_updated", "dealership_id": 17}))
            while self.direct.call("EXISTS", *KEYS[:2]) != b":0\r\n":
                self.assertLess(time.perf_counter() - begun, 5)
            times.append(time.perf_counter() - begun)
        print(f"published -> removed: {statistics.median(times) * 1000:.1f} ms, "
              f"{statistics.median(times) / statistics.median(round_trips):.0f} round trips")
        self.assertLess(statistics.median(times), 0.05)

    def test_000_39_another_source_uses_the_same_interface(self):
        self.fill()
        self.assertEqual(self.event("google_ads_updated", ids=[17, 18, 19], run_id=1), b":2\r\n")
        self.fill()
        self.assertEqual(self.event("google_ads_updated", ids=[17, 18, 19], run_id=1), b":2\r\n")
        self.assertEqual(len(self.left()), 6)  # The same run told twice.
        self.assertEqual(self.event("google_ads_updated", ids=[], run_id=2), b":0\r\n")
        reply = self.event("google_ads_updated", ids=list(range(1001)), run_id=3)
        self.assertIn(b"too many targets", reply)


class DownTest(EventCase):
    """Without a channel, whose loss is a gap that takes more."""

    config = CONFIG[:CONFIG.index("sources:")]

    def test_000_15_with_redis_down_an_event_clears_copies_and_the_rest_is_journaled(self):
        for key in KEYS:
            self.fill(key)
            self.wire.call("GET", key)
            time.sleep(0.02)
            self.wire.call("GET", key)
        self.relay.cut()
        wait_until(lambda: not is_up(self.pannier), "the loss")
        self.assertEqual(len(self.left()), 6)  # From copies.
        def served():
            return [key for key in KEYS if self.wire.call("GET", key) == b"$1\r\nv\r\n"]

        for event in ("analytics_updated", "inventory_updated"):
            body = json.dumps({"dealership_id": 17, "of": event}).encode()
            answer = send(self.pannier, event, body, signature(body))
            self.assertEqual((answer.status, answer.json), (202, {"count": 0, "queued": True}))
            self.assertFalse([key for key in served() if "17" in key])
            if event == "analytics_updated":  # A pattern takes all copies.
                self.assertEqual(served(), [KEYS[2], KEYS[5]])
        self.assertEqual(self.direct.call("EXISTS", *KEYS), b":6\r\n")
        self.relay.listen()
        wait_until(lambda: is_up(self.pannier), "upstream")
        wait_until(lambda: self.direct.call("EXISTS", *KEYS[:2]) == b":0\r\n", "the replay")
        self.assertEqual(self.left(), [KEYS[2], KEYS[5]])


class TriggerTest(EventCase):
    tiles = [f"dashboard:{tile}:v1" for tile in
             ("salesPulse", "kpiSummary", "inventoryHeatmap", "activeAlerts", "opsMetrics")]

    def check(self, event, *gone):
        self.fill(*self.tiles)
        self.assertEqual(self.event(event, id=1), b":%d\r\n" % len(gone))
        wanted = [tile for tile in self.tiles if tile.split(":")[1] not in gone]
        self.assertEqual(self.left(*self.tiles), wanted)

    def test_001_08_an_order_takes_sales_and_summary(self):
        self.check("order_created", "salesPulse", "kpiSummary")

    def test_001_08_stock_takes_the_heatmap_and_the_summary(self):
        self.check("stock_updated", "inventoryHeatmap", "kpiSummary")

    def test_001_08_a_breach_takes_three_tiles(self):
        self.check("sla_breached", "activeAlerts", "opsMetrics", "kpiSummary")

    def test_001_08_a_shop_takes_the_operations(self):
        self.check("shop_activated", "opsMetrics")

    def test_002_42_by_hand_by_event_and_in_bulk(self):
        self.fill(*self.tiles)
        self.assertEqual(self.wire.call("PANNIER", "INVALIDATE", "KEY", self.tiles[0]), b":1\r\n")
        self.assertEqual(self.event("shop_activated"), b":1\r\n")
        self.assertEqual(self.wire.call("PANNIER", "INVALIDATE", "PATTERN", "dashboard:*"),
                         b":3\r\n")
        self.assertEqual(self.left(*self.tiles), [])


class WebhookTest(EventCase):
    def post(self, event, payload, headers=None, **how):
        body = json.dumps(payload).encode()
        return send(self.pannier, event, body, signature(body, **how) | (headers or {}))

    def test_000_29_a_signed_event_is_taken_and_another_is_not(self):
        self.fill()
        answer = self.post("inventory_updated", {"dealership_id": 17})
        self.assertEqual((answer.status, answer.json), (200, {"count": 2}))
        self.fill()
        payload = {"dealership_id": 17, "n": 2}
        unsigned = [local(self.pannier, "inventory_updated", payload),
                    send(self.pannier, "inventory_updated", payload),
                    self.post("inventory_updated", payload, secret="another secret of nobody"),
                    self.post("inventory_updated", payload, {"X-Pannier-Signature": "sha256=00"})]
        self.assertEqual([answer.status for answer in unsigned], [401] * 4)
        self.assertEqual(len(self.left()), 6)
        self.assertEqual(metric(self.pannier, "webhooks_refused"), 4)
        self.assertEqual(self.post("no_such_event", payload).status, 404)
        self.assertEqual(self.post("inventory_updated", {}).status, 400)
        foreign = signature(b"{}") | JSON
        answer = send(self.pannier, "inventory_updated", b"{}", foreign | {"Host": "evil.example"})
        self.assertEqual(answer.status, 403)
        answer = send(self.pannier, "inventory_updated", b"{}", foreign | {"Origin": "http://a"})
        self.assertEqual(answer.status, 403)
        self.assertEqual(get(self.pannier.admin_port, "/events/inventory_updated").status, 405)

    def test_001_32_a_time_outside_the_window_and_a_repeated_request_are_refused(self):
        self.fill()
        now = int(time.time())
        for at in (now - 301, now + 310, "x", ""):
            self.assertEqual(self.post("inventory_updated", {"dealership_id": 17}, at=at).status, 401)
        self.assertEqual(len(self.left()), 6)
        for at in (now - 290, now + 290):
            self.assertEqual(self.post("inventory_updated", {"dealership_id": 17}, at=at).status, 200)
            self.assertEqual(self.post("inventory_updated", {"dealership_id": 17}, at=at).status, 401)

    def test_001_32_the_same_idempotency_key_is_answered_as_before_and_does_nothing(self):
        key = {"Idempotency-Key": "order-1"}
        self.fill()
        first = self.post("inventory_updated", {"dealership_id": 17}, key)
        self.assertEqual((first.status, first.json), (200, {"count": 2}))
        self.fill()
        again = self.post("inventory_updated", {"dealership_id": 17, "try": 2}, key)
        self.assertEqual((again.status, again.body), (first.status, first.body))
        self.assertEqual(len(self.left()), 6)
        other = self.post("leads_updated", {"dealership_id": 17, "try": 3}, key)
        self.assertEqual(other.json, {"count": 1})
        self.assertEqual(metric(self.pannier, "events_repeated"), 1)

    def test_002_30_clearing_has_a_schema_and_the_reply_of_the_old_route(self):
        keys = ("usage:2026-01-01:2026-01-31:x", "usage:2026-02-01:2026-02-28:x",
                "usage:2026-01-20:2026-02-10:x")
        self.fill(*keys)
        for wrong in ({}, {"startDate": "2026-01-01"}, {"startDate": "2026-02-30", "endDate": 7},
                      {"startDate": "2026-02-30", "endDate": "2026-03-01"},
                      {"startDate": "01.02.2026", "endDate": "2026-03-01"},
                      {"startDate": "2026-03-02", "endDate": "2026-03-01"}):
            answer = self.post("clear-cache", wrong)
            self.assertEqual(answer.status, 400, wrong)
            self.assertTrue(answer.error)
        self.assertEqual(len(self.left(*keys)), 3)
        dates = {"startDate": "2026-02-05", "endDate": "2026-02-20"}
        answer = self.post("clear-cache", dates)
        self.assertEqual(answer.status, 200)
        self.assertEqual(answer.json, {"message": "Usage cache cleared", "keysDeleted": 2,
                                       "dateRange": dates})
        self.assertEqual(self.left(*keys), [keys[0]])

    def test_002_31_without_redis_the_shape_is_the_same_and_it_is_queued(self):
        self.relay.cut()
        wait_until(lambda: not is_up(self.pannier), "the loss")
        dates = {"startDate": "2026-02-05", "endDate": "2026-02-20"}
        answer = self.post("clear-cache", dates)
        self.assertEqual(answer.status, 202)
        self.assertEqual(answer.json, {"message": "Usage cache cleared", "keysDeleted": 0,
                                       "dateRange": dates, "queued": True})


class LocalTest(EventCase):
    """Without a secret events are for whom actions are for."""

    config = CONFIG.replace(f'webhook: {{secret: "{SECRET}"}}', "")

    def test_000_29_an_event_needs_the_header_of_actions_and_json(self):
        self.fill()
        payload = {"dealership_id": 17}
        self.assertEqual(send(self.pannier, "inventory_updated", payload).status, 403)
        answer = send(self.pannier, "inventory_updated", payload,
                      {"X-Pannier": "1", "Content-Type": "text/plain"})
        self.assertEqual(answer.status, 415)
        self.assertEqual(local(self.pannier, "inventory_updated", b"{" * 10).status, 400)
        self.assertEqual(local(self.pannier, "inventory_updated", payload).json, {"count": 2})

    def test_000_39_a_new_event_is_known_after_a_reload(self):
        self.fill()
        self.assertIn(b"there is no event 'added'", self.event("added"))
        self.pannier.write_config(self.config.replace(
            "events:\n", "events:\n  added: {invalidate: {keys: [\"kpi:ads:17:a\"]}}\n"))
        self.assertEqual(self.wire.call("PANNIER", "RELOAD"), b"+OK\r\n")
        self.assertEqual(self.event("added"), b":1\r\n")
        wait_until(lambda: self.direct.call("PUBSUB", "NUMSUB", "rylie:cache_events")
                   .endswith(b":1\r\n"), "still a subscription")
        self.assertEqual(metric(self.pannier, "event_gaps"), 0)


HOOKS = """
tiers: {{t: {{ttl: 60s}}}}
rules: [{{match: "tile:{{id}}", tier: t, tags: [daily, "tile:{{id}}"]}}]
events:
  tile_changed: {{invalidate: {{tags: ["tile:{{id}}"], keys: ["tile:{{id}}"]}}}}
  secret_changed: {{invalidate: {{keys: ["tile:{{id}}"]}}}}
hooks:
  - {{url: "http://127.0.0.1:{port}/purge?a=1", method: PURGE, on: [tag], names: ["tile:*", daily],
     backoff: 100ms, retries: 3, queue: 5, secret: "{secret}"}}
"""


class HookTest(unittest.TestCase):
    def begin(self, statuses):
        self.receiver = self.enterContext(Receiver(statuses))
        self.redis = self.enterContext(Redis())
        config = HOOKS.format(port=self.receiver.port, secret=SECRET)
        self.pannier = self.enterContext(Pannier(config, self.redis.port))
        self.wire = self.enterContext(self.pannier.wire())
        wait_until(lambda: is_up(self.pannier), "upstream")

    def test_001_13_a_hook_is_told_the_tags_again_until_it_has_taken_them(self):
        self.begin([500, 503])
        self.wire.call("SET", "tile:1", "v")
        reply = self.wire.call("PANNIER", "EVENT", "secret_changed", '{"id": 1}')
        self.assertEqual(reply, b":1\r\n")
        self.wire.call("PANNIER", "EVENT", "tile_changed", '{"id": 1}')
        wait_until(lambda: metric(self.pannier, "hooks_delivered") == 1, "a delivery")
        self.assertEqual(len(self.receiver.requests), 3)
        self.assertEqual(len({request[2]["Idempotency-Key"] for request in
                              self.receiver.requests}), 1)
        method, path, headers, body = self.receiver.requests[-1]
        self.assertEqual((method, path), ("PURGE", "/purge?a=1"))
        self.assertEqual(headers["Surrogate-Key"], "tile:1")
        told = json.loads(body)
        self.assertEqual((told["by"], told["tags"], told["keys"]),
                         ("event tile_changed", ["tile:1"], ["tile:1"]))
        at = headers["X-Pannier-Timestamp"]
        self.assertEqual(headers["X-Pannier-Signature"],
                         signature(body, at)["X-Pannier-Signature"])
        self.wire.call("PANNIER", "INVALIDATE", "TAG", "daily")
        wait_until(lambda: metric(self.pannier, "hooks_delivered") == 2, "another delivery")
        self.assertEqual(self.receiver.requests[-1][2]["Surrogate-Key"], "daily")

    def test_001_13_a_hook_that_takes_nothing_costs_others_nothing_and_is_given_up(self):
        self.begin([500] * 1000)
        for number in range(30):
            self.wire.call("PANNIER", "INVALIDATE", "TAG", f"tile:{number}")
            self.assertEqual(self.wire.call("PING"), b"+PONG\r\n")
        wait_until(lambda: metric(self.pannier, "hooks_failed") >= 1, "giving up")
        self.assertGreaterEqual(metric(self.pannier, "hooks_dropped"), 20)
        wait_until(lambda: metric(self.pannier, "hooks_failed") +
                   metric(self.pannier, "hooks_dropped") == 30, "the end of the queue", 20)
        self.assertEqual(metric(self.pannier, "hooks_delivered"), 0)


SCHEDULES = """
tiers: {t: {ttl: 60s}}
rules: [{match: "day:{id}", tier: t, tags: [daily]}]
schedules:
  end-of-day: {cron: "0 0 * * *", invalidate: {tags: [daily], keys: [other]}}
  never-late: {cron: "0 0 * * *", catch_up: false, invalidate: {keys: [third]}}
"""


class CatchUpTest(unittest.TestCase):
    def test_001_09_what_was_missed_is_made_up_for_once_at_the_start(self):
        redis = self.enterContext(Redis())
        direct = self.enterContext(redis.wire())
        midnight = int(time.time()) // 86400 * 86400 * 1000
        # As if the fleet had last run it two days ago.
        for name in ("end-of-day", "never-late"):
            direct.call("SET", f"pn:s:{name}", f"{midnight - 2 * 86_400_000} 0 0")
        direct.call("MSET", "other", "1", "third", "1")
        with Pannier(SCHEDULES, redis.port) as pannier:
            wait_until(lambda: direct.call("EXISTS", "other") == b":0\r\n", "the run")
            self.assertEqual(metric(pannier, "schedule_runs"), 1)
            self.assertEqual(metric(pannier, "schedule_runs_late"), 1)
            self.assertEqual(direct.call("EXISTS", "third"), b":1\r\n")
            wait_until(lambda: direct.call("GET", "pn:s:end-of-day") ==
                       b"$17\r\n%d 0 0\r\n" % midnight, "the record")
            direct.call("SET", "other", "1")
        for _ in range(2):  # Neither by the next start nor by another sidecar.
            with Pannier(SCHEDULES, redis.port) as pannier:
                wait_until(lambda: is_up(pannier), "upstream")
                time.sleep(0.3)
                self.assertEqual(metric(pannier, "schedule_runs"), 0)
        self.assertEqual(direct.call("EXISTS", "other"), b":1\r\n")

    def test_001_10_where_nothing_is_known_of_earlier_runs_nothing_is_made_up_for(self):
        redis = self.enterContext(Redis())
        direct = self.enterContext(redis.wire())
        direct.call("SET", "other", "1")
        pannier = self.enterContext(Pannier(SCHEDULES, redis.port))
        wait_until(lambda: direct.call("EXISTS", "pn:s:end-of-day") == b":1\r\n", "a record")
        time.sleep(0.2)
        self.assertEqual(metric(pannier, "schedule_runs"), 0)
        self.assertEqual(direct.call("EXISTS", "other"), b":1\r\n")


if __name__ == "__main__":
    unittest.main()
