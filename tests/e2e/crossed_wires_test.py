#!/usr/bin/python3
"""Whatever breaks, a reply reaches who asked, or nobody. Values name their keys, databases and users."""

import signal
import unittest

from canary import Canaries, fill
from fault_bench import RULES, Faults, reset
from support import encode, wait_until


class CrossedWires(Faults):
    def canaries(self):
        fill(self.redis)
        return self.enterContext(Canaries(self.pannier.port))

    def test_c2_stopped_redis_late_replies_reach_nobody(self):
        self.start()
        canaries = self.canaries()
        for _ in range(2):
            losses = self.metric("pannier_lane_losses_total")
            self.redis.process.send_signal(signal.SIGSTOP)
            canaries.await_errors()
            self.redis.process.send_signal(signal.SIGCONT)
            canaries.await_right(50)
            self.assertGreater(self.metric("pannier_lane_losses_total"), losses)
        self.assertEqual(canaries.wrong, [])

    def test_c2_held_replies_let_through_later_reach_nobody(self):
        """As with a stopped Redis, but the commands are executed at once."""
        self.start(relayed=True)
        canaries = self.canaries()
        for _ in range(2):
            self.relay.to_client.flowing.clear()
            canaries.await_errors()
            self.relay.release()
            canaries.await_right(50)
        self.assertEqual(canaries.wrong, [])

    def test_c23_killed_connections_cross_no_wires(self):
        self.start()
        canaries = self.canaries()
        with self.redis.wire() as direct:
            for _ in range(8):
                before = sum(one.errors for one in canaries.all)
                self.assertEqual(direct.call("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")[:1],
                                 b":")
                canaries.await_right()
                wait_until(lambda: self.state() == "up", "the lane is back")
            self.assertEqual(canaries.wrong, [])
            self.assertGreaterEqual(self.metric("pannier_lane_losses_total"), 8)
            self.assertGreaterEqual(sum(one.errors for one in canaries.all), before)

    def test_b18_databases_are_not_mixed_up_when_connections_are_killed(self):
        """Two databases, the same keys; each value names its database."""
        self.start(relayed=True)
        canaries = self.canaries()
        for number in range(20):
            self.relay.break_all(reset=number % 2 == 0)
            canaries.await_right(2)
        self.assertEqual(canaries.wrong, [])

    def test_b1_clients_that_reset_leave_their_replies_to_nobody(self):
        """1,000 clients ask and are gone before the reply, 50 ms later, comes."""
        self.start(relayed=True)
        canaries = self.canaries()
        clients = self.clients()
        self.relay.to_client.delay = 0.05
        self.leave(100)
        before = self.memory()
        for _ in range(9):
            self.leave(100)
        canaries.await_right()
        self.assertEqual(canaries.wrong, [])
        wait_until(lambda: self.clients() == clients, "all are gone")
        self.assertLess(self.memory() - before, 2 << 20)

    def leave(self, count):
        for i in range(count):
            leaving = self.pannier.wire()
            leaving.send(encode("GET", ("plain:1", "lost:1")[i % 2]))
            reset(leaving)

    def clients(self):
        return self.metric("pannier_clients")

    def test_b22_a_reply_for_a_client_that_left_is_not_its_successors(self):
        """Descriptor and memory of one that left are the next one's at once."""
        self.start(RULES + "upstream: {max_lag: 1h}\n", relayed=True)
        fill(self.redis, [0])
        self.relay.to_client.delay = 0.02
        descriptors = self.descriptors()
        for i in range(400):
            leaving = self.pannier.wire()
            leaving.send(encode("GET", f"{('plain', 'lost')[i % 2]}:{i % 40}"))
            leaving.socket.close()
            with self.pannier.wire() as coming:
                self.assertEqual(coming.call("ECHO", i), b"$%d\r\n%d\r\n" % (len(str(i)), i))
                self.assertFalse(coming.buffer)
        with self.pannier.wire() as coming:
            coming.send(encode("GET", "plain:7") + b"PING\r\n")
            self.assertEqual(coming.reply(), b"$19\r\nplain:7|db0|default\r\n")
            self.assertEqual(coming.rest(), (b"+PONG\r\n", False))
        self.assertLessEqual(self.descriptors(), descriptors + 8)


if __name__ == "__main__":
    unittest.main()
