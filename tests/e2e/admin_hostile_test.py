#!/usr/bin/python3
"""What the HTTP port does not do: for other hosts, for web pages, for bytes that are no request."""

import concurrent.futures
import os
import random
import socket
import time
import unittest

from admin_client import MARK, ask, get, post, raw, samples, status_of
from support import Pannier, encode, free_port, wait_until

HOST = b"Host: localhost\r\n"
MUTATIONS = int(os.environ.get("PANNIER_MUTATIONS", "2000"))


class HostileCase(unittest.TestCase):
    """A sidecar that must be as well after each test as it was before."""

    @classmethod
    def setUpClass(cls):
        cls.pannier = cls.enterClassContext(
            Pannier("admin: {allowed_hosts: [cache.internal]}\n", free_port()))
        cls.port = cls.pannier.admin_port

    def tearDown(self):
        self.assertIsNone(self.pannier.process.poll(), self.pannier.log_text())
        self.assertEqual(get(self.port, "/livez").status, 200)
        self.assertEqual(get(self.port, "/mode").json, "normal")


class BrowserTest(HostileCase):
    def test_a_name_that_dns_leads_here_is_refused(self):
        for host in ("evil.example", f"evil.example:{self.port}", "localhost.evil.example",
                     "127.0.0.1.evil.example", "10.0.0.1", "0.0.0.0", "[::2]:80",
                     "[::ffff:7f00:1]"):
            for method, target in (("GET", "/metrics"), ("GET", "/stats"),
                                   ("POST", "/mode/bypass")):
                answer = ask(self.port, method, target, MARK | {"Host": host})
                self.assertEqual((answer.status, answer.error), (403, "host not allowed"), host)

    def test_loopback_hosts_and_the_configured_one_are_let_in(self):
        for host in ("localhost", "LOCALHOST:1", "127.0.0.1", "127.9.9.9:65535", "[::1]",
                     f"[::1]:{self.port}", "cache.internal:80"):
            self.assertEqual(get(self.port, "/mode", {"Host": host}).status, 200, host)

    def test_a_request_without_host_or_with_two_is_refused(self):
        for hosts in (b"", HOST + HOST, HOST + b"Host: evil.example\r\n"):
            data, closed = raw(self.port, b"GET /stats HTTP/1.1\r\n" + hosts + b"\r\n")
            self.assertEqual((status_of(data), closed), (400, True), hosts)

    def test_any_origin_is_refused(self):
        for origin in ("null", "http://evil.example", f"http://127.0.0.1:{self.port}", ""):
            for method, target in (("GET", "/stats"), ("POST", "/mode/bypass")):
                answer = ask(self.port, method, target, MARK | {"Origin": origin})
                self.assertEqual(answer.status, 403, origin)

    def test_what_a_page_can_send_without_asking_changes_nothing(self):
        form = "application/x-www-form-urlencoded"
        for method, headers, body, status in (
                ("GET", {}, None, 405),                              # <img src>
                ("POST", {}, None, 403),                             # <form> without fields
                ("POST", {"Content-Type": form}, "a=b", 403),
                ("POST", {"Content-Type": "text/plain"}, "{}", 403),
                ("POST", {"Content-Type": "multipart/form-data; boundary=x"}, "--x--", 403),
                ("POST", MARK | {"Content-Type": "text/plain"}, "{}", 415),
                ("POST", MARK | {"Content-Type": form}, "a=b", 415),
                ("POST", {"X-Pannier": "yes", "Content-Type": "application/json"}, "{}", 403)):
            answer = ask(self.port, method, "/mode/bypass", headers, body)
            self.assertEqual(answer.status, status, (method, headers))

    def test_a_preflight_is_not_granted_and_no_answer_has_cors_headers(self):
        answers = [ask(self.port, "OPTIONS", "/mode/bypass",
                       {"Access-Control-Request-Method": "POST",
                        "Access-Control-Request-Headers": "x-pannier"}),
                   get(self.port, "/stats"), post(self.port, "/mode/normal")]
        self.assertEqual(answers[0].status, 405)
        for answer in answers:
            names = [name.lower() for name in answer.headers]
            self.assertFalse([name for name in names if name.startswith("access-control-")])
            self.assertIn("x-content-type-options", names)


class TokenTest(HostileCase):
    TOKEN = "right-token-0123456789"

    @classmethod
    def setUpClass(cls):
        cls.pannier = cls.enterClassContext(
            Pannier("admin: {tokens: [{name: ops, token: %s, role: admin}]}\n" % cls.TOKEN,
                    free_port()))
        cls.port = cls.pannier.admin_port

    def tearDown(self):
        self.assertIsNone(self.pannier.process.poll(), self.pannier.log_text())
        self.assertEqual(get(self.port, "/livez").status, 200)
        self.assertEqual(get(self.port, "/mode", self.bearer(self.TOKEN)).json, "normal")

    def bearer(self, token):
        return {"Authorization": "Bearer " + token}

    def test_a_token_is_taken_from_its_header_only(self):
        for target in (f"/mode/bypass?token={self.TOKEN}", f"/mode/bypass?access_token={self.TOKEN}",
                       f"/mode/bypass/{self.TOKEN}"):
            self.assertIn(post(self.port, target).status, (400, 401, 429), target)
        for header in ("X-Token", "Cookie", "Proxy-Authorization", "X-Pannier"):
            answer = ask(self.port, "POST", "/mode/bypass", MARK | {header: "Bearer " + self.TOKEN})
            self.assertIn(answer.status, (401, 429), header)

    def test_two_tokens_are_none(self):
        head = (b"POST /mode/bypass HTTP/1.1\r\n" + HOST + b"X-Pannier: 1\r\n" +
                b"Authorization: Bearer %s\r\n" % self.TOKEN.encode())
        for more in (b"Authorization: Bearer x\r\n", b"authorization: Bearer %s\r\n"
                     % self.TOKEN.encode()):
            data, closed = raw(self.port, head + more + b"\r\n")
            self.assertIn(status_of(data), (401, 429))
            self.assertTrue(closed)

    def test_a_page_cannot_guess_a_token(self):
        for headers in ({"Origin": "http://evil.example"}, {"Host": "evil.example"}):
            answer = ask(self.port, "POST", "/mode/bypass",
                         MARK | self.bearer(self.TOKEN) | headers)
            self.assertEqual(answer.status, 403, headers)

    def test_odd_tokens_are_wrong_ones(self):
        for token in (b"", b" ", b"x" * 7_000, b"\xff\xfe", b"right-token-0123456789\x7f",
                      b"right-token-012345678", b"right-token-0123456789right-token-0123456789"):
            data, closed = raw(self.port, b"GET /stats HTTP/1.1\r\n" + HOST +
                               b"Authorization: Bearer " + token + b"\r\n\r\n")
            self.assertIn(status_of(data), (400, 401, 429), token[:30])
            self.assertTrue(closed)

    def test_no_answer_to_a_stranger_says_what_there_is(self):
        time.sleep(1)
        answers = {(get(self.port, target).status, get(self.port, target).body)
                   for target in ("/stats", "/nope", "/old/path", "/mode/bypass")}
        self.assertEqual(len(answers), 1, answers)


class SmugglingTest(HostileCase):
    def refused(self, head, body=b"", statuses=(400,)):
        """Sends a request with another one behind it that would change the mode."""
        inner = b"POST /mode/bypass HTTP/1.1\r\n" + HOST + b"X-Pannier: 1\r\n\r\n"
        data, closed = raw(self.port, head + b"\r\n" + body + inner)
        self.assertIn(status_of(data), statuses, head)
        self.assertTrue(closed, head)
        self.assertEqual(data.count(b"HTTP/1.1 "), 1, data)

    def test_a_request_whose_end_is_in_doubt_is_refused_and_ends_the_connection(self):
        post_head = (b"POST /mode/normal HTTP/1.1\r\n" + HOST +
                     b"X-Pannier: 1\r\nContent-Type: application/json\r\n")
        length, chunked = b"Content-Length: 2\r\n", b"Transfer-Encoding: chunked\r\n"
        chunks = b"2;name=value\r\n{}\r\n0\r\n\r\n"
        for head, body in (
                (post_head + length + chunked, chunks),
                (post_head + chunked + length, chunks),
                (post_head + chunked, chunks),
                (post_head + b"Transfer-Encoding: identity\r\n" + length, b"{}"),
                (post_head + b"Transfer-Encoding: chunked, identity\r\n", chunks),
                (post_head + b"Transfer-Encoding:\x0bchunked\r\n", chunks),
                (post_head + b"Transfer-Encoding : chunked\r\n" + length, b"{}"),
                (post_head + length + b"Content-Length: 3\r\n", b"{}"),
                (post_head + length + length, b"{}"),
                (post_head + b"Content-Length: 2, 2\r\n", b"{}"),
                (post_head + b"Content-Length: +2\r\n", b"{}"),
                (post_head + b"Content-Length: 0x2\r\n", b"{}"),
                (post_head + b"Content-Length: -1\r\n", b"{}"),
                (post_head + b"Content-Length:\r\n 2\r\n", b"{}"),
                (post_head + b"X-A: b\r\n c: d\r\n", b""),
                (post_head + b"X-A: b\r\n\tc: d\r\n", b""),
                (b"GET /livez HTTP/1.1\r\n" + HOST + length, b"{}")):
            self.refused(head, body)

    def test_what_is_only_nearly_http_is_refused(self):
        for line in (b"GET /livez HTTP/2.0\r\n", b"GET /livez HTTP/0.9\r\n", b"GET /livez\r\n",
                     b"GET  /livez HTTP/1.1\r\n", b"GET /livez HTTP/1.1 \r\n", b"\x00\x01\x02\r\n",
                     b"GET http://localhost/livez HTTP/1.1\r\n", b"GET * HTTP/1.1\r\n",
                     b"GET /li vez HTTP/1.1\r\n", b"GET /livez HTTP/1.1\r\n "):
            self.refused(line + HOST)

    def test_too_much_is_refused_before_it_is_held(self):
        self.refused(b"GET /" + b"x" * 9_000 + b" HTTP/1.1\r\n" + HOST, statuses=(431,))
        self.refused(b"GET /livez HTTP/1.1\r\nX: " + b"x" * 9_000 + b"\r\n" + HOST, statuses=(431,))
        self.refused(b"POST /mode/normal HTTP/1.1\r\n" + HOST + b"Content-Length: 99999999\r\n",
                     statuses=(413,))
        data, closed = raw(self.port, b"G" * 100_000)
        self.assertIn(status_of(data), (0, 400, 431))
        self.assertTrue(closed)

    def test_expect_is_answered_at_once(self):
        self.refused(b"POST /mode/normal HTTP/1.1\r\n" + HOST +
                     b"X-Pannier: 1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n",
                     statuses=(417,))


class OtherProtocolTest(HostileCase):
    def test_resp_on_the_admin_port_is_told_off_and_closed(self):
        for data in (encode("PING"), encode("FLUSHALL"), b"PING\r\n", encode("HELLO", 3) * 100):
            answer, closed = raw(self.port, data)
            self.assertEqual((status_of(answer), closed), (400, True), data[:20])

    def test_tls_on_the_admin_port_is_told_off_and_closed(self):
        answer, closed = raw(self.port, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\r\n")
        self.assertEqual((status_of(answer), closed), (400, True))

    def test_http_on_the_data_port_is_closed_without_effect(self):
        for head in (b"POST /mode/bypass HTTP/1.1\r\n", b"GET /livez HTTP/1.1\r\n"):
            _, closed = raw(self.pannier.port, head + HOST + b"X-Pannier: 1\r\n\r\n")
            self.assertTrue(closed)


class FuzzTest(HostileCase):
    SEEDS = (
        b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET /explain/user%3A1?x=%zz HTTP/1.1\r\nHost: 127.0.0.1:9180\r\nAccept: */*\r\n\r\n",
        b"GET /../../etc/passwd HTTP/1.1\r\nHost: [::1]\r\nConnection: close\r\n\r\n",
        b"POST /invalidate/pattern/a%2A HTTP/1.1\r\nHost: localhost\r\nX-Pannier: 1\r\n"
        b"Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}",
        b"GET /keys/%00%ff%C3 HTTP/1.0\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n")
    PIECES = (b"%", b"%00", b"%2e%2e/", b"../", b"//", b"?", b"#", b"\r\n", b"\n", b" ", b"\x00",
              b"\xff", b":", b"Transfer-Encoding: chunked\r\n", b"Content-Length: 1\r\n",
              b"Host: x\r\n", b"A" * 8_192, b"/" * 500, b"%41" * 500, b"HTTP/9.9")

    def mutated(self, rng):
        data = bytearray(rng.choice(self.SEEDS))
        for _ in range(rng.randrange(1, 6)):
            at = rng.randrange(len(data) + 1)
            kind = rng.randrange(4)
            if kind == 0:
                data[at:at] = rng.choice(self.PIECES)
            elif kind == 1:
                del data[at:at + rng.randrange(1, 20)]
            elif kind == 2 and at < len(data):
                data[at] = rng.randrange(256)
            else:
                data[at:at] = data[:rng.randrange(len(data) + 1)]
        return bytes(data)

    def open_descriptors(self):
        return samples(get(self.port, "/metrics").body.decode())["process_open_fds"]

    def test_no_mutation_of_a_request_harms_the_port(self):
        before = self.open_descriptors()
        seed = int(os.environ.get("PANNIER_SEED", random.SystemRandom().randrange(2**32)))
        rng = random.Random(seed)
        for i in range(MUTATIONS):
            data = self.mutated(rng)
            with socket.create_connection(("127.0.0.1", self.port), 8) as connection:
                connection.sendall(data)
                connection.shutdown(socket.SHUT_WR)
                answer = b""
                try:
                    while piece := connection.recv(65536):
                        answer += piece
                except ConnectionError:
                    continue
            if answer:
                context = f"seed {seed}, mutation {i}: {data!r}"
                self.assertIn(status_of(answer), (200, 400, 403, 404, 405, 413, 415, 417, 429, 431,
                                                   503),
                              context)
        # One of an earlier test may have been closing still.
        wait_until(lambda: self.open_descriptors() <= before, "no connection is left behind")

    def test_odd_targets_are_answered_with_4xx(self):
        for target in (b"/..", b"/../livez", b"/%2e%2e/livez", b"/./livez", b"//livez", b"/livez/",
                       b"/livez/..", b"/%", b"/%g1", b"/explain/%", b"/explain/a?b", b"/metrics%00",
                       b"/" + b"a" * 7_000, b"/" * 7_000, b"/%41" * 1_500, b"/\xff", b"/explain/",
                       b"/keys/..%2f..?", b"/config/check", b"/LIVEZ"):
            data, _ = raw(self.port, b"GET " + target + b" HTTP/1.1\r\n" + HOST +
                          b"Connection: close\r\n\r\n")
            self.assertIn(status_of(data), (400, 404, 405), target[:40])


class SlowTest(HostileCase):
    def seconds_until_closed(self, data, then=b""):
        began = time.monotonic()
        with socket.create_connection(("127.0.0.1", self.port), 60) as connection:
            connection.sendall(data)
            try:
                while connection.recv(65536):
                    if then:
                        began = time.monotonic()
                        connection.sendall(then)
                        then = b""
            except ConnectionError:
                pass
        return time.monotonic() - began

    def test_who_is_slow_is_closed_in_time(self):
        whole = b"GET /livez HTTP/1.1\r\n" + HOST + b"\r\n"
        body = (b"POST /mode/normal HTTP/1.1\r\n" + HOST + b"X-Pannier: 1\r\n"
                b"Content-Type: application/json\r\nContent-Length: 10\r\n\r\n{")
        cases = ((b"", b"", 5), (b"GET /livez HT", b"", 5), (body, b"", 10),
                 (whole, b"", 30), (whole, b"GET /li", 5), (whole, body, 10))
        with concurrent.futures.ThreadPoolExecutor(len(cases)) as pool:
            taken = list(pool.map(lambda case: self.seconds_until_closed(*case[:2]), cases))
        for (data, then, expected), seconds in zip(cases, taken):
            # Never early; late only as far as the machine is busy with other tests.
            self.assertTrue(expected - 0.3 < seconds < expected + 4, (data, then, seconds))

    def test_connections_are_bounded_and_counted(self):
        held = [socket.create_connection(("127.0.0.1", self.port), 5) for _ in range(64)]
        try:
            data, closed = raw(self.port, b"")
            self.assertEqual((status_of(data), closed), (503, True))
            with self.pannier.wire() as wire:
                self.assertEqual(wire.call("PING"), b"+PONG\r\n")
        finally:
            for connection in held:
                connection.close()
        # The sidecar learns of the closing a moment later.
        wait_until(lambda: get(self.port, "/livez").status == 200, "a connection is free again", 5)
        refused = samples(get(self.port, "/metrics").body.decode())[
            "pannier_admin_connections_refused_total"]
        self.assertGreaterEqual(refused, 1)


if __name__ == "__main__":
    unittest.main()
