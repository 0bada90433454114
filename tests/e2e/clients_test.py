#!/usr/bin/python3
"""Clients find no difference between the sidecar and Redis.

Every script of clients/ does what applications do with its client, and prints what it sees. It
runs against Redis, against a sidecar without rules, and against one whose rules hold all its keys;
the three outputs must be equal. The server is restarted in the middle of it.
"""

import difflib
import os
import subprocess
import threading
import unittest

from support import BINARY, Pannier, Redis

HERE = os.path.dirname(os.path.abspath(__file__))
HIREDIS_CLIENT = os.environ.get("HIREDIS_CLIENT",
                                os.path.join(os.path.dirname(BINARY), "tests", "hiredis_client"))
PREFIX = "app:"

# Whatever the client says about expiry holds, so that the rules show in nothing.
RULES = """
tiers:
  app: {ttl: 1h, ttl_mode: default, coalesce: {scope: sidecar, wait: 50ms}}
rules:
  - {match: "app:*", tier: app}
"""
# Here the expiry is the tier's, and values have tags and a stale window.
STRICT_RULES = """
tiers:
  app: {ttl: 99s, stale: 10s, coalesce: {scope: sidecar, wait: 50ms}, on_down: memory}
rules:
  - {match: "app:*", tier: app, tags: [app]}
"""


def script(name):
    return os.path.join(HERE, "clients", name)


def run(command, port, redis_port, server):
    """The lines a script prints; `server` is restarted when it asks for that."""
    words = [command[0], *command[1:2], str(port), str(redis_port), PREFIX, *command[2:]]
    client = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True)
    deadline = threading.Timer(60, client.kill)
    deadline.start()
    lines = []
    for line in client.stdout:
        lines.append(line.rstrip("\n"))
        if lines[-1].strip() == "restart":
            server.stop()
            server.start()
            client.stdin.write("restarted\n")
            client.stdin.flush()
    client.communicate()
    deadline.cancel()
    return [*lines, f"exit code {client.returncode}"]


class Client:
    """The tests of one client; `command` is its program, script and further arguments."""

    command = []
    expires_by_client = ("ex ",)  # Steps that show the client's own expiry.

    @classmethod
    def setUpClass(cls):
        with Redis() as redis:
            cls.expected = run(cls.command, redis.port, redis.port, redis)

    def output(self, rules):
        with Redis() as redis, Pannier(rules, redis.port) as pannier:
            return run(self.command, pannier.port, redis.port, pannier)

    def assert_same(self, seen, but=()):
        different = [line for line in difflib.unified_diff(self.expected, seen, "redis", "sidecar",
                                                           lineterm="", n=0)
                     if not line[1:].startswith((*but, "-- redis", "++ sidecar", "@ "))]
        self.assertEqual(different, [], "\n".join(different))

    def test_its_script_runs_to_the_end(self):
        self.assertIn("exit code 0", self.expected, "\n".join(self.expected))
        self.assertTrue(any(line.startswith("restarted") for line in self.expected))

    def test_it_sees_no_sidecar_without_rules(self):
        self.assert_same(self.output(""))

    def test_it_sees_no_sidecar_when_rules_leave_the_expiry_to_it(self):
        self.assert_same(self.output(RULES))

    def test_it_sees_only_the_tiers_expiry_when_rules_set_one(self):
        self.assert_same(self.output(STRICT_RULES), self.expires_by_client)


class RedisCli(Client, unittest.TestCase):
    command = ["/usr/bin/python3", script("redis_cli_client.py"), "2"]
    # Lists and generations of tags are keys of their own.
    expires_by_client = ("scan ", "bigkeys ")


class RedisCliResp3(RedisCli):
    command = ["/usr/bin/python3", script("redis_cli_client.py"), "3"]


class Python(Client, unittest.TestCase):
    command = ["/usr/bin/python3", script("python_client.py")]


class Perl(Client, unittest.TestCase):
    command = ["perl", script("perl_client.pl")]
    expires_by_client = ("ex ", "scan ")


class Hiredis(Client, unittest.TestCase):
    command = [HIREDIS_CLIENT]


class Ioredis(Client, unittest.TestCase):
    command = ["node", script("ioredis_client.mjs"), "3"]


class IoredisResp2(Client, unittest.TestCase):
    command = ["node", script("ioredis_client.mjs"), "2"]


class NodeRedis(Client, unittest.TestCase):
    command = ["node", script("node_redis_client.mjs"), "3"]


class NodeRedisResp2(Client, unittest.TestCase):
    command = ["node", script("node_redis_client.mjs"), "2"]


if __name__ == "__main__":
    unittest.main()
