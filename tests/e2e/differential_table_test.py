#!/usr/bin/python3
"""No command tells the sidecar from the Redis behind it.

Every command and subcommand that the server lists is asked with keys that exist, that are missing
or hold another type, with too few and too many arguments, and with the options that change the
reply's shape: in RESP2 and RESP3, alone and inside MULTI, after SELECT, WATCH and CLIENT SETNAME.
Three equal servers are asked in lockstep: one directly, one through a sidecar without rules, one
through a sidecar whose rules concern other keys. Replies must be the same to the byte, and so must
be what is stored afterwards; differential_table.py lists the exceptions.

Arguments are names of commands to ask about; default: all.
"""

import re
import sys
import time

from command_table import read_table
from differential_cases import FIXTURES, LIBRARY, ONCE, ONLY_ARITY, examples
from differential_table import DIFFERENT, GAPS, LEFT_OUT, listed, remains
from lockstep import Lockstep, tree
from support import Pannier, Redis, Wire, encode

# No rule, nothing refused; PFSELFTEST takes about a second, longer where others compute.
NO_RULES = """
deny: []
upstream: {op_timeout: 20s}
"""
RULES = NO_RULES + """
tiers:
  ruled: {ttl: 60s, stale: 10s, coalesce: {scope: sidecar, wait: 1s}, on_down: memory}
rules:
  - {match: "ruled:{id}", tier: ruled, tags: [ruled, "of:{id}"], name: ruled}
"""

RESP3 = ["HELLO", "3"]
# What is sent before and behind the command in question. Variants of a command are asked in MODES
# only, the examples themselves also in STATES.
MODES = {
    "resp2": ([], []),
    "resp3": ([RESP3], []),
    "multi2": ([["MULTI"]], [["EXEC"]]),
    "multi3": ([RESP3, ["MULTI"]], [["EXEC"]]),
}
STATES = {
    "db3": ([["SELECT", "3"]], []),
    "named": ([["CLIENT", "SETNAME", "me"], RESP3], [["CLIENT", "GETNAME"]]),
    "watch": ([["WATCH", "s"]], [["MULTI"], ["PING"], ["EXEC"]]),
    "watchmulti": ([RESP3, ["WATCH", "s"], ["MULTI"]], [["EXEC"]]),
}
# Tells the database and the protocol that the command left behind.
PROBE = ["MGET", "s", "db", "missing"]
# These change more than keys.
UNTIDY = {"acl", "bgrewriteaof", "bgsave", "client", "config", "debug", "eval", "fcall", "flushall",
          "function", "latency", "save", "script", "slowlog"}


class Servers:
    """The three servers themselves, all seeded alike."""

    tidy = [["ACL", "DELUSER", "tester"], ["ACL", "LOG", "RESET"],
            ["CONFIG", "SET", "maxmemory", "0", "slowlog-max-len", "128"], ["SLOWLOG", "RESET"],
            ["SCRIPT", "FLUSH"], ["SCRIPT", "LOAD", "return 1"],
            ["FUNCTION", "LOAD", "REPLACE", LIBRARY]]

    def __init__(self, servers):
        self.wires = [Wire(server.port) for server in servers]
        self.names = [name for server in servers
                      for name in (b"%d" % server.port, server.folder.name.encode())]
        fixtures = [c.split(" ") for line in FIXTURES.split("\n") if line for c in line.split("|")]
        script = ["redis.call('FLUSHALL')"]
        for db in (0, 3):
            for args in [["SELECT", str(db)], ["SET", "db", str(db)], *fixtures]:
                quoted = ["".join("\\%03d" % byte for byte in arg.encode("latin1")) for arg in args]
                script.append("redis.call(" + ",".join(f'"{arg}"' for arg in quoted) + ")")
        self.script = "\n".join(script)
        self.reset(everything=True)
        self.seeded = self.digests()

    def call(self, *commands):
        """The last reply of every server."""
        data = b"".join(encode(*command) for command in commands)
        for wire in self.wires:
            wire.send(data)
        return [[wire.reply() for _ in commands][-1] for wire in self.wires]

    def digests(self):
        return self.call(["DEBUG", "DIGEST"])

    def reset(self, everything):
        if everything:
            self.call(["FUNCTION", "FLUSH"], *self.tidy)
            while any(b"in_progress:1" in text for text in self.call(["INFO", "persistence"])):
                time.sleep(0.005)
        for reply in self.call(["EVAL", self.script, "0"]):
            assert not reply.startswith(b"-"), reply

    def anonymous(self, reply):
        """Without what names the server or the connection: ports, folders, the id of HELLO."""
        for name in self.names:
            reply = reply.replace(name, b"X" * len(name))
        reply = re.sub(rb"\+\d+\.\d+ \[[^\]]*\][^\r]*\r\n", b"", reply)  # Lines of MONITOR.
        return re.sub(rb"\$2\r\nid\r\n:\d+", b"$2\r\nid\r\n:0", reply)


def variants(args, keys, is_first):
    """The example with its keys missing and of other types, with too few and too many arguments."""
    for other in ("missing", "h", "s", "l", "z"):
        if keys and other not in keys:
            yield args[:1] + [other if arg in keys else arg for arg in args[1:]]
    yield from (args[:count] for count in {1, 2, len(args) - 1} if 0 < count < len(args))
    yield args + ["extra"]
    if is_first:
        yield args + ["extra", "extra"]


def questions(wire, values, only):
    """Pairs of a command and whether it is an example, not a variant of one."""
    asked = {}
    table = examples()
    for name, found in table.items():
        if only and name not in only:
            continue
        for args in found:
            asked.setdefault(tuple(args), True)
        for args in found:
            wire.send(encode("COMMAND", "GETKEYS", *[values.get(arg, arg) for arg in args]))
            kind, keys = tree(wire.reply())[0]
            keys = {key[1].decode("latin1") for key in keys} if kind == b"*" else set()
            for variant in variants(args, keys, args is found[0]):
                asked.setdefault(tuple(variant), False)
    for name in ONLY_ARITY:
        asked[name, "extra"] = False
    return [(args, is_example) for args, is_example in asked.items() if args not in LEFT_OUT]


def without_example(wire):
    """Commands and subcommands of the server that no example asks about."""
    asked = {(args[0], *[arg.lower() for arg in args[1:2]])
             for found in examples().values() for args in found}
    names = {args[0] for args in asked}
    wire.send(encode("COMMAND", "LIST"))
    listed_names = [tuple(text.decode().split("|")) for _, text in tree(wire.reply())[0][1]]
    return [name for name in listed_names if name[0] not in ONLY_ARITY and
            (name not in asked if len(name) > 1 else name[0] not in names)]


class Comparison:
    def __init__(self, servers, lock, values):
        self.servers, self.lock, self.values = servers, lock, values
        self.changing = UNTIDY | {spec.name for spec in read_table().values()
                                  if spec.access in ("write", "all")}
        self.asked, self.failures, self.seen = 0, [], set()

    def ask(self, args, is_example):
        modes = {**MODES, **(STATES if is_example else {})}
        if args[0] in ONCE:
            modes = {"resp2": MODES["resp2"]}
        command = [self.values.get(arg, arg) for arg in args]
        for mode, (before, behind) in modes.items():
            replies = self.lock.session([*before, command, *behind, PROBE])
            self.asked += 1
            if len(set(replies)) > 1:
                self.compare(mode, args, replies)
            if args[0].lower() in self.changing:
                self.compare_state(mode, args)

    def compare(self, mode, args, replies):
        replies = [self.servers.anonymous(reply) for reply in replies]
        seen = [tree(reply) for reply in replies]
        if change := remains(args):
            seen = [[change(value) for value in values] for values in seen]
        for other in (1, 2):
            if seen[other] == seen[0]:
                continue
            entry = listed(DIFFERENT + GAPS, mode, args)
            self.seen.add(entry)
            if not entry:
                self.failures.append(f"{mode}, {('without rules', 'with rules')[other - 1]}, {args}"
                                     f"\n   {shown(replies[0], replies[other])}")

    def compare_state(self, mode, args):
        digests = self.servers.digests()
        if len(set(digests)) > 1 and args[0] != "spop":
            self.failures.append(f"{mode}, {args}: another state is left behind")
        self.servers.reset(everything=args[0].lower() in UNTIDY)


def shown(direct, through):
    """Where they begin to differ."""
    pairs = enumerate(zip(direct, through))
    at = next((i for i, (one, other) in pairs if one != other), min(len(direct), len(through)))
    at = max(0, at - 60)
    return f"direct  {direct[at:at + 200]!r}\n   through {through[at:at + 200]!r}"


def main(only):
    options = ["--enable-debug-command", "yes", "--enable-module-command", "yes"]
    with Redis(*options) as direct, Redis(*options) as one, Redis(*options) as two, \
            Pannier(NO_RULES, one.port) as plain, Pannier(RULES, two.port) as ruled, \
            Lockstep([direct.port, plain.port, ruled.port]) as lock:
        servers = Servers([direct, one, two])
        wire = servers.wires[0]
        bulk = {"$dump": ["DUMP", "s"], "$functions": ["FUNCTION", "DUMP"]}
        values = {name: tree(wire.call(*command))[0][1] for name, command in bulk.items()}
        values["$library"] = LIBRARY
        comparison = Comparison(servers, lock, values)
        comparison.failures += [f"no example of {name}" for name in without_example(wire)]
        for args, is_example in questions(wire, values, only):
            comparison.ask(args, is_example)
    failures = comparison.failures
    print(f"{comparison.asked} questions to each server, {len(failures)} differences")
    print("\n".join(failures))
    for entry in DIFFERENT + GAPS:
        if not only and entry not in comparison.seen:
            print(f"no longer differs: {entry}")
    return bool(failures)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
