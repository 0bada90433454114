"""What a violation looks like: the history of its key around it.

    python3 -m checker.report FOLDER SEED

judges a history again that was kept.
"""

import sys

from checker import world

BEFORE_NS, AFTER_NS = 1_000_000_000, 20_000_000
MOST = 60


def explain(violation, ops, truth):
    """The violation, and who did what with its key before it, beside the states of the truth."""
    op = violation.op
    if op is None or not violation.key:
        return str(violation)
    since, until = op.inv_ns - BEFORE_NS, op.ret_ns + AFTER_NS
    lines = [(one.inv_ns, (" * " if one is op else "   ") + str(one)) for one in ops
             if concerns(one, op.db, violation.key) and one.ret_ns >= since and one.inv_ns <= until]
    for name in [violation.key] + ["pn:g:" + tag for tag in world.tags(violation.key)]:
        lines += states(truth.register(op.db, name), name, since, until)
    lines.sort(key=lambda line: line[0])
    return "\n".join([str(violation)] + [text for _, text in lines[-MOST:]])


def concerns(op, db, key):
    if op.op in ("nemesis", "flushdb"):
        return True
    keys = op.key if isinstance(op.key, list) else [op.key]
    return op.db == db and (key in keys or op.op == "invalidate_tag" and op.key in world.tags(key))


def states(register, name, since, until):
    for i, lo in enumerate(register.lo):
        if register.gone[i] >= since and lo <= until:
            expiry = "" if register.expiry[i] is None else f" until {register.expiry[i] / 1e6:.3f}"
            dead = "" if register.dead[i] is None else f" dead by effect {register.dead[i]}"
            yield lo, (f"{lo / 1e6:14.3f} to {register.hi[i] / 1e6:.3f}: {name} becomes"
                       f" {register.value[i]} (state {i}, effect {register.pos[i]}){expiry}{dead}")


def show(result, most=3):
    """Text about the first violations of each check."""
    count, lines = {}, []
    for one in result.unexpected():
        count[one.check] = count.get(one.check, 0) + 1
        if count[one.check] <= most:
            lines.append(explain(one, result.ops, result.truth))
    return "\n".join([f"violations: {count}"] + lines)


def main(folder, seed):
    from checker import bench
    result = bench.Judgement(*bench.kept(folder, seed))
    print(result.figures)
    print(show(result))


if __name__ == "__main__":
    main(*sys.argv[1:])
