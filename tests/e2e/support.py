"""Starts real servers on free ports in temporary folders, and speaks RESP to them byte by byte."""

import os
import random
import socket
import subprocess
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BINARY = os.path.abspath(os.environ.get("PANNIER_BIN") or os.path.join(ROOT, "build/release/pannier"))


GIVEN = set()  # Ports that are somebody's already, although he does not listen yet.


def free_port():
    """A port nobody listens on. Below the ports that connections are given, so that none of these
    takes it before the server does, and a client that reconnects to it cannot meet itself."""
    while True:
        port = random.SystemRandom().randrange(16_000, 32_000)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        if port not in GIVEN:
            GIVEN.add(port)
            return port


def wait_until(condition, what, seconds=10.0):
    """Polls `condition` until it is true and returns its value."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds:g} s: {what}")
        time.sleep(0.01)
    return value


def encode(*args):
    """A command as a RESP array."""
    args = [a if isinstance(a, bytes) else str(a).encode() for a in args]
    return b"*%d\r\n" % len(args) + b"".join(b"$%d\r\n%s\r\n" % (len(a), a) for a in args)


class Wire:
    """A connection of which every byte is seen."""

    def __init__(self, port, timeout=5.0):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout)
        self.buffer = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def call(self, *args):
        """Sends one command and returns its reply as raw bytes."""
        self.send(encode(*args))
        return self.reply()

    def reply(self):
        """The raw bytes of the next reply, with all its elements."""
        line = self._line()
        kind, text = line[:1], line[1:-2]
        if kind in b"$!=" and text != b"-1":
            return line + self.exactly(int(text) + 2)
        if kind in b"*~>%|" and text != b"-1":
            elements = int(text) * (2 if kind in b"%|" else 1) + (kind == b"|")
            return line + b"".join(self.reply() for _ in range(elements))
        return line

    def rest(self, quiet=0.2):
        """Everything that arrives until the peer closes or says nothing for `quiet` seconds.
        Returns the bytes and whether the peer closed."""
        self.socket.settimeout(quiet)
        data, self.buffer = self.buffer, b""
        try:
            while piece := self.socket.recv(65536):
                data += piece
            return data, True
        except TimeoutError:
            return data, False
        except ConnectionError:
            return data, True

    def _line(self):
        while b"\r\n" not in self.buffer:
            self._more()
        line, self.buffer = self.buffer.split(b"\r\n", 1)
        return line + b"\r\n"

    def exactly(self, size):
        while len(self.buffer) < size:
            self._more()
        data, self.buffer = self.buffer[:size], self.buffer[size:]
        return data

    def _more(self):
        piece = self.socket.recv(65536)
        if not piece:
            raise ConnectionError("closed by the peer")
        self.buffer += piece


class Process:
    """A server in a temporary folder that runs inside a `with` and answers PING there."""

    def __init__(self):
        self.port = free_port()
        self.folder = tempfile.TemporaryDirectory(prefix="pannier-e2e-")
        self.process = None

    def command_line(self):
        raise NotImplementedError

    def __enter__(self):
        try:
            return self.start()
        except BaseException:
            self.__exit__()
            raise

    def __exit__(self, *_):
        self.stop()
        self.folder.cleanup()

    def start(self):
        """Starts it, again after stop() with the same port and folder; its log goes on."""
        with open(os.path.join(self.folder.name, "log"), "ab") as log:
            self.process = subprocess.Popen(self.command_line(), cwd=self.folder.name,
                                            stdout=log, stderr=subprocess.STDOUT)
        deadline = time.monotonic() + 10
        while not self.answers():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{self.command_line()[0]} does not answer:\n{self.log_text()}")
            time.sleep(0.02)
        return self

    def answers(self):
        try:
            with Wire(self.port, 1.0) as wire:
                return wire.call("PING").startswith((b"+PONG", b"-NOAUTH"))
        except OSError:
            return False

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    @property
    def pid(self):
        return self.process.pid

    def wire(self, timeout=5.0):
        return Wire(self.port, timeout)

    def log_text(self):
        with open(os.path.join(self.folder.name, "log"), errors="replace") as log:
            return log.read()


class Redis(Process):
    def __init__(self, *options):
        super().__init__()
        self.options = options

    def command_line(self):
        return ["redis-server", "--port", str(self.port), "--save", "", "--daemonize", "no",
                *self.options]


class Pannier(Process):
    def __init__(self, config_text="", upstream_port=None, binary=BINARY):
        super().__init__()
        self.admin_port = free_port()
        self.upstream_port = upstream_port
        self.binary = binary
        self.config = None
        if config_text:
            self.config = os.path.join(self.folder.name, "pannier.yaml")
            self.write_config(config_text)

    def write_config(self, text):
        """Replaces the configuration file in one step, as ConfigMaps and editors do."""
        with open(self.config + ".new", "w") as file:
            file.write(text)
        os.replace(self.config + ".new", self.config)

    def command_line(self):
        line = [self.binary, "run"] + (["--config", self.config] if self.config else [])
        line += ["--listen", f"127.0.0.1:{self.port}", "--admin", f"127.0.0.1:{self.admin_port}"]
        if self.upstream_port:
            line += ["--upstream", f"redis://127.0.0.1:{self.upstream_port}"]
        return line
