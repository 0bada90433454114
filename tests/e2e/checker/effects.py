"""What an answered command changed: which effect of the truth is its own, or an earlier one where
that is not certain, so that nothing is expected too early."""

import math

from checker import world

# Writes that name their keys: whoever asks the same sidecar after their reply sees them (P3).
VISIBLE = frozenset(("set", "set_ex", "del", "expire", "hset", "rename", "exec", "eval",
                     "invalidate_key", "invalidate_tag"))


class Effects:
    def __init__(self, truth):
        self.truth, self.known = truth, {}

    def position(self, op):
        """Where the truth has the effect of an answered write; None when it is not to be told."""
        if written := op.writes():
            places = self.truth.where.get(written[-1][1])
            return places[0] if places else None
        kinds = {"invalidate_tag": "generation", "invalidate_key": "del", "flushdb": "flush"}
        what = (op.key,) if isinstance(op.key, str) else tuple(op.key or ())
        # What changed nothing is not there, nor need be the EXPIRE of a key with tags (see LT).
        if op.op in ("del", "invalidate_key") and op.value == 0:
            return None
        if op.op == "expire" and (op.value[1] == 0 or world.tags(op.key)):
            return None
        pos = self.truth.event(kinds.get(op.op, op.op), op.db, *what, after=op.inv_ns)
        return pos if pos is not None and self.truth.lo[pos] <= op.ret_ns else None

    def of(self, op):
        """(db, key, state) that an answered write led to, or an older one where it is not certain."""
        if id(op) not in self.known:
            self.known[id(op)] = list(self._find(op))
        return self.known[id(op)]

    def _find(self, op):
        keys = [op.key] if isinstance(op.key, str) else op.key or ()
        if op.op == "invalidate_tag":
            keys = [key for key in world.TAGGED + world.LOADED if op.key in world.tags(key)]
        elif op.op == "flushdb":
            keys = world.KEYS
        elif op.op not in VISIBLE and not op.writes():
            return
        pos = self.position(op)
        for key in keys:
            register = self.truth.register(op.db, key)
            state = register.current_at(op.inv_ns) if pos is None else register.at(pos)
            yield op.db, key, state

    def later_writes(self, ops):
        """(conn, db, key, n): the first state that a later command of the connection wrote."""
        found, least = {}, {}
        for op in sorted(ops, key=lambda op: -op.n):
            for key, _ in op.reads():
                found[(op.client, op.conn), op.db, key, op.n] = least.get(
                    ((op.client, op.conn), op.db, key), math.inf)
            for key, value in op.writes():
                if places := self.truth.where.get(value):
                    at = ((op.client, op.conn), op.db, key)
                    state = self.truth.register(op.db, key).at(places[0])
                    least[at] = min(state, least.get(at, math.inf))
        return found
