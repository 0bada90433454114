"""What tests of large invalidations share: rules, and how to look at many keys, jobs and Redis."""

import os

import admin_client
from invalidated import Fleet, number, plain
from support import encode

MEMBERS = int(os.environ.get("PANNIER_MEMBERS", "30000"))
KEYS = int(os.environ.get("PANNIER_KEYS", "50000"))
PATIENCE = 60 + (MEMBERS + KEYS) / 5_000
RULES = """
upstream: {max_lag: 1s}
tiers:
  copied: {ttl: 1h, local: 1h}
  plain: {ttl: 1h}
rules:
  - {match: "fence:*", tier: copied}
  - {match: "member:{id}", tier: plain, tags: [crowd]}
  - {match: "bulk:*", tier: plain}
  - {match: "odd:*", tier: plain}
  - {match: "other:*", tier: plain}
  - {match: "tagged:{id}", tier: copied, tags: [one, "both:{id}"]}
  - {match: "all:{id}", tier: copied, tags: [two, "three:{id}"]}
  - {match: "day:{day}", tier: copied, dates: day, name: days}
  - {match: "cleared:{id}", tier: copied, name: cleared}
  - {match: "single:*", tier: copied}
  - {match: "globbed:*", tier: copied}
"""
# Redis is given thousands of commands at once by these tests, and may take its time.
PATIENT = RULES.replace("max_lag: 1s", "max_lag: 1s, op_timeout: 20s")


def values(wire, keys, batch=1_000):
    """What GET says of each key, many at a time."""
    found = []
    for at in range(0, len(keys), batch):
        some = keys[at:at + batch]
        wire.send(b"".join(encode("GET", key) for key in some))
        found += [wire.reply() for _ in some]
    return found


def jobs(wire):
    """Newest first; what of them is a number is one."""
    found = [dict(zip((word.decode() for word in one[::2]), one[1::2]))
             for one in plain(wire.call("PANNIER", "JOBS"))]
    return [{key: int(value) if key in ("job", "found", "removed", "took_ms") else value
             for key, value in one.items()} for one in found]


# What takes a processor for longer than 5 ms, to see that it is seen.
BUSY = "local n = 0 for i = 1, 3000000 do n = n + i % 7 end return n"


class Large(Fleet):
    def setUp(self):
        # Whoever invalidates is told the number, however long it takes.
        self.start("invalidation_wait: 1h\n" + PATIENT)
        self.near, self.far = (self.enterContext(one.wire(PATIENCE)) for one in self.sidecars)

    def size(self):
        return number(self.direct.call("DBSIZE"))

    def purged(self):
        page = admin_client.get(self.sidecars[0].admin_port, "/metrics").body.decode()
        return admin_client.samples(page)["pannier_keys_purged_total"]

    def slow(self):
        """Commands of ours that took Redis longer than 5 ms."""
        ours = (b"EVAL", b"EVALSHA", b"UNLINK", b"DEL", b"SCAN", b"ZRANGEBYSCORE")
        return [(int(one[2]), b" ".join(one[3])[:100])
                for one in plain(self.direct.call("SLOWLOG", "GET", "1000"))
                if one[3][0].upper() in ours]

    def never_slow(self, play):
        """Who is not given a processor is late, too: it is enough that of three times one has no
        slow command."""
        self.direct.call("CONFIG", "SET", "slowlog-max-len", "1000")
        self.direct.call("CONFIG", "SET", "slowlog-log-slower-than", "5000")
        self.direct.call("SLOWLOG", "RESET")
        self.direct.call("EVAL", BUSY, "0")
        self.assertEqual(len(self.slow()), 1)
        found = []
        for turn in range(3):
            self.direct.call("SLOWLOG", "RESET")
            play(turn)
            found.append(self.slow())
            if not found[-1]:
                return
        self.fail(f"slower than 5 ms: {found}")
