#!/usr/bin/python3
"""TLS to Redis: whom the sidecar believes, what it says when it does not, and that it never speaks
in the clear instead."""

import os
import signal
import socket
import ssl
import threading
import unittest

from support import free_port, wait_until
from tls_support import Certificates, TlsPannier, TlsRedis


class Listener:
    """Takes connections one after the other and gives each to `serve` until it is left."""

    def __init__(self, serve):
        self.serve = serve
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.thread = threading.Thread(target=self._run)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()
        self.thread.join()

    def _run(self):
        while True:
            try:
                client, _ = self.socket.accept()
            except OSError:
                return
            with client:
                client.settimeout(3)
                try:
                    self.serve(client)
                except OSError:
                    pass


class UpstreamTlsTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.made = made = cls.enterClassContext(Certificates())
        made.authority("ca").authority("other")
        made.certificate("redis", "ca").certificate("client", "ca")
        made.certificate("elsewhere", "ca", "DNS:elsewhere.example")
        made.certificate("expired", "ca", days=-1).certificate("stranger", "other")

    def start(self, redis, tls, host="localhost", scheme="rediss"):
        said = f"url: {scheme}://{host}:{redis.port}, embedded: false, tls: {{{tls}}}"
        pannier = self.enterContext(TlsPannier("", upstream=said))
        return pannier, self.enterContext(pannier.wire())

    def assert_works(self, redis, tls, host="localhost", scheme="rediss"):
        _, wire = self.start(redis, tls, host, scheme)
        wait_until(lambda: wire.call("SET", "a", "1") == b"+OK\r\n", "upstream is there", 3)
        self.assertEqual(wire.call("GET", "a"), b"$1\r\n1\r\n")
        with redis.wire() as direct:
            self.assertEqual(direct.call("GET", "a"), b"$1\r\n1\r\n")

    def assert_refused(self, redis, tls, reason, host="localhost"):
        _, wire = self.start(redis, tls, host)
        reply = b"-ERR pannier: upstream %s:%d unavailable (%s); not executed\r\n" % (
            host.encode(), redis.port, reason.encode())
        seen = set()

        def refused():
            seen.add(wire.call("SET", "a", "1"))
            return reply in seen
        try:
            wait_until(refused, "a reason", 3)
        except AssertionError:
            self.assertEqual(seen, {reply})
        self.assertNotIn(b"+OK\r\n", seen)

    def trusting(self, authority="ca"):
        return self.made.yaml(None, authority)

    def test_a_certificate_of_the_name_or_address_is_believed(self):
        with TlsRedis(self.made) as redis:
            self.assert_works(redis, self.trusting())
            self.assert_works(redis, self.trusting(), "127.0.0.1")

    def test_the_authorities_of_the_system_are_believed_where_none_is_named(self):
        os.environ["SSL_CERT_FILE"] = self.made.path("ca")
        self.addCleanup(os.environ.pop, "SSL_CERT_FILE")
        with TlsRedis(self.made) as redis:
            self.assert_works(redis, "verify: true")

    def test_another_name_can_be_asked_for(self):
        with TlsRedis(self.made, "elsewhere") as redis:
            self.assert_works(redis, self.trusting() + ", server_name: elsewhere.example")
            self.assert_refused(redis, self.trusting(), "certificate verify failed: hostname mismatch")
            self.assert_refused(redis, self.trusting(), "certificate verify failed: IP address mismatch",
                                "127.0.0.1")

    def test_other_authorities_are_not_believed(self):
        with TlsRedis(self.made) as redis:
            # Redis sends the authority, too.
            reason = "certificate verify failed: self-signed certificate in certificate chain"
            self.assert_refused(redis, self.trusting("other"), reason)
            self.assert_refused(redis, "verify: true", reason)
        with TlsRedis(self.made, "ca") as redis:
            self.assert_refused(redis, "verify: true", "certificate verify failed: self-signed certificate")

    def test_a_certificate_is_not_believed_for_longer_than_it_says(self):
        with TlsRedis(self.made, "expired") as redis:
            self.assert_refused(redis, self.trusting(), "certificate verify failed: certificate has expired")

    def test_without_verification_all_are_believed_and_that_is_a_warning(self):
        with TlsRedis(self.made, "elsewhere") as redis:
            self.assert_works(redis, "verify: false")
            pannier, _ = self.start(redis, "verify: false")
            self.assertIn("verify: false: anybody can pose as upstream", pannier.log_text())

    def test_an_upstream_that_wants_a_certificate_gets_it(self):
        with TlsRedis(self.made, clients="yes") as redis:
            self.assert_works(redis, self.made.yaml("client", "ca"))
            _, wire = self.start(redis, self.trusting())
            wait_until(lambda: b"alert certificate required" in wire.call("SET", "b", "1"), "a reason", 3)
            _, wire = self.start(redis, self.made.yaml("stranger", "ca"))
            wait_until(lambda: b"alert unknown ca" in wire.call("SET", "b", "1"), "a reason", 3)
            with redis.wire() as direct:
                self.assertEqual(direct.call("EXISTS", "b"), b":0\r\n")

    def test_a_password_and_a_database_in_the_url(self):
        with TlsRedis(self.made, "redis", "--requirepass", "secret") as redis:
            pannier, wire = self.start(redis, self.trusting(), ":secret@localhost")
            wait_until(lambda: wire.call("SET", "a", "1") == b"+OK\r\n", "upstream is there", 3)
            self.assertNotIn("secret", pannier.log_text())

    def test_names_are_asked_for_and_addresses_are_not(self):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.made.path("redis"), self.made.path("redis.key"))
        asked = []
        context.sni_callback = lambda _, name, __: asked.append(name)

        def serve(client):
            context.wrap_socket(client, server_side=True).close()
        for host, name in (("localhost", "localhost"), ("127.0.0.1", None)):
            asked.clear()
            with Listener(serve) as listener:
                self.start(listener, self.trusting(), host)
                wait_until(lambda: asked, "a handshake")
            self.assertEqual(asked[0], name)

    def test_nothing_is_sent_in_the_clear_to_a_server_without_tls(self):
        received = []

        def serve(client):
            data = b""
            while piece := client.recv(65536):
                data += piece
            received.append(data)
        with Listener(serve) as silent:
            self.assert_refused(silent, self.trusting(), "no TLS handshake in time", "127.0.0.1")

        def complain(client):
            received.append(client.recv(65536))
            client.sendall(b"-ERR unknown command\r\n")
        with Listener(complain) as redis:
            self.assert_refused(redis, self.trusting(),
                                "TLS: wrong version number (no TLS is spoken there?)", "127.0.0.1")
        self.assertGreaterEqual(len(received), 2)
        for data in received:
            self.assertEqual(data[:2], b"\x16\x03")  # A ClientHello, or an alert before it goes.
            self.assertNotIn(b"HELLO", data)

    def test_a_closed_port_is_refused_as_without_tls(self):
        class Nobody:
            port = free_port()
        self.assert_refused(Nobody, self.trusting(), "connection refused", "127.0.0.1")

    def test_a_reload_reads_the_authorities_again(self):
        trusted = self.made.path("trusted")

        def trust(name):
            with open(self.made.path(name)) as source, open(trusted, "w") as file:
                file.write(source.read())
        trust("other")
        with TlsRedis(self.made) as redis:
            pannier, wire = self.start(redis, f"ca: {trusted}")
            wait_until(lambda: b"verify failed" in wire.call("GET", "a"), "it is not believed")
            trust("ca")
            pannier.process.send_signal(signal.SIGHUP)
            wait_until(lambda: wire.call("SET", "a", "1") == b"+OK\r\n", "it is believed", 5)

    def test_it_comes_back_after_upstream_was_away(self):
        with TlsRedis(self.made) as redis:
            _, wire = self.start(redis, self.trusting())
            wait_until(lambda: wire.call("SET", "a", "1") == b"+OK\r\n", "upstream is there", 3)
            redis.stop()
            wait_until(lambda: b"connection refused" in wire.call("GET", "a"), "it is missed", 5)
            redis.start()
            wait_until(lambda: wire.call("SET", "a", "1") == b"+OK\r\n", "it is back", 5)


if __name__ == "__main__":
    unittest.main()
