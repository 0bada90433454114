#!/usr/bin/python3
"""Every row of tests/protocol/globs.txt is what KEYS of a real server says."""

import os
import re
import sys

from support import ROOT, Redis


def bytes_of(field):
    """The bytes that a field of globs.txt stands for."""
    def one(match):
        token = match.group()
        if token == "%00":
            return ""
        if token == "%20":
            return " "
        if token == "\\\\":
            return "\\"
        return chr(int(token[2:], 16))
    return re.sub(r"%00|%20|\\\\|\\x..", one, field).encode("latin1")


def main():
    failures, rows = [], 0
    with open(os.path.join(ROOT, "tests/protocol/globs.txt")) as table, Redis() as redis:
        wire = redis.wire()
        for line in table:
            if line.startswith("#") or not line.strip():
                continue
            pattern, text, expected = line.split()
            wire.call("FLUSHALL")
            wire.call("SET", bytes_of(text), "")
            said = "no" if wire.call("KEYS", bytes_of(pattern)) == b"*0\r\n" else "yes"
            rows += 1
            if said != expected:
                failures.append(f"{line.strip()}: Redis says {said}")
    print(f"{rows} rows, {len(failures)} wrong")
    print("\n".join(failures))
    return bool(failures)


if __name__ == "__main__":
    sys.exit(main())
