#!/usr/bin/python3
"""What applications need of the admin port: their own paths and shapes, tokens, /live."""

import json
import os
import re
import subprocess
import time
import unittest

from admin_client import ask, get, path, post
from support import BINARY, Pannier, Redis, wait_until

RULES = """
tiers:
  kpi: {ttl: 60s, jitter: 0%, stale: 30s}
rules:
  - {name: kpi, match: "kpi:{name}:{dealer}", tier: kpi, tags: ["dealer:{dealer}", "{name}"]}
  - {name: usage, match: "usage:{day}", tier: kpi, tags: [usage]}
"""
ALIASES = """
admin:
  aliases:
    "/kpi/cache/invalidate/tag/{tag}": {method: POST, to: "/invalidate/tag/{tag}"}
    "/kpi/cache/invalidate/pattern/{pattern}": {to: "/invalidate/pattern/{pattern}"}
    "/kpi/cache/dealer/{dealer}":
      {method: DELETE, to: "/invalidate/pattern/kpi:*:{dealer}",
       reply: {message: "Cleared {dealer}", keysDeleted: "{count}", queued: "{queued}"}}
    "/kpi/cache/stats":
      {to: /stats, reply: {hits: "{stats.tiers.kpi.hits}", misses: "{stats.tiers.kpi.misses}",
       hitRate: "{stats.totals.hit_rate}", nothing: "{stats.tiers.other.hits}"}}
    "/api/monitoring/metrics": /metrics
    "/cache/warm": {method: POST, to: "/invalidate/tag/nobody", reply: {warmed: "{count}"}}
    "/api/v1/admin/usage/cache-stats":
      {to: /stats, reply: {connected: "{stats.totals.connected}", keyCount: "{stats.totals.keys}",
       memoryUsed: "{stats.totals.memory_mb} MB", hitRate: "{stats.totals.hit_percent}"}}
    "/admin/cache/stats":
      {to: /stats, reply: {enabled: "{stats.totals.enabled}", total_keys: "{stats.totals.keys}",
       hits: "{stats.totals.hits}", misses: "{stats.totals.misses}",
       hit_rate: "{stats.totals.hit_rate}", memory_used_mb: "{stats.totals.memory_mb}"}}
    "/v1/perf/cache": /stats
    "/v1/metrics": /metrics
"""
TOKENS = """
admin:
  resp: read
  tokens:
    - {name: ops, token: "ops-token-0123456789", role: admin}
    - {name: ci, token_file: TOKEN_FILE, role: invalidate}
    - {name: grafana, token: "grafana-token-0123456789", role: read}
  aliases:
    "/old/{tag}": {method: POST, to: "/invalidate/tag/{tag}"}
"""
OPS, CI, GRAFANA = "ops-token-0123456789", "ci-token-0123456789", "grafana-token-0123456789"


def bearer(token):
    return {"Authorization": "Bearer " + token}


class NeedsCase(unittest.TestCase):
    config = RULES + ALIASES

    @classmethod
    def setUpClass(cls):
        cls.redis = cls.enterClassContext(Redis())
        cls.pannier = cls.enterClassContext(Pannier(cls.config, cls.redis.port))
        cls.port = cls.pannier.admin_port
        wait_until(lambda: get(cls.port, "/readyz").json["upstream"] == "up", "upstream")

    def setUp(self):
        self.call("FLUSHALL")

    def call(self, *words):
        with self.pannier.wire() as wire:
            return wire.call(*words)

    def assert_gone(self, key):
        self.assertEqual(self.call("GET", key), b"$-1\r\n", key)

    def assert_there(self, key):
        self.assertNotEqual(self.call("GET", key), b"$-1\r\n", key)


class AliasTest(NeedsCase):
    def test_000_22_an_old_path_invalidates_a_tag(self):
        self.call("SET", "kpi:sales:a/b", "1")
        self.call("SET", "kpi:sales:7", "1")
        answer = post(self.port, "/kpi/cache/invalidate/tag/dealer:a%2Fb")
        self.assertEqual((answer.status, answer.json), (200, 1))
        self.assert_gone("kpi:sales:a/b")
        self.assert_there("kpi:sales:7")
        self.assertEqual(post(self.port, "/invalidate/tag/dealer:7").json, 1)
        self.assert_gone("kpi:sales:7")

    def test_000_23_a_pattern_is_percent_decoded(self):
        for dealer in (17, 18, 2):
            self.call("SET", f"kpi:sales:{dealer}", "1")
        answer = post(self.port, "/kpi/cache/invalidate/pattern/kpi%3Asales%3A1%3F")
        self.assertEqual((answer.status, answer.json), (200, 2))
        self.assert_gone("kpi:sales:17")
        self.assert_there("kpi:sales:2")

    def test_000_23_what_is_captured_within_a_pattern_is_literal(self):
        self.call("SET", "kpi:literal:*", "1")
        self.call("SET", "kpi:literal:7", "1")
        answer = ask(self.port, "DELETE", path("kpi", "cache", "dealer", "*"), {"X-Pannier": "1"})
        self.assertEqual((answer.status, answer.json),
                         (200, {"message": "Cleared *", "keysDeleted": 1, "queued": False}))
        self.assert_there("kpi:literal:7")

    def test_000_26_old_paths_of_metrics_and_statistics_answer_in_their_shape(self):
        answer = get(self.port, "/api/monitoring/metrics")
        self.assertIn(b"# TYPE pannier_tier_hits_total counter", answer.body)
        before = get(self.port, "/kpi/cache/stats").json
        self.call("SET", "kpi:sales:1", "1")
        self.call("GET", "kpi:sales:1")
        after = get(self.port, "/kpi/cache/stats").json
        self.assertEqual(list(after), ["hits", "misses", "hitRate", "nothing"])
        self.assertEqual(after["hits"] - before["hits"], 1)
        self.assertIsInstance(after["hitRate"], float)
        self.assertIsNone(after["nothing"])

    def test_001_17_the_old_path_of_warming_is_there(self):
        answer = post(self.port, "/cache/warm")
        self.assertEqual((answer.status, answer.json), (200, {"warmed": 0}))

    def test_002_32_cache_stats_have_their_old_shape(self):
        self.call("SET", "usage:1", "x" * 100)
        answer = wait_until(lambda: (found := self.stats("/api/v1/admin/usage/cache-stats"))
                            ["keyCount"] and found, "keys are counted")
        self.assertEqual(list(answer), ["connected", "keyCount", "memoryUsed", "hitRate"])
        self.assertIs(answer["connected"], True)
        self.assertGreaterEqual(answer["keyCount"], 1)
        self.assertRegex(answer["memoryUsed"], r"^\d+(\.\d+)?(E\d+)? MB$")
        self.assertGreaterEqual(answer["hitRate"], 0)

    def stats(self, target):
        answer = get(self.port, target)
        self.assertEqual(answer.status, 200, answer.body)
        return answer.json

    def test_003_10_performance_and_metrics_have_their_old_paths(self):
        self.assertIn("totals", self.stats("/v1/perf/cache"))
        self.assertIn(b"pannier_", get(self.port, "/v1/metrics").body)

    def test_004_05_clear_leaves_the_keys_of_others(self):
        for key in ("kpi:sales:1", "usage:1"):
            self.call("SET", key, "1")
        with self.redis.wire() as wire:
            wire.call("SET", "neighbour:1", "1")
            self.assertEqual(post(self.port, "/clear").status, 200)
            self.assertEqual(wire.call("GET", "neighbour:1"), b"$1\r\n1\r\n")
        self.assert_gone("kpi:sales:1")
        self.assert_gone("usage:1")
        self.call("SET", "kpi:sales:1", "1")
        self.call("SET", "usage:1", "1")
        self.assertEqual(post(self.port, "/clear/usage").status, 200)
        self.assert_gone("usage:1")
        self.assert_there("kpi:sales:1")

    def test_004_10_statistics_have_their_old_shape(self):
        self.call("SET", "kpi:sales:1", "1")
        answer = wait_until(lambda: (found := self.stats("/admin/cache/stats"))["total_keys"]
                            and found, "keys are counted")
        self.assertEqual(list(answer), ["enabled", "total_keys", "hits", "misses", "hit_rate",
                                        "memory_used_mb"])
        self.assertIs(answer["enabled"], True)
        self.assertGreater(answer["memory_used_mb"], 0)

    def test_totals_of_a_redis_that_refuses_to_tell_are_null(self):
        with Redis() as redis:
            with redis.wire() as wire:
                wire.call("ACL", "SETUSER", "cache", "on", ">pw", "~*", "&*", "+@all", "-info",
                          "-dbsize")
            config = f"upstream: redis://cache:pw@127.0.0.1:{redis.port}\n" + RULES + ALIASES
            with Pannier(config) as pannier:
                wait_until(lambda: get(pannier.admin_port, "/readyz").json["upstream"] == "up", "up")
                answer = get(pannier.admin_port, "/admin/cache/stats")
                self.assertEqual(answer.status, 200)
                self.assertIsNone(answer.json["total_keys"])
                self.assertIsNone(answer.json["memory_used_mb"])

    def test_a_method_that_is_not_the_aliases_is_refused(self):
        answer = get(self.port, "/kpi/cache/invalidate/tag/a")
        self.assertEqual((answer.status, answer.headers["Allow"]), (405, "POST"))
        answer = ask(self.port, "DELETE", "/kpi/cache/dealer/7")
        self.assertEqual(answer.status, 403)  # It changes something: the mark is needed.


class LoadTest(unittest.TestCase):
    def check(self, text):
        pannier = Pannier(text)
        try:
            done = subprocess.run([BINARY, "check", pannier.config], capture_output=True, text=True)
            return done.returncode, done.stderr
        finally:
            pannier.folder.cleanup()

    def test_what_is_wrong_with_an_alias_is_told_with_its_place(self):
        for alias, where, words in (
                ('"/stats": /metrics', "3:5", "would hide /stats"),
                ('"/STATS/x": /metrics', "3:5", "would hide /STATS"),
                ('"/{a}/b": "/keys/{a}"', "3:5", "first word is no capture"),
                ('"/old/x{a}": "/keys/{a}"', "3:5", "a capture is all there is"),
                ('"/old/{a}": /nope', "3:17", "there is no path /nope"),
                ('"/old/{tag}": "/keys/{tga}"', "3:19", "did you mean 'tag'?"),
                ('"/old": {to: /stats, reply: {a: "{stats.x"}}', "3:33", "do not match up"),
                ('"/old": {to: /stats, reply: {a: "{status.x}"}}', "3:33", "did you mean 'stats'?"),
                ('"/old": {to: /metrics, reply: {a: 1}}', "3:35", "has no reply"),
                ('"/old": {method: GET, to: /reload}', "3:22", "a GET changes nothing"),
                ('"/old": {method: FETCH, to: /stats}', "3:22", "'FETCH' is no method"),
                ('"/old": {ot: /stats}', "3:14", "did you mean 'to'?")):
            code, text = self.check("admin:\n  aliases:\n    " + alias + "\n")
            self.assertEqual(code, 78, alias)
            self.assertIn(words, text, alias)
            self.assertIn(f"pannier.yaml:{where}: ", text, alias)

    def test_what_is_wrong_with_a_token_is_told_without_it(self):
        for token, words in (("{token: secret-a1}", "needs a name"), ("{name: a}", "needs a token"),
                             ("{name: a, token: secret-a1, token_file: /x}", "needs a token or"),
                             ("{name: a, token: 'secret a1'}", "has blanks"),
                             ("{name: a, token: secret-a1, role: none}", "may do nothing"),
                             ("{name: a, token: secret-a1, role: reader}", "did you mean 'read'?"),
                             ("{name: a, token: secret-a1}, {name: b, token: secret-a1}",
                              "the token of another")):
            code, text = self.check(f"admin:\n  tokens: [{token}]\n")
            self.assertEqual(code, 78, token)
            self.assertIn(words, text)
            self.assertNotIn("secret", text)

    def test_i1_beyond_loopback_tokens_are_needed(self):
        code, text = self.check("admin: {listen: 0.0.0.0:9180}\n")
        self.assertEqual(code, 78)
        self.assertIn("admin.tokens are needed", text)
        code, text = self.check("admin: {listen: 0.0.0.0:9180, tokens: [{name: a, token: %s}]}\n"
                                % OPS)
        self.assertEqual(code, 0)
        self.assertIn("clear text", text)

    def test_a_token_file_that_is_not_there_refuses_the_start(self):
        pannier = Pannier("admin: {tokens: [{name: a, token_file: /nonexistent/token}]}\n")
        done = subprocess.run(pannier.command_line(), capture_output=True, text=True, timeout=10)
        pannier.folder.cleanup()
        self.assertEqual(done.returncode, 78)
        self.assertIn("token_file /nonexistent/token: it cannot be read", done.stderr)


class TokenTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.redis = cls.enterClassContext(Redis())
        cls.pannier = Pannier(RULES, cls.redis.port)
        cls.token_file = os.path.join(cls.pannier.folder.name, "ci.token")
        cls.write_token(CI)
        cls.pannier.write_config(RULES + TOKENS.replace("TOKEN_FILE", cls.token_file))
        cls.enterClassContext(cls.pannier)
        cls.port = cls.pannier.admin_port
        wait_until(lambda: get(cls.port, "/readyz").json["upstream"] == "up", "upstream")

    @classmethod
    def write_token(cls, token):
        with open(cls.token_file, "w") as file:
            file.write(token + "\n")

    def setUp(self):
        time.sleep(0.3)  # Failures of the test before shall not count in this one.

    def test_002_33_without_a_token_only_health_is_shown(self):
        for target in ("/livez", "/readyz", "/healthz"):
            self.assertEqual(get(self.port, target).status, 200, target)
        for target in ("/stats", "/metrics", "/help", "/nope"):
            answer = get(self.port, target)
            self.assertEqual((answer.status, answer.headers["WWW-Authenticate"]), (401, "Bearer"),
                             target)

    def test_002_33_a_wrong_token_is_refused(self):
        for headers in (bearer(OPS + "x"), bearer(OPS[:-1]), bearer(""), bearer("x" + OPS),
                        {"Authorization": OPS}, {"Authorization": "Basic " + OPS}):
            answer = ask(self.port, "POST", "/mode/bypass", headers | {"X-Pannier": "1"})
            self.assertEqual(answer.status, 401, headers)
        self.assertEqual(get(self.port, "/mode", bearer(OPS)).json, "normal")

    def test_002_33_each_role_may_do_what_it_is_for(self):
        cases = (("GET", "/stats", (200, 200, 200)), ("GET", "/metrics", (200, 200, 200)),
                 ("GET", "/mode", (200, 200, 200)),
                 ("POST", "/invalidate/tag/a", (403, 200, 200)),
                 ("POST", "/clear", (403, 200, 200)), ("POST", "/old/a", (403, 200, 200)),
                 ("POST", "/mode/normal", (403, 403, 200)), ("POST", "/reload", (403, 403, 200)),
                 ("POST", "/version/bump/nobody", (403, 403, 400)))
        for method, target, statuses in cases:
            got = tuple(ask(self.port, method, target, bearer(token)).status
                        for token in (GRAFANA, CI, OPS))
            self.assertEqual(got, statuses, target)
            time.sleep(0.2)
        answer = post(self.port, "/mode/bypass", bearer(CI))
        self.assertIn("token 'ci' has role invalidate; this needs admin", answer.error)

    def test_002_33_clients_have_the_role_that_resp_says(self):
        with self.pannier.wire() as wire:
            self.assertIn(b"normal", wire.call("PANNIER", "MODE"))
            for words in (("INVALIDATE", "TAG", "a"), ("MODE", "bypass"), ("RELOAD",)):
                reply = wire.call("PANNIER", *words)
                self.assertIn(b"(admin.resp); not executed", reply)

    def test_who_did_it_stands_in_the_audit_and_in_the_log(self):
        self.assertEqual(post(self.port, "/invalidate/tag/audited", bearer(CI)).status, 200)
        record = get(self.port, "/stats", bearer(OPS)).json["audit"][0]
        self.assertEqual((record["by"], record["what"]), ("http (ci)", "tag audited"))
        wait_until(lambda: re.search(r'event=invalidated by="http \(ci\)" what="tag audited"',
                                     self.pannier.log_text()), "it is logged", 3)

    def test_tokens_are_shown_nowhere(self):
        seen = self.pannier.log_text() + get(self.port, "/stats", bearer(OPS)).body.decode()
        seen += subprocess.run([BINARY, "check", "--print", self.pannier.config],
                               capture_output=True, text=True).stdout
        self.assertIn('name: "grafana"', seen)
        for token in (OPS, CI, GRAFANA):
            self.assertNotIn(token, seen)

    def test_a_token_file_is_read_again_when_it_changes(self):
        self.write_token("another-0123456789")
        try:
            wait_until(lambda: get(self.port, "/mode", bearer("another-0123456789")).status == 200,
                       "the new token counts", 15)
            time.sleep(1)
            self.assertEqual(get(self.port, "/mode", bearer(CI)).status, 401)
        finally:
            self.write_token(CI)
        self.assertEqual(post(self.port, "/reload", bearer(OPS)).status, 200)
        self.assertEqual(get(self.port, "/mode", bearer(CI)).status, 200)

    def test_i14_guesses_are_slowed_down_and_right_tokens_are_not(self):
        statuses = [get(self.port, "/stats", bearer("guess")).status for _ in range(60)]
        self.assertEqual(set(statuses), {401, 429})
        self.assertEqual(get(self.port, "/stats", bearer(OPS)).status, 200)
        time.sleep(1.2)
        self.assertEqual(get(self.port, "/stats", bearer("guess")).status, 401)


class BodyTest(NeedsCase):
    def invalidate(self, what):
        return post(self.port, "/invalidate", {"Content-Type": "application/json"},
                    json.dumps(what))

    def test_002_42_a_body_may_ask_for_many_things_at_once(self):
        for key in ("kpi:sales:1", "kpi:sales:2", "kpi:leads:2", "kpi:leads:3", "usage:1"):
            self.call("SET", key, "1")
        answer = self.invalidate({"keys": ["kpi:sales:1"], "tags": ["usage"],
                                  "all_of": [["leads", "dealer:2"]], "patterns": ["kpi:*:3"]})
        self.assertEqual((answer.status, answer.json), (200, 4))
        for key in ("kpi:sales:1", "kpi:leads:2", "kpi:leads:3", "usage:1"):
            self.assert_gone(key)
        self.assert_there("kpi:sales:2")
        self.assertEqual(self.invalidate({"rules": ["kpi"]}).status, 200)
        self.assert_gone("kpi:sales:2")

    def test_a_body_that_is_not_understood_is_refused_whole(self):
        self.call("SET", "kpi:sales:whole", "1")
        for body, words in (({}, "names nothing"), ({"tags": []}, "names nothing"),
                            ({"tag": ["sales"]}, "did you mean 'tags'?"),
                            ({"tags": "sales"}, "'tags' is not a list"),
                            ({"tags": ["sales", 1]}, "no text"), ({"tags": ["sales", ""]}, "empty"),
                            ({"tags": ["sales"], "soft": 1}, "'soft' is true or false"),
                            ({"tags": ["sales"], "rules": ["nope"]}, "there is no rule 'nope'"),
                            ({"tags": ["sales"], "ranges": [{"rule": "kpi", "from": "x",
                                                             "to": "2026-01-01"}]}, "no date"),
                            ({"all_of": [[]]}, "is empty")):
            answer = self.invalidate(body)
            self.assertEqual(answer.status, 400, body)
            self.assertIn(words, answer.error)
            self.assertIn("not executed", answer.error)
        self.assert_there("kpi:sales:whole")

    def test_one_that_goes_on_is_202_with_a_job(self):
        config = RULES + "invalidation_wait: 20ms\n"
        with Redis() as redis, Pannier(config, redis.port) as pannier:
            wait_until(lambda: get(pannier.admin_port, "/readyz").json["upstream"] == "up", "up")
            with pannier.wire(30) as wire:
                for i in range(20_000):
                    wire.call("SET", f"kpi:sales:{i}", "1")
            answer = post(pannier.admin_port, "/clear")
            self.assertEqual((answer.status, answer.json), (202, {"job": 1}))

    def test_i14_a_flood_of_changes_is_refused_in_part(self):
        statuses = {post(self.port, "/mode/normal").status for _ in range(600)}
        self.assertLessEqual(statuses, {200, 429})
        time.sleep(1.1)
        self.assertEqual(post(self.port, "/mode/normal").status, 200)


class LogTest(unittest.TestCase):
    def test_mode_breaker_and_journal_are_logged_when_they_change(self):
        with Redis() as redis, Pannier(RULES, redis.port) as pannier:
            wait_until(lambda: get(pannier.admin_port, "/readyz").json["upstream"] == "up", "up")
            post(pannier.admin_port, "/mode/bypass")
            post(pannier.admin_port, "/mode/normal")
            redis.stop()
            self.assertEqual(post(pannier.admin_port, "/invalidate/tag/a").status, 202)
            wait_until(lambda: "event=journal state=filling" in pannier.log_text(), "filling", 5)
            redis.start()
            wait_until(lambda: "event=journal state=replayed" in pannier.log_text(), "replayed", 15)
            text = pannier.log_text()
        for line in ('event=mode mode=bypass from="PANNIER MODE"', "event=mode mode=normal",
                     "event=breaker state=open", "event=breaker state=closed",
                     "outcome=journaled"):
            self.assertIn(line, text)

    def test_a_storm_of_invalidations_is_logged_in_part(self):
        with Redis() as redis, Pannier(RULES, redis.port) as pannier:
            wait_until(lambda: get(pannier.admin_port, "/readyz").json["upstream"] == "up", "up")
            with pannier.wire() as wire:
                for i in range(500):
                    wire.call("PANNIER", "INVALIDATE", "TAG", f"t{i}")
                time.sleep(1.1)
                wire.call("PANNIER", "INVALIDATE", "TAG", "last")
            wait_until(lambda: 'what="tag last"' in pannier.log_text(), "the last is logged", 3)
            lines = re.findall(r"event=invalidated .* left_out=(\d+)", pannier.log_text())
            self.assertEqual(len(lines) + sum(map(int, lines)), 501)
            self.assertLess(len(lines), 400)


if __name__ == "__main__":
    unittest.main()
