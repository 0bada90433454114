"""What tests of degradation share: tiers for each way to go on without Redis, and how to stop it."""

import os
import signal
import time

from fault_bench import Faults

TIERS = """
upstream: {op_timeout: 1s, max_lag: 1s}
tiers:
  plain: {ttl: 60s, local: 30s}
  stale: {ttl: 2s, local: 500ms, on_down: stale, stale_if_error: 30s}
  brief: {ttl: 60s, local: 30s, on_down: miss, stale_if_error: 1500ms}
  window: {ttl: 1s, stale: 60s, local: 30s, on_down: stale, coalesce: sidecar}
rules:
  - {match: "plain:*", tier: plain}
  - {match: "stale:{id}", tier: stale, tags: ["group", "one:{id}"]}
  - {match: "brief:*", tier: brief}
  - {match: "window:*", tier: window}
"""


def bulk(text):
    return b"$%d\r\n%s\r\n" % (len(text), text.encode())


class Degraded(Faults):
    def keep(self, key, value):
        """Makes the sidecar keep a copy of a value that Redis has."""
        self.assertEqual(self.wire.call("SET", key, value), b"+OK\r\n")
        self.assertEqual(self.wire.call("GET", key), bulk(value))
        time.sleep(0.02)  # The push of the SET may have removed the first one.
        self.assertEqual(self.wire.call("GET", key), bulk(value))

    def stop_redis(self):
        """It answers nothing, and its kernel accepts connections."""
        os.kill(self.redis.pid, signal.SIGSTOP)
        self.addCleanup(self.go_on)

    def go_on(self):
        if self.redis.process.poll() is None:
            os.kill(self.redis.pid, signal.SIGCONT)

    def stale_served(self, tier):
        return self.metric('pannier_tier_stale_on_error_total{tier="%s"}' % tier)
