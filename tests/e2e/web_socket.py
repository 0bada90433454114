"""A WebSocket client of few lines (RFC 6455), of which every frame is seen."""

import base64
import json
import os
import socket
import struct

TEXT, CLOSE, PING, PONG = 1, 8, 9, 10


class WebSocket:
    def __init__(self, port, target, headers=None, timeout=5.0):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout)
        self.buffer = b""
        lines = {"Host": f"127.0.0.1:{port}", "Upgrade": "websocket", "Connection": "Upgrade",
                 "Sec-WebSocket-Version": "13",
                 "Sec-WebSocket-Key": base64.b64encode(os.urandom(16)).decode()}
        lines |= headers or {}
        head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        self.socket.sendall(f"GET {target} HTTP/1.1\r\n{head}\r\n".encode())
        while b"\r\n\r\n" not in self.buffer and self._more():
            pass
        head, _, self.buffer = self.buffer.partition(b"\r\n\r\n")
        self.status = int(head.split()[1]) if head.startswith(b"HTTP/1.1 ") else 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, kind, payload=b""):
        mask = os.urandom(4)
        masked = bytes(byte ^ mask[i % 4] for i, byte in enumerate(payload))
        self.socket.sendall(bytes([0x80 | kind, 0x80 | len(payload)]) + mask + masked)

    def frame(self):
        """The next frame as (kind, payload)."""
        kind, size = self._exactly(2)
        if size == 126:
            size, = struct.unpack(">H", self._exactly(2))
        elif size == 127:
            size, = struct.unpack(">Q", self._exactly(8))
        return kind & 0x0F, self._exactly(size)

    def message(self):
        """The next text, as JSON; pings are answered on the way."""
        while True:
            kind, payload = self.frame()
            if kind == TEXT:
                return json.loads(payload)
            if kind == PING:
                self.send(PONG, payload)

    def is_silent(self, seconds=0.3):
        """Whether nothing comes for that long."""
        before = self.socket.gettimeout()
        self.socket.settimeout(seconds)
        try:
            return not self.buffer and not self._more()
        except TimeoutError:
            return True
        finally:
            self.socket.settimeout(before)

    def _exactly(self, size):
        while len(self.buffer) < size:
            if not self._more():
                raise ConnectionError("closed by the peer")
        data, self.buffer = self.buffer[:size], self.buffer[size:]
        return data

    def _more(self):
        piece = self.socket.recv(65536)
        self.buffer += piece
        return piece != b""
