#!/usr/bin/python3
"""TLS towards clients, and on both sides at once; and more than one place to connect to."""

import os
import re
import signal
import socket
import ssl
import stat
import subprocess
import time
import unittest

import redis as redis_client

import admin_client
from support import BINARY, Pannier, Redis, encode, free_port, wait_until
from tls_support import Certificates, TlsPannier, TlsRedis, TlsWire

MIB = 1 << 20


class Sealed:
    """A client whose records are made here, so that a test decides when which bytes are sent."""

    def __init__(self, port, context, timeout=5.0):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout)
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.incoming, self.outgoing, server_hostname="localhost")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def run(self, step, send):
        """Repeats `step` until it needs nothing more from the peer; `send` gets all that it makes."""
        while True:
            try:
                result = step()
                send(self.outgoing.read())
                return result
            except ssl.SSLWantReadError:
                send(self.outgoing.read())
                piece = self.socket.recv(65536)
                if not piece:
                    raise ConnectionError("closed by the peer") from None
                self.incoming.write(piece)

    def one_by_one(self, data):
        for byte in data:
            self.socket.sendall(bytes([byte]))


class TlsCase(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.made = made = cls.enterClassContext(Certificates())
        made.authority("ca").authority("other").certificate("redis", "ca")
        made.certificate("client", "ca").certificate("stranger", "other")
        cls.redis = cls.enterClassContext(TlsRedis(made))
        cls.upstream = (f"url: rediss://localhost:{cls.redis.port}, embedded: false, "
                        f"tls: {{ca: {made.path('ca')}}}")
        cls.pannier = cls.enterClassContext(cls.sidecar())

    @classmethod
    def sidecar(cls, config="", more=""):
        return TlsPannier(config, cls.upstream, cls.made.yaml("redis") + more, cls.made.context())

    def closed(self, why):
        text = admin_client.get(self.pannier.admin_port, "/metrics").body.decode()
        found = re.search(rf'^pannier_client_closed_total{{why="{why}"}} (\d+)', text, re.MULTILINE)
        return int(found[1]) if found else 0


class ClientTlsTest(TlsCase):
    def setUp(self):
        self.wire = self.enterContext(self.pannier.tls_wire())
        wait_until(lambda: self.wire.call("FLUSHALL") == b"+OK\r\n", "upstream is there")

    def test_redis_cli(self):
        line = ["redis-cli", "-p", str(self.pannier.tls_port), "-h", "localhost", "--tls",
                "--cacert", self.made.path("ca")]
        for words, output in ((["SET", "a", "1"], "OK"), (["GET", "a"], "1"), (["PING"], "PONG"),
                              (["PANNIER", "PING"], None), (["INFO", "server"], None)):
            done = subprocess.run([*line, *words], capture_output=True, text=True, timeout=10)
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            if output:
                self.assertEqual(done.stdout, output + "\n")
        sets = b"".join(encode("SET", f"key:{n}", n) for n in range(20_000))
        done = subprocess.run([*line, "--pipe"], input=sets, capture_output=True, timeout=60)
        self.assertIn(b"errors: 0, replies: 20000", done.stdout)

    def test_python_redis(self):
        client = redis_client.Redis("localhost", self.pannier.tls_port, ssl=True,
                                    ssl_ca_certs=self.made.path("ca"))
        self.addCleanup(client.connection_pool.disconnect)
        self.assertTrue(client.set("a", b"\x00\xff"))
        self.assertEqual(client.get("a"), b"\x00\xff")
        with client.pipeline() as pipeline:
            for number in range(1000):
                pipeline.incr("n")
            self.assertEqual(pipeline.execute(), list(range(1, 1001)))
        with client.pubsub() as subscribed:
            subscribed.subscribe("news")
            self.assertEqual(subscribed.get_message(timeout=5)["type"], "subscribe")
            client.publish("news", "x")
            self.assertEqual(subscribed.get_message(timeout=5)["data"], b"x")
        client.rpush("list", "x")
        self.assertEqual(client.blpop("list", 1), (b"list", b"x"))

    def test_a_pipeline_of_ten_thousand_commands(self):
        count = 10_000
        commands = b"".join(encode("SET", f"k:{n}", n) + encode("GET", f"k:{n}") for n in range(count))
        self.wire.socket.settimeout(30)
        for at in range(0, len(commands), 100_000):
            self.wire.send(commands[at:at + 100_000])
        for number in range(count):
            self.assertEqual(self.wire.reply(), b"+OK\r\n")
            self.assertEqual(self.wire.reply(), b"$%d\r\n%d\r\n" % (len(str(number)), number))

    def test_a_value_of_20_mb_both_ways(self):
        value = os.urandom(20 * MIB)
        with self.pannier.tls_wire(30) as wire:
            self.assertEqual(wire.call("SET", "large", value), b"+OK\r\n")
            self.assertEqual(wire.call("GET", "large"), b"$%d\r\n%s\r\n" % (len(value), value))
        with self.redis.wire(30) as direct:
            self.assertEqual(direct.call("STRLEN", "large"), b":%d\r\n" % len(value))

    def test_replies_wait_for_a_client_that_reads_slowly(self):
        value = os.urandom(MIB)
        self.wire.call("SET", "large", value)
        reply = b"$%d\r\n%s\r\n" % (MIB, value)
        with self.pannier.tls_wire(30) as wire:
            wire.send(encode("GET", "large") * 24 + encode("PING"))
            time.sleep(0.5)  # More than the system's buffers hold.
            for _ in range(24):
                self.assertEqual(wire.exactly(len(reply)), reply)
                time.sleep(0.01)
            self.assertEqual(wire.reply(), b"+PONG\r\n")

    def test_every_record_may_come_byte_by_byte(self):
        with Sealed(self.pannier.tls_port, self.made.context()) as client:
            client.run(client.tls.do_handshake, client.one_by_one)
            for value in (b"1", b"x" * 3000):
                client.run(lambda: client.tls.write(encode("SET", "a", value)), client.one_by_one)
                self.assertEqual(client.run(client.tls.read, client.one_by_one), b"+OK\r\n")

    def test_many_records_may_come_at_once(self):
        with Sealed(self.pannier.tls_port, self.made.context()) as client:
            client.run(client.tls.do_handshake, client.socket.sendall)
            for byte in encode("INCR", "n") * 300:
                client.tls.write(bytes([byte]))
            client.socket.sendall(client.outgoing.read())
            received = b""
            while received.count(b"\n") < 300:
                received += client.run(client.tls.read, client.socket.sendall)
            self.assertTrue(received.endswith(b":300\r\n"))

    def test_a_client_that_says_it_has_finished_is_answered_and_told_the_same(self):
        with Sealed(self.pannier.tls_port, self.made.context()) as client:
            client.run(client.tls.do_handshake, client.socket.sendall)
            client.tls.write(encode("SET", "a", "1") + encode("GET", "a"))
            try:
                client.tls.unwrap()  # The socket stays open: TLS alone says that this is the end.
            except ssl.SSLWantReadError:
                pass
            client.socket.sendall(client.outgoing.read())
            received = b""
            while piece := client.socket.recv(65536):
                received += piece
            client.incoming.write(received)
            self.assertEqual(client.tls.read(), b"+OK\r\n$1\r\n1\r\n")
            client.tls.unwrap()  # Raises unless the peer has said goodbye.

    def test_tls_1_2_and_1_3_and_nothing_older(self):
        for version, name in ((ssl.TLSVersion.TLSv1_2, "TLSv1.2"), (ssl.TLSVersion.TLSv1_3, "TLSv1.3")):
            context = self.made.context()
            context.minimum_version = context.maximum_version = version
            with TlsWire(self.pannier.tls_port, context) as wire:
                self.assertEqual(wire.socket.version(), name)
                self.assertEqual(wire.call("PING"), b"+PONG\r\n")
        done = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{self.pannier.tls_port}",
                               "-tls1_1", "-cipher", "DEFAULT@SECLEVEL=0"], stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=10)
        self.assertIn("alert protocol version", done.stderr)

    def test_what_is_no_tls_is_closed(self):
        before = self.closed("tls_handshake")
        for sent in (b"PING\r\n", b"GET / HTTP/1.1\r\n\r\n", bytes(range(256))):
            with socket.create_connection(("127.0.0.1", self.pannier.tls_port), 5) as plain:
                plain.sendall(sent)
                try:
                    while plain.recv(4096):
                        pass
                except ConnectionResetError:
                    pass
        self.assertEqual(self.closed("tls_handshake"), before + 3)
        self.assertEqual(self.wire.call("PING"), b"+PONG\r\n")

    def test_bytes_that_were_changed_on_their_way_end_the_connection(self):
        with Sealed(self.pannier.tls_port, self.made.context()) as client:
            client.run(client.tls.do_handshake, client.socket.sendall)
            client.tls.write(encode("SET", "changed", "1"))
            record = bytearray(client.outgoing.read())
            record[-1] ^= 1
            client.socket.sendall(record)
            while client.socket.recv(4096):
                pass
        self.assertEqual(self.wire.call("EXISTS", "changed"), b":0\r\n")

    def test_a_thousand_connections(self):
        for _ in range(1000):
            with self.pannier.tls_wire() as wire:
                self.assertEqual(wire.call("PING"), b"+PONG\r\n")
        wires = [self.enterContext(self.pannier.tls_wire()) for _ in range(300)]
        for wire in wires:
            wire.send(encode("PING"))
        self.assertEqual({wire.reply() for wire in wires}, {b"+PONG\r\n"})

    def test_the_plain_port_still_says_that_it_speaks_no_tls(self):
        with self.pannier.wire() as wire:
            self.assertEqual(wire.call("PING"), b"+PONG\r\n")
        self.assertRaisesRegex(ssl.SSLError, "WRONG_VERSION_NUMBER", TlsWire, self.pannier.port,
                               self.made.context())


class HandshakeTest(TlsCase):
    @classmethod
    def sidecar(cls, config="", more=", handshake_timeout: 300ms"):
        return super().sidecar(config, more)

    def memory(self):
        with open(f"/proc/{self.pannier.pid}/maps") as file:
            if "libasan" in file.read():
                self.skipTest("a sanitizer keeps what was freed")
        with open(f"/proc/{self.pannier.pid}/smaps_rollup") as file:
            return next(int(line.split()[1]) for line in file if line.startswith("Private_Dirty"))

    def test_who_stops_in_the_middle_is_closed_and_leaves_nothing(self):
        def stall():
            clients = [Sealed(self.pannier.tls_port, self.made.context()) for _ in range(200)]
            for number, client in enumerate(clients):
                try:
                    client.tls.do_handshake()
                except ssl.SSLWantReadError:
                    client.socket.sendall(client.outgoing.read()[:None if number % 2 else 100])
            for client in clients:
                with client:
                    while client.socket.recv(4096):
                        pass
        grown = []
        for _ in range(5):  # An allocator takes its time to settle; what leaks grows every time.
            before, counted = self.memory(), self.closed("tls_handshake")
            for _ in range(5):
                stall()
            self.assertEqual(self.closed("tls_handshake"), counted + 1000)
            grown.append(self.memory() - before)
            if grown[-1] < 1024:
                break
        self.assertLess(grown[-1], 1024, grown)
        self.assertEqual(len(os.listdir(f"/proc/{self.pannier.pid}/fd")) < 64, True)

    def test_who_waits_after_it_is_not(self):
        with self.pannier.tls_wire() as wire:
            time.sleep(0.8)
            self.assertEqual(wire.call("PING"), b"+PONG\r\n")

    def test_an_idle_connection_costs_little(self):
        wires = [self.enterContext(self.pannier.tls_wire()) for _ in range(50)]
        before = self.memory()
        wires += [self.enterContext(self.pannier.tls_wire()) for _ in range(500)]
        for wire in wires:
            self.assertEqual(wire.call("ECHO", "x" * 3000)[:7], b"$3000\r\n")
        self.assertLess((self.memory() - before) / 500, 24)


class ClientCertificateTest(TlsCase):
    @classmethod
    def sidecar(cls, config="", more=None):
        return super().sidecar(config, ", ca: " + cls.made.path("ca"))

    def ask(self, name):
        with TlsWire(self.pannier.tls_port, self.made.context("ca", name)) as wire:
            return wire.call("PING")

    def test_only_who_shows_one_is_served(self):
        self.assertEqual(self.ask("client"), b"+PONG\r\n")
        before = self.closed("tls_handshake")
        self.assertRaisesRegex(ssl.SSLError, "CERTIFICATE_REQUIRED", self.ask, None)
        self.assertRaisesRegex(ssl.SSLError, "UNKNOWN_CA", self.ask, "stranger")
        self.assertEqual(self.closed("tls_handshake"), before + 2)
        wait_until(lambda: "certificate verify failed: " in self.pannier.log_text(), "it is logged")

    def test_then_other_machines_may_connect(self):
        config = "listen: off\nadmin: off\nlisten_tls: 0.0.0.0:6390\ntls: {%s}\n"
        for said, code in ((self.made.yaml("redis"), 78), (self.made.yaml("redis", "ca"), 0)):
            path = os.path.join(self.made.folder.name, "open.yaml")
            with open(path, "w") as file:
                file.write(config % said)
            done = subprocess.run([BINARY, "check", path], capture_output=True, text=True)
            self.assertEqual(done.returncode, code, done.stderr)


class ReloadTest(TlsCase):
    def serial(self):
        with self.pannier.tls_wire() as wire:
            return wire.socket.getpeercert()["subject"][0][0][1]

    def test_new_certificates_are_noticed_without_being_told(self):
        self.made.certificate("rotated", "ca")
        with TlsPannier("", self.upstream, self.made.yaml("rotated"), self.made.context()) as self.pannier:
            self.assertEqual(self.serial(), "rotated")
            for suffix in ("", ".key"):
                os.replace(self.made.path("client" + suffix), self.made.path("rotated" + suffix))
            wait_until(lambda: self.serial() == "client", "the new one is shown", 6)

    def test_a_session_is_taken_up_again_until_the_certificates_are_others(self):
        context = self.made.context()
        context.maximum_version = ssl.TLSVersion.TLSv1_2  # Whose sessions Python can keep.

        def connect(session):
            with socket.create_connection(("127.0.0.1", self.pannier.tls_port), 5) as plain:
                with context.wrap_socket(plain, server_hostname="localhost", session=session) as client:
                    return client.session, client.session_reused
        session, reused = connect(None)
        self.assertFalse(reused)
        self.assertTrue(connect(session)[1])
        self.pannier.process.send_signal(signal.SIGHUP)
        wait_until(lambda: not connect(session)[1], "it is not taken up any more")

    def test_certificates_are_read_again_and_bad_ones_are_not_taken(self):
        current, key = self.made.path("current"), self.made.path("current.key")

        def take(name, key_name=None):
            for source, target in ((name, current), ((key_name or name) + ".key", key)):
                with open(self.made.path(source)) as file, open(target, "w") as out:
                    out.write(file.read())

        def reload():
            count = self.pannier.log_text().count("event=config_")
            self.pannier.process.send_signal(signal.SIGHUP)
            wait_until(lambda: self.pannier.log_text().count("event=config_") > count, "a reload")
        take("redis")
        self.made.certificate("next", "ca")
        with TlsPannier("", self.upstream, self.made.yaml("current"), self.made.context()) as self.pannier:
            with self.pannier.tls_wire() as old:
                self.assertEqual(self.serial(), "redis")
                take("next")
                reload()
                self.assertEqual(self.serial(), "next")
                self.assertEqual(old.call("PING"), b"+PONG\r\n")
                take("next", "redis")
                reload()
                self.assertIn("is not the key of the certificate", self.pannier.log_text())
                self.assertEqual(self.serial(), "next")
                os.remove(current)
                reload()
                self.assertIn("No such file or directory", self.pannier.log_text())
                self.assertEqual(self.serial(), "next")


class PlacesTest(TlsCase):
    def test_tcp_and_a_unix_socket_and_tls_at_once(self):
        plain = self.enterContext(Redis())
        path = os.path.join(plain.folder.name, "pannier.sock")
        tls_port = free_port()
        config = (f"listen_unix: {path}\nlisten_tls: 127.0.0.1:{tls_port}\n"
                  f"tls: {{{self.made.yaml('redis')}}}\n")
        with Pannier(config, plain.port) as pannier:
            self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o600)
            clients = [redis_client.Redis(port=pannier.port),
                       redis_client.Redis(unix_socket_path=path),
                       redis_client.Redis("localhost", tls_port, ssl=True,
                                          ssl_ca_certs=self.made.path("ca"))]
            for number, client in enumerate(clients, 1):
                self.assertEqual(client.incr("n"), number)
                client.connection_pool.disconnect()
            pannier.process.send_signal(signal.SIGTERM)
            self.assertEqual(pannier.process.wait(5), 0)
        self.assertFalse(os.path.exists(path))

    def test_clients_may_have_no_plain_port_at_all(self):
        with Redis("--unixsocket", "redis.sock") as plain:
            path = os.path.join(plain.folder.name, "pannier.sock")
            upstream = "unix:" + os.path.join(plain.folder.name, "redis.sock")
            config = os.path.join(plain.folder.name, "c.yaml")
            with open(config, "w") as file:
                file.write(f"listen: off\nlisten_unix: {path}\nadmin: off\nupstream: {upstream}\n")
            process = subprocess.Popen([BINARY, "run", "--config", config], stderr=subprocess.DEVNULL)
            try:
                wait_until(lambda: os.path.exists(path), "it listens")
                client = redis_client.Redis(unix_socket_path=path)
                self.assertTrue(client.set("a", "1"))
                client.connection_pool.disconnect()
            finally:
                process.terminate()
                self.assertEqual(process.wait(5), 0)


if __name__ == "__main__":
    unittest.main()
