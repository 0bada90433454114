"""A client that pipelines and writes down what it sent and what it was told."""

import collections
import errno
import random
import socket
import time

from support import encode
from checker.history import Op, table

HANGS_NS = 15_000_000_000


class Incomplete(Exception):
    """The reply has not come as a whole."""


def parse(data, at):
    """(value, where it ends); an error is an Exception as value."""
    stop = data.find(b"\r\n", at)
    if stop < 0:
        raise Incomplete
    sign, text, at = data[at:at + 1], bytes(data[at + 1:stop]), stop + 2
    if sign == b"+":
        return text.decode(), at
    if sign == b"-":
        return RuntimeError(text.decode()), at
    if sign == b":":
        return int(text), at
    if sign == b"_" or text == b"-1":
        return None, at
    size = int(text)
    if sign == b"$":
        if len(data) < at + size + 2:
            raise Incomplete
        return bytes(data[at:at + size]).decode("utf-8", "surrogateescape"), at + size + 2
    values = []
    for _ in range(size * (2 if sign == b"%" else 1)):
        value, at = parse(data, at)
        values.append(value)
    return values, at


def status_of(reply):
    """What an error says about whether its command was executed."""
    text = str(reply)
    if text.startswith("ERR pannier:"):
        return "err_unknown" if text.endswith("; outcome unknown") else "err_not_executed"
    return "err_not_executed"  # Redis itself: it refused, or a script's only write was refused.


def value_of(op, reply):
    """What `reply` says, in the form that history.Op keeps for the operation; a reply of a kind that
    the command cannot have is somebody else's, and becomes a value that nobody wrote."""
    if not fits(op, reply):
        op.error = f"strange: {reply!r}"
        strange = f"? {reply!r}"
        return {"get": strange, "hgetall": strange, "mget": [strange] * len(op.key or ())}.get(
            op.op, op.value)
    if op.op == "hgetall":
        return table(dict(zip(reply[::2], reply[1::2])))
    if op.op == "expire":
        return [op.value[0], reply]
    return reply if op.op in READ_OR_COUNTED else op.value


READ_OR_COUNTED = ("get", "mget", "del", "incr", "invalidate_key", "invalidate_tag")


def fits(op, reply):
    if op.op == "get":
        return reply is None or isinstance(reply, str)
    if op.op == "mget":
        return (isinstance(reply, list) and len(reply) == len(op.key)
                and all(one is None or isinstance(one, str) for one in reply))
    if op.op == "hgetall":
        return isinstance(reply, list) and all(isinstance(one, str) for one in reply)
    if op.op in ("del", "incr", "expire", "hset", "invalidate_key", "invalidate_tag"):
        return isinstance(reply, int)
    if op.op in ("hello", "exec"):
        return isinstance(reply, list)
    return reply == "OK"


class Client:
    """One that is used from a loop: send() while `open`, then pump() whenever its socket is ready."""

    def __init__(self, name, sidecar, port, common, write, resp=2):
        self.name, self.sidecar, self.port, self.resp = name, sidecar, port, resp
        self.common, self.write = common, write
        self.dice = random.Random(f"{common['seed']}/{name}")
        self.connection, self.socket, self.retry_at = 0, None, 0.0
        self.db, self.n, self.seq = 0, 0, 0
        self.waiting = collections.deque()
        self.buffer, self.unsent = bytearray(), b""
        self.answered = None  # Called with each operation and its reply.

    @property
    def open(self):
        return self.socket is not None

    def connect(self):
        """\\returns whether there is a connection now."""
        if self.open or time.monotonic() < self.retry_at:
            return self.open
        self.retry_at = time.monotonic() + 0.03
        try:
            self.socket = socket.create_connection(("127.0.0.1", self.port), 1.0)
        except OSError:
            return False
        self.socket.setblocking(False)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.connection, self.n = self.connection + 1, 0
        self.buffer.clear()
        self.unsent = b""
        if self.resp == 3:
            self.send("hello", None, None, "HELLO", "3")
        if self.db:
            self.send("select", None, None, "SELECT", self.db)
        return True

    def send(self, name, key, value, *words, replies=1, **more):
        """`replies`: of how many the last one is the operation's (MULTI)."""
        op = Op(client=self.name, conn=self.connection, sidecar=self.sidecar, n=self.n, db=self.db,
                op=name, key=key, value=value, inv_ns=time.monotonic_ns(), **self.common, **more)
        self.n += 1
        self.waiting.append([op, replies])
        data = words[0] if isinstance(words[0], bytes) else encode(*words)
        self.unsent += data
        self._flush()
        return op

    def pump(self):
        """Takes what has come."""
        try:
            data = self.socket.recv(1 << 18)
        except BlockingIOError:
            return
        except OSError:
            return self.close()
        now = time.monotonic_ns()
        if not data:
            return self.close()
        self.buffer += data
        at = 0
        try:
            while at < len(self.buffer) and self.open:
                reply, at = parse(self.buffer, at)
                self._take(reply, now)
        except Incomplete:
            pass
        del self.buffer[:at]

    def tend(self):
        """Goes on sending, and ends a connection on which nothing moves."""
        if self.open and self.unsent:
            self._flush()
        if self.waiting and time.monotonic_ns() - self.waiting[0][0].inv_ns > HANGS_NS:
            self.waiting[0][0].error = "hangs"
            self.close()

    def close(self):
        if self.socket:
            self.socket.close()
            self.socket = None
        for op, _ in self.waiting:
            op.status, op.ret_ns = "closed", time.monotonic_ns()
            self.write(op.line())
        self.waiting.clear()

    def _flush(self):
        try:
            self.unsent = self.unsent[self.socket.send(self.unsent):]
        except BlockingIOError:
            pass
        except OSError as error:
            assert error.errno in (errno.EPIPE, errno.ECONNRESET), error
            self.unsent = b""  # What is still to be read is read first.

    def _take(self, reply, now):
        if not self.waiting:
            self.write(Op(client=self.name, conn=self.connection, sidecar=self.sidecar, op="unasked",
                          value=repr(reply), inv_ns=now, ret_ns=now, **self.common).line())
            return
        op, replies = self.waiting[0]
        if replies > 1:
            self.waiting[0][1] -= 1
            return
        self.waiting.popleft()
        op.ret_ns = now
        if op.op == "exec" and reply is not None and not isinstance(reply, Exception):
            reply = next((one for one in reply if isinstance(one, Exception)), reply)
        if isinstance(reply, Exception):
            op.status, op.error = status_of(reply), str(reply)
        elif op.op.startswith("invalidate_") and str(reply).startswith("journaled: "):
            op.status, op.error = "err_unknown", reply  # It is carried out when Redis is back.
        else:
            op.status, op.value = "ok", value_of(op, reply)
        self.write(op.line())
        if op.status != "ok" and op.op in ("select", "hello"):
            self.close()  # Nobody knows in which database what follows would be.
        elif self.answered:
            self.answered(self, op)
