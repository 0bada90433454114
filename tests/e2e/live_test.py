#!/usr/bin/python3
"""/live: who watches is told of invalidations, its own sidecar's and those of others."""

import contextlib
import statistics
import time
import unittest

from admin_client import get, post
from support import Pannier, Redis, encode, wait_until
from web_socket import CLOSE, PING, PONG, TEXT, WebSocket

RULES = """
tiers:
  short: {ttl: 60s, jitter: 0%, stale: 30s, local: {ttl: 10s}}
rules:
  - {name: orders, match: "order:{shop}:{id}", tier: short, tags: ["shop:{shop}", orders]}
"""
TOKENS = """
admin:
  tokens: [{name: screen, token: "screen-token-0123456789", role: read},
           {name: ops, token: "ops-token-0123456789", role: admin}]
"""


class LiveCase(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.redis = cls.enterClassContext(Redis())
        cls.here = cls.enterClassContext(Pannier(RULES, cls.redis.port))
        cls.there = cls.enterClassContext(Pannier(RULES, cls.redis.port))
        for pannier in (cls.here, cls.there):
            wait_until(lambda: get(pannier.admin_port, "/readyz").json["upstream"] == "up", "up")

    def watch(self, target="/live"):
        socket = self.enterContext(WebSocket(self.here.admin_port, target))
        self.assertEqual(socket.status, 101)
        return socket

    def call(self, pannier, *words):
        with pannier.wire() as wire:
            return wire.call(*words)

    def sync(self, watcher, tag):
        """Returns when the tag's generation is known here: a change of it is heard of then."""
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            self.call(self.there, "PANNIER", "INVALIDATE", "TAG", tag)
            if not watcher.is_silent(0.2):
                watcher.message()
                while not watcher.is_silent(0.1):
                    watcher.message()
                return
        self.fail("nothing was heard of the tag")


class LiveTest(LiveCase):
    def test_001_30_an_invalidation_is_told_whole(self):
        watcher = self.watch()
        self.call(self.here, "SET", "order:1:1", "x")
        answer = post(self.here.admin_port, "/invalidate", {"Content-Type": "application/json"},
                      '{"tags": ["shop:1"], "keys": ["order:9:9"], "patterns": ["order:2:*"]}')
        self.assertEqual(answer.json, 1)
        told = watcher.message()
        self.assertEqual((told["type"], told["tags"], told["keys"], told["patterns"]),
                         ("invalidate", ["shop:1"], ["order:9:9"], ["order:2:*"]))
        self.assertEqual((told["soft"], told["count"]), (False, 1))
        self.assertLess(abs(told["at_ms"] / 1000 - time.time()), 5)
        self.assertTrue(watcher.is_silent(), "it is told once")

    def test_001_30_who_asked_for_tags_is_told_of_these_only(self):
        watcher = self.watch("/live?tags=shop:a%2Cb,shop:c")
        for tag in ("shop:x", "shop:a", "shop:a,b", "shop:c"):
            self.call(self.here, "PANNIER", "INVALIDATE", "TAG", tag)
        self.assertEqual([watcher.message()["tags"] for _ in range(2)], [["shop:a,b"], ["shop:c"]])
        self.call(self.here, "PANNIER", "INVALIDATE", "KEY", "order:c:1")
        self.assertEqual(watcher.message()["keys"], ["order:c:1"])
        self.call(self.here, "PANNIER", "INVALIDATE", "KEY", "order:x:1")
        self.assertTrue(watcher.is_silent())

    def test_001_30_patterns_choose_keys(self):
        watcher = self.watch("/live?patterns=order:p:*,x")
        for key in ("order:q:1", "order:p:1"):
            self.call(self.here, "PANNIER", "INVALIDATE", "KEY", key)
        self.assertEqual(watcher.message()["keys"], ["order:p:1"])
        self.assertTrue(watcher.is_silent())

    def test_001_30_invalidations_by_other_sidecars_are_told(self):
        watcher = self.watch("/live?tags=shop:7")
        self.sync(watcher, "shop:7")
        self.call(self.there, "PANNIER", "INVALIDATE", "TAG", "shop:7", "orders")
        told = watcher.message()
        self.assertEqual((told["type"], told["tags"], told["soft"]), ("invalidate", ["shop:7"], False))
        self.call(self.there, "PANNIER", "INVALIDATE", "TAG", "shop:7", "SOFT")
        self.assertIs(watcher.message()["soft"], True)
        self.call(self.there, "PANNIER", "INVALIDATE", "PATTERN", "order:3:*")
        self.assertEqual(watcher.message()["patterns"], ["order:3:*"])
        self.call(self.there, "PANNIER", "CLEAR", "orders")
        self.assertEqual(watcher.message()["rules"], ["orders"])
        self.call(self.there, "PANNIER", "INVALIDATE", "TAG", "shop:7", "orders", "ALL")
        self.assertEqual([sorted(tags) for tags in watcher.message()["all_of"]],
                         [["orders", "shop:7"]])
        self.assertTrue(watcher.is_silent())

    def test_001_30_a_value_stored_under_a_tag_is_an_update(self):
        watcher = self.watch("/live?tags=shop:u")
        for key in ("order:v:1", "order:u:1"):
            self.call(self.here, "SET", key, "x")
        told = watcher.message()
        self.assertEqual((told["type"], told["key"], sorted(told["tags"])),
                         ("update", "order:u:1", ["orders", "shop:u"]))
        self.assertTrue(watcher.is_silent())

    def test_001_30_the_notice_comes_within_100_ms(self):
        watcher = self.watch("/live?tags=shop:fast")
        self.sync(watcher, "shop:fast")
        waits = {}
        for name, pannier in (("here", self.here), ("there", self.there)):
            times = waits[name] = []
            with pannier.wire() as wire:
                for _ in range(50):
                    began = time.monotonic()
                    wire.send(encode("PANNIER", "INVALIDATE", "TAG", "shop:fast"))
                    watcher.message()
                    times.append(time.monotonic() - began)
                    wire.reply()
        for name, times in waits.items():
            print(f"{name}: median {statistics.median(times) * 1000:.1f} ms, "
                  f"most {max(times) * 1000:.1f} ms")
            self.assertLess(statistics.median(times), 0.1, name)

    def test_001_30_after_a_loss_of_redis_what_happened_meanwhile_is_told(self):
        with Redis() as redis, Pannier(RULES, redis.port) as here:
            wait_until(lambda: get(here.admin_port, "/readyz").json["upstream"] == "up", "up")
            with WebSocket(here.admin_port, "/live?tags=a") as watcher:
                with redis.wire() as wire:
                    wait_until(lambda: wire.call("EXISTS", "pn:g:a") == b":1\r\n", "it is read")
                    wire.call("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
                    wire.call("SET", "pn:g:a", str(int(time.time() * 1000) + 1))
                self.assertIn(watcher.message()["type"], ("lost", "invalidate"))


class BoundsTest(LiveCase):
    def test_what_is_no_handshake_is_refused(self):
        port = self.here.admin_port
        self.assertEqual(get(port, "/live").status, 426)
        for headers, status in (({"Origin": "http://127.0.0.1"}, 403),
                                ({"Host": "evil.example"}, 403),
                                ({"Sec-WebSocket-Version": "8"}, 426),
                                ({"Sec-WebSocket-Key": "short"}, 426)):
            with WebSocket(port, "/live", headers) as socket:
                self.assertEqual(socket.status, status, headers)
        for query in ("?tag=a", "?tags", "?tags=a/b", "?tags=%g1", "?tags=a,,b",
                      "?tags=" + ",".join(f"t{i}" for i in range(101))):
            with WebSocket(port, "/live" + query) as socket:
                self.assertEqual(socket.status, 400, query)
        self.assertEqual(post(port, "/live").status, 405)

    def test_tokens_are_asked_for(self):
        with Pannier(RULES + TOKENS, self.redis.port) as pannier:
            with WebSocket(pannier.admin_port, "/live") as socket:
                self.assertEqual(socket.status, 401)
            headers = {"Authorization": "Bearer screen-token-0123456789"}
            with WebSocket(pannier.admin_port, "/live", headers) as socket:
                self.assertEqual(socket.status, 101)

    def test_a_ping_is_answered_and_texts_are_not_heeded(self):
        watcher = self.watch()
        watcher.send(TEXT, b"hello")
        watcher.send(PING, b"x")
        self.assertEqual(watcher.frame(), (PONG, b"x"))
        watcher.send(CLOSE)
        self.assertEqual(watcher.frame()[0], CLOSE)

    def test_what_is_too_large_closes(self):
        watcher = self.watch()
        for _ in range(60):
            watcher.send(0x41 - 0x40, b"x" * 100)  # Small ones are fine.
        watcher.socket.sendall(b"\x81\xfe\xff\xff" + b"\0\0\0\0" + b"x" * 65_535)
        with contextlib.suppress(ConnectionError):
            while watcher.frame()[0] != CLOSE:
                pass
        self.assertEqual(get(self.here.admin_port, "/livez").status, 200)

    def test_subscribers_are_bounded_and_leave_room_when_they_go(self):
        with contextlib.ExitStack() as stack:
            for _ in range(100):
                stack.enter_context(WebSocket(self.here.admin_port, "/live"))
            with WebSocket(self.here.admin_port, "/live") as socket:
                self.assertEqual(socket.status, 503)

        def is_taken():
            with WebSocket(self.here.admin_port, "/live") as socket:
                return socket.status == 101
        wait_until(is_taken, "there is room again")

    def test_who_does_not_read_is_closed_and_others_are_not(self):
        slow, quick = self.watch(), self.watch()
        tags = [f"long:{'x' * 2_000}:{i}" for i in range(20)]
        with self.here.wire(30) as wire:
            for _ in range(150):
                wire.call("PANNIER", "INVALIDATE", "TAG", *tags)
                quick.message()
        wait_until(lambda: "event=live_closed" in self.here.log_text(), "the slow one is closed")
        self.call(self.here, "PANNIER", "INVALIDATE", "TAG", "after")
        self.assertEqual(quick.message()["tags"], ["after"])
        self.assertEqual(slow.status, 101)

    def test_the_port_ends_with_subscribers(self):
        with Pannier(RULES, self.redis.port) as pannier:
            with WebSocket(pannier.admin_port, "/live?tags=a") as watcher:
                self.assertEqual(watcher.status, 101)
                pannier.process.terminate()
                self.assertEqual(pannier.process.wait(10), 0)


if __name__ == "__main__":
    unittest.main()
