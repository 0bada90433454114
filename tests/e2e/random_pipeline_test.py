#!/usr/bin/python3
"""Random pipelines of every kind of command are answered through the sidecar as by Redis, to the
byte: without rules, and with rules that concern other keys.

Arguments: seconds to run, first seed. A pipeline that differs is reduced to the commands it takes.
"""

import re
import sys
import time

from differential_table_test import NO_RULES, RULES, shown
from lockstep import Lockstep
from random_pipeline import Generator, wire
from support import Pannier, Redis

SIZE = 200


def answers(lock, commands):
    """What each server answers, on new connections and with no keys."""
    for asker in lock.askers:
        asker.close()
    replies = lock.raw(wire([["FLUSHALL"], ["SCRIPT", "FLUSH"], *commands]))
    if any("SUBSCRIBE" in command[0] for command in commands):
        time.sleep(0.03)  # Until what the connection subscribed to is forgotten.
    return [re.sub(rb"\$2\r\nid\r\n:\d+", b"$2\r\nid\r\n:0", reply) for reply in replies]


def symptom(direct, through):
    """How a difference begins."""
    pairs = enumerate(zip(direct, through))
    at = next((i for i, (one, other) in pairs if one != other), min(len(direct), len(through)))
    return direct[at:at + 12], through[at:at + 12]


def reduced(lock, commands, other, seen):
    """The fewest of `commands` that differ as `seen`; takes at most 10 s."""
    deadline = time.monotonic() + 10
    step = len(commands) // 2
    while step:
        at = 0
        while at < len(commands) and time.monotonic() < deadline:
            fewer = commands[:at] + commands[at + step:]
            replies = answers(lock, fewer)
            if replies[0] != replies[other] and symptom(replies[0], replies[other]) == seen:
                commands = fewer
            else:
                at += step
        step //= 2
    return commands


def main(seconds=30.0, seed=1, at_most=5):
    failures, asked = [], 0
    with Redis() as direct, Redis() as one, Redis() as two, Pannier(NO_RULES, one.port) as plain, \
            Pannier(RULES, two.port) as ruled, \
            Lockstep([direct.port, plain.port, ruled.port], 3.0) as lock:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and len(failures) < at_most:
            commands = Generator(seed).pipeline(SIZE)
            replies = answers(lock, commands)
            asked += 1
            if len(set(replies)) > 1:
                other = 1 if replies[1] != replies[0] else 2
                fewest = reduced(lock, commands, other, symptom(replies[0], replies[other]))
                failures.append(f"seed {seed}, {('without', 'with')[other - 1]} rules, " +
                                " | ".join(" ".join(command)[:80] for command in fewest) +
                                f"\n   {shown(replies[0], replies[other])}")
            seed += 1
    print(f"{asked} pipelines of {SIZE} commands and more, {len(failures)} differ")
    print("\n".join(failures))
    return bool(failures)


if __name__ == "__main__":
    sys.exit(main(*map(float, sys.argv[1:2]), *map(int, sys.argv[2:])))
