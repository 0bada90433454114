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


def take_command(data):
    """The words of the first command in a bytearray, which loses it; None while it is not whole."""
    words, at = [], data.find(b"\r\n")
    if at < 0:
        return None
    for _ in range(int(data[1:at])):
        begin = at + 2
        at = data.find(b"\r\n", begin, begin + 24)
        if at < 0:
            return None
        end = at + 2 + int(data[begin + 1:at])
        if len(data) < end + 2:
            return None
        words.append(bytes(data[at + 2:end]))
        at = end
    del data[:at + 2]
    return words


class FakeRedis:
    """Answers each command with `answer(words)`, or as a Redis would where that gives None.

    `seen` has all commands, each with the number of its connection and the bytes that had come
    behind it before it was answered. `early` is said once, as soon as 64 KiB of a command are there,
    in place of its answer.
    """

    def __init__(self, answer=lambda words: None):
        self.answer, self.seen, self.connections, self.early = answer, [], 0, None
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.open = []

    def __enter__(self):
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        for end in [self.listener, *self.open]:
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            end.close()

    def _accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.open.append(connection)
            self.connections += 1
            threading.Thread(target=self._serve, args=(connection, self.connections),
                             daemon=True).start()

    def _serve(self, connection, number):
        data, answered = bytearray(), False
        try:
            while piece := connection.recv(1 << 20):
                data += piece
                if self.early and len(data) > 65536:
                    early, self.early, answered = self.early, None, True
                    connection.sendall(early)
                while words := take_command(data):
                    if not answered:
                        self._reply(connection, number, words, data)
                    answered = False
        except OSError:
            pass

    def _reply(self, connection, number, words, data):
        reply = self.answer(words)
        try:
            data += connection.recv(65536, socket.MSG_DONTWAIT)
        except BlockingIOError:
            pass
        self.seen.append((number, words, bytes(data)))
        connection.sendall(usual(words) if reply is None else reply)
