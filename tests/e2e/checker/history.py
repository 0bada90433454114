"""What clients did and saw, one JSON line an operation, with times of CLOCK_MONOTONIC."""

import json
import zlib

FIELDS = ("run", "seed", "client", "conn", "sidecar", "n", "db", "op", "key", "value", "inv_ns",
          "ret_ns", "status", "load_ns", "error")
WRITES = frozenset(("set", "set_ex", "eval", "eval_hidden", "exec", "hset", "del", "expire", "rename",
                    "invalidate_key", "invalidate_tag", "flushdb", "incr"))


class Op:
    """One operation. `n` counts those of a connection in the order they were sent, from 0. `status`:
    ok, err_not_executed, err_unknown, or closed (no reply). `value` is what was read or written:

    get, hgetall: what was read      mget: a list, as `key`         del, incr: the reply
    set, set_ex, eval, eval_hidden: what was written                hset: [field, value]
    exec: a list of written values, as `key`                        rename: `key` is [from, to]
    expire: [milliseconds, reply]    invalidate_key, invalidate_tag: the reply; `key` may be a tag
    """

    __slots__ = FIELDS

    def __init__(self, **values):
        for name in FIELDS:
            setattr(self, name, values.get(name))

    def line(self):
        return json.dumps({name: value for name in FIELDS
                           if (value := getattr(self, name)) is not None or name == "value"})

    def writes(self):
        """(key, unique value) of each value it writes."""
        if self.op in ("set", "set_ex", "eval", "eval_hidden", "tick"):
            return [(self.key, self.value)]
        if self.op == "hset":
            return [(self.key, self.value[1])]
        return list(zip(self.key, self.value)) if self.op == "exec" else []

    def reads(self):
        """(key, value) of each value that its reply shows."""
        if self.status != "ok":
            return []
        if self.op in ("get", "hgetall"):
            return [(self.key, self.value)]
        if self.op == "mget":
            return list(zip(self.key, self.value))
        return [(self.key, None)] if self.op == "del" and self.value == 0 else []

    def __str__(self):
        return (f"{self.inv_ns / 1e6:14.3f} +{((self.ret_ns or self.inv_ns) - self.inv_ns) / 1e6:8.3f}"
                f" ms  {self.sidecar}/{self.client}/{self.conn}#{self.n} db{self.db} {self.op}"
                f" {self.key} {self.value} {self.status} {self.error or ''}")


def load(*paths):
    """All operations of these files, by when they were sent."""
    ops = []
    for path in paths:
        with open(path) as file:
            ops += [Op(**json.loads(line)) for line in file]
    return sorted(ops, key=lambda op: op.inv_ns)


def token(key, db, writer, seq):
    """A value that nobody else writes, and that says whose it is."""
    text = f"{key}|{db}|default|{writer}|{seq}"
    return f"{text}|{zlib.crc32(text.encode()):08x}"


def is_token(text):
    body, _, crc = text.rpartition("|")
    return body.count("|") == 4 and crc == f"{zlib.crc32(body.encode()):08x}"


def table(fields):
    """A hash as one value: the same text for the same fields."""
    return "&".join(f"{name}={fields[name]}" for name in sorted(fields)) or None
