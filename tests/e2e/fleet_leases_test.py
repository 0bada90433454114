#!/usr/bin/python3
"""One load in the whole fleet: readers at several sidecars miss one key, and one of them loads it."""

import asyncio
import os
import signal
import statistics
import time
import unittest

from resp_client import Connection
from support import Pannier, Redis

LOAD = 0.3
SIDECARS, READERS, ROUNDS = 3, 50, 4
RULES = """
tiers:
  fleet: {ttl: 60s, coalesce: {scope: fleet, wait: 8s}}
  alone: {ttl: 60s, coalesce: {scope: sidecar, wait: 8s}}
  tile: {ttl: 1s, stale: 30s, refresh: 50%, coalesce: fleet, local: 10s}
rules:
  - {match: "fleet:*", tier: fleet}
  - {match: "alone:*", tier: alone}
  - {match: "tile:*", tier: tile}
"""


class Loads:
    """Counts who is told that a key is missing; each of them computes and SETs it."""

    def __init__(self):
        self.count, self.load_seconds, self.waits = 0, LOAD, []

    async def get_or_load(self, connection, key):
        asked = time.monotonic()
        value = await connection.call("GET", key)
        if value is None:
            self.count += 1
            await asyncio.sleep(LOAD)
            await connection.call("SET", key, "v")
            self.load_seconds = time.monotonic() - asked
        self.waits.append(time.monotonic() - asked)


class FleetLeases(unittest.IsolatedAsyncioTestCase):
    def setUp(self):
        self.redis = self.enterContext(Redis())
        self.sidecars = [self.enterContext(Pannier(RULES, self.redis.port))
                         for _ in range(SIDECARS)]

    async def connect(self, sidecar, count):
        connections = [await Connection.open(sidecar.port) for _ in range(count)]
        for one in connections:
            self.addAsyncCleanup(one.close)
        return connections

    async def loads_of(self, key, connections_each):
        connections = [await self.connect(one, connections_each) for one in self.sidecars]
        loads = Loads()
        await asyncio.gather(*(loads.get_or_load(mine[i % len(mine)], key)
                               for i in range(READERS) for mine in connections))
        return loads

    async def assert_one_load(self, connections_each):
        waits = []
        for number in range(ROUNDS):
            loads = await self.loads_of(f"fleet:{connections_each}:{number}", connections_each)
            self.assertEqual(loads.count, 1)
            waits.append(max(loads.waits) / loads.load_seconds)
        self.assertLess(statistics.median(waits), 1.25, waits)

    async def test_readers_of_three_sidecars_load_once_on_one_connection_each(self):
        await self.assert_one_load(1)

    async def test_readers_of_three_sidecars_load_once_on_a_connection_for_each(self):
        await self.assert_one_load(READERS)

    async def test_without_the_fleet_each_sidecar_loads(self):
        loads = await self.loads_of("alone:1", 10)
        self.assertEqual(loads.count, SIDECARS)

    async def test_a_loader_that_closes_is_followed_by_another_sidecar_at_once(self):
        holder, = await self.connect(self.sidecars[0], 1)
        self.assertIsNone(await holder.call("GET", "fleet:closed"))
        loads = Loads()
        others = [await self.connect(one, 5) for one in self.sidecars[1:]]
        readers = [asyncio.ensure_future(loads.get_or_load(one, "fleet:closed"))
                   for mine in others for one in mine]
        await asyncio.sleep(LOAD / 2)
        self.assertEqual(loads.count, 0)
        closed = time.monotonic()
        holder.abort()
        await asyncio.gather(*readers)
        self.assertEqual(loads.count, 1)
        self.assertLess(time.monotonic() - closed, 2.5 * loads.load_seconds)

    async def test_e17_a_sidecar_that_is_killed_is_followed_when_its_time_is_over(self):
        holder, = await self.connect(self.sidecars[0], 1)
        self.assertIsNone(await holder.call("GET", "fleet:killed"))
        loads = Loads()
        others = [await self.connect(one, 5) for one in self.sidecars[1:]]
        readers = [asyncio.ensure_future(loads.get_or_load(one, "fleet:killed"))
                   for mine in others for one in mine]
        await asyncio.sleep(0.1)
        os.kill(self.sidecars[0].pid, signal.SIGKILL)
        killed = time.monotonic()
        await asyncio.gather(*readers)
        self.assertEqual(loads.count, 1)
        self.assertGreater(time.monotonic() - killed, 2)  # Nobody can know before.
        self.assertLess(time.monotonic() - killed, 5 + LOAD)

    async def test_a_hot_key_is_loaded_once_a_cycle_and_nobody_waits(self):
        """A value of one second, refreshed half way; 200 reads a second at all three for 5 s."""
        connections = [(await self.connect(one, 4)) for one in self.sidecars]
        loads = Loads()
        readers, waits = [], loads.waits
        await loads.get_or_load(connections[0][0], "tile:hot")
        waits.clear()
        began = time.monotonic()
        while time.monotonic() - began < 5:
            mine = connections[len(readers) % SIDECARS]
            readers.append(asyncio.ensure_future(
                loads.get_or_load(mine[len(readers) % 4], "tile:hot")))
            await asyncio.sleep(0.005)
        await asyncio.gather(*readers)
        # A cycle is half a second: from one election to the next.
        self.assertLessEqual(loads.count, 1 + 1.05 * 5 / 0.5)
        self.assertGreaterEqual(loads.count, 5)
        waited = [one for one in waits if one > LOAD * 0.9]
        self.assertLessEqual(len(waited), loads.count)

    async def test_the_record_of_a_lease_is_gone_after_the_load(self):
        await self.loads_of("fleet:gone", 5)
        direct, = [await Connection.open(self.redis.port)]
        self.addAsyncCleanup(direct.close)
        for _ in range(100):
            if await direct.call("EXISTS", "pn:l:fleet:gone") == 0:
                return
            await asyncio.sleep(0.01)
        self.fail("it is still there")


if __name__ == "__main__":
    unittest.main()
