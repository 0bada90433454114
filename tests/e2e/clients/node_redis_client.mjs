// What an application does with node-redis: usage node_redis_client.mjs PORT REDIS_PORT PREFIX [2|3].

import {createClient, defineScript} from "redis";
import {PORT, REDIS_PORT, RESP, binary, collect, k, large, restart, show} from "./steps.mjs";

const mine = defineScript({
  SCRIPT: "return {KEYS[1], redis.call('INCRBY', KEYS[1], ARGV[1]), false, 'x'}",
  NUMBER_OF_KEYS: 1,
  parseCommand: (parser, key, by) => {
    parser.pushKey(key);
    parser.push(String(by));
  },
  transformReply: undefined,
});

const connect = async (port, options = {}) => {
  const client = createClient({RESP, scripts: {mine}, ...options,
                               socket: {host: "127.0.0.1", port, reconnectStrategy: () => 50}});
  client.on("error", () => {});  // While it reconnects.
  return client.connect();
};
const r = await connect(PORT);

const between = (promise, low, high) => promise.then((value) => low <= value && value <= high);

const strings = async () => {
  await show("ping", r.ping(), r.echo("hi"));
  await show("missing", r.get(k("none")), r.exists(k("none")), r.del(k("none")));
  await show("set", r.set(k("a"), "1"), r.get(k("a")), r.set(k("a"), "2", {NX: true}), r.get(k("a")));
  await show("ex", r.set(k("e"), "x", {EX: 100}), between(r.ttl(k("e")), 98, 100),
             r.setEx(k("e"), 50, "y"), between(r.pTTL(k("e")), 48000, 50000), r.ttl(k("none")));
  await show("options", r.set(k("a"), "3", {XX: true}), r.set(k("a"), "4", {GET: true}),
             r.setNX(k("a"), "5"), r.getSet(k("a"), "6"), r.getEx(k("a"), {type: "EX", value: 9}),
             r.getDel(k("a")), r.get(k("a")));
  await show("many", r.mSet({[k("m1")]: "1", [k("m2")]: "2"}), r.mGet([k("m1"), k("none2"), k("m2")]));
  await show("numbers", r.incr(k("n")), r.incrBy(k("n"), 41), r.decr(k("n")),
             r.incrByFloat(k("f"), 0.5), r.append(k("m1"), "23"), r.strLen(k("m1")),
             r.getRange(k("m1"), 1, 2));
  const bytes = r.withTypeMapping({36: Buffer});
  await show("binary", r.set(k("b"), binary), bytes.get(k("b")), r.set(k("empty"), ""),
             r.get(k("empty")), r.set(k("\r\n\0"), "odd"), r.get(k("\r\n\0")));
  await show("large", r.set(k("large"), large), r.get(k("large")).then((value) => value === large));
};

const structures = async () => {
  await show("hash", r.hSet(k("h"), {x: "1", y: "2"}), r.hGetAll(k("h")), r.hGet(k("h"), "z"),
             r.hIncrBy(k("h"), "x", 4), r.hDel(k("h"), "y"), r.hmGet(k("h"), ["x", "y"]));
  await show("list", r.rPush(k("l"), ["a", "b", "c"]), r.lRange(k("l"), 0, -1), r.lPop(k("l")),
             r.rPop(k("l")), r.lLen(k("l")), r.lIndex(k("l"), 9), r.lPopCount(k("l"), 2));
  await show("set type", r.sAdd(k("s"), ["a", "b"]), r.sMembers(k("s")).then((all) => all.sort()),
             r.sIsMember(k("s"), "c"), r.sRem(k("s"), "a"), r.sCard(k("s")));
  const members = [{score: 1, value: "a"}, {score: 2.5, value: "b"}, {score: Infinity, value: "c"}];
  await show("zset", r.zAdd(k("z"), members), r.zRangeWithScores(k("z"), 0, -1), r.zScore(k("z"), "b"),
             r.zIncrBy(k("z"), 2, "a"), r.zPopMin(k("z")), r.zRangeByScore(k("z"), "-inf", "+inf"),
             r.zScore(k("z"), "none"));
  await show("stream", r.xAdd(k("x"), "1-1", {f: "v"}), r.xRange(k("x"), "-", "+"), r.xLen(k("x")),
             r.xRead({key: k("x"), id: "0"}), r.xRead({key: k("x"), id: "$"}, {BLOCK: 20}));
  await show("errors", r.incr(k("h")), r.get(k("s")), r.sendCommand(["NONSENSE", "a", "b"]),
             r.sendCommand(["GET"]), r.sendCommand(["OBJECT", "nonsense"]),
             r.sendCommand(["READONLY"]));
};

const transactions = async () => {
  const asked = [];
  for (let i = 0; i < 1000; i++) asked.push(r.set(k(`p${i}`), String(i)), r.get(k(`p${i}`)));
  const replies = await Promise.all(asked);
  await show("pipeline", replies.every((value, i) => value === (i % 2 ? String((i - 1) / 2) : "OK")));
  await show("multi", r.multi().set(k("t"), "1").incr(k("t")).get(k("t")).hGetAll(k("h")).exec());
  const failing = r.multi().set(k("t"), "x").incr(k("t")).exec();
  await show("multi error", failing.catch((error) => error.replies.map(String)),
             r.multi().set(k("t"), "x").addCommand(["NONSENSE"]).exec().catch((error) => error.message),
             r.get(k("t")));
  await r.watch(k("t"));
  const other = await connect(PORT);
  await other.set(k("t"), "changed");
  await show("watch conflict", r.multi().set(k("t"), "mine").exec(), r.get(k("t")));
  await r.watch(k("t"));
  await show("watch", r.multi().set(k("t"), "mine").exec(), r.get(k("t")));
  await show("script", r.mine(k("c"), 5), r.mine(k("c"), 6), r.eval("return {1, {2, 'x'}}"),
             r.eval("return redis.error_reply('ERR mine')"));
  const found = [];
  for await (const keys of r.scanIterator({MATCH: k("p1*"), COUNT: 100})) found.push(...keys);
  await show("scan", found.sort().length, found.slice(0, 3), r.keys(k("m*")).then((all) => all.sort()));
  other.destroy();
};

const connections = async () => {
  const second = await connect(PORT, {database: 1, name: "second"});
  await show("select", second.get(k("m1")), second.set(k("m1"), "db1"), r.get(k("m1")),
             second.get(k("m1")), second.clientGetName(), r.clientGetName(), second.del(k("m1")));
  const direct = await connect(REDIS_PORT);
  for (const [step, port, speaking] of [["subscribe", PORT, direct], ["publish", REDIS_PORT, r]]) {
    const listener = await connect(port);
    const [hear, heard] = collect(2);
    await show(step, listener.subscribe(k("ch"), hear), listener.pSubscribe(k("c*"), hear));
    await show(step + " heard", speaking.publish(k("ch"), "news"), heard);
    await show(step + " ends", listener.unsubscribe(k("ch")), listener.pUnsubscribe(),
               listener.get(k("m1")));
    listener.destroy();
  }
  const popping = await connect(PORT);
  const popped = popping.blPop(k("q"), 20);
  while (!/blocked_clients:1/.test(await direct.info("clients")));
  await show("blpop", r.rPush(k("q"), "x"), popped, popping.blPop(k("q"), 0.05));
  await show("info", r.info().then((text) => /loading:0\r\n/.test(text)), popping.close());
  for (const one of [second, direct]) one.destroy();
};

for (const part of [strings, structures, transactions, connections]) await part();
await restart();
await show("restarted", r.set(k("again"), "1"), r.get(k("again")));
r.destroy();
