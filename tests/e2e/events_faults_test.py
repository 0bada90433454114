#!/usr/bin/python3
"""Rows F9, F10, F14 and F18 of the failure catalogue: lost, malformed, doubled and forged events."""

import json
import os
import random
import re
import signal
import time
import unittest

from admin_client import raw
from events_bench import SECRET, is_up, local, metric, send, signature
from relay import Relay
from support import Pannier, Redis, free_port, wait_until

CHANNEL = "cache:events"
CONFIG = f"""
upstream: {{op_timeout: 500ms}}
tiers: {{t: {{ttl: 60s}}}}
rules:
  - {{match: "shop:{{id}}:*", name: shop, tier: t, tags: ["of:{{id}}"]}}
  - {{match: "kpi:{{id}}", name: kpi, tier: t, tags: [kpi]}}
  - {{match: "far:{{id}}", name: far, tier: t}}
events:
  shop_changed: {{invalidate: {{patterns: ["shop:{{id}}:*"]}}}}
  kpi_changed: {{invalidate: {{tags: [kpi]}}}}
  far_changed: {{invalidate: {{keys: ["far:{{id}}"]}}}}
sources:
  - {{redis_channel: "{CHANNEL}", event: "{{event}}", events: [shop_changed, kpi_changed]}}
"""
KEYS = ("shop:1:a", "shop:2:b", "kpi:1", "far:1", "free:1")


class ChannelCase(unittest.TestCase):
    def setUp(self):
        self.redis = self.enterContext(Redis())
        self.relay = self.enterContext(Relay(free_port(), self.redis.port))
        self.relay.listen()
        self.direct = self.enterContext(self.redis.wire())
        self.pannier = self.enterContext(Pannier(CONFIG, self.relay.port))
        self.wire = self.enterContext(self.pannier.wire())
        wait_until(lambda: is_up(self.pannier) and self.listeners() == 1, "a subscription")

    def listeners(self):
        return int(self.direct.call("PUBSUB", "NUMSUB", CHANNEL).split(b":")[-1])

    def fill(self):
        for key in KEYS:
            self.wire.call("SET", key, "v")

    def left(self):
        return [key for key in KEYS if self.wire.call("GET", key) != b"$-1\r\n"]

    def publish(self, message):
        text = message if isinstance(message, (bytes, str)) else json.dumps(message)
        self.direct.call("PUBLISH", CHANNEL, text)


class LossTest(ChannelCase):
    def kill_subscriber(self):
        self.direct.call("CLIENT", "KILL", "TYPE", "pubsub")

    def test_f9_what_was_published_while_nobody_listened_is_made_up_for(self):
        self.fill()
        for gaps in (1, 2):
            self.kill_subscriber()
            self.publish({"event": "shop_changed", "id": 1})  # Nobody hears it.
            wait_until(lambda: metric(self.pannier, "event_gaps") == gaps, "the gap to be noticed")
            wait_until(lambda: self.left() == ["far:1", "free:1"], "all that it could rule")
            wait_until(lambda: self.listeners() == 1, "a subscription")
            self.fill()
            self.publish({"event": "shop_changed", "id": 2})
            wait_until(lambda: "shop:2:b" not in self.left(), "events go on")
            self.assertEqual(len(self.left()), 4)
        self.assertIn("event=event_gap", self.pannier.log_text())

    def test_f9_a_start_is_no_gap_but_a_start_without_redis_is(self):
        self.assertEqual(metric(self.pannier, "event_gaps"), 0)
        port = free_port()
        late = self.enterContext(Pannier(CONFIG, port))
        relay = self.enterContext(Relay(port, self.redis.port))
        time.sleep(0.3)
        relay.listen()
        wait_until(lambda: metric(late, "event_gaps") == 1, "the gap")

    def test_f9_a_connection_that_has_silently_died_is_a_gap(self):
        self.fill()
        self.relay.swallow()
        time.sleep(0.2)
        self.publish({"event": "shop_changed", "id": 1})
        time.sleep(2)
        self.relay.swallow(False)
        self.relay.break_all()
        wait_until(lambda: metric(self.pannier, "event_gaps") >= 1, "the gap")
        wait_until(lambda: self.left() == ["far:1", "free:1"], "all that it could rule")

    def test_f9_a_redis_that_was_silent_for_a_while_is_a_gap(self):
        self.fill()
        os.kill(self.redis.pid, signal.SIGSTOP)
        time.sleep(2)
        os.kill(self.redis.pid, signal.SIGCONT)
        wait_until(lambda: metric(self.pannier, "event_gaps") >= 1, "the gap")
        wait_until(lambda: self.left() == ["far:1", "free:1"], "all that it could rule")


def corpus():
    """Messages that are no events, each a way to be none."""
    event = {"event": "shop_changed", "id": 1}
    yield from (b"", b"{", b"}", b"null", b"[]", b'"shop_changed"', b"\xff\xfe", b"\x00" * 100,
                b"{} {}", b'{"event": 7}', b'{"event": null, "id": 1}', b'{"event": {}}',
                b'{"event": ["shop_changed"], "id": 1}', b'{"event": "no_such", "id": 1}',
                b'{"event": "far_changed", "id": 1}',  # Not of this channel.
                b'{"event": "shop_changed"}', b'{"event": "shop_changed", "id": {"$ne": 1}}',
                b'{"event": "shop_changed", "id": []}', b'{"event": "shop_changed", "id": ""}',
                b'{"event": "shop_changed", "id": "' + b"x" * 5000 + b'"}',
                b'{"event": "shop_changed", "id": "\xc3\x28"}', b"[" * 100_000,
                b'{"a":' * 50_000, b'{"event": "shop_changed", "id": "' + b"1" * 10_000_000 + b'"}')
    text = json.dumps(event).encode()
    yield from (text[:cut] for cut in range(1, len(text)))


class MalformedTest(ChannelCase):
    def test_f10_messages_that_are_no_events_are_dropped_and_counted(self):
        self.fill()
        before = len(self.left())
        messages = list(corpus())
        for message in messages:
            self.publish(message)
        wait_until(lambda: sum(metric(self.pannier, f"events_{why}") for why in
                               ("malformed", "refused", "ignored")) == len(messages), "all of them")
        self.assertEqual(metric(self.pannier, "events"), 0)
        self.assertEqual(len(self.left()), before)
        self.assertEqual(metric(self.pannier, "event_gaps"), 0)
        self.publish({"event": "shop_changed", "id": 1})
        wait_until(lambda: len(self.left()) == before - 1, "a good one")

    def test_f10_random_bytes_over_http_and_redis_cli_are_refused(self):
        self.fill()
        chance = random.Random(20261121)
        text = json.dumps({"event": "shop_changed", "id": 1, "list": [1, {"a": None}]}).encode()
        for _ in range(40):  # Below the limit of a second.
            broken = bytearray(text)
            for _ in range(chance.randint(1, 4)):
                broken[chance.randrange(len(broken))] = chance.choice(b'{}[]":,\\\x00\xff9')
            broken = bytes(broken).replace(b'"id"', b'"no"')
            self.assertIn(local(self.pannier, "shop_changed", broken).status, (400,))
            self.assertTrue(self.wire.call("PANNIER", "EVENT", "shop_changed", broken)
                            .startswith(b"-ERR pannier: "))
        for body in (b"[" * 60_000, b'{"a":' * 10_000, b"9" * 60_000, b""):
            self.assertEqual(local(self.pannier, "shop_changed", body).status, 400)
        answer = local(self.pannier, "shop_changed", b'{"id": "' + b"1" * (64 << 10) + b'"}')
        self.assertEqual(answer.status, 413)
        self.assertEqual(len(self.left()), len(KEYS))


SCHEDULES = """
upstream: {op_timeout: 500ms}
schedules:
  often: {every: 1s, invalidate: {keys: [counted]}}
  daily: {cron: "0 0 * * *", invalidate: {keys: [day]}}
"""


class FleetTest(unittest.TestCase):
    def start(self, count):
        self.redis = self.enterContext(Redis())
        self.direct = self.enterContext(self.redis.wire())
        self.fleet = [self.enterContext(Pannier(SCHEDULES, self.redis.port)) for _ in range(count)]
        for pannier in self.fleet:
            wait_until(lambda: is_up(pannier), "upstream")

    def runs(self):
        return sum(metric(pannier, "schedule_runs") for pannier in self.fleet)

    def record(self):
        """The last time that was run."""
        return int(self.direct.call("GET", "pn:s:often").split(b"\r\n")[1].split()[0])

    def test_f14_three_sidecars_make_one_run_a_period(self):
        self.start(3)
        wait_until(lambda: self.runs() >= 1, "the first run")
        # Just behind a run, so that none falls between the two looks.
        def after_a_run():
            begun = self.record()
            wait_until(lambda: self.record() != begun, "a run")
            time.sleep(0.2)
            return self.runs(), self.record()
        runs, at = after_a_run()
        time.sleep(4)
        more, later = after_a_run()
        self.assertEqual(more - runs, (later - at) // 1000)
        self.assertGreaterEqual(more - runs, 4)

    def test_f14_a_sidecar_that_was_paused_runs_nothing_twice(self):
        self.start(2)
        wait_until(lambda: self.runs() >= 1, "the first run")
        for pannier in self.fleet:
            os.kill(pannier.pid, signal.SIGSTOP)
        time.sleep(3.3)
        before = self.record()
        for pannier in self.fleet:
            os.kill(pannier.pid, signal.SIGCONT)
        runs = self.runs()  # What is due now may have run already; what was missed is one run.
        time.sleep(2.2)
        periods = (self.record() - before) // 1000
        self.assertGreaterEqual(periods, 4)
        self.assertLessEqual(self.runs() - runs, periods - 1)

    def test_f14_a_run_whose_sidecar_died_is_made_by_another_one(self):
        self.redis = self.enterContext(Redis())
        self.direct = self.enterContext(self.redis.wire())
        now = int(time.time() * 1000)
        midnight = now // 86_400_000 * 86_400_000
        # Somebody took today's run, and has 3 s left to say that it is done.
        self.direct.call("SET", "pn:s:daily", f"0 {midnight} {now + 3000}")
        self.direct.call("SET", "day", "1")
        self.fleet = [self.enterContext(Pannier(SCHEDULES, self.redis.port)) for _ in range(2)]
        time.sleep(1)
        self.assertEqual(self.direct.call("EXISTS", "day"), b":1\r\n")
        wait_until(lambda: self.direct.call("EXISTS", "day") == b":0\r\n", "the run")
        time.sleep(2.5)
        self.assertIn(f"{midnight} 0 0".encode(), self.direct.call("GET", "pn:s:daily"))
        runs = sum(pannier.log_text().count("event=schedule_run schedule=daily")
                   for pannier in self.fleet)
        self.assertEqual(runs, 1)

    def test_f14_while_redis_is_away_runs_are_journaled_and_the_fleet_goes_on(self):
        port = free_port()
        self.redis = self.enterContext(Redis())
        self.direct = self.enterContext(self.redis.wire())
        relay = self.enterContext(Relay(port, self.redis.port))
        relay.listen()
        pannier = self.enterContext(Pannier(SCHEDULES, port))
        self.fleet = [pannier]
        wait_until(lambda: is_up(pannier), "upstream")
        relay.cut()
        wait_until(lambda: not is_up(pannier), "the loss")
        self.direct.call("SET", "counted", "1")
        before = self.runs()
        wait_until(lambda: self.runs() >= before + 1, "a run without Redis")
        self.assertEqual(self.direct.call("EXISTS", "counted"), b":1\r\n")
        relay.listen()
        wait_until(lambda: self.direct.call("EXISTS", "counted") == b":0\r\n", "the replay")


class ForgedTest(unittest.TestCase):
    def test_f18_a_captured_request_sent_again_or_changed_is_refused(self):
        redis = self.enterContext(Redis())
        config = CONFIG + f'webhook: {{secret: "{SECRET}"}}\n'
        pannier = self.enterContext(Pannier(config, redis.port))
        wire = self.enterContext(pannier.wire())
        wait_until(lambda: is_up(pannier), "upstream")
        body = json.dumps({"id": 1}).encode()
        captured = signature(body)
        wire.call("SET", "shop:1:a", "v")
        self.assertEqual(send(pannier, "shop_changed", body, captured).json, {"count": 1})
        wire.call("SET", "shop:1:a", "v")
        other = json.dumps({"id": 2}).encode()
        forged = [(body, captured), (other, captured), (body + b" ", captured),
                  (body, captured | {"X-Pannier-Timestamp": str(int(time.time()) + 1)}),
                  (body, captured | {"X-Pannier-Signature": "sha256="}),
                  (body, captured | {"X-Pannier-Signature":
                                     captured["X-Pannier-Signature"].upper()}),
                  (body, {"X-Pannier-Signature": captured["X-Pannier-Signature"]}), (body, {})]
        for number, (sent, headers) in enumerate(forged):
            self.assertEqual(send(pannier, "shop_changed", sent, headers).status, 401, number)
        self.assertEqual(send(pannier, "kpi_changed", body, captured).status, 401)
        self.assertNotEqual(wire.call("GET", "shop:1:a"), b"$-1\r\n")
        self.assertEqual(metric(pannier, "webhooks_refused"), len(forged) + 1)
        self.assertNotIn(SECRET, pannier.log_text())


class FloodTest(unittest.TestCase):
    def test_i14_more_than_a_hundred_events_a_second_are_to_come_later(self):
        pannier = self.enterContext(Pannier(CONFIG, free_port()))
        body = b'{"id": 1}'
        one = (b"POST /events/far_changed HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Pannier: 1\r\n"
               b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body)) + body
        # All on one connection, as fast as it goes; the first that is refused closes it.
        answers, _ = raw(pannier.admin_port, one * 1_000, 20.0)
        statuses = [int(status) for status in re.findall(rb"HTTP/1.1 (\d+) ", answers)]
        self.assertEqual(statuses[-1], 429)
        self.assertGreaterEqual(len(statuses), 101)
        time.sleep(1.1)
        self.assertEqual(local(pannier, "shop_changed", {}).status, 400)


if __name__ == "__main__":
    unittest.main()
