"""What the clients do: a process of its own for a few of them, so that none waits for another's sake.

    python3 -m checker.workload '{"run": .., "seed": .., "history": FILE, "clients": [..], ..}'

Runs until its standard input ends or each client has done `operations`; then it waits for what is
still to come, and ends.
"""

import functools
import json
import select
import sys
import time

from support import encode
from checker import world
from checker.client import Client
from checker.history import token

DEPTH = 3
CHOICES = (("get", 130), ("mget", 16), ("set", 12), ("set_ex", 5), ("del", 3), ("expire", 2),
           ("incr", 8), ("hset", 4), ("hgetall", 20), ("exec", 5), ("eval", 2), ("eval_hidden", 2),
           ("rename", 1), ("invalidate_key", 1), ("invalidate_tag", 1), ("load", 8), ("select", 1))
# Keys that sidecars write seldom, so that what others write must be heard of to be seen.
QUIET = ("c:2", "c:3", "r:1", "h:1")
AGAIN = 0.75  # Of the reads are of the key that was read last: only then there is a copy.
SET_DECLARED = "return redis.call('SET', KEYS[1], ARGV[1])"


def spread(choices):
    return [name for name, weight in choices for _ in range(weight)]


class Actor:
    """Makes one client do things at random; `pace` is the mean pause between two of them."""

    def __init__(self, client, pace, operations, names):
        self.client, self.pace, self.left, self.names = client, pace, operations, names
        self.next_at, self.loads, self.last = 0.0, [], None
        client.answered = self.answered

    def act(self, now):
        client = self.client
        while client.open and len(client.waiting) < DEPTH and self.left > 0 and now >= self.next_at:
            self.left -= 1
            due = [load for load in self.loads if load[0] <= now]
            if due:
                self.loads.remove(due[0])
                self.finish_load(*due[0][1:])
            else:
                getattr(self, client.dice.choice(self.names))()
            if client.dice.random() < 0.7:  # Or it is sent right behind the last one.
                self.next_at = now + client.dice.expovariate(1 / self.pace) if self.pace else 0.0

    def answered(self, client, op):
        if op.op != "get" or op.value is not None or op.status != "ok":
            return
        share = {"l": 1, "w": 0.7, "t": 0.5}.get(world.kind(op.key), 0)
        if client.dice.random() < share:
            due = time.monotonic() + client.dice.random() ** 2 * 0.08
            self.loads.append((due, op.key, op.db, op.conn, op.ret_ns))

    def finish_load(self, key, db, connection, began):
        """Its value is as old as the miss; who lost the connection meanwhile begins anew."""
        if (db, connection) == (self.client.db, self.client.connection):
            self.set(key, load_ns=began)

    def value(self, key):
        self.client.seq += 1
        return token(key, self.client.db, self.client.name, self.client.seq)

    def key(self, keys=tuple(world.STRINGS + world.TAGGED)):
        """One to write; of those that are quiet here one in ten times only."""
        key, again = self.client.dice.choice(keys), self.client.dice.choice(keys)
        return again if key in QUIET and self.client.dice.random() < 0.9 else key

    def get(self):
        key = self.client.dice.choice(world.STRINGS + world.TAGGED + world.LOADED)
        key = self.last = self.last if self.last and self.client.dice.random() < AGAIN else key
        self.client.send("get", key, None, "GET", key)

    def quiet(self):
        """What a copy may answer while upstream is silent, when all others wait for it."""
        if self.client.dice.random() < 0.005:
            return self.select()
        key = self.client.dice.choice(("c:2", "c:3", "h:1"))
        name, word = ("hgetall", "HGETALL") if key == "h:1" else ("get", "GET")
        self.client.send(name, key, None, word, key)

    def load(self):
        key = self.key(world.LOADED)
        self.client.send("get", key, None, "GET", key)

    def mget(self):
        keys = self.client.dice.sample(world.STRINGS + world.TAGGED, self.client.dice.randint(2, 5))
        self.client.send("mget", keys, None, "MGET", *keys)

    def set(self, key=None, **more):
        key = key or self.key()
        value = self.value(key)
        self.client.send("set", key, value, "SET", key, value, **more)

    def set_ex(self):
        key = self.key()
        value, ms = self.value(key), self.client.dice.choice((40, 150, 400, 1_000))
        if self.client.dice.random() < 0.1:
            self.client.send("set_ex", key, value, "SET", key, value, "EX", 1)
        else:
            self.client.send("set_ex", key, value, "SET", key, value, "PX", ms)

    def expire(self):
        key, ms = self.key(), self.client.dice.choice((50, 200, 1_000))
        self.client.send("expire", key, [ms, None], "PEXPIRE", key, ms)

    def incr(self):
        key = "i:" + self.client.name
        self.client.send("incr", key, None, "INCR", key)

    def hset(self):
        key, field = self.key(world.HASHES), self.client.dice.choice("abc")
        value = self.value(key)
        self.client.send("hset", key, [field, value], "HSET", key, field, value)

    def hgetall(self):
        key = self.client.dice.choice(world.HASHES)
        self.client.send("hgetall", key, None, "HGETALL", key)

    def exec(self):
        keys = self.client.dice.sample(world.STRINGS + world.TAGGED, self.client.dice.randint(1, 3))
        values = [self.value(key) for key in keys]
        data = encode("MULTI") + b"".join(encode("SET", *pair) for pair in zip(keys, values))
        self.client.send("exec", keys, values, data + encode("EXEC"), replies=len(keys) + 2)

    def eval(self):
        key = self.key(world.STRINGS)
        value = self.value(key)
        self.client.send("eval", key, value, "EVAL", SET_DECLARED, 1, key, value)

    def eval_hidden(self):
        key = self.key(world.STRINGS)
        value = self.value(key)
        script = f"return redis.call('SET', '{key}', ARGV[1])"
        self.client.send("eval_hidden", key, value, "EVAL", script, 0, value)

    def rename(self):
        keys = self.client.dice.sample(world.STRINGS, 2)
        self.client.send("rename", keys, None, "RENAME", *keys)

    def select(self):
        if self.client.dice.random() < 0.05 and self.client.sidecar != "direct":
            self.client.send("flushdb", None, None, "FLUSHDB")
            return
        self.client.db = self.client.dice.choice(world.DATABASES)
        self.client.send("select", None, None, "SELECT", self.client.db)

    def invalidate_key(self):
        key = self.key()
        self.client.send("invalidate_key", key, None, "PANNIER", "INVALIDATE", "KEY", key)

    def invalidate_tag(self):
        tag = self.client.dice.choice(world.TAGS)
        self.client.send("invalidate_tag", tag, None, "PANNIER", "INVALIDATE", "TAG", tag)

    def tick(self):
        self.client.seq += 1
        value = f"{self.client.name}.{self.client.seq}"
        self.client.send("tick", "clock", value, "SET", "clock", value)


setattr(Actor, "del", lambda self: self.client.send("del", key := self.key(), None, "DEL", key))

OUTSIDE = spread((("outside_get", 40), ("outside_set", 40), ("outside_del", 10), ("outside_hash", 10)))


class Outsider(Actor):
    """Speaks to Redis itself, and leaves alone what only sidecars may write."""

    def key(self, keys=tuple(world.STRINGS)):
        return self.client.dice.choice(keys + 3 * [key for key in QUIET if key in keys])

    def outside_get(self):
        key = self.key(world.STRINGS)
        self.client.send("get", key, None, "GET", key)

    def outside_set(self):
        self.set(self.key(world.STRINGS))

    def outside_del(self):
        key = self.key(world.STRINGS + world.HASHES)
        self.client.send("del", key, None, "DEL", key)

    def outside_hash(self):
        self.client.dice.choice((self.hset, self.hgetall, self.select))()

    def answered(self, client, op):
        pass


def make(asked, name, sidecar, port, role, resp, write):
    common = {"run": asked["run"], "seed": asked["seed"]}
    client = Client(name, sidecar, port, common, write, resp)
    if role == "clock":
        return Actor(client, 0.004, float("inf"), ["tick"])
    if role == "outside":
        return Outsider(client, 0.015, float("inf"), OUTSIDE)
    names = ["quiet"] if role == "reader" else spread(CHOICES)
    return Actor(client, asked["pace"], asked["operations"] or float("inf"), names)


def serve(actors, ended):
    """Until all is said and answered; new connections are made until `ended` only."""
    over = None
    while True:
        now = time.monotonic()
        if over is None and (ended() or all(actor.left <= 0 for actor in actors)):
            over = now + 5
        if over is not None and (now > over or not any(actor.client.waiting for actor in actors)):
            return
        for actor in actors:
            actor.client.tend()
            if over is None and actor.client.connect():
                actor.act(now)
        by_socket = {actor.client.socket: actor.client for actor in actors if actor.client.open}
        for ready in select.select(list(by_socket), [], [], 0.002)[0]:
            by_socket[ready].pump()


def main(asked):
    with open(asked["history"], "w") as history:
        write = functools.partial(print, file=history)
        actors = [make(asked, *client, write) for client in asked["clients"]]
        serve(actors, lambda: bool(select.select([sys.stdin], [], [], 0)[0]))
        for actor in actors:
            actor.client.close()


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
