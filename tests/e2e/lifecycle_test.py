#!/usr/bin/python3
"""How the sidecar starts, is told things by its command line, files and signals, and ends."""

import os
import signal
import socket
import stat
import subprocess
import time
import unittest

from support import BINARY, Pannier, Redis, Wire, free_port, wait_until

RULES = """
tiers:
  short: {ttl: 60s}
rules:
  - {match: "page:{id}", tier: short}
"""


def run(*words, **options):
    """Runs the program to its end: its exit code, output and errors."""
    done = subprocess.run([BINARY, *words], capture_output=True, text=True, timeout=10, **options)
    return done.returncode, done.stdout, done.stderr


class UnixSockets(Pannier):
    """A sidecar that listens on a unix socket and reaches Redis through another one."""

    def __init__(self, redis_socket):
        super().__init__()
        self.path = os.path.join(self.folder.name, "pannier.sock")
        self.redis_socket = redis_socket

    def command_line(self):
        return [self.binary, "run", "--listen", "unix:" + self.path, "--admin", "off",
                "--upstream", "unix:" + self.redis_socket]

    def connect(self):
        return UnixWire(self.path)

    def answers(self):
        try:
            with self.connect() as wire:
                return wire.call("PING") == b"+PONG\r\n"
        except OSError:
            return False


class UnixWire(Wire):
    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(5)
        self.buffer = b""
        try:
            self.socket.connect(path)
        except OSError:
            self.socket.close()
            raise


class CommandLineTest(unittest.TestCase):
    def test_version_and_help_are_printed_and_all_is_well(self):
        code, output, _ = run("--version")
        self.assertEqual(code, 0)
        self.assertRegex(output, r"^pannier \d+\.\d+\.\d+\n$")
        for words in (["--help"], ["help"], ["run", "--help"]):
            code, output, _ = run(*words)
            self.assertEqual((code, output[:22]), (0, "usage: pannier run [--"), words)
        for name in ("check", "health"):
            code, output, _ = run(name, "--help")
            self.assertEqual((code, output.splitlines()[0][:21].rstrip()),
                             (0, f"usage: pannier {name}"[:21]), name)
        self.assertNotIn("--file", run("check", "--help")[1])

    def test_what_it_does_not_understand_ends_with_64_and_the_usage(self):
        for words in ([], ["nonsense"], ["run", "--nonsense"], ["run", "stray"], ["check"],
                      ["run", "--listen"]):
            code, output, errors = run(*words)
            self.assertEqual((code, output), (64, ""), words)
            self.assertRegex(errors, r"^pannier: .+\nusage: pannier run ", words)

    def test_a_broken_file_ends_with_78_and_says_where_it_is_broken(self):
        with Pannier() as helper:
            path = os.path.join(helper.folder.name, "broken.yaml")
            with open(path, "w") as file:
                file.write(RULES.replace("ttl", "tll"))
            text = f"{path}:3:11: unknown key 'tll' in tier 'short' (did you mean 'ttl'?)\n"
            for words in (["run", "--config", path], ["check", path]):
                self.assertEqual(run(*words), (78, "", text), words)

    def test_a_missing_file_ends_with_78(self):
        for words in (["run", "--config", "/nowhere.yaml"], ["check", "/nowhere.yaml"]):
            code, _, errors = run(*words)
            self.assertEqual(code, 78)
            self.assertIn("/nowhere.yaml", errors)

    def test_wrong_addresses_on_the_command_line_end_with_78(self):
        for words in (["--listen", "nonsense"], ["--upstream", "http://x"], ["--admin", "0.0.0.0:1"],
                      ["--listen", "0.0.0.0:6380"]):
            code, output, errors = run("run", *words)
            self.assertEqual((code, output), (78, ""), (words, errors))
            self.assertRegex(errors, rf"^{words[0]}: [^:0-9]")

    def test_a_port_in_use_ends_with_98(self):
        with Pannier() as first:
            listen = f"127.0.0.1:{first.port}"
            code, _, errors = run("run", "--listen", listen, "--admin", "off")
            self.assertEqual(code, 98)
            self.assertIn(f"cannot listen on {listen}: address already in use\n", errors)

    def test_an_admin_port_in_use_ends_with_98(self):
        with Pannier() as first:
            code, _, errors = run("run", "--listen", f"127.0.0.1:{free_port()}",
                                  "--admin", f"127.0.0.1:{first.port}")
            self.assertEqual(code, 98)
            self.assertIn(f"127.0.0.1:{first.port}: address already in use\n", errors)

    def test_the_command_line_wins_over_the_file(self):
        config = "listen: 127.0.0.1:1\nupstream: redis://127.0.0.1:2\nadmin: 127.0.0.1:3\n"
        with Redis() as redis, Pannier(config, redis.port) as pannier, pannier.wire() as wire:
            self.assertEqual(wire.call("SET", "a", "1"), b"+OK\r\n")
            with redis.wire() as direct:
                self.assertEqual(direct.call("GET", "a"), b"$1\r\n1\r\n")

    def test_redis_can_be_named_by_its_host_name(self):
        with Redis("--bind", "127.0.0.1") as redis:  # localhost may be ::1 first.
            with Pannier(f"upstream: redis://localhost:{redis.port}\n") as pannier:
                with pannier.wire() as wire:
                    self.assertEqual(wire.call("LPUSH", "a", "1"), b":1\r\n")

    def test_check_counts_and_prints_what_is_in_a_file(self):
        with Pannier(RULES) as pannier:
            self.assertEqual(run("check", pannier.config),
                             (0, f"{pannier.config}: ok, 1 tiers, 1 rules\n", ""))
            code, output, _ = run("check", pannier.config, "--print")
            self.assertEqual(code, 0)
            self.assertIn("reconnect_max: 2s", output)


class ReloadTest(unittest.TestCase):
    def setUp(self):
        self.redis = self.enterContext(Redis())
        self.pannier = self.enterContext(Pannier(RULES, self.redis.port))
        self.wire = self.enterContext(self.pannier.wire())

    def seconds(self):
        self.wire.call("SET", "page:1", "x")
        return int(self.wire.call("TTL", "page:1")[1:])

    def test_a_hangup_signal_reloads_the_file(self):
        self.assertLessEqual(self.seconds(), 60)
        self.pannier.write_config(RULES.replace("60s", "900s"))
        self.pannier.process.send_signal(signal.SIGHUP)
        wait_until(lambda: self.seconds() > 60, "the new tier holds", 1.5)

    def test_a_changed_file_is_reloaded_without_being_told(self):
        self.pannier.write_config(RULES.replace("60s", "900s"))
        wait_until(lambda: self.seconds() > 60, "the new tier holds", 6)

    def test_a_broken_file_is_refused_and_logged_and_the_next_good_one_taken(self):
        self.pannier.write_config(RULES.replace("ttl", "tll"))
        wait_until(lambda: "event=config_refused" in self.pannier.log_text(), "the refusal is logged", 6)
        self.assertIn("unknown key 'tll'", self.pannier.log_text())
        self.assertLessEqual(self.seconds(), 60)
        self.pannier.write_config(RULES.replace("60s", "900s"))
        wait_until(lambda: self.seconds() > 60, "the new tier holds", 6)

    def test_an_empty_file_is_refused_and_the_old_content_put_back_is_taken(self):
        self.pannier.write_config("\n")
        empty = f"{self.pannier.config}: the file is empty"
        self.assertIn(empty, run("check", self.pannier.config)[2])
        for words in (("RELOAD",), ("CONFIG", "CHECK")):
            reply = self.wire.call("PANNIER", *words).decode()
            self.assertIn(empty, reply)
            self.assertTrue(reply.endswith("; not executed\r\n"), reply)
        self.assertLessEqual(self.seconds(), 60)

    def test_what_was_loaded_on_request_is_what_the_file_is_compared_with(self):
        self.pannier.write_config(RULES.replace("60s", "900s"))
        self.assertEqual(self.wire.call("PANNIER", "RELOAD"), b"+OK\r\n")
        self.assertGreater(self.seconds(), 60)
        self.pannier.write_config(RULES)
        wait_until(lambda: self.seconds() <= 60, "the old tier holds again", 6)

    def test_a_file_that_is_gone_is_logged_once(self):
        missing = "event=config_missing"
        os.remove(self.pannier.config)
        wait_until(lambda: missing in self.pannier.log_text(), "it is logged", 8)
        time.sleep(4.5)  # Two looks more.
        self.assertEqual(self.pannier.log_text().count(missing), 1)
        self.assertLessEqual(self.seconds(), 60)

    def test_reload_names_what_waits_for_a_restart(self):
        with Pannier("admin: {allowed_hosts: []}\n" + RULES, self.redis.port) as pannier:
            with pannier.wire() as wire:
                pannier.write_config("admin: {allowed_hosts: [a]}\nlisten_unix: /tmp/x\n" + RULES)
                for _ in range(2):
                    self.assertEqual(wire.call("PANNIER", "RELOAD"),
                                     b"+OK, needs restart: listen_unix, admin.allowed_hosts\r\n")

    def test_settings_that_need_a_restart_are_named(self):
        config = "upstream: redis://127.0.0.1:%d\n" + RULES
        with Pannier(config % self.redis.port) as pannier, pannier.wire() as wire:
            wire.call("SET", "page:1", "x")
            pannier.write_config(config.replace("60s", "900s") % free_port())
            pannier.process.send_signal(signal.SIGHUP)
            wait_until(lambda: "config_needs_restart setting=upstream.url" in pannier.log_text(),
                       "a warning is logged")
            self.assertEqual(wire.call("GET", "page:1"), b"$1\r\nx\r\n")
            wire.call("SET", "page:1", "y")
            self.assertGreater(int(wire.call("TTL", "page:1")[1:]), 60)

    def test_clients_notice_nothing_of_many_reloads(self):
        for number in range(50):
            self.pannier.write_config(RULES.replace("60s", f"{900 + number}s"))
            self.wire.send(b"SET page:1 %d\r\nGET page:1\r\n" % number)
            self.pannier.process.send_signal(signal.SIGHUP)
            self.wire.send(b"GET page:1\r\n")
            value = b"$%d\r\n%d\r\n" % (len(str(number)), number)
            self.assertEqual([self.wire.reply() for _ in range(3)], [b"+OK\r\n", value, value])


class EndTest(unittest.TestCase):
    def setUp(self):
        self.redis = self.enterContext(Redis())
        self.pannier = self.enterContext(Pannier("", self.redis.port))

    def terminate(self, wanted=signal.SIGTERM):
        self.pannier.process.send_signal(wanted)

    def test_after_sigterm_clients_go_on_until_they_leave(self):
        with self.pannier.wire() as old:
            old.call("SET", "a", "1")
            self.terminate()
            wait_until(lambda: "event=draining" in self.pannier.log_text(), "it drains")
            until = time.monotonic() + 2
            while time.monotonic() < until:
                self.assertEqual(old.call("GET", "a"), b"$1\r\n1\r\n")
                with self.pannier.wire() as new:
                    self.assertEqual(new.call("GET", "a"), b"$1\r\n1\r\n")
        self.assertEqual(self.pannier.process.wait(5), 0)

    def test_sigterm_without_clients_ends_it_within_two_seconds(self):
        self.terminate()
        self.assertEqual(self.pannier.process.wait(2.5), 0)

    def test_a_second_signal_ends_it_at_once(self):
        for second in (signal.SIGTERM, signal.SIGINT):
            with self.subTest(second), self.pannier.wire() as client:
                client.call("PING")
                self.terminate()
                wait_until(lambda: "event=draining" in self.pannier.log_text(), "it drains")
                begun = time.monotonic()
                self.terminate(second)
                self.assertEqual(self.pannier.process.wait(5), 0)
                self.assertLess(time.monotonic() - begun, 1)
            self.pannier.start()

    def test_clients_that_stay_are_told_when_the_time_to_drain_is_over(self):
        with Pannier("drain: 200ms\n", self.redis.port) as pannier, pannier.wire() as client:
            client.call("PING")
            pannier.process.send_signal(signal.SIGTERM)
            self.assertEqual(client.rest(quiet=5),
                             (b"-ERR pannier: shutting down; not executed\r\n", True))
            self.assertEqual(pannier.process.wait(5), 0)

    def test_its_port_can_be_taken_again_at_once(self):
        with self.pannier.wire() as client:
            client.call("PING")
            self.pannier.stop()
        self.pannier.start()


class UnixSocketTest(unittest.TestCase):
    def setUp(self):
        self.redis = Redis("--unixsocket", "redis.sock")
        self.enterContext(self.redis)
        self.pannier = self.enterContext(
            UnixSockets(os.path.join(self.redis.folder.name, "redis.sock")))

    def test_clients_reach_redis_through_two_unix_sockets(self):
        with self.pannier.connect() as wire:
            self.assertEqual(wire.call("SET", "a", "1"), b"+OK\r\n")
            self.assertEqual(wire.call("MULTI"), b"+OK\r\n")
            self.assertEqual(wire.call("GET", "a"), b"+QUEUED\r\n")
            self.assertEqual(wire.call("EXEC"), b"*1\r\n$1\r\n1\r\n")
        with self.redis.wire() as direct:
            self.assertEqual(direct.call("GET", "a"), b"$1\r\n1\r\n")

    def test_the_socket_is_for_its_owner_only(self):
        mode = os.stat(self.pannier.path).st_mode
        self.assertTrue(stat.S_ISSOCK(mode))
        self.assertEqual(stat.S_IMODE(mode), 0o600)

    def test_a_socket_that_was_left_behind_is_replaced_and_one_in_use_is_not(self):
        code, _, errors = run(*self.pannier.command_line()[1:])
        self.assertEqual(code, 98)
        self.assertIn("address already in use", errors)
        self.pannier.stop()  # Killed: it cannot remove its socket.
        self.assertTrue(os.path.exists(self.pannier.path))
        self.pannier.start()

    def test_the_socket_is_removed_at_the_end(self):
        self.pannier.process.send_signal(signal.SIGTERM)
        self.assertEqual(self.pannier.process.wait(5), 0)
        self.assertFalse(os.path.exists(self.pannier.path))

    def test_errors_name_the_socket_of_redis(self):
        self.redis.stop()
        os.remove(self.pannier.redis_socket)
        with self.pannier.connect() as wire:
            wanted = b"-ERR pannier: upstream unix:" + self.pannier.redis_socket.encode()
            wait_until(lambda: wire.call("GET", "a").startswith(wanted), "an error with the path")


if __name__ == "__main__":
    unittest.main()
