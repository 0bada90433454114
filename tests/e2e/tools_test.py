#!/usr/bin/python3
"""Redis's own tools do through the sidecar what they do with Redis."""

import os
import re
import subprocess
import tempfile
import unittest

from differential_table_test import NO_RULES, RULES
from support import Pannier, Redis, Wire, encode

COMMANDS = 1_000_000


def cli(port, *words, data=None, seconds=60):
    done = subprocess.run(["redis-cli", "-p", str(port), *words], input=data, capture_output=True,
                          timeout=seconds)
    return (done.stdout + done.stderr).decode(errors="replace")


class ToolsCase(unittest.TestCase):
    """A Redis with keys, asked directly and through a sidecar without rules and one with rules that
    concern other keys."""

    @classmethod
    def setUpClass(cls):
        cls.redis = cls.enterClassContext(Redis("--enable-debug-command", "yes"))
        cls.plain = cls.enterClassContext(Pannier(NO_RULES, cls.redis.port))
        cls.ruled = cls.enterClassContext(Pannier(RULES, cls.redis.port))
        cls.ports = [cls.redis.port, cls.plain.port, cls.ruled.port]

    def setUp(self):
        with self.redis.wire() as wire:
            wire.call("FLUSHALL")
            wire.call("FUNCTION", "FLUSH")
            wire.call("SCRIPT", "FLUSH")

    def fill(self):
        with self.redis.wire() as wire:
            wire.call("DEBUG", "POPULATE", 5000, "key", 30)
            wire.call("SET", "large", "x" * 100_000)
            wire.call("RPUSH", "list", *range(500))
            wire.call("HSET", "hash", *range(400))
            wire.call("SADD", "set", *range(300))
            wire.call("ZADD", "zset", *range(200))
            wire.call("XADD", "stream", "1-1", "f", "v")

    def same(self, *words, data=None, but=None):
        """Asserts that redis-cli prints the same on all ports; `but` takes away what may differ."""
        but = but or (lambda text: text)
        direct, *through = [but(cli(port, *words, data=data)) for port in self.ports]
        for text in through:
            self.assertEqual(text, direct, words)
        return direct


class RedisCli(ToolsCase):
    def test_pipe_gets_every_reply_of_a_million_commands(self):
        with tempfile.NamedTemporaryFile() as file:
            for first in range(0, COMMANDS, 1000):
                file.write(b"".join(encode("SET", f"p:{i}", i) for i in range(first, first + 1000)))
            file.flush()
            with open(file.name, "rb") as commands:
                done = subprocess.run(["redis-cli", "-p", str(self.ruled.port), "--pipe"],
                                      stdin=commands, capture_output=True, text=True, timeout=120)
        self.assertIn(f"errors: 0, replies: {COMMANDS}", done.stdout)
        self.assertEqual(cli(self.plain.port, "DBSIZE"), f"{COMMANDS}\n")

    def test_pipe_counts_errors_and_accepts_inline_commands(self):
        data = b"SET a 1\r\nINCR b\r\nLPUSH a x\r\nnosuch\r\nPING\r\n" * 500
        text = self.same("--pipe", data=data)
        self.assertIn("errors: 1000, replies: 2500", text)

    def test_bigkeys_memkeys_and_hotkeys_find_the_same(self):
        self.fill()

        def summary(text):
            return "\n".join(sorted(text.split("summary")[1].splitlines()))

        self.assertIn("1 lists with 500 items", self.same("--bigkeys", but=summary))
        self.assertIn("Biggest string", self.same("--memkeys", but=summary))
        self.same("--hotkeys", but=lambda text: text.splitlines()[-1])

    def test_scan_walks_over_every_key_once(self):
        self.fill()

        def keys(text):
            return sorted(text.split())

        self.assertEqual(len(self.same("--scan", but=keys)), 5006)
        self.assertEqual(len(self.same("--scan", "--pattern", "key:1?", but=keys)), 10)

    def test_stat_prints_a_line_each_interval(self):
        self.fill()
        for port in self.ports[1:]:
            lines = self.first_lines(5, "redis-cli", "-p", str(port), "--stat", "-i", "0.01")
            self.assertEqual([line.split()[0] for line in lines[2:]], ["5006"] * 3)

    def first_lines(self, count, *command):
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as tool:
            lines = [tool.stdout.readline() for _ in range(count)]
            tool.kill()
        return lines

    def test_latency_tools_end(self):
        for port in self.ports[1:]:
            for form in ("--raw", "--csv"):
                text = cli(port, form, "--latency", "-i", "0.2", seconds=20)
                self.assertRegex(text, r"^\d+[ ,]\d+[ ,]\d+\.\d+[ ,]\d+")

    def test_eval_runs_a_file(self):
        with tempfile.NamedTemporaryFile("w", suffix=".lua") as file:
            file.write("redis.call('SET', KEYS[1], ARGV[1]) return {KEYS[1], {1, 'x'}, false}")
            file.flush()
            self.assertIn("a", self.same("--eval", file.name, "a", ",", "b"))
            self.same("--json", "-3", "--eval", file.name, "a", ",", "b")

    def test_every_form_of_output_is_the_same(self):
        self.fill()
        for words in (["HGETALL", "hash"], ["ZRANGE", "zset", "0", "5", "WITHSCORES"],
                      ["XRANGE", "stream", "-", "+"], ["GET", "nosuch"], ["LRANGE", "list", "0", "9"],
                      ["COMMAND", "DOCS", "set"], ["CONFIG", "GET", "maxmemory*"],
                      ["GEOPOS", "nosuch", "a"], ["HGET", "list", "x"], ["MEMORY", "HELP"]):
            for form in (["--csv"], ["--json", "-3"], ["--json", "-2"], ["--no-raw"], ["--raw"],
                         ["-3", "--no-raw"], ["--quoted-json", "-3"]):
                self.same(*form, *words)

    def test_a_session_of_lines_with_transactions_and_subscriptions(self):
        self.same(data=b"SELECT 2\nSET a 1\nMULTI\nINCR a\nnosuch\nEXEC\nMULTI\nINCR a\nEXEC\n"
                  b"HELLO 3\nHGETALL a\nCLIENT REPLY x\nGET a\nQUIT\n",
                  but=lambda text: re.sub(r"id \d+", "", text))

    def test_rdb_gets_a_dump_or_is_refused_and_harms_nobody(self):
        self.fill()
        for port in self.ports[1:]:
            with tempfile.TemporaryDirectory() as folder, Wire(port) as other:
                file = os.path.join(folder, "dump.rdb")
                text = cli(port, "--rdb", file, seconds=30)
                if os.path.exists(file):
                    with open(file, "rb") as dump:
                        self.assertEqual(dump.read(5), b"REDIS", text)
                else:
                    self.assertIn("ERR pannier: ", text)
                self.assertEqual(other.call("LLEN", "list"), b":500\r\n")

    def test_monitor_shows_commands_of_others(self):
        for port in self.ports:
            with Wire(port) as monitor, Wire(self.plain.port) as wire:
                self.assertEqual(monitor.call("MONITOR"), b"+OK\r\n")
                wire.call("SET", "seen", "by all")
                lines = b""
                while b'"SET" "seen" "by all"' not in lines:
                    lines = monitor.reply()
                self.assertRegex(lines, rb"^\+\d+\.\d+ \[0 127\.0\.0\.1:\d+\] ")
                # Redis itself answers RESET in this state.
                monitor.send(encode("RESET"))
                while monitor.reply() != b"+RESET\r\n":
                    pass
                self.assertEqual(monitor.call("PING"), b"+PONG\r\n")


class Benchmark(ToolsCase):
    def test_every_test_of_redis_benchmark_runs(self):
        for options in ([], ["-P", "16"], ["-3"], ["--threads", "2"]):
            done = subprocess.run(
                ["redis-benchmark", "-p", str(self.ruled.port), "-n", "2000", "-c", "20", "-q", "-r",
                 "100", "--csv", *options], capture_output=True, text=True, timeout=60)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertNotIn("rror", done.stdout + done.stderr)
            rows = [line.split('","')[0] for line in done.stdout.splitlines()[1:]]
            self.assertGreater(len(rows), 15)


if __name__ == "__main__":
    unittest.main()
