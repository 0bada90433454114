#!/usr/bin/python3
"""The command table agrees with a real server: COMMAND for every line of protocol/commands.def, and
COMMAND GETKEYS for every row of tests/protocol/key_positions.txt."""

import os
import sys

from command_table import read_table
from support import ROOT, Redis

# What we know better than COMMAND, which reports keys of subcommands and of options elsewhere.
MOVABLE_HERE_ONLY = {"object", "memory", "xgroup", "xinfo"}
FIXED_HERE = {"sort_ro"}  # Its BY and GET patterns are no keys that can be named.

# What COMMAND GETKEYS says of a command without keys.
NO_KEYS = (b"-ERR The command has no key arguments\r\n",
           b"-ERR Invalid arguments specified for command\r\n")


def elements(reply):
    """The bulk strings of a flat array."""
    parts, rest = [], reply.split(b"\r\n", 1)[1]
    while rest:
        size, rest = rest.split(b"\r\n", 1)
        parts.append(rest[:int(size[1:])].decode())
        rest = rest[int(size[1:]) + 2:]
    return parts


def parse(reply, at=0):
    """A RESP2 reply as Python values, and where it ends."""
    end = reply.index(b"\r\n", at)
    kind, text, at = reply[at:at + 1], reply[at + 1:end], end + 2
    if kind == b":":
        return int(text), at
    if kind == b"$":
        return reply[at:at + int(text)].decode(), at + int(text) + 2
    if kind == b"*":
        values = []
        for _ in range(int(text)):
            value, at = parse(reply, at)
            values.append(value)
        return values, at
    return text.decode(), at


def check_table(wire, failures):
    table = read_table()
    known = {entry[0]: entry for entry in parse(wire.call("COMMAND"))[0]}
    for name in sorted(set(known) ^ set(table) - {"pannier"}):
        if name != "pannier":
            failures.append(f"{name}: only on one side")
    for name in set(known) & set(table):
        _, arity, flags, first, last, step = known[name][:6]
        ours = table[name]
        if (arity, first, last, step) != (ours.arity, ours.first, ours.last, ours.step):
            failures.append(f"{name}: COMMAND says {arity} {first} {last} {step}")
        movable = "movablekeys" in flags and name not in FIXED_HERE or name in MOVABLE_HERE_ONLY
        if movable != (ours.keys != "fixed"):
            failures.append(f"{name}: movable keys {movable}")
        if "write" in flags and ours.access not in ("write", "all"):
            failures.append(f"{name}: a write that the table does not know")
        if "blocking" in flags and ours.waits != "blocking":
            failures.append(f"{name}: may block")
    return len(known)


def check_rows(wire, failures):
    rows = 0
    with open(os.path.join(ROOT, "tests/protocol/key_positions.txt")) as table:
        for line in table:
            if line.startswith("#") or not line.strip():
                continue
            command, keys = line.split("=>")
            words = ["" if word == '""' else word for word in command.split()]
            reply = wire.call("COMMAND", "GETKEYS", *words)
            said = elements(reply) if reply.startswith(b"*") else reply
            rows += 1
            if keys.split() == ["-"]:
                right = said == [] or said in NO_KEYS
            else:
                right = keys.split() in (["?"], said)
            if not right:
                failures.append(f"{line.strip()}: Redis says {said}")
    return rows


def main():
    failures = []
    with Redis() as redis, redis.wire() as wire:
        commands = check_table(wire, failures)
        rows = check_rows(wire, failures)
    print(f"{commands} commands, {rows} rows, {len(failures)} wrong")
    print("\n".join(failures))
    return bool(failures)


if __name__ == "__main__":
    sys.exit(main())
