"""The checks of sums: C8 nothing twice, C11 a reply for each command, C12 nothing left over."""

import collections

from checker.checks import Violation

RSS_GROWTH = 48 << 20
FD_GROWTH = 24  # Connections to upstream that were not there at the start, in two databases.


def at_most_once(ops, truth):
    """C8: every write with a value of its own took place once if it was answered, not at all if it
    was said not to be executed, and otherwise at most once. Counters by their sums."""
    counts = collections.defaultdict(lambda: [0, 0])
    for op in ops:
        if op.op == "incr":
            counts[op.key][0] += op.status == "ok"
            counts[op.key][1] += op.status in ("ok", "err_unknown", "closed")
        for _, value in op.writes():
            times = len(truth.where.get(value, ()))
            least, most = {"ok": (1, 1), "err_not_executed": (0, 0)}.get(op.status, (0, 1))
            if not least <= times <= most:
                yield Violation("C8", f"{value} was written {times} times, its status is {op.status}",
                                op)
    for key, (least, most) in counts.items():
        times = truth.increments.get(key, 0)
        if not least <= times <= most:
            yield Violation("C8", f"{key} was incremented {times} times, answered {least}, "
                                  f"with those whose outcome is unknown {most}")


def accounted(ops):
    """C11: each connection's commands are all answered, but for the last ones of one that closed; and
    nothing came unasked."""
    connections = collections.defaultdict(list)
    for op in ops:
        if op.op == "unasked":
            yield Violation("C11", f"a reply that nobody asked for: {op.value}", op)
        elif op.n is not None:
            connections[op.client, op.conn].append(op)
    for name, sent in connections.items():
        sent.sort(key=lambda op: op.n)
        if [op.n for op in sent] != list(range(len(sent))):
            yield Violation("C11", f"{name}: commands are missing from its history", sent[-1])
        closed = [op.n for op in sent if op.status == "closed"]
        if closed and closed != list(range(closed[0], len(sent))):
            yield Violation("C11", f"{name}: replies after the connection closed", sent[-1])
        for op in sent:
            if op.error == "hangs":
                yield Violation("C11", f"{name}: no reply and no end of the connection", op)
            elif op.error and op.error.startswith("strange"):
                yield Violation("C11", f"{name}: a reply that this command cannot have", op)


def counted(counters, ops):
    """C11: each read under a rule was counted as a hit, a miss or an error. Errors of reads that are
    not of single values are counted without the read; an MGET that Redis answers with an error is
    not counted as one."""
    failed = collections.Counter(op.sidecar for op in ops if op.op == "mget" and op.status != "ok")
    for (sidecar, tier), one in counters.items():
        most = one["errors"] + 5 * failed[sidecar]  # Keys in an MGET.
        if not 0 <= one["reads"] - one["hits"] - one["misses"] <= most:
            yield Violation("C11", f"{sidecar} {tier}: reads are not hits and misses: {dict(one)}")


def resources(before, after):
    """C12: `before` and `after` of one sidecar: {rss, fds, leases, clients}."""
    for name, most in (("rss", RSS_GROWTH), ("fds", FD_GROWTH), ("leases", 0), ("clients", 0)):
        if after[name] > before[name] + most:
            yield Violation("C12", f"{name} were {before[name]} and are {after[name]}")
