"""What may differ between two equal Redis servers, and what the sidecar answers in another way on
purpose. Everything else of differential_table_test.py must be the same to the byte."""

import re

from lockstep import fields, kinds, leaves, numbers, shape, unordered

SEED = "each server hashes with its own seed"


def info(value):
    """Names of sections and fields, in order. The sidecar adds a section of its own."""

    def names(kind, text):
        lines = [line.split(b":")[0] for line in text.split(b"# Pannier")[0].split(b"\r\n")]
        occasional = (b"cmdstat_", b"errorstat_", b"latency_percent")
        return (kind, b"\n".join(n for n in lines if n and not n.startswith(occasional)))

    return leaves(value, names)


def docs(value):
    """Without the order. The sidecar documents its own command, so that redis-cli completes it."""
    kind, inner = value
    if isinstance(inner, list) and (b"$", b"pannier") in inner:
        at = inner.index((b"$", b"pannier"))
        inner = inner[:at] + inner[at + 2:]
    return unordered((kind, inner))


# Replies that differ between two servers of the same state: what remains of them, and why.
# The key is a command, or a command and its first argument.
VOLATILE = {
    "time": (numbers, "the clock"),
    "lastsave": (numbers, "the clock"),
    "ttl": (numbers, "the clock"),
    "pttl": (numbers, "the clock"),
    "object idletime": (numbers, "the clock"),
    "xinfo": (numbers, "times of delivery"),
    "xpending": (numbers, "times of delivery"),
    "latency histogram": (kinds, "durations"),
    "slowlog": (shape, "durations"),
    "randomkey": (shape, "chance"),
    "srandmember": (shape, "chance"),
    "spop": (shape, "chance"),
    "hrandfield": (shape, "chance"),
    "zrandmember": (shape, "chance"),
    "acl genpass": (shape, "chance"),
    "lolwut": (kinds, "chance"),
    "keys": (unordered, SEED),
    "scan": (unordered, SEED),
    "smembers": (unordered, SEED),
    "sunion": (unordered, SEED),
    "sdiff": (unordered, SEED),
    "sinter": (unordered, SEED),
    "sscan": (unordered, SEED),
    "sort": (unordered, SEED),
    "sort_ro": (unordered, SEED),
    "acl cat": (unordered, SEED),
    "function list": (unordered, SEED),
    "config get": (unordered, SEED),
    "command": (unordered, SEED),
    "command docs": (docs, SEED),
    "debug htstats": (kinds, SEED),
    "debug htstats-key": (kinds, SEED),
    "debug object": (kinds, "addresses"),
    "memory": (numbers, "what the allocator did before"),
    "memory malloc-stats": (kinds, "what the allocator did before"),
    "bgrewriteaof": (kinds, "whether a child process runs"),
    "bgsave": (kinds, "whether a child process runs"),
    "role": (numbers, "the offset of replication"),
    "info": (info, "state of the server"),
    "client id": (numbers, "the id is the sidecar's"),
    "client list": (fields, "ports, ages and buffers of connections"),
    "client info": (fields, "ports, ages and buffers of connections"),
}

# Left out, and why.
LEFT_OUT = {
    ("scan", "0"): "which keys come first depends on the seed; tools_test.py walks whole scans",
    ("scan", "0", "MATCH", "extra"): "as above",
    ("shutdown",): "ends the server",
    ("shutdown", "NOSAVE"): "ends the server",
}

# What the sidecar answers in another way on purpose: (modes or None for all, command as a pattern,
# why). A mode is a key of MODES or STATES of the test.
IN_MULTI = "multi2 multi3 watchmulti"
DIFFERENT = [
    ("resp3 multi3 named watchmulti", r"debug protocol push.*",
     "pushes on a connection that clients share are not theirs"),
    (None, r"script debug.*", "there is no debugger on a shared connection"),
    (IN_MULTI, r"((p|s|)(un|)subscribe|monitor).*", "refused: a tunnel cannot begin inside EXEC"),
    ("multi2", r"hello 3.*", "refused: EXEC's reply cannot be in two protocols"),
    ("multi3 watchmulti", r"hello 2.*", "refused: EXEC's reply cannot be in two protocols"),
    (IN_MULTI, r"client (reply|tracking|caching|kill|unblock) .*", "refused: reaches beyond EXEC"),
]

# What is known to be wrong. An entry that no longer differs is reported, to be removed.
GAPS = []


def remains(args):
    """The function that leaves of a reply to `args` what can be compared, or None for all of it."""
    name = args[0].lower()
    both = f"{name} {args[1].lower()}" if len(args) > 1 else name
    return (VOLATILE.get(both) or VOLATILE.get(name) or (None,))[0]


def listed(entries, mode, args):
    """The first of `entries` that means this question, or None."""
    text = " ".join(args)
    return next((entry for entry in entries if (entry[0] is None or mode in entry[0].split()) and
                 re.fullmatch(entry[1], text, re.IGNORECASE | re.DOTALL)), None)
