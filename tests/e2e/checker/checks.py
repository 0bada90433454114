"""The checks of single answers: C1 to C7, C9 and C10. Each answer must be one of the key's states,
and no older than any of its floors.

A floor is a state that the answer may not be older than, because of what was known before the
command was sent. Every answer is taken for the oldest state that it can have been; floors only ever
follow from certain things; so whatever is reported here has no other explanation.

`lag` is the slack of C4. In theory there is none: a copy is judged by a clock that is read after the
command was sent, and it is over at the latest `max_lag` after something that was asked later than
what it has not heard of. It covers that this clock is read once for all that is ready in a turn.
"""

import bisect
import collections
import dataclasses
import math

from checker import world
from checker.effects import VISIBLE, Effects
from checker.history import is_token
from checker.truth import EXPIRY_SLACK_NS

LAG_SLACK_NS = 10_000_000
LEASE_NS = 10_000_000_000  # A lease lasts three loads, at most this long.


# What is known to be wrong, and counted apart: a fix takes its line away.
LATE_LOAD = ("a load that arrives when the life of its key, counted from the oldest open miss, is over"
             " is still given to those who waited for it")
LATE_WAITER = ("of two reads in a pipeline the first waits for a load and is answered with it, the second"
               " was answered by Redis before: the first one's answer is the newer one")


@dataclasses.dataclass
class Violation:
    check: str
    text: str
    op: object = None
    key: str = ""
    known: str = ""  # Why it is expected, if it is.

    def __str__(self):
        return f"{self.check}: {self.text}\n    {self.op}"


class Floors:
    """(time, state) of one key; what was known by when."""

    def __init__(self):
        self.times, self.states = [], []

    def add(self, time, state):
        self.times.append(time)
        self.states.append(max(state, self.states[-1]) if self.states else state)

    def before(self, time):
        index = bisect.bisect_left(self.times, time)
        return self.states[index - 1] if index else 0


class Answers:
    """All answers of `ops` against `truth`; `found` are the violations."""

    def __init__(self, ops, truth):
        self.ops, self.truth, self.found = ops, truth, []
        self.told_to_load = []  # Answers without a value though there was one: see _told().
        self.pods = collections.defaultdict(Floors)  # (sidecar, db, key): visible writes answered.
        self.strict = collections.defaultdict(Floors)  # (db, key): what was read without copies.
        self.invalidated = collections.defaultdict(Floors)  # (sidecar, db, tag), by position.
        self.owns, self.seen = {}, {}  # (conn, db, key): own writes; what was read.
        self.effects = Effects(truth)
        self.later = self.effects.later_writes(ops)
        self._amnesties()

    def run(self):
        by_reply = sorted((op for op in self.ops if op.status == "ok" and op.ret_ns is not None
                           and op.op in VISIBLE), key=lambda op: op.ret_ns)
        for op in by_reply:
            for db, key, state in self.effects.of(op):
                self.pods[op.sidecar, db, key].add(op.ret_ns, state)
            if op.op == "invalidate_tag":
                pos = self.effects.position(op)
                self.invalidated[op.sidecar, op.db, op.key].add(op.ret_ns, -1 if pos is None else pos)
        by_connection = collections.defaultdict(list)
        for op in self.ops:
            by_connection[op.client, op.conn].append(op)
        for connection, ops in by_connection.items():
            for op in sorted(ops, key=lambda op: op.n):
                self._step(connection, op)
        self._linearize()
        self._order()
        return self.found

    def _step(self, connection, op):
        for key, value in op.reads():
            state = self._judge(connection, op, key, value)
            if state is not None and not self._forgiven(op):
                at = (connection, op.db, key)
                self.seen[at] = max((state, op.ret_ns), self.seen.get(at, (0, 0)))
        if op.status == "ok":
            for db, key, state in self.effects.of(op):
                at = (connection, db, key)
                self.owns[at] = max(state, self.owns.get(at, 0))

    def _judge(self, connection, op, key, value):
        """The oldest state that the answer can be; None when nothing follows from it."""
        if world.tags(key) and self.amnesties and op.ret_ns >= self.amnesties[0][0]:
            return None  # What is known here of generations is of the other database.
        register = self.truth.register(op.db, key)
        places = register.places.get(value)
        direct = op.sidecar == "direct"
        if places is None and not (value is None and self.may_miss(op, key, register)):
            return self._report(self._strange(op, key, value), op, key, f"{key} is {value!r}")
        lag = 0 if direct or not world.lag_ms(key) else world.LAG_MS * 1_000_000 + LAG_SLACK_NS
        if self._forgiven(op):
            lag = world.LOCAL_MS * 1_000_000
        floors = [("C4" if lag else "C10", register.current_at(op.inv_ns - lag))]
        if not self._forgiven(op):
            floors += [("C2", self.owns.get((connection, op.db, key), 0)),
                       ("C3", self.seen.get((connection, op.db, key), (0, 0))[0])]
            if not direct:
                floors.append(("C2b", self.pods[op.sidecar, op.db, key].before(op.inv_ns)))
        floor = max(state for _, state in floors)
        state = next(self._fitting(op, key, register, places or (), floor), None)
        if state is None:
            if value is None and (self.may_miss(op, key, register) or self._told(op, key, register)):
                return None
            return self._blame(connection, op, key, value, register, places or (), floors)
        if value is None and (world.kind(key) in world.LEASED or self.may_miss(op, key, register)):
            return None  # It may have been an errand to load, and no state at all.
        # A read that waits for a load is answered by the load that its own connection sends behind it.
        own_load = world.kind(key) in world.LEASED
        if state >= self.later.get((connection, op.db, key, op.n), math.inf) and not own_load:
            self._report("C3b", op, key, f"{key} shows what this connection wrote later")
        return state

    def _fitting(self, op, key, register, places, floor):
        for state in places[bisect.bisect_left(places, floor):]:
            if register.lo[state] > op.ret_ns:
                continue
            expiry = register.expiry[state]
            if register.value[state] is not None and expiry is not None:
                if op.inv_ns > expiry + EXPIRY_SLACK_NS:
                    continue
            if register.dead[state] is None or self._still_believed(op, key, register, state):
                yield state

    def _still_believed(self, op, key, register, state):
        """Whether the sidecar need not know of the generation that made this value invalid."""
        dead = register.dead[state]
        if self.truth.hi[dead] < op.inv_ns - world.LAG_MS * 1_000_000 - LAG_SLACK_NS:
            return False
        return all(self.invalidated[op.sidecar, op.db, tag].before(op.inv_ns) < dead
                   for tag in world.tags(key))

    def _blame(self, connection, op, key, value, register, places, floors):
        """Reports the answer under the check that it fails."""
        begun = [state for state in places if register.lo[state] <= op.ret_ns]
        newest = begun[-1] if begun else None
        older = [(name, floor) for name, floor in floors if begun and newest < floor]
        if not places or value is None and newest == 0:
            check, why = "C1", "which it never was, or nobody removed it"
        elif not begun:
            check, why = "C5", "which was not yet written"
        elif register.dead[newest] is not None:
            check, why = "C7", "its load began before an invalidation"
        elif older:
            check, floor = older[0]
            _, told = self.seen.get((connection, op.db, key), (0, 0))
            if check == "C3" and world.kind(key) in world.LEASED and told > op.inv_ns:
                return self._report(check, op, key, f"{key} is {value!r}", LATE_WAITER)
            why = (f"state {newest}, but at least {floor}: {register.value[floor]!r}, there since"
                   f" {(op.inv_ns - register.hi[floor]) / 1e6:.1f} ms before it was asked")
        else:
            check, why = "C6", "its time was over"
            if world.kind(key) in world.LEASED and register.expiry[newest] <= register.hi[newest]:
                return self._report(check, op, key, f"{key} is {value!r}: {why}", LATE_LOAD)
        return self._report(check, op, key, f"{key} is {value!r}: {why}")

    def may_miss(self, op, key, register):
        """Whether nothing need be found although there is a value: what tags or a stale window make
        of it. A miss is no older answer."""
        if op.sidecar == "direct":
            return False
        since = op.inv_ns - world.LAG_MS * 1_000_000 - LAG_SLACK_NS
        for state in register.between(since, op.ret_ns):
            expiry, stale = register.expiry[state], world.STALE_MS.get(world.kind(key))
            if register.dead[state] is not None or (world.tags(key) and expiry is None):
                return True
            if stale and expiry is not None:
                if expiry - stale * 1_000_000 - EXPIRY_SLACK_NS <= op.ret_ns:
                    return True
            if world.tags(key) and register.value[state] is not None:
                born = expiry - world.LIFE_MS[world.kind(key)] * 1_000_000 - EXPIRY_SLACK_NS
                if self._lacked_generation(op, key, min(born, since)):
                    return True
        return False

    def _lacked_generation(self, op, key, since):
        """Whether one of the key's tags was without a generation, or got another one. A sidecar that
        finds none makes one of that moment; if somebody else's is there first, and older, it still
        goes by its own: too much is loaded again, never too little."""
        for tag in world.tags(key):
            generation = self.truth.register(op.db, "pn:g:" + tag)
            states = generation.between(since, op.ret_ns)
            if len(states) > 1 or any(generation.value[state] is None for state in states):
                return True
        return False

    def _told(self, op, key, register):
        """Whether nil was no answer but the errand to load: who has waited for another's load in vain
        is told so, though the value may have come by another sidecar meanwhile. It takes a key that
        was missing within the time of a lease."""
        if world.kind(key) not in world.LEASED or op.sidecar == "direct":
            return False
        states = register.between(op.inv_ns - LEASE_NS, op.ret_ns)
        if any(register.value[state] is None for state in states):
            self.told_to_load.append(op)
            return True
        return False

    def _strange(self, op, key, value):
        """What is wrong with a value that the key never had."""
        if value is None or world.kind(key) in ("h", "uh"):
            return "C1"
        if not is_token(value):
            return "C9"
        whose, db = value.split("|")[:2]
        return "C1" if (whose, db) == (key, str(op.db)) else "C9"

    def _amnesties(self):
        """SWAPDB is not pushed: what was kept may be served until its time here is over."""
        most = (world.LOCAL_MS + world.LAG_MS) * 1_000_000
        self.amnesties = [(self.truth.lo[pos], self.truth.hi[pos] + most) for pos in self.truth.swaps]

    def _forgiven(self, op):
        return any(lo <= op.ret_ns and op.inv_ns <= hi for lo, hi in self.amnesties)

    def _linearize(self):
        """C10: what was read of a key that is never kept orders all who ask afterwards. The order of
        the writes being known, the oldest possible state for each read is the whole search."""
        reads = [(op, key, value) for op in self.ops if op.status == "ok" for key, value in op.reads()
                 if world.lag_ms(key) == 0 and not self._forgiven(op)]
        for op, key, value in sorted(reads, key=lambda read: read[0].ret_ns):
            # Those that were answered before this one was sent are all in already.
            register, floors = self.truth.register(op.db, key), self.strict[op.db, key]
            places, floor = register.places.get(value, ()), register.current_at(op.inv_ns)
            if next(self._fitting(op, key, register, places, floor), None) is None:
                continue  # Wrong in itself, and reported.
            floor = max(floor, floors.before(op.inv_ns))
            state = next(self._fitting(op, key, register, places, floor), None)
            if state is not None:
                floors.add(op.ret_ns, state)
            else:
                self._report("C10", op, key, f"{key} is {value!r}, after somebody read a later one")

    def _order(self):
        """C10: each effect lies between the sending and the reply of its command, and in the order of
        all others."""
        for pos, (lo, hi) in enumerate(zip(self.truth.lo, self.truth.hi)):
            if lo > hi:
                self._report("C10", None, "", f"effect {pos} {self.truth.said[pos]} took place outside"
                             f" its command: after {lo / 1e6:.3f} and before {hi / 1e6:.3f}")
                return

    def _report(self, check, op, key, text, known=""):
        self.found.append(Violation(check, text, op, key, known))
