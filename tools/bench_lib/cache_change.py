"""How long a copy outlives its value: after a write elsewhere, and after Redis was away."""

import os
import signal
import time

from . import cache_sidecar, targets
from .bed import BenchError, connect, ping
from .cache_bars import bar
from .cache_loads import ask
from .figures import spread
from .load import Load
from .pass_through import Cell

TRIPS_BARS = {"p50": 3, "p99": 10}
ROUNDS, ROUNDS_QUICK = 1000, 200
LEAST_SHARE = .8

KEYS, SIZE = 100, 32
AWAY_SECONDS, AWAY_SECONDS_QUICK = 6, 3
WINDOW = .25
P99_BAR_US = 1000
STALE_FORMS = (", on_down: stale, stale_if_error: 60s", ", on_down: stale")
CONFIG = """\
tiers:
  copied: {{ttl: 1h, local: 1h{}}}
rules:
  - {{match: "bench:{{id}}", tier: copied}}
"""


def invalidation(bed, options, _):
    """Writes through one sidecar, reads without pause through another."""
    redis = targets.start_redis(bed)
    writer, reader = (cache_sidecar.start(bed, options, redis, cache_sidecar.COPIES)
                      for _ in range(2))
    with cache_sidecar.LocalShare(reader) as local:
        found = ask(options, "watch", [writer.address, reader.address], key="bench:watched",
                    rounds=ROUNDS_QUICK if options.quick else ROUNDS)
    local.insist(LEAST_SHARE)
    found["local_share"] = local.share
    where, trip = "a write at the other sidecar", found["ping_us"]["p50"]
    bars = [bar(where, f"old copy read after OK, {share}, PINGs", found["old_us"][share] / trip,
                limit) for share, limit in TRIPS_BARS.items()]
    bars += [bar(where, f"new value read after OK, {share}, PINGs",
                 found["fresh_us"][share] / trip, None) for share in TRIPS_BARS]
    # What else the machine did at that time is in the round trips' own tail.
    bars += [bar(where, "PING p99, PINGs", found["ping_us"]["p99"] / trip, None),
             bar(where, "old copy read after OK, p99 / PING p99",
                 found["old_us"]["p99"] / found["ping_us"]["p99"], None)]
    return found, bars


def outage(bed, options, _):
    """Copies while Redis is frozen or dead, and after it is back."""
    found_form = (form for form in STALE_FORMS if cache_sidecar.accepts(
        bed, options, CONFIG.format(form)))
    extra = next(found_form, "")
    config = CONFIG.format(extra)
    found, bars = {}, []
    for how in (signal.SIGSTOP, signal.SIGKILL):
        one = found[how.name] = Outage(bed, options, config, how).run()
        bars += outage_bars(f"Redis away ({how.name})", one, bool(extra))
    missing = [] if extra else ["on_down: stale: no error while Redis is away"]
    return found, bars, missing


def outage_bars(where, one, has_stale):
    hits = [window for window in one["away"] if not window["errors"]]
    bars = [bar(where, "errors / requests", one["error_share"], 0 if has_stale else None),
            bar(where, "seconds without an error", one["good_seconds"], None)]
    if hits:
        before = max(one["before"]["p99_us"], 1)
        bars += [bar(where, "p99 of hits, us, median window",
                     spread(window["p99_us"] for window in hits), P99_BAR_US),
                 bar(where, "p99 of hits / before",
                     spread(window["p99_us"] / before for window in hits), None)]
    bars += [bar(where, "old values after its return was noticed", one["old_after_return"], 0),
             bar(where, "ms from its return to the first new value", one["noticed_ms"], None)]
    return bars


class Outage:
    def __init__(self, bed, options, config, how):
        self._bed, self._options, self._how = bed, options, how
        self._port = bed.free_port()
        self._redis = self._start_redis()
        self._sidecar = cache_sidecar.start(bed, options, self._redis, config)

    def _start_redis(self):
        argv = ["redis-server", "--port", str(self._port), "--bind", "127.0.0.1", "--save", "",
                "--dir", self._bed.directory]
        return self._bed.serve("redis", argv, f"127.0.0.1:{self._port}")

    def run(self):
        seconds = AWAY_SECONDS_QUICK if self._options.quick else AWAY_SECONDS
        load = Load(self._bed, self._options.load, self._sidecar.address, Cell("get", SIZE, 1), 1,
                    KEYS)
        with load:
            load.once()
            before = [load.run(WINDOW) for _ in range(4)][1:]
            os.kill(self._redis.pid, self._how)
            went = time.monotonic()
            away = []
            while time.monotonic() - went < seconds:
                away.append({"at": time.monotonic() - went, **load.run(WINDOW, tolerant=True)})
        returned = self._return()
        good = next((one["at"] for one in away if one["errors"]), seconds)
        before.sort(key=lambda one: one["p99_us"])
        return {"before": before[len(before) // 2], "away": away, "good_seconds": good,
                "error_share": sum(one["errors"] for one in away) /
                max(sum(one["requests"] for one in away), 1), **returned}

    def _return(self):
        """Redis is back, and the first thing it does is to change every value."""
        change = b"".join(command("SET", key(number), "n" * SIZE) for number in range(KEYS))
        if self._how == signal.SIGSTOP:
            with connect(self._redis.address) as direct:
                direct.sendall(change)
                os.kill(self._redis.pid, signal.SIGCONT)
                return self._read_on(direct)
        self._bed.stop(self._redis.process)
        self._redis = self._start_redis()
        with connect(self._redis.address) as direct:
            direct.sendall(change)
            return self._read_on(direct)

    def _read_on(self, direct):
        """Reads all keys until one is new, then all of them again: nothing old may come then."""
        direct.makefile("rb").read(5 * KEYS)
        back, noticed, old = time.monotonic(), None, 0
        with connect(self._sidecar.address) as connection:
            replies = connection.makefile("rb")
            sweeps = 0
            while sweeps < 5:
                sweeps += noticed is not None
                for number in range(KEYS):
                    connection.sendall(command("GET", key(number)))
                    value = read_reply(replies)
                    if value == b"n" * SIZE and noticed is None:
                        noticed = time.monotonic() - back
                    old += noticed is not None and value == b"x" * SIZE
                if time.monotonic() - back > 20:
                    raise BenchError("20 s after its return Redis is not asked again")
            if not ping(connection):
                raise BenchError("the sidecar does not answer PING")
        return {"old_after_return": old, "noticed_ms": noticed * 1000}


def key(number):
    return f"bench:{number:010}"


def command(*words):
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word.encode())
                                              for word in words)


def read_reply(replies):
    """A bulk string, or nothing for nil and errors."""
    line = replies.readline()
    if not line.startswith(b"$") or line == b"$-1\r\n":
        return None
    return replies.read(int(line[1:]) + 2)[:-2]
