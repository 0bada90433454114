#!/usr/bin/python3
"""The HTTP port of operators: what each path answers, and that it lives as long as the sidecar."""

import shlex
import shutil
import signal
import socket
import subprocess
import time
import unittest

from admin_client import MARK, ask, get, path, post, samples
from support import BINARY, Pannier, Redis, encode, free_port, wait_until

CONFIG = """
tiers:
  short: {ttl: 60s, jitter: 0%, stale: 30s, coalesce: {scope: sidecar, wait: 2s}}
rules:
  - {name: pages, match: "page:{site}:{id}", tier: short, tags: ["site:{site}", "pages"]}
  - {name: docs, match: "doc:{id}", tier: short,
     version: {mode: transparent, current: 3}}
"""


class PortCase(unittest.TestCase):
    """One Redis and one sidecar for all tests of a class."""

    config = CONFIG

    @classmethod
    def setUpClass(cls):
        cls.redis = cls.enterClassContext(Redis())
        cls.pannier = cls.enterClassContext(Pannier(cls.config, cls.redis.port))
        wait_until(lambda: get(cls.pannier.admin_port, "/stats").json["state"]["upstream"] == "up",
                   "upstream")

    def get(self, target, headers=None):
        return get(self.pannier.admin_port, target, headers)

    def post(self, target, headers=None, body=None):
        return post(self.pannier.admin_port, target, headers, body)

    def call(self, *words):
        with self.pannier.wire() as wire:
            return wire.call(*words)


class LookTest(PortCase):
    def test_livez_says_ok(self):
        answer = self.get("/livez")
        self.assertEqual((answer.status, answer.body), (200, b"ok\n"))

    def test_readyz_and_healthz_tell_the_state_of_upstream(self):
        for target in ("/readyz", "/healthz"):
            answer = self.get(target)
            self.assertEqual(answer.status, 200)
            self.assertEqual(answer.json, {"ready": True, "reason": "upstream up",
                                           "upstream": "up", "coherence": "push"})
            self.assertEqual(answer.headers["Content-Type"], "application/json")

    def test_stats_are_those_of_redis_cli(self):
        self.call("GET", "page:stats:1")
        stats = self.get("/stats").json
        self.assertEqual(list(stats), ["state", "sidecar", "totals", "tiers", "loaders",
                                       "inconsistent", "audit"])
        self.assertGreaterEqual(stats["tiers"]["short"]["reads"], 1)
        self.assertEqual(stats["state"]["mode"], "normal")
        self.assertIsInstance(stats["tiers"]["short"]["hit_rate"], float)

    def test_help_lists_every_action(self):
        lines = self.get("/help").json
        for name in ("INVALIDATE", "EXPLAIN", "VERSION", "MODE", "RELOAD", "CONFIG CHECK"):
            self.assertTrue(any(line.startswith("PANNIER " + name) for line in lines), name)

    def test_help_says_how_to_change_something_with_curl(self):
        line = next(line for line in self.get("/help").json if "-X POST" in line)
        words = shlex.split(line.partition("  (")[0])
        words = [word.replace(":9180", f":{self.pannier.admin_port}") for word in words]
        done = subprocess.run([*words, "-s", "-w", "%{http_code}"], capture_output=True, text=True)
        self.assertEqual(done.stdout, "0\n200")

    def test_explain_asks_redis_about_a_key(self):
        self.call("SET", "page:a:1", "x")
        told = self.get("/explain/page:a:1").json
        self.assertEqual((told["rule"], told["state"], told["leased"]), ("pages", "fresh", False))
        self.assertEqual(list(told["tags"]), ["pages", "site:a"])

    def test_a_key_may_hold_any_byte(self):
        key = b"page:a/b:\xff\xc3\xa9 %?#\r\n\x00"
        self.call("SET", key, "x")
        told = self.get(path("explain", key)).json
        self.assertEqual(told["key"], "page:a/b:\ufffd\u00e9 %?#\r\n\0")
        self.assertEqual(told["state"], "fresh")
        self.assertEqual(self.get(path("tags", key)).json, ["pages", "site:a/b"])

    def test_keys_lists_what_is_stored_under_a_tag(self):
        self.call("SET", b"page:keys:\xfe", "x")
        self.assertEqual(self.get("/keys/site:keys").json, ["page:keys:\ufffd"])

    def test_versions_leases_and_mode_are_shown(self):
        self.assertEqual(self.get("/version/list").json["docs"]["current"], 3)
        self.assertEqual(self.get("/mode").json, "normal")
        with self.pannier.wire() as holder:
            holder.call("GET", "page:lease:1")
            lease = self.get("/leases").json[0]
            self.assertEqual((lease["key"], lease["waiting"]), ("page:lease:1", 0))
            self.assertEqual(self.get("/leases/0").json, [])

    def test_a_head_is_answered_without_a_body(self):
        whole, head = self.get("/mode"), ask(self.pannier.admin_port, "HEAD", "/mode")
        self.assertEqual((head.status, head.body), (200, b""))
        self.assertEqual(head.headers["Content-Length"], str(len(whole.body)))

    def test_wrong_words_are_told_how_it_is_meant(self):
        for target in ("/explain", "/explain/a/b", "/tags", "/leases/some"):
            answer = self.get(target)
            self.assertEqual(answer.status, 400, target)
            self.assertTrue(answer.error.startswith("ERR pannier: usage: PANNIER "), answer.error)

    def test_a_connection_serves_many_requests(self):
        with socket.create_connection(("127.0.0.1", self.pannier.admin_port), 5) as connection:
            for _ in range(20):
                connection.sendall(b"GET /mode HTTP/1.1\r\nHost: localhost\r\n\r\n")
                self.assertIn(b'"normal"\n', connection.recv(65536))


class MetricsTest(PortCase):
    def test_metrics_have_counters_histograms_and_gauges_that_move(self):
        def scrape():
            answer = self.get("/metrics")
            self.assertEqual(answer.headers["Content-Type"], "text/plain; version=0.0.4")
            return samples(answer.body.decode())

        before = scrape()
        with self.pannier.wire() as wire:
            wire.call("GET", "page:m:1")
            wire.call("SET", "page:m:1", "x")
            wire.call("GET", "page:m:1")
            after = scrape()
        self.assertGreaterEqual(after["pannier_clients"], 1)
        for series in ('pannier_tier_hits_total{tier="short"}',
                       'pannier_tier_misses_total{tier="short"}',
                       'pannier_read_seconds_count{tier="short",result="hit"}',
                       'pannier_read_seconds_bucket{tier="short",result="miss",le="+Inf"}',
                       'pannier_load_seconds_count{tier="short"}',
                       "pannier_connections_accepted_total"):
            self.assertEqual(after[series] - before.get(series, 0), 1, series)
        self.assertEqual(after["pannier_upstream_up"], 1)
        self.assertEqual(after['pannier_upstream_state{state="up"}'], 1)
        self.assertGreater(after["process_resident_memory_bytes"], 1e6)
        self.assertGreater(after["process_open_fds"], 5)

    @unittest.skipUnless(shutil.which("promtool"), "promtool is not installed")
    def test_promtool_has_nothing_to_say_about_the_metrics(self):
        self.call("GET", "page:m:2")
        done = subprocess.run(["promtool", "check", "metrics"], input=self.get("/metrics").body,
                              capture_output=True, timeout=30)
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, b"", b""))

    def test_names_from_clients_make_no_series(self):
        self.call("GET", "page:m:3")
        before = len(samples(self.get("/metrics").body.decode()))
        with self.pannier.wire() as wire:
            for i in range(2_000):
                wire.send(encode(f"NOSUCH{i}", "x") + encode("GET", f"page:site{i}:{i}"))
            for _ in range(4_000):
                wire.reply()
        self.assertEqual(len(samples(self.get("/metrics").body.decode())), before)


class ChangeTest(PortCase):
    def test_a_key_a_tag_and_a_pattern_are_invalidated(self):
        for words in (("key", "page:i:1"), ("tag", "site:i"), ("pattern", "page:i:?")):
            self.call("SET", "page:i:1", "x")
            answer = self.post(path("invalidate", *words))
            self.assertEqual((answer.status, answer.json), (200, 1), words)
            self.assertEqual(self.call("GET", "page:i:1"), b"$-1\r\n", words)

    def test_a_version_is_bumped(self):
        before = self.get("/version/list").json["docs"]["current"]
        self.assertEqual(self.post("/version/bump/docs").json, before + 1)
        self.assertEqual(self.post("/version/bump/docs/grace/60").json, before + 2)
        self.assertEqual(self.get("/version/list").json["docs"]["current"], before + 2)
        self.assertEqual(self.post("/version/bump/nobody").status, 400)

    def test_the_mode_is_set(self):
        for mode in ("bypass", "memory", "normal"):
            self.assertEqual(self.post("/mode/" + mode).json, "OK")
            self.assertEqual(self.get("/mode").json, mode)
        self.assertEqual(self.post("/mode/other").status, 400)

    def test_the_configuration_is_checked_and_reloaded(self):
        self.assertEqual(self.post("/config/check").json, "OK")
        self.assertEqual(self.post("/reload").json, "OK")
        self.pannier.write_config(CONFIG + "nonsense: 1\n")
        for target in ("/config/check", "/reload", path("config", "check", self.pannier.config)):
            answer = self.post(target)
            self.assertEqual(answer.status, 400)
            self.assertIn("pannier.yaml:", answer.error)
        self.pannier.write_config(CONFIG)
        failed = samples(self.get("/metrics").body.decode())[
            'pannier_config_reloads_total{result="failed"}']
        self.assertGreaterEqual(failed, 1)

    def test_a_post_may_have_a_json_object_as_body(self):
        json_type = {"Content-Type": "application/json"}
        self.assertEqual(self.post("/mode/normal", json_type, b"{}").status, 200)
        self.assertEqual(self.post("/mode/normal", json_type).status, 200)
        for body in (b"[]", b"{", b"x=1", b"{}{}"):
            self.assertEqual(self.post("/mode/normal", json_type, body).status, 400, body)
        big = b"{" + b" " * 70_000 + b"}"
        self.assertEqual(self.post("/mode/normal", json_type, big).status, 413)

    def test_a_method_that_does_not_fit_is_told_which_does(self):
        for target in ("/reload", "/mode/bypass", "/invalidate/key/a", "/version/bump/docs"):
            answer = self.get(target)
            self.assertEqual((answer.status, answer.headers["Allow"]), (405, "POST"), target)
        for target in ("/metrics", "/livez", "/stats", "/version/list"):
            answer = self.post(target)
            self.assertEqual((answer.status, answer.headers["Allow"]), (405, "GET, HEAD"), target)
        for target in ("/nope", "/"):
            answer = self.get(target)
            self.assertEqual((answer.status, answer.error),
                             (404, "no such path; GET /help lists the actions"), target)


class UpstreamTest(unittest.TestCase):
    def test_livez_answers_while_redis_is_stopped_and_actions_end_with_its_timeout(self):
        with Redis() as redis, Pannier(CONFIG, redis.port) as pannier:
            wait_until(lambda: get(pannier.admin_port, "/readyz").json["upstream"] == "up", "up")
            redis.process.send_signal(signal.SIGSTOP)
            try:
                began = time.monotonic()
                answer = get(pannier.admin_port, "/keys/a")
                self.assertEqual(answer.status, 503)
                self.assertRegex(answer.error, "^ERR pannier: upstream .*outcome unknown$")
                self.assertLess(time.monotonic() - began, 5)
                answer = post(pannier.admin_port, "/invalidate/key/a")
                self.assertEqual(answer.status, 202)
                self.assertTrue(answer.json.startswith("journaled: "), answer.json)
                for _ in range(30):
                    began = time.monotonic()
                    self.assertEqual(get(pannier.admin_port, "/livez").status, 200)
                    self.assertLess(time.monotonic() - began, 1)
                    time.sleep(0.1)
                self.assertEqual(get(pannier.admin_port, "/metrics").status, 200)
                self.assertEqual(get(pannier.admin_port, "/stats").json["state"]["upstream"],
                                 "down")
            finally:
                redis.process.send_signal(signal.SIGCONT)
            wait_until(lambda: get(pannier.admin_port, "/readyz").json["upstream"] == "up",
                       "up again")

    def test_an_action_without_reply_is_given_up_after_30_seconds(self):
        slow = "upstream: {op_timeout: 120s, max_lag: 60s}\n" + CONFIG
        with Redis() as redis, Pannier(slow, redis.port) as pannier:
            wait_until(lambda: get(pannier.admin_port, "/readyz").json["upstream"] == "up", "up")
            redis.process.send_signal(signal.SIGSTOP)
            try:
                began = time.monotonic()
                answer = ask(pannier.admin_port, "POST", "/invalidate/key/a", MARK, timeout=40)
                self.assertEqual(answer.status, 504)
                self.assertTrue(answer.error.endswith("outcome unknown"), answer.error)
                self.assertLess(abs(time.monotonic() - began - 30), 2)
            finally:
                redis.process.send_signal(signal.SIGCONT)
            self.assertEqual(post(pannier.admin_port, "/invalidate/key/a").status, 200)

    def test_what_redis_refuses_is_a_bad_gateway(self):
        with Redis() as redis, Pannier(CONFIG, redis.port) as pannier:
            with redis.wire() as wire:
                wire.call("SET", "pn:t:odd", "not a list of keys")
            answer = get(pannier.admin_port, "/keys/odd")
            self.assertEqual(answer.status, 502)
            self.assertTrue(answer.error.startswith("WRONGTYPE "), answer.error)


class StartTest(unittest.TestCase):
    def test_a_busy_port_refuses_the_start_with_a_text(self):
        with socket.create_server(("127.0.0.1", 0)) as busy:
            address = f"127.0.0.1:{busy.getsockname()[1]}"
            done = subprocess.run([BINARY, "run", "--listen", f"127.0.0.1:{free_port()}",
                                   "--admin", address], capture_output=True, text=True, timeout=10)
        self.assertEqual(done.returncode, 98)
        self.assertIn(f"cannot listen on {address}: address already in use", done.stderr)

    def test_admin_off_opens_no_port(self):
        pannier = Pannier(upstream_port=free_port())
        line = pannier.command_line()
        line[line.index("--admin") + 1] = "off"
        pannier.command_line = lambda: line
        with pannier:
            self.assertIn("admin=off", pannier.log_text())
            with self.assertRaises(ConnectionRefusedError):
                get(pannier.admin_port, "/livez")

    def test_an_address_that_others_can_reach_is_refused(self):
        done = subprocess.run([BINARY, "run", "--listen", f"127.0.0.1:{free_port()}",
                               "--admin", "0.0.0.0:9180"], capture_output=True, text=True,
                              timeout=10)
        self.assertEqual(done.returncode, 78)
        self.assertIn("is not a loopback address", done.stderr)


if __name__ == "__main__":
    unittest.main()
