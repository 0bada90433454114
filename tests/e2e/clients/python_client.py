#!/usr/bin/python3
"""What an application does with python3-redis: usage python_client.py PORT REDIS_PORT PREFIX.

Prints one line a step. The sidecar is at PORT (or Redis itself); REDIS_PORT is Redis directly.
At the step `restart` it waits for a line on standard input, in which time the server is restarted.
"""

import sys
import threading

import redis

PORT, REDIS_PORT, PREFIX = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
BINARY = bytes(range(256)) + b"\r\n$5\r\n\x00\xff"


def k(name):
    return PREFIX + name


def show(step, *values):
    print(step, *[repr(value) for value in values], flush=True)


def error_of(call):
    try:
        return call()
    except redis.RedisError as error:
        return f"{type(error).__name__}: {error}"


def strings(r):
    show("ping", r.ping(), r.echo("hi"))
    show("missing", r.get(k("none")), r.exists(k("none")), r.delete(k("none")))
    show("set", r.set(k("a"), "1"), r.get(k("a")), r.set(k("a"), "2", nx=True), r.get(k("a")))
    show("ex", r.set(k("e"), "x", ex=100), 98 <= r.ttl(k("e")) <= 100, r.setex(k("e"), 50, "y"),
         48 <= r.ttl(k("e")) <= 50, 48_000 <= r.pttl(k("e")) <= 50_000, r.ttl(k("none")))
    show("options", r.set(k("a"), "3", xx=True), r.set(k("a"), "4", get=True), r.setnx(k("a"), "5"),
         r.getset(k("a"), "6"), r.getex(k("a"), ex=9), r.getdel(k("a")), r.get(k("a")))
    show("many", r.mset({k("m1"): "1", k("m2"): "2"}), r.mget(k("m1"), k("none2"), k("m2")))
    show("numbers", r.incr(k("n")), r.incrby(k("n"), 41), r.decr(k("n")), r.incrbyfloat(k("f"), 0.5))
    show("pieces", r.append(k("m1"), "23"), r.strlen(k("m1")), r.getrange(k("m1"), 1, 2))
    show("binary", r.set(k("b"), BINARY), r.get(k("b")) == BINARY, r.set(k("empty"), ""),
         r.get(k("empty")), r.set(k("\r\n\x00"), "odd"), r.get(k("\r\n\x00")))
    large = b"0123456789abcdef" * 327_680
    show("large", r.set(k("large"), large), r.get(k("large")) == large, r.strlen(k("large")))


def structures(r):
    show("hash", r.hset(k("h"), mapping={"x": "1", "y": "2"}), r.hgetall(k("h")), r.hget(k("h"), "z"),
         r.hincrby(k("h"), "x", 4), r.hdel(k("h"), "y"), r.hmget(k("h"), "x", "y"))
    show("list", r.rpush(k("l"), "a", "b", "c"), r.lrange(k("l"), 0, -1), r.lpop(k("l")),
         r.rpop(k("l")), r.llen(k("l")), r.lpos(k("l"), "b"), r.lindex(k("l"), 9))
    show("set type", r.sadd(k("s"), "a", "b"), sorted(r.smembers(k("s"))), r.sismember(k("s"), "c"),
         r.srem(k("s"), "a"), r.scard(k("s")))
    show("zset", r.zadd(k("z"), {"a": 1, "b": 2.5}), r.zrange(k("z"), 0, -1, withscores=True),
         r.zscore(k("z"), "b"), r.zincrby(k("z"), 2, "a"), r.zrangebyscore(k("z"), "-inf", "+inf"),
         r.zpopmin(k("z")), r.zscore(k("z"), "none"))
    show("stream", r.xadd(k("x"), {"f": "v"}, id="1-1"), r.xrange(k("x")), r.xlen(k("x")))
    show("errors", error_of(lambda: r.incr(k("h"))), error_of(lambda: r.get(k("l"))),
         error_of(lambda: r.execute_command("NONSENSE", "a", "b")),
         error_of(lambda: r.execute_command("GET")),
         error_of(lambda: r.execute_command("OBJECT", "nonsense")),
         error_of(lambda: r.execute_command("READONLY")))
    show("type", [r.type(k(name)) for name in ("h", "l", "s", "z", "x", "m1", "none")])


def transactions(r):
    pipe = r.pipeline(transaction=False)
    for i in range(1000):
        pipe.set(k(f"p{i}"), i)
        pipe.get(k(f"p{i}"))
    show("pipeline", pipe.execute() == [v for i in range(1000) for v in (True, b"%d" % i)])
    show("multi", r.pipeline().set(k("t"), 1).incr(k("t")).get(k("t")).execute())
    show("multi error", error_of(r.pipeline().set(k("t"), "x").incr(k("t")).execute),
         error_of(r.pipeline().set(k("t"), "x").execute_command("NONSENSE").execute), r.get(k("t")))
    with r.pipeline() as watching:
        watching.watch(k("t"))
        before = watching.get(k("t"))
        r.set(k("t"), "changed")
        watching.multi()
        watching.set(k("t"), "mine")
        show("watch conflict", before, error_of(watching.execute), r.get(k("t")))
        watching.watch(k("t"))
        watching.multi()
        watching.set(k("t"), "mine")
        show("watch", watching.execute(), r.get(k("t")))
    script = r.register_script("return {KEYS[1], redis.call('INCRBY', KEYS[1], ARGV[1]), false, 'x'}")
    show("script", script([k("c")], [5]), script([k("c")], [6]), r.eval("return {1, {2, 'x'}}", 0),
         error_of(lambda: r.eval("return redis.error_reply('ERR mine')", 0)))
    found = sorted(key for key in r.scan_iter(match=k("p1*"), count=100))
    show("scan", len(found), found[:3], sorted(r.keys(k("m*"))))


def connections(r):
    other = redis.Redis(port=PORT, db=1, client_name="second")
    show("select", other.get(k("m1")), other.set(k("m1"), "db1"), r.get(k("m1")), other.get(k("m1")),
         other.client_getname(), r.client_getname(), other.delete(k("m1")))
    show("info", r.info()["redis_mode"], r.info("server")["redis_version"] > "6")
    direct = redis.Redis(port=REDIS_PORT)
    for step, hearing, speaking in (("subscribe", r, direct), ("publish", direct, r)):
        listener = hearing.pubsub()
        listener.subscribe(k("ch"))
        listener.psubscribe(k("c*"))
        heard = [listener.get_message(timeout=5) for _ in range(2)]
        show(step, heard, speaking.publish(k("ch"), "news"),
             [listener.get_message(timeout=5) for _ in range(2)])
        listener.close()
    popped = []
    waiting = threading.Thread(target=lambda: popped.append(r.blpop(k("q"), 20)))
    waiting.start()
    while not direct.info("clients")["blocked_clients"]:
        pass
    show("blpop", r.rpush(k("q"), "x"), waiting.join(), popped, r.blpop(k("q"), 0.05))


def main():
    # Reads of missing keys may wait for the lease another read holds, so the limit is generous.
    r = redis.Redis(port=PORT, socket_timeout=20, retry_on_error=[redis.ConnectionError],
                    retry=redis.retry.Retry(redis.backoff.ConstantBackoff(0.05), 200))
    for part in (strings, structures, transactions, connections):
        part(r)
    print("restart", flush=True)
    sys.stdin.readline()
    show("restarted", r.set(k("again"), "1"), r.get(k("again")))


main()
