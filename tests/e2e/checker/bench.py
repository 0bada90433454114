"""One seed: real servers, relays, clients and a nemesis; then quiet, a last look, and the judgement."""

import collections
import contextlib
import glob
import json
import os
import re
import subprocess
import sys
import time

import admin_client
from relay import Relay
from support import BINARY, Pannier, Redis, Wire, free_port, wait_until
from checker import accounts, aof, history, world
from checker.checks import Answers, Violation
from checker.client import parse
from checker.history import Op
from checker.nemesis import Nemesis
from checker.truth import Truth

HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PYTHON = sys.executable
REDIS = ("--appendonly", "yes", "--appendfsync", "no", "--aof-use-rdb-preamble", "no",
         "--auto-aof-rewrite-percentage", "0", "--enable-debug-command", "yes")


class Bench:
    """The servers of one seed, inside a `with`; `folder` is where the history is kept."""

    def __init__(self, seed, folder, binary=BINARY, **faults):
        self.seed, self.folder, self.lost, self.notes = seed, folder, [], []
        self.common = {"run": os.path.basename(folder), "seed": seed}
        self.stack, self.faults, self.binary = contextlib.ExitStack(), faults, binary
        self.wire = None

    def __enter__(self):
        try:
            enter = self.stack.enter_context
            self.redis = enter(Redis(*REDIS))
            self.relays = [enter(Relay(free_port(), self.redis.port)) for _ in range(2)]
            for relay in self.relays:
                relay.listen()
            self.sidecars = [enter(Pannier(world.config(), relay.port, self.binary))
                             for relay in self.relays]
            self.offset = time.clock_gettime_ns(time.CLOCK_REALTIME) - time.monotonic_ns()
            return self
        except BaseException:
            self.stack.close()
            raise

    def __exit__(self, *_):
        if self.wire:
            self.wire.socket.close()
        self.stack.close()

    def path(self, name):
        return os.path.join(self.folder, f"{self.seed}-{name}.jsonl")

    def note(self, op):
        for name, value in self.common.items():
            setattr(op, name, value)
        self.notes.append(op)

    def direct(self, *words):
        """A command to Redis itself, over a connection of its own where the last one ended."""
        for _ in range(100):
            try:
                self.wire = self.wire or self.redis.wire()
                return self.wire.call(*words)
            except OSError:  # Killed by one of the faults, perhaps by this very one.
                if self.wire:
                    self.wire.socket.close()
                self.wire = None
                if words[0] in ("CLIENT", "FLUSHDB", "SWAPDB"):
                    return None
                time.sleep(0.05)
        raise AssertionError(f"Redis does not answer {words}")

    def play(self, seconds, operations=0, pace=0.001):
        """Clients and faults for so long, or until each client has done so many operations."""
        names = [(f"{'ab'[group]}{i}", f"s{i % 2}", self.sidecars[i % 2].port,
                  "reader" if group and i > 1 else "client", 3 if i == 3 else 2)
                 for group in range(2) for i in range(4)]
        groups = [names[:4], names[4:],
                  [("out", "direct", self.redis.port, "outside", 2),
                   ("clock", "direct", self.redis.port, "clock", 2)]]
        workers = [self._worker(i, group, operations, pace) for i, group in enumerate(groups)]
        try:
            end = time.monotonic() + (seconds or 3_600)
            Nemesis(self, self.seed, **self.faults).run(
                lambda: time.monotonic() > end or any(one.poll() is not None for one in workers))
            self.heal()
            if operations:
                wait_until(lambda: all(one.poll() is not None for one in workers[:2]), "all is done",
                           600)
            time.sleep(0.5)  # The last of it with nothing wrong.
        finally:
            for one in workers:
                one.stdin.close()
            codes = [one.wait(30) for one in workers]
        assert codes == [0, 0, 0], "a client failed"

    def _worker(self, number, clients, operations, pace):
        asked = {**self.common, "history": self.path(f"clients{number}"), "clients": clients,
                 "operations": operations, "pace": pace}
        return subprocess.Popen([PYTHON, "-m", "checker.workload", json.dumps(asked)], cwd=HERE,
                                stdin=subprocess.PIPE)

    def heal(self):
        """Everybody can reach everybody again."""
        for sidecar in self.sidecars:
            wait_until(lambda: self.ask(sidecar.port, 0, "GET", "r:0")[1] != "error", "it is up", 10)

    def ask(self, port, db, *words):
        """(reply, "error" or "") of one command."""
        try:
            with Wire(port, 3.0) as wire:
                wire.call("SELECT", db)
                reply, _ = parse(wire.call(*words), 0)
        except OSError:
            return None, "error"
        return reply, "error" if isinstance(reply, Exception) else ""

    def tick(self):
        """What a client called clock does all the time: everything before it was before this moment."""
        began, value = time.monotonic_ns(), f"bench.{time.monotonic_ns()}"
        if self.direct("SET", "clock", value) == b"+OK\r\n":
            count = sum(op.op == "tick" for op in self.notes)
            self.note(Op(op="tick", key="clock", value=value, status="ok", db=0, sidecar="direct",
                         client="bench", conn=1, n=count, inv_ns=began, ret_ns=time.monotonic_ns()))

    def last_look(self, name):
        """Reads every key through both sidecars, as operations of a last client."""
        for number, sidecar in enumerate(self.sidecars):
            with sidecar.wire() as wire:
                n = 0
                for db in world.DATABASES:
                    wire.call("SELECT", db)
                    for key in world.KEYS:
                        self._look(name, f"s{number}", wire, db, key, n)
                        n += 1

    def _look(self, name, sidecar, wire, db, key, n):
        is_hash = world.kind(key) in ("h", "uh")
        op = Op(client=f"{name}-{sidecar}", conn=1, sidecar=sidecar, n=n, db=db, key=key,
                op="hgetall" if is_hash else "get", inv_ns=time.monotonic_ns())
        reply, _ = parse(wire.call("HGETALL" if is_hash else "GET", key), 0)
        op.ret_ns, op.status = time.monotonic_ns(), "ok"
        if isinstance(reply, Exception):
            op.status, op.error = "err_unknown", str(reply)
        elif is_hash:
            reply = history.table(dict(zip(reply[::2], reply[1::2])))
        op.value = None if isinstance(reply, Exception) else reply
        self.note(op)

    def resources(self):
        """Of each sidecar: bytes, descriptors, leases, clients."""
        found = []
        for sidecar in self.sidecars:
            with sidecar.wire() as wire:
                leases, _ = parse(wire.call("PANNIER", "LEASES"), 0)
                clients, _ = parse(wire.call("CLIENT", "LIST"), 0)
            with open(f"/proc/{sidecar.pid}/statm") as file:
                rss = int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
            found.append({"rss": rss, "fds": len(os.listdir(f"/proc/{sidecar.pid}/fd")),
                          "leases": len(leases), "clients": clients.count("addr=")})
        return found

    def counters(self):
        """Of each sidecar and tier, since the last start: {counter: value}."""
        found = {}
        for number, sidecar in enumerate(self.sidecars):
            page = admin_client.get(sidecar.admin_port, "/metrics").body.decode()
            for name, tier, value in re.findall(
                    r'^pannier_tier_(\w+)_total{tier="(\w+)"} (\d+)$', page, re.M):
                found.setdefault((f"s{number}", tier), collections.Counter())[name] = int(value)
        return found

    def keep(self):
        """Writes down what happened beside what the clients wrote, and reads all of it."""
        self.redis.stop()
        self.note(Op(op="nemesis", key="clock", value=self.offset, inv_ns=0, ret_ns=0))
        with open(self.path("faults"), "w") as file:
            file.writelines(op.line() + "\n" for op in self.notes)
        folders = self.lost + [os.path.join(self.redis.folder.name, "appendonlydir")]
        for number, folder in enumerate(folders):
            with open(os.path.join(self.folder, f"{self.seed}-{number}.aof"), "wb") as file:
                file.write(aof.read(folder))
        return kept(self.folder, self.seed)


def kept(folder, seed):
    """(operations, truth) of a seed that was played."""
    ops = history.load(*glob.glob(os.path.join(folder, f"{seed}-*.jsonl")))
    offset = next(op.value for op in ops if op.op == "nemesis" and op.key == "clock")
    segments = []
    names = glob.glob(os.path.join(folder, f"{seed}-*.aof"))
    for name in sorted(names, key=lambda name: int(re.search(r"(\d+)\.aof$", name)[1])):
        with open(name, "rb") as file:
            segments.append(file.read())
    return ops, Truth(segments, ops, offset)


def quiet_differences(ops, truth, answers):
    """C7: what is read when all has been quiet for longer than the lag is the truth, or nothing where
    that need not be found."""
    for op in ops:
        if op.client.startswith("last"):
            if op.status != "ok":
                yield Violation("C7", f"{op.key} cannot be read when nothing is wrong", op)
                continue
            register = truth.register(op.db, op.key)
            states = {register.value[i] for i in range(register.current_at(op.inv_ns),
                                                       len(register.value))
                      if register.lo[i] <= op.ret_ns and register.dead[i] is None}
            missed = op.value is None and answers.may_miss(op, op.key, register)
            if op.value not in states and not missed:
                yield Violation("C7", f"{op.key} is {op.value!r} long after {states}", op)


def judge(ops, truth):
    """Every violation of C1 to C11."""
    return Judgement(ops, truth).found


class Judgement:
    """Of one seed: `found`, every violation of C1 to C12; `figures` by name."""

    def __init__(self, ops, truth):
        self.ops, self.truth, self.figures = ops, truth, {}
        sent = [op for op in ops if op.op not in ("nemesis", "unasked")]
        answers = Answers(sent, truth)
        self.found = answers.run()
        self.found += accounts.at_most_once(sent, truth)
        self.found += accounts.accounted([op for op in ops if op.op != "nemesis"])
        self.found += quiet_differences(sent, truth, answers)
        self.figures["told to load"] = len(answers.told_to_load)

    def unexpected(self):
        return [one for one in self.found if not one.known]


def run(seed, seconds, folder, operations=0, pace=0.001, binary=BINARY, **faults):
    """Plays one seed and judges it; what was seen and the truth stay in `folder`."""
    os.makedirs(folder, exist_ok=True)
    with Bench(seed, folder, binary, **faults) as bench:
        before = bench.resources()
        bench.play(seconds, operations, pace)
        time.sleep(2 * world.LAG_MS / 1000)
        for name, pause in (("last", 0), ("last-again", 1)):
            time.sleep(pause)
            bench.tick()
            bench.last_look(name)
            bench.tick()
        with contextlib.suppress(AssertionError):  # Leases end by themselves; else C12 says so.
            wait_until(lambda: all(not one["leases"] for one in bench.resources()), "no leases", 12)
        after, counters = bench.resources(), bench.counters()
        ops, truth = bench.keep()
    result = Judgement(ops, truth)
    for old, new in zip(before, after):
        result.found += accounts.resources(old, new)
    result.found += accounts.counted(counters, ops)
    counters = sum(counters.values(), collections.Counter())
    statuses = collections.Counter(op.status for op in ops if op.n is not None)
    result.figures |= {"operations": sum(statuses.values()), **statuses,
                       "faults": sum(op.op == "nemesis" for op in ops),
                       "reads under rules": counters["reads"], "local hits": counters["local_hits"],
                       "known": sum(bool(one.known) for one in result.found)}
    return result
