"""What the differential test asks beyond the examples of lane_commands_test.py: every other command
and subcommand of Redis, one line each, examples behind each other. Words are split as a shell does.
"""

import shlex

import lane_commands_test

FIXTURES = lane_commands_test.FIXTURES + """
SADD one only|HSET ho only 1|ZADD zo 1 only|RPUSH lo only|XADD xo 1-1 f v
"""

LIBRARY = """#!lua name=lib
redis.register_function('first', function(keys, args) return redis.call('GET', keys[1]) end)
redis.register_function{function_name='plain', callback=function(keys, args) return args[1] end,
                        flags={'no-writes'}}
"""

CASES = r"""
blmove l new LEFT RIGHT 0.02 | blmove missing new LEFT RIGHT 0.02 | blmove l new UP DOWN 1
blmpop 0.02 2 missing l LEFT COUNT 2 | blmpop 0.02 1 missing RIGHT | blmpop x 1 l LEFT | blmpop 1 0 l LEFT
blpop missing l 0.02 | blpop missing 0.02 | blpop l -1 | blpop l x
brpop l 0.02 | brpop missing 0.02
brpoplpush l new 0.02 | brpoplpush missing new 0.02
bzmpop 0.02 1 z MIN COUNT 2 | bzmpop 0.02 1 missing MAX
bzpopmax z 0.02 | bzpopmax missing 0.02
bzpopmin missing z 0.02
lmpop 1 l LEFT | lmpop 2 missing l RIGHT COUNT 2 | lmpop 1 missing LEFT | lmpop 1 l LEFT COUNT 0
lpop l 2 | lpop missing 2 | lpop l 0 | lpop missing 0 | lpop l x
rpop l 2 | rpop missing 2
spop one 5 | spop one | spop one 0
zmpop 1 z MIN | zmpop 1 z MAX COUNT 2 | zmpop 1 missing MIN
zpopmax z | zpopmax z 2
zpopmin z | zpopmin z 2 | zpopmin missing 2
zrange z 0 -1 WITHSCORES | zrange z (1 +inf BYSCORE WITHSCORES LIMIT 0 5 | zrevrange z 0 -1 WITHSCORES
zrangebyscore z 1 2 WITHSCORES | zrevrangebyscore z 2 1 WITHSCORES
zdiff 2 z zl WITHSCORES | zinter 1 z WITHSCORES | zunion 2 z zl WITHSCORES
zrandmember zo 2 WITHSCORES | zrandmember zo -2 WITHSCORES | zrandmember zo
hrandfield ho 2 WITHVALUES | hrandfield ho -2 WITHVALUES | hrandfield ho
srandmember one | srandmember one -2
lcs s s2 IDX WITHMATCHLEN | lcs s s2 IDX MINMATCHLEN 3 LEN
set s x GET EX 100 | set s x PXAT 99999999999999 | set s x EX 0 | set s x NX GET | set new x KEEPTTL
geopos geo Palermo zz Catania
georadius geo 15 37 200 km WITHCOORD WITHDIST COUNT 1 ASC | georadius geo 15 37 200 km STORE new
georadius geo 15 37 200 km STOREDIST new | georadius geo 15 37 1 parsec
georadiusbymember geo Palermo 200 km WITHHASH DESC | georadiusbymember geo zz 1 km
bitfield bits GET u4 0 OVERFLOW FAIL INCRBY u2 0 9 SET i8 0 7
sort l BY nosort GET # | sort x | sort l LIMIT 0 2 DESC STORE new
object HELP | object IDLETIME s | object NOSUCH s | object ENCODING l | object ENCODING z
move s 3 | move s 99 | copy s new DB 3 | copy s s DB 3 REPLACE
xautoclaim x grp you 0 0 | xautoclaim x grp you 0 0 COUNT 1 JUSTID | xautoclaim x nogrp you 0 0
xclaim x grp you 0 1-1 | xclaim x grp you 0 1-1 JUSTID | xclaim x grp you 0 9-9 FORCE | xclaim x grp y x 1-1
xgroup CREATE x g2 $ | xgroup CREATE new g2 $ MKSTREAM | xgroup CREATE x grp 0 | xgroup CREATE new g 0
xgroup CREATECONSUMER x grp you | xgroup DELCONSUMER x grp me | xgroup DESTROY x grp | xgroup HELP
xgroup SETID x grp 0 | xgroup SETID x grp 0 ENTRIESREAD 1 | xgroup NOSUCH x grp
xinfo STREAM x | xinfo STREAM x FULL | xinfo GROUPS x | xinfo CONSUMERS x grp | xinfo HELP | xinfo NOSUCH
xpending x grp | xpending x grp - + 10 | xpending x grp IDLE 0 - + 10 me | xpending x nogrp
xread STREAMS x 0 | xread COUNT 1 STREAMS x xo 0 0 | xread STREAMS x $ | xread STREAMS missing 0
xread BLOCK 20 STREAMS x $ | xread BLOCK 20 STREAMS x 0 | xread BLOCK x STREAMS x 0 | xread STREAMS x
xreadgroup GROUP grp me STREAMS x > | xreadgroup GROUP grp me STREAMS x 0
xreadgroup GROUP grp me BLOCK 20 STREAMS x > | xreadgroup GROUP nogrp me STREAMS x >
xreadgroup GROUP grp you COUNT 1 NOACK STREAMS x >
pfdebug GETREG hll | pfdebug ENCODING hll | pfdebug DECODE hll | pfdebug NOSUCH hll
pfselftest
restore-asking new 0 $dump
migrate 127.0.0.1 1 s 0 100 | migrate 127.0.0.1 1 missing 0 100 | migrate 127.0.0.1 1 '' 0 100 KEYS s n
eval "return 1" 0 | eval "return 'x'" 0 | eval "return {1, 2, {3, 'x', false}, nil, 4}" 0
eval "return {ok='fine'}" 0 | eval "return {err='BAD thing'}" 0 | eval "return redis.error_reply('x')" 0
eval "return {double=1.5}" 0 | eval "return {big_number='12345678901234567890'}" 0 | eval "return true" 0
eval "return {map={a=1}}" 0 | eval "return {set={a=true}}" 0 | eval "return false" 0 | eval "return nil" 0
eval "redis.setresp(3) return redis.call('HGETALL', KEYS[1])" 1 h | eval "return 3.99" 0
eval "redis.setresp(3) return redis.call('ZSCORE', KEYS[1], 'a')" 1 z | eval "return {verbatim_string={format='txt', string='x'}}" 0
eval "return redis.call('GET', KEYS[1])" 1 s | eval "return redis.pcall('GET', KEYS[1])" 1 l
eval "return redis.call('SET', KEYS[1], ARGV[1])" 1 s new | eval "error('x')" 0 | eval "syntax" 0
eval "return 1" -1 | eval "return 1" 5 a | eval "return 1" x | eval "redis.call('SELECT', 3) return 1" 0
eval_ro "return redis.call('GET', KEYS[1])" 1 s | eval_ro "return redis.call('SET', KEYS[1], 1)" 1 s
evalsha e0e1f9fabfc9d4800c877a703b823ac0578ff8db 0 | evalsha ffffffffffffffffffffffffffffffffffffffff 0
evalsha x 0 | evalsha_ro e0e1f9fabfc9d4800c877a703b823ac0578ff8db 0 | evalsha_ro x 0
fcall first 1 s | fcall first 1 l | fcall nosuch 0 | fcall plain 0 x | fcall first x
fcall_ro plain 0 x | fcall_ro first 1 s
script EXISTS x e0e1f9fabfc9d4800c877a703b823ac0578ff8db | script FLUSH | script FLUSH ASYNC
script FLUSH x | script HELP | script KILL | script LOAD "return 1" | script LOAD "syntax" | script DEBUG NO
script DEBUG x | script NOSUCH
function LIST | function LIST WITHCODE LIBRARYNAME lib | function DUMP | function RESTORE x
function RESTORE $functions | function RESTORE $functions REPLACE
function DELETE lib | function DELETE nosuch | function FLUSH | function FLUSH x | function HELP
function KILL | function STATS | function LOAD "#!lua name=other\nreturn 1" | function NOSUCH
function LOAD "$library" | function LOAD REPLACE "$library" | function LOAD x
multi | exec | discard | watch s | watch s n missing | unwatch
subscribe ch | subscribe a b a | psubscribe a* b* | ssubscribe ch | ssubscribe a a
unsubscribe | unsubscribe ch nosuch | punsubscribe | punsubscribe a* | sunsubscribe | sunsubscribe ch
publish nosuch x | spublish ch x
pubsub CHANNELS | pubsub CHANNELS a* | pubsub HELP | pubsub NUMPAT | pubsub NUMSUB a b | pubsub NUMSUB
pubsub SHARDCHANNELS | pubsub SHARDNUMSUB a | pubsub NOSUCH
monitor
auth x | auth default x | auth nobody x
echo hello | echo "" | ping | ping hello | quit | reset
hello | hello 2 | hello 3 | hello 4 | hello x | hello 3 SETNAME me | hello 3 SETNAME "a b" | hello 3 NOSUCH
hello 3 AUTH default x | hello 3 AUTH nobody x | hello 3 AUTH x | hello 2 AUTH default x SETNAME me
select 0 | select 3 | select 15 | select 16 | select -1 | select x | select ""
asking | readonly | readwrite
wait 0 0 | wait 1 20 | wait x 0 | wait 0 -1
dbsize | lastsave | time | role | save | bgsave | bgsave SCHEDULE | bgsave x | bgrewriteaof
keys * | scan 0 COUNT 1000 TYPE nosuch | scan 0 COUNT 0 | scan 0 MATCH
info | info server | info everything | info all | info default | info keyspace | info nosuch | info server clients
info Keyspace memory | info commandstats | info replication
command | command COUNT | command LIST | command LIST FILTERBY ACLCAT string | command LIST FILTERBY PATTERN xgr*
command LIST FILTERBY MODULE nosuch | command LIST FILTERBY NOSUCH x | command INFO | command INFO get nosuch
command INFO xgroup xgroup|create GET | command DOCS | command DOCS get | command DOCS get nosuch set
command DOCS nosuch | command HELP | command NOSUCH | command GETKEYS get a | command GETKEYS mset a 1 b 2
command GETKEYS ping | command GETKEYS nosuch | command GETKEYSANDFLAGS set a 1 | command GETKEYS eval x 1 a
config GET maxmemory | config GET max*-entries save | config GET * | config GET nosuch | config SET maxmemory 0
config SET nosuch 1 | config SET maxmemory x | config SET slowlog-max-len 128 maxmemory 0 | config HELP
config RESETSTAT | config REWRITE | config NOSUCH
acl CAT | acl CAT string | acl CAT nosuch | acl WHOAMI | acl LIST | acl USERS | acl GETUSER default
acl GETUSER nosuch | acl SETUSER tester on >x ~a* +get | acl SETUSER tester nosuch | acl DELUSER tester
acl DRYRUN default get a | acl DRYRUN nosuch get a | acl GENPASS | acl GENPASS x | acl LOG | acl LOG RESET
acl LOG x | acl LOAD | acl SAVE | acl HELP | acl NOSUCH
latency DOCTOR | latency GRAPH nosuch | latency HISTOGRAM nosuch | latency HISTOGRAM get | latency HISTORY x
latency LATEST | latency RESET | latency RESET x | latency HELP | latency NOSUCH
memory DOCTOR | memory MALLOC-STATS | memory PURGE | memory STATS | memory USAGE s | memory USAGE h SAMPLES 0
memory USAGE s SAMPLES x | memory HELP | memory NOSUCH
slowlog GET | slowlog GET 5 | slowlog GET -1 | slowlog GET x | slowlog LEN | slowlog RESET | slowlog HELP
module LIST | module LOAD /nosuch | module LOADEX /nosuch | module UNLOAD nosuch | module HELP
lolwut | lolwut VERSION 5 1 1 1 | lolwut VERSION 6 2 2 | lolwut VERSION x
replicaof NO ONE | replicaof 127.0.0.1 x | slaveof NO ONE | failover | failover ABORT | failover x
replconf | replconf listening-port x | replconf nosuch x
swapdb 0 3 | swapdb 3 0 | flushall SYNC | flushdb ASYNC | flushall x
cluster INFO | cluster MYID | cluster KEYSLOT x | cluster HELP | cluster SLOTS | cluster SHARDS | cluster NOSUCH
shutdown x | shutdown ABORT | shutdown NOSAVE SAVE
debug DIGEST | debug DIGEST-VALUE s missing | debug OBJECT s | debug OBJECT missing | debug HELP | debug NOSUCH
debug SLEEP 0 | debug SLEEP 0.01 | debug PROTOCOL string | debug PROTOCOL integer | debug PROTOCOL double
debug PROTOCOL null | debug PROTOCOL array | debug PROTOCOL set | debug PROTOCOL map | debug PROTOCOL verbatim
debug PROTOCOL true | debug PROTOCOL false | debug PROTOCOL bignum | debug PROTOCOL x | debug LISTPACK h
debug PROTOCOL attrib | debug PROTOCOL push | debug ERROR "x y" | debug ERROR "x\r\ny" | debug LOG x
debug CHANGE-REPL-ID | debug STRINGMATCH-LEN 3 a* | debug SDSLEN s | debug ZIPLIST l | debug QUICKLIST-PACKED-THRESHOLD 1b
debug SET-ACTIVE-EXPIRE 1 | debug STRUCTSIZE | debug HTSTATS 0 | debug HTSTATS-KEY s | debug MALLCTL x
client ID | client GETNAME | client SETNAME me | client SETNAME "" | client SETNAME "a b" | client SETNAME "a\nb"
client LIST | client LIST TYPE normal | client LIST TYPE x | client LIST ID 999999 | client LIST x | client INFO
client NO-EVICT ON | client NO-EVICT OFF | client NO-EVICT x | client PAUSE 1 | client PAUSE 1 WRITE
client PAUSE x | client PAUSE 1 x | client UNPAUSE | client REPLY ON | client REPLY x | client HELP
client REPLY OFF | client REPLY SKIP | client REPLY
client KILL 127.0.0.1:1 | client KILL ID 999999 | client KILL TYPE x | client KILL x | client KILL TYPE pubsub
client KILL ADDR 127.0.0.1:1 | client KILL ID x | client UNBLOCK 999999 | client UNBLOCK x
client UNBLOCK 999999 ERROR | client UNBLOCK 999999 x | client GETREDIR | client TRACKINGINFO
client TRACKING ON | client TRACKING OFF | client TRACKING x | client CACHING YES | client CACHING x
client NOSUCH | client SETINFO lib-name x | client NO-TOUCH ON
nosuch | nosuch a b | "" | "get\r\n" a | get "a\r\nb" | set "" "" | get ""
"""

# Subcommands that are refused alike wherever there is no cluster.
CLUSTER = "ADDSLOTS ADDSLOTSRANGE BUMPEPOCH COUNT-FAILURE-REPORTS COUNTKEYSINSLOT DELSLOTS " \
    "DELSLOTSRANGE FAILOVER FLUSHSLOTS FORGET GETKEYSINSLOT LINKS MEET NODES REPLICAS REPLICATE " \
    "RESET SAVECONFIG SET-CONFIG-EPOCH SETSLOT SLAVES"

# Commands without an example, of which only wrong numbers of arguments are asked, and why.
ONLY_ARITY = {"sync": "turns the connection into a replica's",
              "psync": "turns the connection into a replica's"}

# Asked once only, in RESP2: they take long.
ONCE = {"pfselftest"}


def words(text):
    args = shlex.split(text)
    if text.startswith(("eval", "function", "get", "client", "debug", '"')):
        args = [a.replace("\\n", "\n").replace("\\r", "\r") for a in args]
    return args


def examples():
    """name -> list of argument lists; those of lane_commands_test.py included."""
    table = dict(lane_commands_test.parse_examples())
    table = {name: list(found) for name, found in table.items()}
    lines = [text for line in CASES.strip().splitlines() for text in line.split(" | ")]
    lines += [f"cluster {name} 1 1" for name in CLUSTER.split()]
    for text in lines:
        args = words(text)
        table.setdefault(args[0], []).append(args)
    return table
