#!/usr/bin/python3
"""`pannier health`: what a probe inside a container runs, where there is no curl."""

import contextlib
import signal
import socket
import subprocess
import threading
import time
import unittest

from support import BINARY, Pannier, Redis, free_port, wait_until


def health(admin, *words):
    """The exit code and all that was printed."""
    done = subprocess.run([BINARY, "health", "--admin", str(admin), *words],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=10)
    return done.returncode, done.stdout.strip()


@contextlib.contextmanager
def peer(answer):
    """Somebody who takes one connection, sends this and closes; with None: says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        def serve():
            connection, _ = server.accept()
            with connection, contextlib.suppress(OSError):
                connection.recv(4096)
                connection.sendall(answer or b"")
                if answer is None:
                    connection.recv(4096)

        threading.Thread(target=serve, daemon=True).start()
        yield f"127.0.0.1:{server.getsockname()[1]}"


class HealthTest(unittest.TestCase):
    def test_a_sidecar_that_serves_is_alive_and_ready(self):
        with Redis() as redis, Pannier(upstream_port=redis.port) as pannier:
            for address in (f"127.0.0.1:{pannier.admin_port}", f"localhost:{pannier.admin_port}"):
                self.assertEqual(health(address), (0, "ok"))
                self.assertEqual(health(address, "--ready")[0], 0)

    def test_without_redis_it_is_alive_and_ready_too(self):
        with Pannier(upstream_port=free_port()) as pannier:
            address = f"127.0.0.1:{pannier.admin_port}"
            wait_until(lambda: health(address, "--ready")[0] == 0, "ready")
            self.assertEqual(health(address), (0, "ok"))

    def test_while_draining_it_is_alive_but_not_ready(self):
        with Pannier(upstream_port=free_port()) as pannier, pannier.wire() as wire:
            wire.call("PING")
            address = f"127.0.0.1:{pannier.admin_port}"
            pannier.process.send_signal(signal.SIGTERM)
            wait_until(lambda: health(address, "--ready")[0] == 1, "not ready")
            self.assertIn("draining", health(address, "--ready")[1])
            self.assertEqual(health(address), (0, "ok"))

    def test_a_sidecar_that_hangs_is_given_two_seconds(self):
        with Pannier(upstream_port=free_port()) as pannier:
            pannier.process.send_signal(signal.SIGSTOP)
            begin = time.monotonic()
            address = f"127.0.0.1:{pannier.admin_port}"
            self.assertEqual(health(address),
                             (1, f"pannier: no answer from {address}: Connection timed out"))
            self.assertGreater(time.monotonic() - begin, 1.5)

    def test_nobody_there_is_no(self):
        address = f"127.0.0.1:{free_port()}"
        self.assertEqual(health(address),
                         (1, f"pannier: no answer from {address}: Connection refused"))

    def test_only_status_200_of_http_is_yes(self):
        for answer, code, printed in (
                (b"HTTP/1.1 200 OK\r\n\r\nfine\n", 0, "fine"),
                (b"HTTP/1.1 200 OK\r\n\r\n", 0, ""),
                (b"HTTP/1.1 503 Service Unavailable\r\n\r\nno", 1, "no"),
                (b"HTTP/1.1 2000 OK\r\n\r\nno", 1, "no"),
                (b"HTTP/1.1 200 OK\r\n", 1, "no HTTP"),
                (b"-ERR unknown command\r\n\r\n", 1, "no HTTP"),
                (b"", 1, "no HTTP"),
                (b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 1_000_000, 0, "xxx")):
            with self.subTest(answer[:60]), peer(answer) as address:
                got = health(address)
                self.assertEqual(got[0], code)
                self.assertIn(printed, got[1])

    def test_a_peer_that_says_nothing_is_no(self):
        with peer(None) as address:
            self.assertEqual(health(address)[0], 1)

    def test_what_is_no_address_of_numbers_is_said_to_be_none(self):
        for address in ("9180", "unix:/run/x.sock", "example.org:9180", ""):
            with self.subTest(address):
                code, printed = health(address)
                self.assertEqual(code, 1)
                self.assertIn("it is not an address such as 127.0.0.1:9180", printed)

    def test_words_it_does_not_know_are_refused(self):
        self.assertEqual(health("127.0.0.1:1", "--nonsense")[0], 64)


if __name__ == "__main__":
    unittest.main()
