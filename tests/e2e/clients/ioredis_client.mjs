// What an application does with ioredis: usage ioredis_client.mjs PORT REDIS_PORT PREFIX [2|3].

import {Redis} from "ioredis";
import {PORT, REDIS_PORT, RESP, binary, collect, k, large, restart, show} from "./steps.mjs";

const connect = (port, options = {}) =>
  new Redis({port, protocol: RESP, retryStrategy: () => 50, maxRetriesPerRequest: null, ...options});
const r = connect(PORT);
r.on("error", () => {});  // While it reconnects.

const between = (promise, low, high) => promise.then((value) => low <= value && value <= high);

const strings = async () => {
  await show("ping", r.ping(), r.echo("hi"));
  await show("missing", r.get(k("none")), r.exists(k("none")), r.del(k("none")));
  await show("set", r.set(k("a"), "1"), r.get(k("a")), r.set(k("a"), "2", "NX"), r.get(k("a")));
  await show("ex", r.set(k("e"), "x", "EX", 100), between(r.ttl(k("e")), 98, 100),
             r.setex(k("e"), 50, "y"), between(r.pttl(k("e")), 48000, 50000), r.ttl(k("none")));
  await show("options", r.set(k("a"), "3", "XX"), r.set(k("a"), "4", "GET"), r.setnx(k("a"), "5"),
             r.getset(k("a"), "6"), r.getex(k("a"), "EX", 9), r.getdel(k("a")), r.get(k("a")));
  await show("many", r.mset({[k("m1")]: "1", [k("m2")]: "2"}), r.mget(k("m1"), k("none2"), k("m2")));
  await show("numbers", r.incr(k("n")), r.incrby(k("n"), 41), r.decr(k("n")),
             r.incrbyfloat(k("f"), 0.5), r.append(k("m1"), "23"), r.strlen(k("m1")),
             r.getrange(k("m1"), 1, 2));
  await show("binary", r.set(k("b"), binary), r.getBuffer(k("b")), r.set(k("empty"), ""),
             r.get(k("empty")), r.set(k("\r\n\0"), "odd"), r.get(k("\r\n\0")));
  await show("large", r.set(k("large"), large), r.get(k("large")).then((value) => value === large));
};

const structures = async () => {
  await show("hash", r.hset(k("h"), {x: "1", y: "2"}), r.hgetall(k("h")), r.hget(k("h"), "z"),
             r.hincrby(k("h"), "x", 4), r.hdel(k("h"), "y"), r.hmget(k("h"), "x", "y"));
  await show("list", r.rpush(k("l"), "a", "b", "c"), r.lrange(k("l"), 0, -1), r.lpop(k("l")),
             r.rpop(k("l")), r.llen(k("l")), r.lindex(k("l"), 9), r.lpop(k("l"), 2));
  await show("set type", r.sadd(k("s"), "a", "b"), r.smembers(k("s")).then((all) => [...all].sort()),
             r.sismember(k("s"), "c"), r.srem(k("s"), "a"), r.scard(k("s")));
  await show("zset", r.zadd(k("z"), 1, "a", 2.5, "b", "inf", "c"), r.zrange(k("z"), 0, -1, "WITHSCORES"),
             r.zscore(k("z"), "b"), r.zincrby(k("z"), 2, "a"), r.zpopmin(k("z")),
             r.zrangebyscore(k("z"), "-inf", "+inf"), r.zscore(k("z"), "none"));
  await show("stream", r.xadd(k("x"), "1-1", "f", "v"), r.xrange(k("x"), "-", "+"), r.xlen(k("x")),
             r.xread("STREAMS", k("x"), "0"), r.xread("BLOCK", 20, "STREAMS", k("x"), "$"));
  await show("errors", r.incr(k("h")), r.get(k("s")), r.call("NONSENSE", "a", "b"), r.call("GET"),
             r.call("OBJECT", "nonsense"), r.call("READONLY"));
};

const transactions = async () => {
  const pipe = r.pipeline();
  for (let i = 0; i < 1000; i++) pipe.set(k(`p${i}`), i).get(k(`p${i}`));
  const results = await pipe.exec();
  await show("pipeline", results.every(([error, value], i) =>
    error === null && value === (i % 2 ? String((i - 1) / 2) : "OK")));
  await show("multi", r.multi().set(k("t"), 1).incr(k("t")).get(k("t")).hgetall(k("h")).exec());
  await show("multi error", r.multi().set(k("t"), "x").incr(k("t")).exec(),
             r.multi().set(k("t"), "x").call("NONSENSE").exec(), r.multi().exec(), r.get(k("t")));
  await r.watch(k("t"));
  const other = connect(PORT);
  await other.set(k("t"), "changed");
  await show("watch conflict", r.multi().set(k("t"), "mine").exec(), r.get(k("t")));
  await r.watch(k("t"));
  await show("watch", r.multi().set(k("t"), "mine").exec(), r.get(k("t")));
  r.defineCommand("mine", {numberOfKeys: 1,
    lua: "return {KEYS[1], redis.call('INCRBY', KEYS[1], ARGV[1]), false, 'x'}"});
  await show("script", r.mine(k("c"), 5), r.mine(k("c"), 6), r.eval("return {1, {2, 'x'}}", 0),
             r.eval("return redis.error_reply('ERR mine')", 0));
  const found = [];
  for await (const keys of r.scanStream({match: k("p1*"), count: 100})) found.push(...keys);
  await show("scan", found.sort().length, found.slice(0, 3), r.keys(k("m*")).then((all) => all.sort()));
  other.disconnect();
};

const connections = async () => {
  const second = connect(PORT, {db: 1, connectionName: "second"});
  await show("select", second.get(k("m1")), second.set(k("m1"), "db1"), r.get(k("m1")),
             second.get(k("m1")), second.client("GETNAME"), r.client("GETNAME"), second.del(k("m1")));
  const direct = connect(REDIS_PORT);
  for (const [step, port, speaking] of [["subscribe", PORT, direct], ["publish", REDIS_PORT, r]]) {
    const listener = connect(port);
    const [hear, heard] = collect(2);
    listener.on("message", hear);
    listener.on("pmessage", hear);
    await show(step, listener.subscribe(k("ch"), k("ch2")), listener.psubscribe(k("c*")),
               listener.unsubscribe(k("ch2")));
    await show(step + " heard", speaking.publish(k("ch"), "news"), heard, listener.ping());
    listener.disconnect();
  }
  const popping = connect(PORT);
  const popped = popping.blpop(k("q"), 20);
  while (!/blocked_clients:1/.test(await direct.info("clients")));
  await show("blpop", r.rpush(k("q"), "x"), popped, popping.blpop(k("q"), 0.05));
  const quitting = popping.quit();
  await show("quit", quitting, r.info().then((text) => /loading:0\r\n/.test(text)));
  for (const one of [second, direct]) one.disconnect();
};

for (const part of [strings, structures, transactions, connections]) await part();
await restart();
await show("restarted", r.set(k("again"), "1"), r.get(k("again")));
r.disconnect();
