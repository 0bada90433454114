"""The bed a run lies in: a directory and processes that are gone when it ends."""

import os
import shutil
import socket
import subprocess
import tempfile
import time


class BenchError(Exception):
    """Something that makes the figures impossible or worthless; says what to do."""


class Server:
    """A process that answers at `address` (127.0.0.1:PORT or unix:PATH)."""

    def __init__(self, name, process, address):
        self.name = name
        self.process = process
        self.address = address

    @property
    def pid(self):
        return self.process.pid


class Bed:
    def __enter__(self):
        self.directory = tempfile.mkdtemp(prefix="pannier-bench-")
        self._processes = []
        self._taken = set()
        return self

    def __exit__(self, *_):
        for process in list(reversed(self._processes)):
            self.stop(process)
        shutil.rmtree(self.directory, ignore_errors=True)

    def path(self, name):
        return os.path.join(self.directory, name)

    def write(self, name, text):
        with open(self.path(name), "w") as file:
            file.write(text)
        return self.path(name)

    def free_port(self):
        """A port nobody listens on now, and that this run was not given before."""
        while True:
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", 0))
                port = probe.getsockname()[1]
            if port not in self._taken:
                self._taken.add(port)
                return port

    def spawn(self, argv, **streams):
        """A child that ends with us even if we are killed."""
        process = subprocess.Popen(["setpriv", "--pdeathsig", "TERM", *argv], **streams)
        self._processes.append(process)
        return process

    def serve(self, name, argv, address):
        """Starts a Redis-protocol server and waits until it answers PING."""
        log = self.path(f"{name}-{len(self._processes)}.log")
        with open(log, "wb") as out:
            process = self.spawn(argv, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
        end = time.monotonic() + 5
        while not _answers(address):
            if process.poll() is not None or time.monotonic() > end:
                self.stop(process)
                with open(log, errors="replace") as file:
                    tail = file.read()[-2000:]
                raise BenchError(f"{name} does not answer at {address}: {' '.join(argv)}\n{tail}")
            time.sleep(0.02)
        return Server(name, process, address)

    def stop(self, process):
        self._processes.remove(process)
        process.terminate()
        try:
            process.wait(3)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def connect(address):
    kind, _, rest = address.rpartition(":")
    family = socket.AF_UNIX if kind == "unix" else socket.AF_INET
    connection = socket.socket(family)
    connection.settimeout(5)
    try:
        connection.connect(rest if kind == "unix" else (kind, int(rest)))
    except OSError:
        connection.close()
        raise
    return connection


def ping(connection):
    connection.sendall(b"*1\r\n$4\r\nPING\r\n")
    return connection.recv(64) == b"+PONG\r\n"


def _answers(address):
    try:
        with connect(address) as connection:
            return ping(connection)
    except OSError:
        return False


PACKAGES = {"redis-server": "redis-server", "nutcracker": "nutcracker", "haproxy": "haproxy",
            "strace": "strace"}


def need(programs):
    """Installs what is missing from Debian; every name is a key of PACKAGES."""
    missing = [PACKAGES[name] for name in programs if not shutil.which(name)]
    if not missing:
        return
    command = ["apt-get", "install", "-y", "--no-install-recommends", *missing]
    if os.geteuid() != 0:
        raise BenchError("missing programs; run: sudo " + " ".join(command))
    if subprocess.run(command, stdout=subprocess.DEVNULL).returncode != 0:
        raise BenchError("could not be installed: " + " ".join(command))
