"""Clients that read values which name their key, database and user, while faults happen: a reply to
somebody else's command cannot pass for one's own."""

import random
import re
import threading
import time

from support import Wire, encode, wait_until

OWN_ERROR = re.compile(
    rb"-ERR pannier: upstream [^ ]+ (connection lost; outcome unknown"
    rb"|no reply within \d+ ms; outcome unknown|unavailable \(.+\); not executed)\r\n")
KEYS = [f"{prefix}:{i}" for prefix in ("plain", "lost") for i in range(40)]


def value_of(key, db, user="default"):
    return f"{key}|db{db}|{user}".encode()


def fill(server, databases=(0, 5)):
    """Writes all values into the Redis itself."""
    with server.wire() as wire:
        for db in databases:
            wire.call("SELECT", db)
            wire.call("MSET", *(word for key in KEYS for word in (key, value_of(key, db))))


class Canary:
    """One client in one database; reads keys, several at a time, as fast as it is answered."""

    def __init__(self, port, db, seed):
        self.port, self.db, self.dice = port, db, random.Random(seed)
        self.right, self.errors, self.closed, self.wrong = 0, 0, 0, []
        self.ending = False
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def _run(self):
        while not self.ending:
            try:
                with Wire(self.port, 20) as wire:
                    self._read(wire)
            except OSError:  # A connection that ends between two replies crosses no wires.
                self.closed += 1
                time.sleep(0.01)

    def _read(self, wire):
        assert wire.call("SELECT", self.db) == b"+OK\r\n"
        while not self.ending:
            keys = self.dice.choices(KEYS, k=self.dice.randint(1, 8))
            wire.send(b"".join(encode("GET", key) for key in keys))
            for key in keys:
                self._judge(key, wire.reply())
            time.sleep(0.001)

    def _judge(self, key, reply):
        value = value_of(key, self.db)
        if reply == b"$%d\r\n%s\r\n" % (len(value), value):
            self.right += 1
        elif OWN_ERROR.fullmatch(reply):
            self.errors += 1
        else:
            self.wrong.append((key, self.db, reply))


class Canaries:
    """`count` canaries in turn in each of `databases` while a `with` lasts. The keys "lost:*" are
    expected to be under a rule, "plain:*" not."""

    def __init__(self, port, count=4, databases=(0, 5)):
        self.all = [Canary(port, databases[i % len(databases)], i) for i in range(count)]

    def __enter__(self):
        self.await_right()
        return self

    def __exit__(self, *_):
        for one in self.all:
            one.ending = True
        for one in self.all:
            one.thread.join()

    def await_right(self, more=20, seconds=15):
        """Waits until everybody has read `more` right values."""
        before = [one.right for one in self.all]
        wait_until(lambda: all(one.right >= old + more for one, old in zip(self.all, before)),
                   "everybody reads right values", seconds)

    def await_errors(self, seconds=15):
        """Waits until everybody has got an error that nobody had before."""
        before = [one.errors + one.closed for one in self.all]
        wait_until(lambda: all(one.errors + one.closed > old for one, old in zip(self.all, before)),
                   "everybody gets an error", seconds)

    @property
    def wrong(self):
        return [seen for one in self.all for seen in one.wrong][:5]
