#!/usr/bin/python3
"""The same bytes sent to redis-server and to pannier get the same replies.

Where pannier means to differ, the case says what it answers instead. Without a pannier binary only
what is said of Redis is checked.
"""

import os
import random
import sys

from support import Pannier, Redis, encode

PING = b"*1\r\n$4\r\nPING\r\n"
PONG = b"+PONG\r\n"


def error(text):
    return b"-ERR Protocol error: " + text + b"\r\n"


# Bytes that are answered alike: (what is sent, what Redis answers, whether it closes).
SAME = [
    (b"*0\r\n*-1\r\n\r\n   \r\n\n" + PING, PONG, False),
    (b"*-1\r\nPING\r\n", PONG, False),
    (b"*-9223372036854775808\r\n" + PING, PONG, False),
    (b"PING\n", PONG, False),
    (b"*1\r\n$-1\r\n", error(b"invalid bulk length"), True),
    (b"*2\r\n$3\r\nGET\r\n$536870913\r\n", error(b"invalid bulk length"), True),
    (b"*1\r\n$ 4\r\nPING\r\n", error(b"invalid bulk length"), True),
    (b"*1\r\n$+4\r\nPING\r\n", error(b"invalid bulk length"), True),
    (b"*1\r\n$04\r\nPING\r\n", error(b"invalid bulk length"), True),
    (b"*1\r\n$\r\nPING\r\n", error(b"invalid bulk length"), True),
    (b"*1\r\n$99999999999999999999\r\n", error(b"invalid bulk length"), True),
    (b"*2147483648\r\n", error(b"invalid multibulk length"), True),
    (b"*x\r\n", error(b"invalid multibulk length"), True),
    (b"*\r\n", error(b"invalid multibulk length"), True),
    (b"*+1\r\n", error(b"invalid multibulk length"), True),
    (b"*01\r\n", error(b"invalid multibulk length"), True),
    (b"*-0\r\n", error(b"invalid multibulk length"), True),
    (b"*1\n$4\r\nPING\r\n", error(b"invalid multibulk length"), True),
    (b"*1\n$4\nPING\n", b"", False),
    (b"*1\r\n:4\r\n", error(b"expected '$', got ':'"), True),
    (b"*1\r\n\r\n\r\n", error(b"expected '$', got ' '"), True),
    (b"*2\r\n$4\r\nECHO\r\n$1\r\na\r\n*1\r\nfoo\r\n", b"$1\r\na\r\n" + error(b"expected '$', got 'f'"),
     True),
    (b"a" * 65537, error(b"too big inline request"), True),
    (b"a" * 65535, b"", False),
    (b"*" + b"1" * 65536, error(b"too big mbulk count string"), True),
    (b"*1\r\n$" + b"1" * 65536, error(b"too big bulk count string"), True),
    (b"POST / HTTP/1.1\r\nHost: x\r\n\r\nFLUSHALL\r\n", b"", True),
    (b"post\r\n", b"", True),
    (b"*1\r\n$5\r\nhost:\r\n" + PING, b"", True),
    (b"*1\r\n$7\r\nfo\r\no\r\n\r\n",
     b"-ERR unknown command 'fo  o  ', with args beginning with: \r\n", False),
    (b"*1\r\n$4\r\nPIN\xff\r\n", None, False),
    (b"*2\r\n$4\r\nECHO\r\n$0\r\n\r\n", b"$0\r\n\r\n", False),
    (b"*1\r\n$0\r\n\r\n", None, False),
    (b"*3\r\n$3\r\nSET\r\n$0\r\n\r\n$4\r\n\r\n\x00\xff\r\n*2\r\n$3\r\nGET\r\n$0\r\n\r\n",
     b"+OK\r\n$4\r\n\r\n\x00\xff\r\n", False),
    (b'ECHO "a b"\r\n', b"$3\r\na b\r\n", False),
    (b'ECHO "\\x41\\n\\r\\t\\b\\a\\q\\\\\\""\r\n', b'$9\r\nA\n\r\t\b\aq\\"\r\n', False),
    (b"ECHO 'a\\'b\\n'\r\n", b"$5\r\na'b\\n\r\n", False),
    (b'ECHO ""\r\n', b"$0\r\n\r\n", False),
    (b'ECHO a"b c"\r\n', b"$4\r\nab c\r\n", False),
    (b"ECHO a\x0bb\r\n", b"$3\r\na\x0bb\r\n", False),
    (b"\x0bECHO \x0c a\r\n", b"$1\r\na\r\n", False),
    (b"ECHO a\rb\r\n", None, False),
    (b"ECHO a\r\r\n", b"$1\r\na\r\n", False),
    (b'ECHO "a\r\n', error(b"unbalanced quotes in request"), True),
    (b"ECHO 'a\r\n", error(b"unbalanced quotes in request"), True),
    (b'ECHO "a"b\r\n', error(b"unbalanced quotes in request"), True),
    (b'"ECHO" x\r\n', b"$1\r\nx\r\n", False),
    (b'""\r\n', None, False),
    (b"GET\r\n", b"-ERR wrong number of arguments for 'get' command\r\n", False),
    (b"*0003\r\n", error(b"invalid multibulk length"), True),
]

# Bytes that are answered in another way on purpose:
# (what is sent, what Redis answers, what pannier answers, whether Redis and pannier close, why).
DIFFERENT = [
    (b"*1\r\n$4\r\nPINGxx" + PING, PONG + PONG, error(b"expected CRLF after bulk"), False, True,
     "unchecked terminators allow smuggling"),
    (b"*1\rx$4\r\nPING\r\n", PONG, error(b"invalid multibulk length"), False, True,
     "unchecked terminators allow smuggling"),
    (b"*1\r\n$4\rxPING\r\n", PONG, error(b"invalid bulk length"), False, True,
     "unchecked terminators allow smuggling"),
    (b"PING\x00\r\n", b"", error(b"invalid character in inline request"), False, True,
     "Redis loses what stands behind the NUL"),
    (b"*1048577\r\n", b"", error(b"invalid multibulk length"), False, True,
     "more arguments than Limits::arguments"),
    (b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03", b"",
     b"-ERR pannier: this port does not speak TLS; not executed\r\n", False, True,
     "Redis waits for the end of a line"),
    (PING + b"*1\r\n$5\r\nhost:\r\n" + PING, b"", PONG, True, True,
     "commands before an attack are answered; Redis drops their replies"),
    (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", None, b"", False, True, "HTTP/2 on the Redis port"),
    (b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$67108865\r\n", b"",
     b"-ERR pannier: request larger than max_request_bytes=67108864; not executed\r\n", False,
     True, "the sidecar's memory is bounded"),
]


def random_session(seed):
    """Well-formed commands in every form, inline and not."""
    pick = random.Random(seed)
    out = b""
    for _ in range(pick.randrange(1, 30)):
        key = pick.choice([b"a", b"b", b"", b"k\r\n", bytes([pick.randrange(256)])])
        value = bytes(pick.randrange(256) for _ in range(pick.choice([0, 1, 7, 300])))
        out += pick.choice([
            lambda: encode("SET", key, value),
            lambda: encode("get", key),
            lambda: encode("MGET", key, "a", "b"),
            lambda: encode("DEL", key),
            lambda: encode("ECHO", value),
            lambda: encode("nosuch", key, value),
            lambda: encode("GET"),
            lambda: b"PING\r\n",
            lambda: b'set a "' + b"".join(b"\\x%02x" % byte for byte in key) + b'"\n',
            lambda: b"*0\r\n",
            lambda: b"\r\n",
        ])()
    return out


def ask(server, data, chunks=1):
    """What `server` answers to `data` on a new connection, and whether it closes it."""
    with server.wire() as wire:
        size = -(-len(data) // chunks) or 1
        for at in range(0, len(data), size):
            try:
                wire.send(data[at:at + size])
            except ConnectionError:
                break
        return wire.rest(0.1)


def clear(redis):
    with redis.wire() as wire:
        wire.call("FLUSHALL")


def shown(data):
    return repr(data if len(data) < 80 else data[:60] + b"...")


def check_redis(redis, failures):
    for data, expected, closed in SAME:
        clear(redis)
        said = ask(redis, data)
        if said != (said[0] if expected is None else expected, closed):
            failures.append(f"redis, {shown(data)}: {said}")
    for data, expected, _, closed, _, _ in DIFFERENT:
        said = ask(redis, data)
        if said != (said[0] if expected is None else expected, closed):
            failures.append(f"redis, {shown(data)}: {said}")


def check_pannier(redis, pannier, failures):
    sessions = [random_session(seed) for seed in range(40)]
    for data in [case[0] for case in SAME] + sessions:
        for chunks in (1, 3):
            clear(redis)
            direct = ask(redis, data, chunks)
            clear(redis)
            through = ask(pannier, data, chunks)
            if direct != through:
                failures.append(f"{shown(data)}: {direct} direct, {through} through pannier")
    for data, _, expected, _, closed, why in DIFFERENT:
        said = ask(pannier, data)
        if said != (expected, closed):
            failures.append(f"pannier, {shown(data)} ({why}): {said}")


def check_splits(redis, pannier, failures):
    """One session in two writes, split at every byte."""
    data = next(s for s in map(random_session, range(99)) if 1000 < len(s) < 2000)
    clear(redis)
    expected = ask(redis, data)[0]
    for split in range(1, len(data)):
        clear(redis)
        with pannier.wire() as wire:
            wire.send(data[:split])
            wire.send(data[split:])
            said = b""
            while len(said) < len(expected):
                said += wire.reply()
        if said != expected:
            failures.append(f"split at {split}: {shown(said)}")


def main():
    failures = []
    with Redis() as redis:
        check_redis(redis, failures)
        pannier = Pannier("limits: {max_request_bytes: 64MiB}\n", redis.port)
        if os.path.exists(pannier.binary):
            with pannier:
                check_pannier(redis, pannier, failures)
                check_splits(redis, pannier, failures)
        else:
            print(f"{pannier.binary} does not exist: only Redis was asked")
    print(f"{len(SAME)} cases alike, {len(DIFFERENT)} not, {len(failures)} wrong")
    print("\n".join(failures))
    return bool(failures)


if __name__ == "__main__":
    sys.exit(main())
