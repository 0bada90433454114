"""Many connections at once."""

import contextlib
import socket


def connections(port, count):
    """That many connections, begun before any of them is waited for."""
    begun = []
    for _ in range(count):
        one = socket.socket()
        one.setblocking(False)
        one.connect_ex(("127.0.0.1", port))
        begun.append(one)
    for one in begun:
        one.settimeout(20)
    return begun


@contextlib.contextmanager
def closing(sockets):
    try:
        yield sockets
    finally:
        for one in sockets:
            one.close()
