#!/usr/bin/python3
"""Commands on the lane answer the same in RESP2 and RESP3 but for nulls.

Asks a real server both ways for every command of protocol/commands.def with Route::lane: with keys
that exist, that are missing, that hold another type, and with a wrong number of arguments.
"""

import sys

from command_table import key_positions, read_table
from support import Redis, encode

FIXTURES = """
SET s hello|SET n 10|SET f 1.5|SET s2 hellooo|SET ttl x EXAT 99999999999|SET bits \x0f|MSET g_a 3 g_b 1
HSET h a 1 b 2 f 1.5|RPUSH l 3 1 2 1|SADD st a b c|SADD st2 b c d|SADD si 1 2 3
ZADD z 1 a 2 b 2.5 c inf d|ZADD zl 0 a 0 b 0 c|PFADD hll a b|PFADD hll2 c
GEOADD geo 13.36 38.11 Palermo 15.08 37.50 Catania
XADD x 1-1 f v|XADD x 1-2 f v g w|XGROUP CREATE x grp 0|XREADGROUP GROUP grp me COUNT 1 STREAMS x >
"""

# One line a command, examples behind each other; `$dump` is a DUMP of s.
EXAMPLES = r"""
append s x
decr n
decrby n 3
get s | get n | get missing
getdel s
getex s | getex s EX 100 | getex s PERSIST
getrange s 1 2
getset s x | getset new x
incr n | incr s
incrby n 5 | incrby n x
incrbyfloat f 0.1 | incrbyfloat n 1e3 | incrbyfloat s 1
lcs s s2 | lcs s s2 LEN | lcs s missing
mget s missing h n
mset s x new y | mset s x new
msetnx new x new2 y | msetnx s x new y
psetex s 100000 x | psetex s 0 x
set s x | set s x NX | set s x XX GET | set new x GET | set new x XX | set s x EX 10 KEEPTTL
setex s 100 x
setnx s x | setnx new x
setrange s 1 yy
strlen s
substr s 0 2
copy s new | copy s n | copy s n REPLACE
del s missing
dump s
exists s s missing
expire s 100 | expire s 100 NX | expire s 100 GT | expire s x
expireat s 99999999999 | expireat s 1
expiretime ttl | expiretime s
keys s*
move s 1
object HELP | object ENCODING s | object FREQ s | object REFCOUNT s
persist ttl | persist s
pexpire s 100000 | pexpire s 100000 XX
pexpireat s 99999999999000
pexpiretime ttl | pexpiretime s
pttl ttl | pttl s
randomkey
rename s new | rename missing new
renamenx s new | renamenx s n
restore new 0 $dump | restore s 0 $dump | restore new 0 x
scan 0 COUNT 1000 | scan 0 MATCH s* TYPE string COUNT 1000 | scan x
sort l | sort l DESC | sort l BY g_* GET # GET g_* | sort l ALPHA STORE new | sort st | sort l LIMIT 0 1
sort_ro l | sort_ro l GET none_*
touch s missing
ttl ttl | ttl s
type s | type h | type x
unlink s missing
hdel h a zz
hgetall h
hexists h a | hexists h zz
hget h a | hget h zz
hincrby h a 1 | hincrby h f 1
hincrbyfloat h f 0.1 | hincrbyfloat h new 3
hkeys h
hlen h
hmget h a zz b
hmset h a 1 c 2 | hmset h a
hscan h 0 | hscan h 0 MATCH a COUNT 10
hrandfield h | hrandfield h 2 | hrandfield h -2
hset h a 1 c 2 | hset h a
hsetnx h a 1 | hsetnx h c 1
hstrlen h a
hvals h
lindex l 0 | lindex l 99
linsert l BEFORE 3 x | linsert l AFTER 99 x
llen l
lmove l new LEFT RIGHT | lmove missing l LEFT LEFT
lpop l
lpos l 1 | lpos l 99 | lpos l 1 COUNT 0 | lpos l 99 COUNT 0 | lpos l 1 RANK -1
lpush l x y
lpushx l x | lpushx missing x
lrange l 0 -1 | lrange l 5 9
lrem l 0 1
lset l 0 x | lset l 99 x | lset missing 0 x
ltrim l 0 1
rpop l
rpoplpush l new | rpoplpush missing l
rpush l x
rpushx l x | rpushx missing x
sadd st x a
scard st
sdiffstore new st st2
sintercard 2 st st2 | sintercard 2 st st2 LIMIT 1 | sintercard 0 st
sinterstore new st st2 | sinterstore new st missing
sismember st a | sismember st zz
smembers st | smembers si
sinter st st2 | sinter st missing
sunion st st2 | sunion si st
sdiff st st2 | sdiff missing st
smismember st a zz
smove st st2 a | smove st st2 zz
spop st
srandmember st | srandmember st 5 | srandmember st 0
srem st a zz
sscan si 0 | sscan st 0
sunionstore new st st2
zadd z 1 a 5 e | zadd z NX 1 a | zadd z XX CH 7 a | zadd z GT 9 a | zadd z x a | zadd z NX XX 1 a
zincrby z 1 a | zincrby z 0.1 new | zincrby z inf a | zincrby z x a
zmscore z a zz b | zmscore missing a
zscore z a | zscore z zz
zadd z INCR 1.5 a | zadd z XX INCR 1 zz | zadd z NX INCR 1 a
zcard z
zcount z 1 2 | zcount z -inf +inf | zcount z x y
zdiffstore new 2 z zl
zintercard 2 z zl | zintercard 2 z zl LIMIT 1
zinterstore new 2 z zl WEIGHTS 1 2 AGGREGATE MAX
zlexcount zl - + | zlexcount zl [a (c
zdiff 2 z zl | zdiff 2 missing zl
zinter 2 z zl | zinter 2 z missing WEIGHTS 1 2
zunion 2 z zl | zunion 1 missing AGGREGATE MIN
zrandmember z | zrandmember z 2 | zrandmember missing 2
zrevrange z 0 -1 | zrevrange z x y
zrangebyscore z 1 2 | zrangebyscore z (1 +inf LIMIT 0 1
zrevrangebyscore z 2 1 | zrevrangebyscore z +inf -inf LIMIT 0 1
zrange z 0 -1 | zrange z 0 9 REV | zrange z 1 2 BYSCORE LIMIT 0 1 | zrange zl - + BYLEX
zrangebylex zl - + | zrangebylex zl [a [b LIMIT 0 1 | zrangebylex zl x y
zrangestore new z 0 -1
zrank z a | zrank z zz
zrem z a zz
zremrangebylex zl [a [b
zremrangebyrank z 0 0
zremrangebyscore z 1 2
zrevrangebylex zl + -
zrevrank z a | zrevrank z zz
zscan z 0 | zscan zl 0
zunionstore new 2 z zl
bitcount s | bitcount s 0 1 | bitcount s 0 1 BIT
bitfield bits GET u4 0 INCRBY u2 0 1 | bitfield bits OVERFLOW FAIL INCRBY u2 0 9 | bitfield bits SET u8 0 255
bitfield_ro bits GET u4 0
bitop AND new bits s | bitop NOT new bits | bitop XOR new missing
bitpos bits 1 | bitpos bits 0 0
getbit bits 5
setbit bits 5 0 | setbit bits x 0
pfadd hll a | pfadd hll zz
pfcount hll | pfcount hll hll2 missing
pfmerge hll hll2
geoadd geo 13.5 38.2 x | geoadd geo 999 999 x
geodist geo Palermo Catania | geodist geo Palermo Catania km | geodist geo Palermo zz
geohash geo Palermo zz
georadius_ro geo 15 37 200 km WITHCOORD WITHDIST WITHHASH ASC | georadius_ro geo 15 37 1 m
georadiusbymember_ro geo Palermo 200 km WITHDIST | georadiusbymember_ro geo zz 1 km
geosearch geo FROMLONLAT 15 37 BYBOX 400 400 km ASC WITHCOORD WITHDIST | geosearch geo FROMMEMBER zz BYRADIUS 5 km
geosearchstore new geo FROMMEMBER Palermo BYRADIUS 500 km ASC | geosearchstore new geo FROMMEMBER zz BYRADIUS 5 km
xack x grp 1-1 | xack x grp 9-9
xadd x 2-1 a b | xadd x 0-1 a b | xadd new NOMKSTREAM * a b | xadd x MAXLEN 1 2-1 a b
xdel x 1-1 9-9
xlen x
xrange x - + | xrange x - + COUNT 1 | xrange x 5 9
xrevrange x + -
xsetid x 5-1 | xsetid x 0-1
xtrim x MAXLEN 1
dbsize
flushall | flushall ASYNC | flushall x
flushdb | flushdb SYNC
swapdb 0 0 | swapdb 0 99 | swapdb x 1
lastsave
publish ch message
time
"""

# Replies that differ from one call to the next: only their shape is compared.
VOLATILE = {"time", "ttl", "pttl", "randomkey", "srandmember", "spop", "hrandfield", "zrandmember"}


# Replies in an order that changes while Redis rehashes: their lines are compared.
UNORDERED = {"keys", "scan"}


def parse_examples():
    examples = {}
    for line in EXAMPLES.strip().splitlines():
        for example in line.split(" | "):
            args = example.split()
            examples.setdefault(args[0], []).append(args)
    return examples


def restore_fixtures(wire):
    commands = [c.split(" ") for line in FIXTURES.strip().splitlines() for c in line.split("|")]
    wire.send(encode("FLUSHALL") + b"".join(
        encode(*[a.encode("latin1") for a in c]) for c in commands))
    for reply in [wire.reply() for _ in range(len(commands) + 1)]:
        assert not reply.startswith(b"-"), reply


def as_resp2(reply):
    """What protocol/resp2 makes of a RESP3 reply, written down a second time."""
    out, at = b"", 0
    while at < len(reply):
        end = reply.index(b"\r\n", at) + 2
        line = reply[at:end]
        kind, text = line[:1], line[1:-2]
        if kind == b"$" and text != b"-1":
            end += int(text) + 2
            out += reply[at:end]
        elif kind == b"_":
            out += b"$-1\r\n"
        elif kind in (b",", b"("):
            out += b"$%d\r\n%s\r\n" % (len(text), text)
        elif kind == b"#":
            out += b":1\r\n" if text == b"t" else b":0\r\n"
        elif kind == b"%":
            out += b"*%d\r\n" % (2 * int(text))
        elif kind == b"~":
            out += b"*" + text + b"\r\n"
        else:
            out += line
        at = end
    return out


def shape(reply):
    return [line[:1] for line in reply.split(b"\r\n") if line[:1] in b"+-:$*_"]


def variants(spec, args):
    """The example itself, with its keys missing, with keys of another type, with wrong arity."""
    yield args
    if spec.keys == "fixed":
        positions = key_positions(spec, args)
    else:
        positions = [i for i, a in enumerate(args) if i and a in ("l", "st", "z", "zl", "st2")]
    for other in ("missing", "h", "s", "l"):
        if positions:
            yield [other if i in positions else a for i, a in enumerate(args)]
    yield args[:1]
    yield args + ["extra"]
    yield args + ["extra", "extra"]


def goes_by_lane(spec, args):
    """As converts() in protocol/command_keys.cpp."""
    if not spec.plain_with or len(args) <= 2:
        return True
    return spec.plain_with != "count" and spec.plain_with not in [a.lower() for a in args[2:]]


def main():
    table = read_table()
    examples = parse_examples()
    failures, asked = [], 0
    with Redis() as redis, redis.wire() as two, redis.wire() as three:
        three.call("HELLO", "3")
        restore_fixtures(two)
        dump = two.call("DUMP", "s").split(b"\r\n", 1)[1][:-2]
        lane = [spec for spec in table.values() if spec.route == "lane"]
        for spec in lane:
            if spec.name not in examples:
                failures.append(f"{spec.name}: no example")
            for example in examples.get(spec.name, []):
                for args in variants(spec, example):
                    if not goes_by_lane(spec, args):
                        continue
                    args = [dump if a == "$dump" else a for a in args]
                    restore_fixtures(two)
                    resp2 = two.call(*args)
                    restore_fixtures(two)
                    resp3 = three.call(*args)
                    asked += 1
                    resp3_as_2 = as_resp2(resp3)
                    if spec.name in VOLATILE:
                        resp2, resp3_as_2 = shape(resp2), shape(resp3_as_2)
                    if spec.name in UNORDERED:
                        resp2, resp3_as_2 = (sorted(one.split(b"\r\n"))
                                             for one in (resp2, resp3_as_2))
                    if resp3_as_2 != resp2:
                        failures.append(f"{args}: {resp2!r} in RESP2, {resp3!r} in RESP3")
    print(f"{len(lane)} commands, {asked} questions, {len(failures)} differences")
    print("\n".join(failures))
    return bool(failures)


if __name__ == "__main__":
    sys.exit(main())
