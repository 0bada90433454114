#!/usr/bin/python3
"""Plays tests/scenarios/*.txt against the binary and a real redis-server, in real time.

The language is described in tests/scenarios/README.md. A scenario that answers upstream's commands
by hand cannot be played here; all others are. Between the sidecar and Redis stands a relay, so that
Redis can be held back or away while its data stays.

    scenarios_test.py [name ...]
"""

import contextlib
import glob
import os
import re
import shlex
import subprocess
import sys
import time
import unittest

from relay import Relay
from support import ROOT, Pannier, Redis, Wire, encode, free_port, wait_until

QUIET = 0.05  # Longer than anything that happens at once takes.
SETTINGS = "\nupstream: {reconnect_min: 10ms, reconnect_max: 30ms, op_timeout: 5s}\n"
OWN = {"TIME", "PEXPIRETIME", "ROLE", "CLIENT", "HELLO", "CONFIG", "SELECT", "PING"}


def rendered(wire):
    """The next reply as a scenario writes it."""
    return render(memoryview(wire.reply()).tobytes())[0]


def render(data):
    line, rest = data.split(b"\r\n", 1)
    kind, text = chr(line[0]), line[1:].decode("latin-1")
    if kind == "_" or text == "-1" and kind in "$*":
        return "nil", rest
    if kind in "$=":
        body, rest = rest[:int(text)], rest[int(text) + 2:]
        return quoted(body[4:] if kind == "=" else body), rest
    if kind in "*~>%":
        items = []
        for _ in range(int(text) * (2 if kind == "%" else 1)):
            item, rest = render(rest)
            items.append(item)
        return ("{%s}" if kind == "%" else "[%s]") % " ".join(items), rest
    return (text if kind == "+" else "-" + text if kind == "!" else kind + text), rest


def quoted(body):
    named = {0x22: '\\"', 0x5C: "\\\\", 0x0D: "\\r", 0x0A: "\\n"}
    return '"%s"' % "".join(
        named.get(b, chr(b) if 0x20 <= b < 0x7F else "\\x%02x" % b) for b in body)


def split_replies(line):
    items, depth, begin, inside = [], 0, None, False
    for at, char in enumerate(line + " "):
        if begin is None and char != " ":
            begin = at
            if char == "-":
                return items + [line[begin:]]
        if char == '"' and line[at - 1] != "\\":
            inside = not inside
        depth += not inside and (char in "[{") - (char in "]}")
        if begin is not None and char == " " and depth == 0 and not inside:
            items.append(line[begin:at])
            begin = None
    return items if begin is None else items + [line[begin:]]


def matches(expected, text):
    span = re.fullmatch(r":(-?\d+)\.\.(-?\d+)", expected)
    if span and re.fullmatch(r":-?\d+", text):
        return int(span[1]) <= int(text[1:]) <= int(span[2])
    pattern = ".*".join(map(re.escape, expected.split("...")))
    return re.fullmatch(pattern, text, re.DOTALL) is not None


def command_matches(pattern, command):
    wanted, words = pattern.split(" "), command.split(" ")
    return len(wanted) == len(words) and all(w in ("*", x) for w, x in zip(wanted, words))


def read_scenario(path):
    """[number, who, what, rest] of each line."""
    lines = []
    with open(path) as file:
        for number, text in enumerate(file.read().split("\n"), 1):
            if text.startswith(" ") and lines and lines[-1][1] == "config:":
                lines[-1][3] += text[2:] + "\n"
            elif text and not text.startswith("#"):
                who, what, rest = (text.split(" ", 2) + ["", ""])[:3]
                lines.append([number, who, what, rest])
    return lines


class Monitor:
    """What Redis executes, but for what `ignored` connections and the sidecar for itself send."""

    LINE = re.compile(r'\+\d+\.\d+ \[\d+ ([^\]]+)\] (.*)', re.DOTALL)

    def __init__(self, port):
        self.wire = Wire(port)
        self.wire.call("MONITOR")
        self.ignored = set()
        self.seen = []

    def read(self):
        data, _ = self.wire.rest(QUIET)
        for line in data.decode("latin-1").split("\r\n")[:-1]:
            peer, command = self.LINE.fullmatch(line).groups()
            words = shlex.split(command)
            own = words[0].upper() in OWN or any(w.startswith("pn:") for w in words[1:4])
            if peer != "lua" and peer not in self.ignored and not own:
                self.seen.append(" ".join(words))
        return self.seen


class Stage(contextlib.ExitStack):
    """Redis, relay, sidecars and everybody who talks to them, for one scenario."""

    def __init__(self, redis, lines):
        super().__init__()
        self.redis, self.lines = redis, lines
        self.people, self.pending = {}, []
        with redis.wire() as wire:
            wire.call("FLUSHALL")

    def play(self):
        self.start()
        for number, who, what, rest in self.lines:
            try:
                self.play_line(who, what, rest)
            except (AssertionError, OSError) as wrong:
                raise AssertionError(f"line {number}: {wrong or 'no reply'}") from None
        time.sleep(QUIET)
        for name, wire in self.people.items():
            self.expect_nothing(name, wire)

    def start(self):
        self.relay = self.enter_context(Relay(free_port(), self.redis.port))
        if not any(line[1:] == ["up", "is", "absent"] for line in self.lines):
            self.relay.listen()
        config = self.lines[0][3] if self.lines[0][1] == "config:" else ""
        if config:
            self.lines = self.lines[1:]
        count = 2 if any(line[1].endswith("@2") for line in self.lines) else 1
        self.sidecars = [self.enter_context(Pannier(config + SETTINGS, self.relay.port))
                         for _ in range(count)]
        self.await_state("up", "absent")
        self.monitor = Monitor(self.redis.port)
        self.callback(self.monitor.wire.socket.close)
        self.outside = self.enter_context(self.redis.wire())
        self.monitor.ignored.add("%s:%d" % self.outside.socket.getsockname())

    def await_state(self, *states):
        def reached(sidecar):
            with sidecar.wire() as wire:
                text = wire.call("INFO", "pannier").decode()
            return re.search(r"pannier_upstream:(\w+)", text)[1] in states
        for sidecar in self.sidecars:
            wait_until(lambda: reached(sidecar), f"upstream is {states}")

    def person(self, name):
        if name not in self.people:
            self.people[name] = self.sidecars[name.endswith("@2")].wire()
            self.callback(self.people[name].socket.close)
        return self.people[name]

    def play_line(self, who, what, rest):
        if who == "config:":
            self.sidecars[0].write_config(rest + SETTINGS)
            with self.sidecars[0].wire() as wire:
                assert wire.call("PANNIER", "RELOAD") == b"+OK\r\n"
        elif who.startswith("+"):
            time.sleep(int(who) / 1000)
        elif who == "up":
            self.play_upstream(what, rest)
        elif who == "outside" and what == ">":
            self.outside_reply = self.outside.call(*shlex.split(rest))
        elif who == "outside":
            self.expect_text(rest, render(self.outside_reply)[0])
        elif who == "sidecar":
            for name in [name for name in self.people if not name.endswith("@2")]:
                self.people.pop(name).socket.close()
            self.sidecars[0].stop()
            self.sidecars[0].start()
            self.await_state("up")
        else:
            self.play_client(who, what, rest)

    def play_client(self, who, what, rest):
        wire = self.person(who)
        if what == ">":
            wire.send(encode(*(["PANNIER"] if who == "admin" else []), *shlex.split(rest)))
            time.sleep(0.004)  # What two connections send at once has no order.
        elif what == "<" and rest == "nothing":
            self.expect_nothing(who, wire)
        elif what == "<":
            for expected in split_replies(rest):
                self.expect_text(expected, rendered(wire))
        else:
            self.people.pop(who).socket.close()
            time.sleep(QUIET)

    def play_upstream(self, what, rest):
        if what == "holds":
            self.relay.hold()
        elif what == "answers":
            self.relay.release()
        elif what == "saw":
            self.saw(rest)
        elif rest == "down":
            self.relay.cut()
            self.await_state("down")
        elif rest == "back":
            self.relay.listen()
            self.await_state("up")

    def saw(self, expected):
        seen = self.monitor.read()
        if expected == "nothing":
            assert not seen, f"upstream saw {seen[0]}"
            return
        for part in expected.split(" | "):
            while seen and not command_matches(part, seen[0]):
                seen.pop(0)
            assert seen, f"upstream did not see {part}"
            seen.pop(0)

    @staticmethod
    def expect_text(expected, text):
        assert matches(expected, text), f"got {text} instead of {expected}"

    @staticmethod
    def expect_nothing(name, wire):
        data, _ = wire.rest(QUIET)
        assert not data, f"{name} got {data} instead of nothing"


class Scenarios(unittest.TestCase):
    """One test for each file."""


def add(path):
    name = os.path.basename(path)[:-len(".txt")]
    lines = read_scenario(path)

    def test(self):
        if any(line[1:3] == ["up", "by"] for line in lines):
            self.skipTest("upstream answers by hand: in virtual time only")
        with Redis() as redis, Stage(redis, lines) as stage:
            stage.play()
    setattr(Scenarios, "test_" + name.replace("-", "_"), test)


def in_thirds(names):
    """They mostly wait, so three at a time take a third as long."""
    thirds = [subprocess.Popen([sys.executable, __file__, *names[part::3]]) for part in range(3)]
    return max(third.wait() for third in thirds)


FILES = {os.path.basename(file)[:-len(".txt")]: file
         for file in sorted(glob.glob(os.path.join(ROOT, "tests/scenarios/*.txt")))}

if __name__ == "__main__":
    if len(sys.argv) == 1:
        sys.exit(in_thirds(list(FILES)))
    for name in sys.argv[1:]:
        add(FILES[name])
    unittest.main(argv=sys.argv[:1])
