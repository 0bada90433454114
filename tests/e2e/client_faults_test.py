#!/usr/bin/python3
"""Clients that ask for much, read little, send slowly, come by the thousand and go without a word.
Groups A, B and K of the failures."""

import contextlib
import os
import random
import signal
import socket
import threading
import time
import unittest

from fault_bench import RULES, Faults, reset
from sockets_of import sockets_of
from support import Pannier, Wire, encode, wait_until

MIB = 1 << 20
CHURN = float(os.environ.get("PANNIER_CHURN_SECONDS", "2"))


def connections(port, count):
    """That many connections, begun before any of them is waited for."""
    begun = []
    for _ in range(count):
        one = socket.socket()
        one.setblocking(False)
        one.connect_ex(("127.0.0.1", port))
        begun.append(one)
    for one in begun:
        one.settimeout(20)
    return begun


@contextlib.contextmanager
def closing(sockets):
    try:
        yield sockets
    finally:
        for one in sockets:
            one.close()


class Many(Faults):
    def test_k13_5000_connects_at_once_are_all_served(self):
        self.start("")
        with closing(connections(self.pannier.port, 5000)) as clients:
            for one in clients:
                one.sendall(b"PING\r\n")
            for one in clients:
                self.assertEqual(one.recv(100), b"+PONG\r\n")
        wait_until(lambda: self.metric("pannier_clients") == 1, "all are gone")

    def test_10000_idle_connections_cost_at_most_4_kib_each(self):
        self.start("")
        with closing([]) as clients:
            for count in (1000, 9000):  # The first ones fill what memory there was.
                before = self.memory()
                clients += connections(self.pannier.port, count)
                wait_until(lambda: self.metric("pannier_clients") == len(clients) + 1, "all are there")
                clients[-1].sendall(b"PING\r\n")
                self.assertEqual(clients[-1].recv(100), b"+PONG\r\n")
            self.assertLess((self.memory() - before) / 9000, 4096)
            spent = self.cpu()
            time.sleep(1)
            self.assertLess(self.cpu() - spent, 0.2)
        wait_until(lambda: self.metric("pannier_clients") == 1, "all are gone")

    def test_b25_clients_that_come_and_go_leave_nothing_behind(self):
        self.start(RULES)
        self.come_and_go(0.3)
        lines, files, memory = self.pannier.log_text(), self.descriptors(), self.memory()
        came = self.come_and_go(CHURN)
        self.assertGreater(came, 100)
        wait_until(lambda: self.metric("pannier_clients") == 1, "all are gone")
        self.assertEqual(self.pannier.log_text(), lines)
        self.assertLessEqual(self.descriptors(), files)
        self.assertLess(self.memory() - memory, 2 * MIB)

    def come_and_go(self, seconds):
        came, until = 0, time.monotonic() + seconds
        while time.monotonic() < until:
            for i in range(10):
                wire = self.pannier.wire()
                if i % 3 == 0:
                    wire.send(b"GET lost:1\r\nGET a\r\n*2\r\n$3\r\nGE"[:i * 4])
                (reset if i % 2 else Wire.__exit__)(wire)
            came += 10
        return came


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
        with contextlib.suppress(OSError):
            while True:
                self.assertEqual(self.wire.call("GET", "plain:3"), b"$7\r\nvalue 3\r\n")
        large.join()
        self.assertEqual(self.pannier.process.wait(10), 70)
        self.assertEqual(self.pannier.log_text().count("out of memory\n"), 1)

    @staticmethod
    def send_large(clients):
        with contextlib.suppress(OSError):
            for wire in clients:
                wire.send(b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$40000000\r\n" + b"v" * 12_000_000)


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


class Flood(Faults):
    def test_a14_a_million_commands_nobody_reads_the_replies_of_take_no_room(self):
        count = 1_000_000
        self.start()
        self.wire.call("SET", "k", "v")
        before, most = self.memory(), 0
        with self.pannier.wire(timeout=60) as deaf, self.pannier.wire() as other:
            commands = encode("GET", "k") * count
            sends = threading.Thread(target=deaf.send, args=(commands,))
            sends.start()
            for _ in range(200):
                self.assertEqual(other.call("GET", "k"), b"$1\r\nv\r\n")
                most = max(most, self.memory())
            wanted, left = b"$1\r\nv\r\n" * 10_000, count // 10_000
            while left:
                self.assertEqual(deaf.exactly(len(wanted)), wanted)
                most, left = max(most, self.memory()), left - 1
            sends.join()
        self.assertLess(most - before, 16 * MIB)

    def test_k3_a_client_that_floods_leaves_others_their_turn(self):
        """While 300,000 commands of one are served another one, who asks one at a time, gets its
        share: about one for each 1,024 at least."""
        count = 300_000
        self.start()
        for key in ("plain", "lost:1"):
            self.wire.call("SET", key, "v")
            with self.pannier.wire(timeout=60) as floods, self.pannier.wire() as other:
                sends = threading.Thread(target=floods.send, args=(encode("GET", key) * count,))
                reads = threading.Thread(target=floods.exactly, args=(7 * count,))
                sends.start()
                reads.start()
                served = 0
                while reads.is_alive():
                    self.assertEqual(other.call("GET", "plain"), b"$1\r\nv\r\n")
                    served += 1
                sends.join()
            self.assertGreater(served, 60)

    def test_b3_what_nobody_reads_is_not_held(self):
        self.start()
        self.wire.call("SET", "large", b"v" * MIB)
        before = self.memory()
        deaf = [self.enterContext(self.pannier.wire()) for _ in range(10)]
        for wire in deaf:
            wire.send(encode("GET", "large") * 500)
        most, until = 0, time.monotonic() + 2
        while time.monotonic() < until:
            self.assertEqual(self.wire.call("PING"), b"+PONG\r\n")
            most = max(most, self.memory())
        self.assertLess(most - before, 400 * MIB)
        for wire in deaf:
            wire.socket.close()
        wait_until(lambda: self.memory() - before < 40 * MIB, "the memory is given back")


class Slow(Faults):
    def test_a6_what_is_never_finished_is_closed_and_one_byte_at_a_time_is_not(self):
        self.start("limits: {client_partial_timeout: 2s}\n")
        stuck = [self.enterContext(self.pannier.wire(10)) for _ in range(3)]
        for wire, sent in zip(stuck, (b"*1\n$4\nPING\n", b"*2\r\n$3\r\nGET\r\n$5\r\nab", b"PING")):
            wire.send(sent)
        slow = [self.enterContext(self.pannier.wire(10)) for _ in range(5)]
        for byte in b"ECHO 1\r\n":
            for wire in slow:
                wire.send(bytes([byte]))
            self.assertEqual(self.wire.call("PING"), b"+PONG\r\n")
            time.sleep(0.5)
        for wire in slow:
            self.assertEqual(wire.reply(), b"$1\r\n1\r\n")
        for wire in stuck:
            self.assertEqual(wire.rest(quiet=10), (b"", True))
        self.assertEqual(self.metric('pannier_client_closed_total{why="partial_timeout"}'), 3)
        self.assertEqual(self.wire.call("PING"), b"+PONG\r\n")  # Idle is not unfinished.

    def test_a7_an_inline_command_without_end_is_refused_however_it_comes(self):
        self.start("")
        for size in (61, 4096):
            with self.pannier.wire() as wire:
                with contextlib.suppress(OSError):
                    for _ in range(65_600 // size + 1):
                        wire.send(b"a" * size)
                received, closed = wire.rest(quiet=5)
                self.assertTrue(closed)
                # The error may be lost: it was sent while the client was still sending.
                self.assertIn(received, (b"-ERR Protocol error: too big inline request\r\n", b""))

    def test_a9_attacks_through_other_protocols_are_counted(self):
        self.start("")
        for sent in (b"POST / HTTP/1.1\r\nHost: x\r\n\r\nSET a 1\r\n", b"*1\r\n$5\r\nhOsT:\r\nSET a 1\r\n"):
            with self.pannier.wire() as wire:
                wire.send(sent)
                self.assertEqual(wire.rest(quiet=5), (b"", True))
        self.assertEqual(self.metric('pannier_client_closed_total{why="cross_protocol"}'), 2)
        self.assertEqual(self.wire.call("EXISTS", "a"), b":0\r\n")

    def test_a13_a_session_in_any_pieces_gets_the_same_replies(self):
        seed = random.SystemRandom().randrange(1 << 32)
        dice = random.Random(seed)
        self.start()
        session, replies = b"", b""
        while len(session) < 4096:
            key, value = dice.choice(("plain:1", "lost:1")), dice.randbytes(dice.randrange(300))
            session += encode("SET", key, value) + b"STRLEN " + key.encode() + b"\r\n*0\r\n" + encode("GET", key)
            replies += b"+OK\r\n:%d\r\n$%d\r\n%s\r\n" % (len(value), len(value), value)
        for _ in range(60):
            cuts = sorted(dice.sample(range(1, len(session)), dice.choice((1, 2, 10, 200))))
            for begin, end in zip([0, *cuts], [*cuts, len(session)]):
                self.wire.send(session[begin:end])
            self.assertEqual(self.wire.exactly(len(replies)), replies, f"seed {seed}")
        self.wire.socket.settimeout(20)
        sends = threading.Thread(target=self.wire.send, args=(session * 250,))  # 1 MiB at once.
        sends.start()
        self.assertEqual(self.wire.exactly(len(replies) * 250), replies * 250, f"seed {seed}")
        sends.join()

    def test_a22_10000_keys_and_values_of_any_bytes_come_back_as_they_were(self):
        seed = random.SystemRandom().randrange(1 << 32)
        dice = random.Random(seed)
        self.start()
        for _ in range(20):
            sent, wanted = b"", b""
            for i in range(500):
                key, value = dice.randbytes(dice.randrange(20)), dice.randbytes(dice.randrange(60))
                key = b"lost:" + key if i % 2 else key
                sent += encode("SET", key, value) + encode("GET", key)
                wanted += b"+OK\r\n$%d\r\n%s\r\n" % (len(value), value)
            self.wire.send(sent)
            self.assertEqual(self.wire.exactly(len(wanted)), wanted, f"seed {seed}")


class HalfOpen(Faults):
    def sockets(self):
        found = sockets_of(self.pannier.pid)
        if found is None:
            self.skipTest("the system does not let one process look at another one's sockets")
        return found

    def test_b5_clients_that_are_gone_without_a_word_are_noticed_within_45_seconds(self):
        self.start()
        self.wire.call("PING")
        options = [one.keep_alive for one in self.sockets() if one.local_port == self.pannier.port
                   and one.peer_port == self.wire.socket.getsockname()[1]]
        self.assertEqual(options, [(1, 30, 5, 3)])

    def test_c3_a_redis_that_is_gone_without_a_word_is_noticed_by_the_kernel_too(self):
        self.start("upstream: {op_timeout: 5s}\n" + RULES)
        self.assertEqual(self.wire.call("MULTI"), b"+OK\r\n")
        options = [(one.keep_alive, one.user_timeout) for one in self.sockets()
                   if one.peer_port == self.redis.port]
        self.assertEqual(options, [((1, 30, 5, 3), 5000)] * 2)


if __name__ == "__main__":
    unittest.main()
