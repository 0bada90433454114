"""A TCP relay in front of a server, that can delay, hold back, lose, slow down and cut what passes.

Faults are set per direction, for all connections and at any time: `relay.to_server.delay = 0.05`.
"""

import collections
import select
import socket
import struct
import threading
import time


class Direction:
    """What happens to bytes on their way to one side."""

    def __init__(self):
        self.delay = 0.0  # Seconds each piece takes longer.
        self.rate = None  # Bytes per second.
        self.swallows = False  # Bytes vanish, and nobody is told: a silent network.
        self.flowing = threading.Event()  # Cleared: bytes wait here.
        self.flowing.set()
        self.passed = 0
        self._cut = None

    def cut_inside(self, marker, count, reset=False):
        """Once: of the bytes `marker` the first `count` pass, then the connection breaks, with a
        FIN or a reset. Whatever else passes is not concerned."""
        self._cut = (marker, count, reset)

    def take_cut(self, data):
        """What of `data` still passes, and how the connection then breaks (None: it does not)."""
        if not self._cut or self._cut[0] not in data:
            return data, None
        marker, count, reset = self._cut
        self._cut = None
        return data[:data.index(marker) + count], reset


class Pair:
    """A client's connection and the one to the server that belongs to it."""

    def __init__(self, client, server, relay):
        self.client, self.server, self.broken = client, server, False
        self.pumps, self.lock = 2, threading.Lock()
        self.answering = threading.Event()  # Cleared: what the server says waits here.
        self.answering.set()
        self.to_server, self.to_client = relay.to_server, relay.to_client

    def alone(self, way):
        """From now on `to_server` or `to_client` of this one has faults of its own, and only those."""
        own = Direction()
        setattr(self, way, own)
        return own

    def end(self, reset=False):
        self.broken = True
        self.answering.set()
        for end in (self.client, self.server):
            try:
                if reset:  # Nothing is sent before both ends are closed, and then it is a reset.
                    end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                end.shutdown(socket.SHUT_RD if reset else socket.SHUT_RDWR)
            except OSError:
                pass  # The peer was first.

    def leave(self):
        """Called by each of the two who pass bytes on, at its end."""
        with self.lock:
            self.pumps -= 1
            if self.pumps == 0:
                self.client.close()
                self.server.close()


class Relay:
    """Passes connections on to `target` while a `with` lasts."""

    def __init__(self, port, target):
        self.port, self.target = port, target
        self.listener = None
        self.pairs = []
        self.accepted = 0
        self.silent = False  # New connections are accepted, and nothing else ever happens.
        self.to_server, self.to_client = Direction(), Direction()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.cut()
        self.release()

    def listen(self):
        self.release()
        self.listener = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self._accept, args=(self.listener,), daemon=True).start()

    def hold(self):
        """What clients send waits here from now on; replies still pass."""
        self.to_server.flowing.clear()

    def release(self):
        self.to_server.flowing.set()
        self.to_client.flowing.set()
        for pair in self.pairs:
            pair.answering.set()

    def swallow(self, lost=True):
        """Everything vanishes in both directions, and connections can be made but say nothing."""
        self.silent = self.to_server.swallows = self.to_client.swallows = lost

    def cut(self, reset=False):
        """Breaks all connections and refuses new ones; what is held here is lost."""
        listener, self.listener = self.listener, None
        if listener:
            listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        self.break_all(reset)

    def break_all(self, reset=False):
        """Breaks all connections; new ones can be made."""
        pairs, self.pairs = self.pairs, []
        for pair in pairs:
            pair.end(reset)

    def _accept(self, listener):
        while True:
            try:
                client, _ = listener.accept()
                server = socket.create_connection(("127.0.0.1", self.target))
            except OSError:
                if self.listener is not listener:
                    return
                client.close()  # The server refused: so do we.
                continue
            for end in (client, server):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.accepted += 1
            pair = Pair(client, server, self)
            self.pairs.append(pair)
            for way in ((client, server, "to_server"), (server, client, "to_client")):
                threading.Thread(target=self._pump, args=(*way, pair, self.silent), daemon=True).start()

    def _pump(self, source, sink, way, pair, silent):
        """Pieces leave `direction.delay` after they came, in their order; an empty one is the end."""
        waiting, poll, ended = collections.deque(), select.poll(), False
        poll.register(source, select.POLLIN)
        try:
            while waiting or not ended:
                direction = getattr(pair, way)
                due_in = waiting[0][0] - time.monotonic() if waiting else None
                if due_in is not None and due_in <= 0:
                    self._deliver(waiting.popleft()[1], sink, direction, pair, silent)
                elif ended:
                    time.sleep(due_in)
                elif poll.poll(due_in and due_in * 1000):
                    data = source.recv(65536)
                    waiting.append((time.monotonic() + getattr(pair, way).delay, data))
                    ended = not data
                if pair.broken:
                    return
        except OSError:
            pair.end()
        finally:
            pair.leave()
            if pair in self.pairs and pair.broken:
                self.pairs.remove(pair)

    @staticmethod
    def _deliver(data, sink, direction, pair, silent):
        direction.flowing.wait()
        if sink is pair.client:
            pair.answering.wait()
        if pair.broken or silent or direction.swallows:
            return
        if not data:
            return sink.shutdown(socket.SHUT_WR)
        data, breaks = direction.take_cut(data)
        direction.passed += len(data)
        while data and not pair.broken and (rate := direction.rate):
            piece, data = data[:max(1, rate // 50)], data[max(1, rate // 50):]
            sink.sendall(piece)
            time.sleep(len(piece) / rate)
        sink.sendall(data)
        if breaks is not None:
            pair.end(breaks)
