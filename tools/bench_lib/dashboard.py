"""The parts of tools/demo: a dashboard's users, who change rows meanwhile, and the outage."""

import dataclasses
import json
import os
import subprocess
import sys
import threading
import time

import yaml

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests", "e2e"))

import orders  # noqa: E402
from postgres import SqlError  # noqa: E402

EXAMPLE = os.path.join(ROOT, "conf", "examples", "dashboard.yaml")
URL = "postgresql://postgres@127.0.0.1:5432/shop"  # As it stands there.
CLIENTS = os.path.join(ROOT, "tests", "e2e", "clients")
PAUSE_MS = 1000
OUTAGE = 10.0
TILES = 5


def config(postgres):
    """The example, for the PostgreSQL of this run."""
    with open(EXAMPLE) as file:
        text = file.read()
    assert text.count(URL) == 1
    return text.replace(URL, postgres.url("pannier"))


def tiles():
    """What the example says of its tiles: their keys, and the same queries for who asks himself."""
    with open(EXAMPLE) as file:
        known = yaml.safe_load(file)
    found = []
    for rule in known["rules"]:
        origin = known["origins"][rule["origin"]]
        found.append({"key": rule["match"], "sql": origin["sql"],
                      "params": [one["value"] for one in origin["params"]]})
    assert len(found) == TILES
    return found


def plan(options, **more):
    days = [str(orders.LAST_DAY.replace(day=orders.LAST_DAY.day - back)) for back in range(7)]
    return {"users": options.users, "seconds": options.seconds, "pauseMs": PAUSE_MS,
            "warmSeconds": min(5, options.seconds / 4), "tiles": tiles(), "days": days,
            "products": [str(n) for n in range(1, 21)], **more}


class Users:
    """All of them, in one Node.js process; inside a `with`."""

    def __init__(self, the_plan):
        self.process = subprocess.Popen(["node", os.path.join(CLIENTS, "dashboard.mjs"),
                                         json.dumps(the_plan)], stdout=subprocess.PIPE, text=True)
        self.patience = the_plan["seconds"] * 2 + 60

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def result(self):
        said, _ = self.process.communicate(timeout=self.patience)
        if self.process.returncode:
            raise RuntimeError(f"the users have failed: {self.process.returncode}")
        return json.loads(said)


@dataclasses.dataclass
class Changes:
    """Changes an order every `pause` seconds, and sees when the tile of its day shows that."""

    postgres: object
    port: int
    wire_of: object
    pause: float = 4.0
    most: float = 5.0
    delays: list = dataclasses.field(default_factory=list)
    errors: list = dataclasses.field(default_factory=list)

    def __post_init__(self):
        self.over, self.away = threading.Event(), threading.Event()
        self.key = f"dash:revenue:{orders.LAST_DAY}"

    def run(self):
        with self.wire_of(self.port) as wire:
            while not self.over.wait(self.pause):
                if self.away.is_set():
                    continue
                try:
                    expected, committed = orders.insert(self.postgres)
                except SqlError:
                    if not self.away.is_set():
                        raise
                    continue  # It died just now.
                self.delays.append(self.until_shown(wire, float(expected), committed))

    def until_shown(self, wire, expected, committed):
        """Seconds from the change to the first answer with it; None where PostgreSQL went away."""
        while time.time() < committed + self.most and not self.away.is_set():
            reply = wire.call("GET", self.key)
            if not reply.startswith(b"$") or reply == b"$-1\r\n":
                self.errors.append(reply.decode(errors="replace").strip())
            elif float(json.loads(reply.split(b"\r\n", 1)[1])["revenue"]) == expected:
                return time.time() - committed
            time.sleep(0.005)
        return None if self.away.is_set() else self.most


class Watched(threading.Thread):
    """A thread whose exception is raised where it is waited for."""

    def __init__(self, target):
        super().__init__(daemon=True)
        self.target, self.failure = target, None
        self.start()

    def run(self):
        try:
            self.target()
        except BaseException as failure:
            self.failure = failure

    def finish(self):
        self.join()
        if self.failure:
            raise self.failure


def outage(postgres, changes, after):
    """PostgreSQL is killed after a while, and started again. Returns the queries counted before:
    one that was killed has forgotten them."""
    time.sleep(after)
    changes.away.set()
    counted = postgres.queries()
    postgres.kill()
    time.sleep(OUTAGE)
    postgres.start()
    time.sleep(2)  # The sidecar notices within this.
    changes.away.clear()
    return counted
