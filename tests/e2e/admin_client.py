"""Speaks HTTP to the admin port: decently with ask(), byte by byte with raw()."""

import http.client
import json
import re
import socket
from urllib.parse import quote

MARK = {"X-Pannier": "1"}

SAMPLE = re.compile(r'([a-zA-Z_:][a-zA-Z0-9_:]*)'
                    r'(?:\{((?:[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\["\\n])*",?)+)\})? (\S+)')


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def error(self):
        return self.json["error"]


def path(*words):
    """/word/word with every byte of the words written so that it arrives."""
    return "".join("/" + quote(word, safe="") for word in words)


def ask(port, method, target, headers=None, body=None, timeout=10):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    try:
        connection.request(method, target, body, headers or {})
        response = connection.getresponse()
        return Answer(response.status, response.headers, response.read())
    finally:
        connection.close()


def get(port, target, headers=None):
    return ask(port, "GET", target, headers)


def post(port, target, headers=None, body=None):
    return ask(port, "POST", target, MARK | (headers or {}), body)


def raw(port, data, timeout=8.0):
    """Sends these bytes and returns all that comes back, and whether the port closed."""
    with socket.create_connection(("127.0.0.1", port), timeout) as connection:
        connection.sendall(data)
        connection.settimeout(timeout)
        received = b""
        try:
            while piece := connection.recv(65536):
                received += piece
            return received, True
        except TimeoutError:
            return received, False
        except ConnectionError:
            return received, True


def status_of(data):
    """The status of raw bytes of an answer; 0 if they are none."""
    match = re.match(rb"HTTP/1\.1 (\d{3}) [A-Za-z ]+\r\n", data)
    return int(match[1]) if match else 0


def samples(text):
    """The exposition as {series: value}; raises if a line is not of the format."""
    found = {}
    for line in text.splitlines():
        if line.startswith(("# HELP ", "# TYPE ")):
            continue
        match = SAMPLE.fullmatch(line)
        if not match or line.rsplit(" ", 1)[0] in found:
            raise ValueError(line)
        found[line.rsplit(" ", 1)[0]] = float(match[3])
    return found
