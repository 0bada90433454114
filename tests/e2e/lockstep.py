"""Asks several servers the same thing at the same time and compares what they say."""

import re
import socket
import time

from support import encode

END = b"end-of-the-session"
CLOSED = b"<closed>"
SILENT = b"<silent>"


class Asker:
    """A connection that is opened again when a session closed it or left it unusable."""

    def __init__(self, port):
        self.port = port
        self.socket = None

    def send(self, data):
        if self.socket is None:
            self.socket = socket.create_connection(("127.0.0.1", self.port), 5)
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            self.socket.sendall(data)
        except ConnectionError:
            pass  # Whoever reads sees it.

    def until(self, end, deadline):
        """Everything up to `end`, or with a mark for how it ended instead."""
        pieces = bytearray()
        self.socket.settimeout(max(deadline - time.monotonic(), 0.05))
        try:
            while not pieces.endswith(end):
                piece = self.socket.recv(1 << 20)
                if not piece:
                    raise ConnectionResetError
                pieces += piece
            return bytes(pieces[:-len(end)])
        except (TimeoutError, ConnectionError) as why:
            self.close()
            return bytes(pieces) + (SILENT if isinstance(why, TimeoutError) else CLOSED)

    def close(self):
        if self.socket:
            self.socket.close()
        self.socket = None


class Lockstep:
    """The same sessions on several ports. Each ends with RESET, so that a connection can be used
    for the next one, and with a PING that tells where its replies end."""

    def __init__(self, ports, timeout=1.5):
        self.askers = [Asker(port) for port in ports]
        self.timeout = timeout
        self.count = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for asker in self.askers:
            asker.close()

    def session(self, commands):
        """What every server answers to the commands, from their first byte on."""
        return self.raw(b"".join(encode(*command) for command in commands))

    def raw(self, data):
        self.count += 1
        mark = b"%s-%d" % (END, self.count)
        data += encode("RESET") + encode("PING", mark)
        end = b"$%d\r\n%s\r\n" % (len(mark), mark)
        for asker in self.askers:
            asker.send(data)
        deadline = time.monotonic() + self.timeout
        return [asker.until(end, deadline) for asker in self.askers]


def tree(data):
    """The replies in `data` as nested tuples (kind, value); what is no whole reply comes last."""
    out, at = [], 0
    while at < len(data):
        try:
            value, at = _value(data, at)
        except (ValueError, IndexError):
            return out + [(b"?", data[at:])]
        out.append(value)
    return out


def _value(data, at):
    end = data.index(b"\r\n", at)
    kind, text, at = data[at:at + 1], data[at + 1:end], end + 2
    if kind in b"$=!" and text != b"-1":
        size = int(text)
        if data[at + size:at + size + 2] != b"\r\n":
            raise ValueError("no whole reply")
        return (kind, data[at:at + size]), at + size + 2
    if kind in b"*~>%|" and text != b"-1":
        items = []
        for _ in range(int(text) * (2 if kind in b"%|" else 1)):
            item, at = _value(data, at)
            items.append(item)
        return (kind, items), at
    if kind not in b"+-:_,(#$*":
        raise ValueError("no reply")
    return (kind, text), at


def leaves(value, change):
    """`value` with every leaf changed."""
    kind, inner = value
    if isinstance(inner, list):
        return (kind, [leaves(item, change) for item in inner])
    return change(kind, inner)


def numbers(value):
    """Numbers do not count."""
    return leaves(value, lambda kind, text: (kind, re.sub(rb"-?\d+(\.\d+)?(e-?\d+)?", b"#", text)))


def shape(value):
    """Only kinds and counts do."""
    return leaves(value, lambda kind, text: (kind, b"" if kind != b"-" else text))


def kinds(value):
    """Only the outermost kind does."""
    return (value[0], b"" if value[0] != b"-" else value[1])


def unordered(value):
    """The order of elements does not count; of a map, the order of its pairs."""
    kind, inner = value
    if not isinstance(inner, list):
        return value
    items = [unordered(item) for item in inner]
    if kind == b"%":
        pairs = sorted(zip(items[::2], items[1::2]), key=repr)
        return (kind, [part for pair in pairs for part in pair])
    return (kind, sorted(items, key=repr))


def fields(value):
    """Of `name=value` only the names count, but for those values that a client set itself; and of
    several lines the last, which is the youngest client's: the one that asks."""
    own = (b"name", b"db", b"sub", b"psub", b"ssub", b"multi", b"user", b"redir", b"resp")

    def names(kind, text):
        last = (text.replace(b"txt:", b"").splitlines() or [b""])[-1]
        words = [word.partition(b"=") for word in last.split(b" ")]
        return (kind, b" ".join(b"".join(w) if w[0] in own else w[0] for w in words))

    return leaves(value, names)
