"""What tests of faults share: a Redis, the relay in front of it, a sidecar, and how to look at it."""

import os
import socket
import struct
import unittest

import admin_client
from relay import Relay
from support import Pannier, Redis, free_port, wait_until

RULES = """
tiers:
  lost: {ttl: 1h}
  missed: {ttl: 60s, on_down: miss}
  kept: {ttl: 60s, on_down: memory}
rules:
  - {match: "lost:*", tier: lost}
  - {match: "missed:*", tier: missed}
  - {match: "kept:*", tier: kept}
"""


class Faults(unittest.TestCase):
    """start() gives self.redis, self.pannier and a client's connection self.wire; with
    `relayed=True` self.relay stands between Redis and the sidecar."""

    def start(self, config=RULES, redis_runs=True, redis_options=(), relayed=False):
        self.redis = Redis(*redis_options)
        self.addCleanup(self.redis.folder.cleanup)
        self.addCleanup(self.redis.stop)
        if redis_runs:
            self.redis.start()
        port = self.redis.port
        if relayed:
            port = free_port()
            self.relay = self.enterContext(Relay(port, self.redis.port))
            self.relay.listen()
        self.start_sidecar(config, port)

    def start_sidecar(self, config, port):
        self.pannier = self.enterContext(Pannier(config, port))
        self.wire = self.enterContext(self.pannier.wire())
        self.upstream = f"127.0.0.1:{port}".encode()

    def state(self):
        with self.pannier.wire() as wire:
            text = wire.call("INFO", "pannier")
        return next(line.split(b":")[1].decode() for line in text.split(b"\r\n")
                    if line.startswith(b"pannier_upstream:"))

    def await_state(self, *states, seconds=10):
        wait_until(lambda: self.state() in states, f"upstream is {states}", seconds)

    def await_reply(self, reply, *words, seconds=10):
        """Sends the command until this is the reply."""
        wait_until(lambda: self.wire.call(*words) == reply, f"{words} gives {reply}", seconds)

    def kill_redis(self):
        self.redis.stop()
        self.await_state("down", "absent")

    def metric(self, series):
        """A series of /metrics; 0 where there is none yet."""
        page = admin_client.get(self.pannier.admin_port, "/metrics").body.decode()
        return admin_client.samples(page).get(series, 0)

    def memory(self):
        """Resident bytes of the sidecar."""
        with open(f"/proc/{self.pannier.pid}/status") as status:
            line = next(line for line in status if line.startswith("VmRSS:"))
        return int(line.split()[1]) * 1024

    def cpu(self):
        """Seconds the sidecar has run on a processor."""
        with open(f"/proc/{self.pannier.pid}/stat") as stat:
            fields = stat.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.pannier.pid}/fd"))

    def down(self, why):
        return b"-ERR pannier: upstream %s unavailable (%s); not executed\r\n" % (self.upstream, why)

    @property
    def refused(self):
        return self.down(b"connection refused")

    @property
    def lost(self):
        return b"-ERR pannier: upstream " + self.upstream + b" connection lost; outcome unknown\r\n"

    @property
    def late(self):
        return (b"-ERR pannier: upstream " + self.upstream +
                b" no reply within 1000 ms; outcome unknown\r\n")


def reset(wire):
    """Ends a client's connection as the death of its process does when data was not read."""
    wire.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    wire.socket.close()
