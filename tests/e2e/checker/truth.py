"""What Redis held, state by state, from its append-only file, and when each state can have begun.

The order is certain: the file has the effects in the order in which they were carried out, those of
scripts, expiry and eviction among them. The time is an interval that is certain, too: an effect lies
between the sending and the reply of the command that wrote its value, after all effects before it
and before all behind it. A client that writes all the time (`tick`) keeps the intervals short.
Nothing is taken from the clock of Redis but expiries, which are absolute and of this machine.
"""

import bisect
import itertools
import math

from checker import aof, world
from checker.history import table

EXPIRY_SLACK_NS = 3_000_000  # Expiries and TIME are whole milliseconds, each rounded once.
GENERATION = "pn:g:"


class Register:
    """The states of one key, oldest first; the first is that there is no value.

    `lo`, `hi` when it began (at the earliest, at the latest), `gone` when it was over at the latest;
    `expiry` in nanoseconds of CLOCK_MONOTONIC; `dead` the generation that made the value invalid
    before it was even written. Where a value may have expired unseen, a state without value and
    with a broken `pos` stands behind it."""

    def __init__(self):
        self.entries = [(-1, None, None, None, None)]  # pos, value, expiry (ms), transaction, dead
        self.fields = {}

    def value_now(self):
        return self.entries[-1][1]

    def set(self, pos, value, expiry, transaction, dead=None):
        if self.entries[-1][3] == transaction and transaction is not None:
            self.entries.pop()  # Nobody saw it.
        if value is None and self.entries[-1][1] is None:
            return
        self.entries.append((pos, value, expiry, transaction, dead))

    def finish(self, truth):
        self.pos, self.value, self.expiry, self.dead, self.lo, self.hi = [], [], [], [], [], []
        for (pos, value, expiry, _, dead), after in itertools.zip_longest(
                self.entries, self.entries[1:]):
            lo, hi = (truth.lo[pos], truth.hi[pos]) if pos >= 0 else (-math.inf, -math.inf)
            until = truth.hi[after[0]] if after else math.inf
            ends = None if expiry is None else expiry * 1_000_000 - truth.real_offset
            self._add(pos, value, ends, dead, lo, hi)
            if ends is not None and value is not None and ends - EXPIRY_SLACK_NS < until:
                self._add(pos + 0.5, None, None, None, max(lo, ends - EXPIRY_SLACK_NS),
                          max(hi, min(until, ends + EXPIRY_SLACK_NS)))
        self.gone = self.hi[1:] + [math.inf]
        self.earliest = list(itertools.accumulate(reversed(self.lo), min))[::-1]
        self.places = {}
        for index, value in enumerate(self.value):
            self.places.setdefault(value, []).append(index)

    def _add(self, pos, value, expiry, dead, lo, hi):
        for name, one in (("pos", pos), ("value", value), ("expiry", expiry), ("dead", dead),
                          ("lo", lo), ("hi", hi)):
            getattr(self, name).append(one)

    def at(self, pos):
        """The state that the effect at `pos` led to, or that it left."""
        index = bisect.bisect_left(self.pos, pos)
        if index < len(self.pos) and self.pos[index] == pos:
            return index
        return index - 2 if self.pos[index - 1] != int(self.pos[index - 1]) else index - 1

    def current_at(self, time):
        """The first state that can still have been at `time`."""
        return bisect.bisect_left(self.gone, time)

    def between(self, since, until):
        """All states that can have been there in that time."""
        return range(self.current_at(since), bisect.bisect_right(self.earliest, until))


class Truth:
    """`segments`: the bytes of one append-only file after the other, where Redis lost its data in
    between. `real_offset`: CLOCK_REALTIME less CLOCK_MONOTONIC, in nanoseconds."""

    def __init__(self, segments, ops, real_offset=0):
        self.real_offset = real_offset
        self.anchors = {value: op for op in ops for _, value in op.writes()}
        self.registers, self.where, self.events, self.swaps = {}, {}, {}, []
        self.lo, self.hi, self.said = [], [], []
        self.generations = {}  # (db, tag): [(pos, ms)]
        self.increments = {}
        self.db, self.transaction = 0, None
        for number, data in enumerate(segments):
            if number:
                self._take(["FLUSHALL"])
            self.db, self.transaction = 0, None
            for words in aof.commands(data):
                self._take(words)
        self._spread()
        for register in self.registers.values():
            register.finish(self)

    def register(self, db, key):
        one = self.registers.get((db, key))
        if one is None:
            one = self.registers[db, key] = Register()
            if hasattr(self, "finished"):
                one.finish(self)
        return one

    def event(self, kind, *what, after=-math.inf):
        """The first position of such an event that can lie after `after`; None when there is none."""
        positions = self.events.get((kind, *what), ())
        index = bisect.bisect_left(positions, after, key=lambda pos: self.hi[pos])
        return positions[index] if index < len(positions) else None

    def _spread(self):
        for pos in range(1, len(self.lo)):
            self.lo[pos] = max(self.lo[pos], self.lo[pos - 1])
        for pos in range(len(self.hi) - 2, -1, -1):
            self.hi[pos] = min(self.hi[pos], self.hi[pos + 1])
        self.finished = True

    def _take(self, words):
        name = words[0].upper()
        if name == "SELECT":
            self.db = int(words[1])
        elif name == "MULTI":
            self.transaction = len(self.lo)
        elif name == "EXEC":
            self.transaction = None
        elif len(words) < 2 or not words[1].startswith("pn:t:"):
            pos = len(self.lo)
            self.lo.append(-math.inf)
            self.hi.append(math.inf)
            self.said.append((self.db, words))
            getattr(self, "_" + name.lower())(pos, *words[1:])

    def _note(self, pos, *what):
        self.events.setdefault(what, []).append(pos)

    def _wrote(self, pos, value):
        self.where.setdefault(value, []).append(pos)
        if op := self.anchors.get(value):
            self.lo[pos] = max(self.lo[pos], op.inv_ns)
            if op.status == "ok":
                self.hi[pos] = min(self.hi[pos], op.ret_ns)

    def _become(self, pos, db, key, value, expiry):
        """`expiry` in milliseconds of CLOCK_REALTIME."""
        tags, dead = world.tags(key), None
        if tags and value is not None and expiry is not None:
            born = expiry - world.LIFE_MS[world.kind(key)]
            dead = min((at for tag in tags for at, ms in self.generations.get((db, tag), ())
                        if ms >= born), default=None)
        register = self.register(db, key)
        register.set(pos, value, expiry, self.transaction, dead)
        if dead is not None:
            register.set(pos, None, None, None)

    def _set(self, pos, key, value, *options):
        options, register = [word.upper() for word in options], self.register(self.db, key)
        expiry = int(options[options.index("PXAT") + 1]) if "PXAT" in options else None
        if "KEEPTTL" in options:
            expiry = register.entries[-1][2]
        self._wrote(pos, value)
        self._become(pos, self.db, key, value, expiry)
        if key.startswith(GENERATION):
            self._raise(pos, key[len(GENERATION):], int(value))

    def _raise(self, pos, tag, ms):
        self.generations.setdefault((self.db, tag), []).append((pos, ms))
        self._note(pos, "generation", self.db, tag)
        for key in world.TAGGED + world.LOADED:
            register = self.register(self.db, key)
            _, value, expiry, _, _ = register.entries[-1]
            if tag in world.tags(key) and value is not None and expiry is not None:
                if expiry - world.LIFE_MS[world.kind(key)] <= ms:
                    register.set(pos, None, None, None)

    def _del(self, pos, *keys):
        for key in keys:
            self._note(pos, "del", self.db, key)
            self.register(self.db, key).fields = {}
            self._become(pos, self.db, key, None, None)

    _unlink = _del

    def _pexpireat(self, pos, key, ms, *_):
        register = self.register(self.db, key)
        self._note(pos, "expire", self.db, key)
        if register.value_now() is not None:
            self._become(pos, self.db, key, register.value_now(), int(ms))

    def _persist(self, pos, key):
        self._become(pos, self.db, key, self.register(self.db, key).value_now(), None)

    def _rename(self, pos, source, target):
        _, value, expiry, _, _ = self.register(self.db, source).entries[-1]
        self._note(pos, "rename", self.db, source, target)
        self._become(pos, self.db, source, None, None)
        self._become(pos, self.db, target, value, expiry)

    def _hset(self, pos, key, *pairs):
        register = self.register(self.db, key)
        expiry = register.entries[-1][2] if register.value_now() is not None else None
        register.fields = dict(register.fields) | dict(zip(pairs[::2], pairs[1::2]))
        for value in pairs[1::2]:
            self._wrote(pos, value)
        self._become(pos, self.db, key, table(register.fields), expiry)

    def _incr(self, pos, key):
        self.increments[key] = self.increments.get(key, 0) + 1

    def _flushdb(self, pos, *_):
        self._note(pos, "flush", self.db)
        self._empty(pos, (self.db,))

    def _flushall(self, pos, *_):
        for db in world.DATABASES:
            self._note(pos, "flush", db)
        self._empty(pos, world.DATABASES)

    def _empty(self, pos, databases):
        for (db, key), register in list(self.registers.items()):
            if db in databases:
                register.fields = {}
                self._become(pos, db, key, None, None)

    def _swapdb(self, pos, first, second):
        first, second = int(first), int(second)
        self.swaps.append(pos)
        for key in {key for db, key in self.registers if db in (first, second)}:
            one, other = self.register(first, key), self.register(second, key)
            was, fields = one.entries[-1], one.fields
            one.fields, other.fields = other.fields, fields
            self._become(pos, first, key, other.value_now(), other.entries[-1][2])
            self._become(pos, second, key, was[1], was[2])
