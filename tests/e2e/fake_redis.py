"""A Redis that says what it is told to: for replies, and moments of replies, that a real one seldom
has."""

import socket
import threading
import time

HELLO = (b"%3\r\n$6\r\nserver\r\n$5\r\nredis\r\n$7\r\nversion\r\n$6\r\n7.0.15\r\n"
         b"$5\r\nproto\r\n:3\r\n")


def usual(words):
    """What a Redis says to the sidecar's own commands; OK to everything else."""
    name = words[0].upper()
    if name == b"HELLO":
        return HELLO
    if name == b"PING":
        return b"+PONG\r\n"
    if name == b"CONFIG":
        return b"*2\r\n$9\r\ndatabases\r\n$2\r\n16\r\n"
    if name == b"TIME":
        now = time.time()
        return b"*2\r\n$%d\r\n%d\r\n$1\r\n0\r\n" % (len(str(int(now))), int(now))
    if name in (b"PEXPIRETIME", b"PTTL"):
        return b":-1\r\n"
    return b"+OK\r\n"


class FakeRedis:
    """Answers each command with `answer(words)`, or as a Redis would where that gives None.
    `seen` has all commands, each with the number of its connection."""

    def __init__(self, answer=lambda words: None):
        self.answer, self.seen, self.connections = answer, [], 0
        self.reads = threading.Event()  # Cleared: it reads nothing.
        self.reads.set()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.open = []

    def __enter__(self):
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.reads.set()
        for end in [self.listener, *self.open]:
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            end.close()

    def names(self):
        return [words[0].upper().decode() for _, words in list(self.seen)]

    def _accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.open.append(connection)
            self.connections += 1
            threading.Thread(target=self._serve, args=(connection, self.connections),
                             daemon=True).start()

    def _serve(self, connection, number):
        try:
            stream = connection.makefile("rb")
            while line := stream.readline():
                words = [stream.read(int(stream.readline()[1:]) + 2)[:-2]
                         for _ in range(int(line[1:]))]
                self.seen.append((number, words))
                reply = self.answer(words)
                connection.sendall(usual(words) if reply is None else reply)
        except (OSError, ValueError):
            pass
