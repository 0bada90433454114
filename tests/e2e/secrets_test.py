#!/usr/bin/python3
"""The password of upstream and those that clients send are never shown to anybody."""

import os
import subprocess
import unittest
import urllib.error
import urllib.request

from support import BINARY, Pannier, Redis, wait_until

SECRET = "canary-4711"
ADMIN_PATHS = ("/", "/stats", "/metrics", "/livez", "/readyz", "/healthz")
RULES = """
tiers:
  short: {ttl: 60s}
rules:
  - {match: "page:{id}", tier: short}
"""


class SecretPannier(Pannier):
    """Its URL has a password; the command line, which every process can see, has none."""

    def __init__(self, redis_port, password=SECRET):
        url = f"redis://default:{password}@127.0.0.1:{redis_port}"
        super().__init__(f"upstream: {url}\n{RULES}")


class SecretsTest(unittest.TestCase):
    def setUp(self):
        self.redis = self.enterContext(Redis("--requirepass", SECRET))
        self.seen = []

    def start(self, password=SECRET):
        self.pannier = self.enterContext(SecretPannier(self.redis.port, password))
        self.wire = self.enterContext(self.pannier.wire())

    def ask(self, *words):
        self.seen.append(self.wire.call(*words))
        return self.seen[-1]

    def ask_admin(self, path):
        try:
            url = f"http://127.0.0.1:{self.pannier.admin_port}{path}"
            with urllib.request.urlopen(url, timeout=5) as answer:
                self.seen.append(answer.read())
        except urllib.error.HTTPError as error:
            self.seen.append(error.read())

    def look_everywhere(self):
        for words in (("INFO",), ("INFO", "pannier"), ("PANNIER", "STATS"), ("PANNIER", "LEASES"),
                      ("PANNIER", "EXPLAIN", "page:1"), ("PANNIER", "CONFIG", "CHECK"),
                      ("PANNIER", "RELOAD"), ("GET", "page:1"), ("GET", "a"), ("SET", "a", "1"),
                      ("CLIENT", "LIST"), ("MULTI",), ("GET", "a"), ("EXEC",), ("LPUSH", "a", "x")):
            self.ask(*words)
        for path in ADMIN_PATHS:
            self.ask_admin(path)

    def assert_nothing_seen(self):
        self.seen.append(self.pannier.log_text().encode())
        for text in self.seen:
            self.assertNotIn(SECRET.encode(), text)

    def test_while_all_is_well(self):
        self.start()
        self.assertEqual(self.ask("SET", "a", "1"), b"+OK\r\n")
        self.look_everywhere()
        self.assert_nothing_seen()

    def test_while_redis_refuses_the_password(self):
        with Redis("--requirepass", "another") as self.redis:
            self.start()
            wait_until(lambda: b"WRONGPASS" in self.ask("LPUSH", "l", "x"), "Redis refuses it")
            self.look_everywhere()
        self.assert_nothing_seen()

    def test_while_redis_is_down(self):
        self.start()
        self.ask("SET", "a", "1")
        self.redis.stop()
        wait_until(lambda: b"unavailable" in self.ask("GET", "a"), "Redis is missed")
        self.look_everywhere()
        self.assert_nothing_seen()

    def test_when_a_transaction_is_lost(self):
        self.start()
        for words in (("WATCH", "a"), ("MULTI",), ("SET", "a", "1")):
            self.ask(*words)
        self.redis.stop()
        lost = f"-ERR pannier: upstream 127.0.0.1:{self.redis.port} connection lost; outcome unknown"
        wait_until(lambda: self.ask("EXEC") == lost.encode() + b"\r\n", "the transaction is lost")
        self.assert_nothing_seen()

    def test_what_clients_send_to_log_in(self):
        self.start()
        self.assertEqual(self.ask("AUTH", SECRET), b"+OK\r\n")  # It is upstream's.
        for words in (("AUTH", SECRET + "x"), ("AUTH", "me", SECRET), ("HELLO", "3", "AUTH", "me", SECRET),
                      ("AUTH", "me", SECRET, "more"), ("HELLO", "9", "AUTH", "me", SECRET)):
            self.assertTrue(self.ask(*words).startswith(b"-"), words)
        self.look_everywhere()
        self.assert_nothing_seen()

    def test_errors_in_the_configuration(self):
        for url in (f"redis://default:{SECRET}@host:port", f"redis://default:{SECRET}@",
                    f"redis://default:{SECRET}@127.0.0.1:6379/nonsense?x=y",
                    f"http://default:{SECRET}@127.0.0.1:6379"):
            for words in (["--upstream", url], ["--config", self.file(f"upstream: {url}\n")],
                          ["--config", self.file(f"upstream: {{url: '{url}'}}\n")]):
                done = subprocess.run([BINARY, "run", *words], capture_output=True, timeout=10)
                self.assertEqual(done.returncode, 78, (words, done.stderr))
                self.assertNotIn(SECRET.encode(), done.stdout + done.stderr)

    def test_the_printed_configuration(self):
        path = self.file(f"upstream: redis://default:{SECRET}@127.0.0.1:6379\n")
        done = subprocess.run([BINARY, "check", path, "--print"], capture_output=True, timeout=10)
        self.assertEqual(done.returncode, 0)
        self.assertIn(b"127.0.0.1:6379", done.stdout)
        self.assertNotIn(SECRET.encode(), done.stdout + done.stderr)

    def file(self, text):
        path = os.path.join(self.redis.folder.name, f"{len(os.listdir(self.redis.folder.name))}.yaml")
        with open(path, "w") as file:
            file.write(text)
        return path


if __name__ == "__main__":
    unittest.main()
