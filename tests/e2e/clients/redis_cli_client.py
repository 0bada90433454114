#!/usr/bin/python3
"""What a person does with redis-cli: usage redis_cli_client.py PORT REDIS_PORT PREFIX [2|3].

Prints one line a step, as the other scripts of this folder do.
"""

import subprocess
import sys

PORT, REDIS_PORT, PREFIX, RESP = sys.argv[1:5]
CLI = ["redis-cli"] + (["-3"] if RESP == "3" else [])

# Typed one after the other into one redis-cli; `@` begins a key.
SESSION = r"""
PING
CLIENT GETNAME
GET @none
SET @a 1
GET @a
SET @a 2 NX
SET @e x EX 100
MSET @m1 1 @m2 2
MGET @m1 @none2 @m2
INCRBY @n 41
INCRBYFLOAT @f 0.5
SET "@odd\r\n\x00\xff" "\r\n$5\r\n\x00\xff"
GET "@odd\r\n\x00\xff"
HSET @h x 1 y 2
HGETALL @h
RPUSH @l a b
LRANGE @l 0 -1
SADD @s a
SMEMBERS @s
ZADD @z 1 a 2.5 b
ZRANGE @z 0 -1 WITHSCORES
ZSCORE @z b
ZSCORE @z none
GEOPOS @none x
INCR @h
NONSENSE a b
GET
OBJECT nonsense
MULTI
SET @t 1
HGETALL @h
EXEC
WATCH @t
SET @t 2
MULTI
GET @t
EXEC
MULTI
NONSENSE
EXEC
EVAL "return {KEYS[1], 7, false, redis.error_reply('MINE x')}" 1 @t
SCAN 0 MATCH @m1* COUNT 1000
BLPOP @none 0.05
SELECT 1
GET @a
SELECT 99
SELECT 0
TYPE @h
CONFIG GET maxmemory
LATENCY LATEST
OBJECT ENCODING @a
"""


def cli(*words, port=PORT, text=None):
    done = subprocess.run([*CLI, "-p", port, *words], input=text, capture_output=True, timeout=30)
    return (done.stdout + done.stderr).decode("latin1")


def show(step, output):
    for line in output.splitlines():
        print(step, line, flush=True)


def session():
    for line in SESSION.strip().splitlines():
        print("typed", line)
    show("answered", cli("--no-raw", text=SESSION.replace("@", PREFIX).encode("latin1")))


def options():
    show("csv", cli("--csv", "HGETALL", PREFIX + "h"))
    show("raw", cli("--raw", "LRANGE", PREFIX + "l", "0", "-1"))
    show("json", cli("--json" if RESP == "3" else "--csv", "HGETALL", PREFIX + "h"))
    show("repeat", cli("-r", "3", "INCR", PREFIX + "r"))
    show("database", cli("-n", "1", "SET", PREFIX + "one", "1"))
    show("database", cli("-n", "1", "GET", PREFIX + "one"))
    show("argument", cli("-x", "SET", PREFIX + "x", text=b"from standard input\n"))
    show("exit code", str(subprocess.run([*CLI, "-e", "-p", PORT, "INCR", PREFIX + "h"],
                                         capture_output=True).returncode))
    show("scan", "\n".join(sorted(cli("--scan", "--pattern", PREFIX + "*").splitlines())))
    summary = cli("--bigkeys").split("-------- summary -------")[1]
    show("bigkeys", "\n".join(line for line in summary.splitlines() if "biggest" not in line.lower()))
    show("memkeys", str("summary" in cli("--memkeys")))


class Reader:
    """A redis-cli that goes on writing lines."""

    def __init__(self, *words, port=PORT):
        self.process = subprocess.Popen([*CLI, "-p", port, *words], stdout=subprocess.PIPE, text=True)

    def lines(self, count):
        return [self.process.stdout.readline().strip() for _ in range(count)]

    def end(self):
        self.process.kill()
        self.process.communicate()


def pubsub():
    for step, hearing, speaking in (("subscribe", PORT, REDIS_PORT), ("publish", REDIS_PORT, PORT)):
        reader = Reader("SUBSCRIBE", "ch", "ch2", port=hearing)
        begun = reader.lines(6)
        published = cli("PUBLISH", "ch", "news", port=speaking)
        show(step, " ".join(begun + [published.strip()] + reader.lines(3)))
        reader.end()


def blocking():
    reader = Reader("BLPOP", PREFIX + "q", "20")
    while "blocked_clients:1" not in cli("INFO", "clients", port=REDIS_PORT):
        pass
    show("push", cli("RPUSH", PREFIX + "q", "x"))
    show("popped", " ".join(reader.lines(2)))
    reader.end()


def main():
    for part in (session, options, pubsub, blocking):
        part()
    print("restart", flush=True)
    sys.stdin.readline()
    show("restarted", cli("SET", PREFIX + "again", "1") + cli("GET", PREFIX + "again"))


main()
