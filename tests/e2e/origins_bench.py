"""What the tests of origins share: a shop, a sidecar in front of it, and many who ask at once."""

import concurrent.futures
import json
import textwrap
import time
import unittest

import orders
from postgres import Postgres
from support import Pannier, Redis, wait_until

NIL, OK = b"$-1\r\n", b"+OK\r\n"
ERROR = b"-ERR pannier: "
DAY = str(orders.LAST_DAY)
POOL = {"pool_size": 2, "pool_overflow": 2, "queue": 100, "queue_timeout": "1s",
        "connect_timeout": "2s", "statement_timeout": "1500ms"}
TIER = "{ttl: 60s, jitter: 0%}"
NOTIFY = """
events:
  orders_changed: {invalidate: {tags: ["day:{day}", "product:{product}"]}}
sources:
  - {postgres_channel: pannier_orders, database: main, event: orders_changed}
"""
REVENUE = f"""
sql: "SELECT sum(amount) FROM orders WHERE day = $1"
params: [{{value: "{{id}}", type: date}}]
result: scalar
"""


def config(url, origins, tier=TIER, more="", **pool):
    """Each origin NAME has the keys NAME:{id}, under the tags NAME and day:{id}."""
    pool = ", ".join(f"{name}: {value}" for name, value in (POOL | pool).items())
    text = f'postgres:\n  main: {{url: "{url}", {pool}}}\norigins:\n'
    for name, origin in origins.items():
        text += f"  {name}:\n    database: main\n"
        text += textwrap.indent(textwrap.dedent(origin), "    ")
    text += f"\ntiers:\n  t: {tier}\nrules:\n"
    for name in origins:
        text += (f'  - {{match: "{name}:{{id}}", name: {name}, tier: t, origin: {name}, '
                 f'tags: [{name}, "day:{{id}}"]}}\n')
    return text + textwrap.dedent(more)


def bulk(text):
    text = text if isinstance(text, bytes) else str(text).encode()
    return b"$%d\r\n%s\r\n" % (len(text), text)


def parsed(reply):
    """The JSON of a value."""
    assert reply.startswith(b"$") and reply != NIL, reply
    return json.loads(reply.split(b"\r\n", 1)[1])


def ask(pannier, *words, timeout=10.0):
    """The reply to one command on a connection of its own, and the seconds it took."""
    with pannier.wire(timeout) as wire:
        begun = time.monotonic()
        return wire.call(*words), time.monotonic() - begun


def at_once(pannier, keys):
    """GETs of all keys at the same time, each on its own connection: [(reply, seconds)]."""
    with concurrent.futures.ThreadPoolExecutor(len(keys)) as pool:
        return list(pool.map(lambda key: ask(pannier, "GET", key), keys))


class Later:
    """A command that is under way: `with Later(...) as one: ...; one.reply`."""

    def __init__(self, pannier, *words):
        self.pool = concurrent.futures.ThreadPoolExecutor(1)
        self.future = self.pool.submit(ask, pannier, *words)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.pool.shutdown()

    @property
    def reply(self):
        return self.future.result(30)[0]

    @property
    def seconds(self):
        return self.future.result(30)[1]


class OriginCase(unittest.TestCase):
    """A shop of some thousand orders, the same for all tests of a file, and an empty Redis for
    each."""

    postgres = None

    @classmethod
    def setUpClass(cls):
        cls.redis = cls.enterClassContext(Redis())
        if not OriginCase.postgres:
            OriginCase.postgres = unittest.enterModuleContext(Postgres())
            orders.create(cls.postgres)

    def setUp(self):
        with self.redis.wire() as wire:
            wire.call("FLUSHALL")

    def start(self, origins, *, url=None, **more):
        pannier = self.enterContext(Pannier(config(url or self.postgres.url(), origins, **more),
                                            self.redis.port))
        with pannier.wire() as wire:
            wait_until(lambda: b"pannier_upstream:up" in wire.call("INFO", "pannier"), "it is up")
        return pannier

    def stored(self, key):
        """What Redis itself has."""
        with self.redis.wire() as wire:
            return wire.call("GET", key)

    def queries_of(self, text, call):
        """How many statements with this text PostgreSQL ends while something is done."""
        before = self.postgres.queries(text)
        call()
        return self.postgres.queries(text) - before

    def assert_error(self, reply):
        self.assertTrue(reply.startswith(ERROR), reply)

    def assert_answers(self, pannier, key, expected, seconds=10.0):
        """Within a while; errors before that are no failure."""
        wait_until(lambda: ask(pannier, "GET", key)[0] == expected, f"{key} is {expected}", seconds)


class PingsMeanwhile:
    """Whether the sidecar answers others while something goes on: the longest PING, in seconds."""

    def __init__(self, pannier):
        self.pannier, self.longest, self.over = pannier, 0.0, False

    def __enter__(self):
        self.pool = concurrent.futures.ThreadPoolExecutor(1)
        self.future = self.pool.submit(self._run)
        return self

    def __exit__(self, *_):
        self.over = True
        self.future.result(30)
        self.pool.shutdown()

    def _run(self):
        with self.pannier.wire(30) as wire:
            while not self.over:
                begun = time.monotonic()
                assert wire.call("PING") == b"+PONG\r\n"
                self.longest = max(self.longest, time.monotonic() - begun)
                time.sleep(0.01)
