"""A TCP relay in front of a server, that can hold back what is sent to it, and be cut."""

import socket
import threading


class Relay:
    """Passes connections on to `target` while a `with` lasts."""

    def __init__(self, port, target):
        self.port, self.target = port, target
        self.listener = None
        self.pairs = []
        self.flowing = threading.Event()
        self.flowing.set()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.cut()

    def listen(self):
        self.flowing.set()
        self.listener = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self._accept, args=(self.listener,), daemon=True).start()

    def hold(self):
        """What clients send waits here from now on; replies still pass."""
        self.flowing.clear()

    def release(self):
        self.flowing.set()

    def cut(self):
        """Breaks all connections and refuses new ones; what is held here is lost."""
        listener, self.listener = self.listener, None
        if listener:
            listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        pairs, self.pairs = self.pairs, []
        for pair in pairs:
            for end in pair:
                try:
                    end.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass  # The peer was first.

    def _accept(self, listener):
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self.target))
            pair = (client, server)
            self.pairs.append(pair)
            threading.Thread(target=self._pump, args=(client, server, pair), daemon=True).start()
            threading.Thread(target=self._pump, args=(server, client, pair), daemon=True).start()

    def _pump(self, source, sink, pair):
        try:
            while data := source.recv(65536):
                if source is pair[0]:
                    self.flowing.wait()
                if pair not in self.pairs:
                    break
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass
