#!/usr/bin/python3
"""Descriptors, memory and room for the log run out. Rows B6, K6 and K7 of the failures."""

import contextlib
import os
import signal
import threading
import time
import unittest

from crowd import closing, connections
from fault_bench import RULES, Faults
from support import Pannier, wait_until

MIB = 1 << 20


class Limited(Pannier):
    """A sidecar with limits of the system's."""

    def __init__(self, limits, config, port):
        super().__init__(config, port)
        self.limits = limits

    def command_line(self):
        return ["prlimit", *self.limits, *super().command_line()]


class ScarceResources(Faults):
    def start_limited(self, *limits, config=RULES):
        self.start(config)
        self.pannier = self.enterContext(Limited(limits, config, self.redis.port))
        self.wire = self.enterContext(self.pannier.wire())

    def assert_quiet(self):
        spent, begun = self.cpu(), time.monotonic()
        time.sleep(1)
        self.assertLess(self.cpu() - spent, 0.3 * (time.monotonic() - begun))

    def test_b6_more_clients_than_descriptors_are_told_so(self):
        self.start_limited("--nofile=128:128")
        full = b"-ERR max number of clients reached\r\n"
        with closing(connections(self.pannier.port, 500)) as clients:
            said = []
            for one in clients:
                with contextlib.suppress(OSError):  # It may have been refused and reset already.
                    one.sendall(b"PING\r\n")
            for one in clients:
                with contextlib.suppress(ConnectionResetError):
                    said.append(one.recv(100))
            self.assertLessEqual(set(said), {b"+PONG\r\n", full})
            self.assertTrue(32 <= said.count(b"+PONG\r\n") <= 64, said.count(b"+PONG\r\n"))
            self.assert_quiet()
            self.redis.stop()
            self.redis.start()
            self.await_reply(b"+OK\r\n", "SET", "a", "1")
            self.await_reply(b"$-1\r\n", "GET", "lost:1")
        wait_until(self.answers_new_client, "a new client is served")

    def answers_new_client(self):
        with contextlib.suppress(OSError), self.pannier.wire() as wire:
            return wire.call("GET", "a") == b"$1\r\n1\r\n"

    def test_b6_without_descriptors_it_neither_stops_nor_spins(self):
        """Clients whose transactions each need a connection of their own take all there are."""
        self.start_limited("--nofile=60:60")
        self.wire.call("SET", "a", "1")
        lines = self.pannier.log_text().count("\n")
        with closing(connections(self.pannier.port, 100)) as clients:
            for one in clients:
                with contextlib.suppress(OSError):
                    one.sendall(b"MULTI\r\n")
            said = set()
            for one in clients[:20]:
                one.settimeout(0.5)
                with contextlib.suppress(OSError):
                    said.add(one.recv(200))
            self.assertLessEqual(said, {b"+OK\r\n", b"-ERR max number of clients reached\r\n",
                                        self.down(b"too many open files"), b""})
            self.assert_quiet()
            self.assertEqual(self.wire.call("GET", "a"), b"$1\r\n1\r\n")
        wait_until(self.answers_new_client, "a new client is served")
        self.await_reply(b"+OK\r\n", "MULTI")
        self.assertLess(self.pannier.log_text().count("\n") - lines, 10)

    def test_k7_without_memory_it_ends_with_one_line_and_no_reply_goes_astray(self):
        self.start()
        with open(f"/proc/{self.pannier.pid}/status") as status:
            size = int(next(line for line in status if line.startswith("VmSize:")).split()[1]) * 1024
        self.start_limited(f"--as={size + 40 * MIB}")
        self.assertEqual(self.wire.call("SET", "plain:3", "value 3"), b"+OK\r\n")
        clients = [self.enterContext(self.pannier.wire()) for _ in range(8)]
        large = threading.Thread(target=self.send_large, args=(clients,))
        large.start()
        end = time.monotonic() + 30
        with contextlib.suppress(OSError):
            while time.monotonic() < end:
                self.assertEqual(self.wire.call("GET", "plain:3"), b"$7\r\nvalue 3\r\n")
        large.join()
        self.assertEqual(self.pannier.process.wait(10), 70)
        self.assertEqual(self.pannier.log_text().count("out of memory\n"), 1)

    @staticmethod
    def send_large(clients):
        """Under a rule a request is held whole."""
        with contextlib.suppress(OSError):
            for wire in clients:
                wire.send(b"*3\r\n$3\r\nSET\r\n$6\r\nlost:1\r\n$40000000\r\n" + b"v" * 12_000_000)


class Logs(Faults):
    def test_k6_a_log_that_nobody_reads_stops_nothing(self):
        self.start()
        path = os.path.join(self.redis.folder.name, "fifo")
        os.mkfifo(path)
        reader = os.open(path, os.O_RDWR | os.O_NONBLOCK)
        self.addCleanup(os.close, reader)
        with contextlib.suppress(BlockingIOError):
            while os.write(reader, b"x" * 4096):
                pass
        self.go_on_with_log_to(path)

    def test_k6_a_log_on_a_full_disk_stops_nothing(self):
        self.start()
        self.go_on_with_log_to("/dev/full")

    def go_on_with_log_to(self, path):
        pannier = Pannier(RULES, self.redis.port)
        line = pannier.command_line()
        pannier.command_line = lambda: ["sh", "-c", f"exec \"$@\" 2>{path}", "sh", *line]
        with pannier, pannier.wire() as wire, self.redis.wire() as direct:
            for number in range(30):
                direct.call("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
                wait_until(lambda: wire.call("SET", "lost:1", number) == b"+OK\r\n", "SET works", 5)
            pannier.process.send_signal(signal.SIGTERM)
            wire.socket.close()
            self.assertEqual(pannier.process.wait(10), 0)


if __name__ == "__main__":
    unittest.main()
