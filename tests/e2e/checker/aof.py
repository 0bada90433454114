"""Reads the append-only files of Redis: every effect, in the order in which it took effect."""

import os


def commands(data):
    """The commands of a file as lists of strings; a last one that is not whole is none."""
    at, end = 0, len(data)
    while at < end:
        if data[at:at + 1] == b"#":  # A time annotation.
            at = data.index(b"\n", at) + 1
            continue
        begin, words = at, []
        try:
            stop = data.index(b"\r\n", at)
            assert data[at:at + 1] == b"*", data[at:at + 80]
            count, at = int(data[at + 1:stop]), stop + 2
            for _ in range(count):
                stop = data.index(b"\r\n", at)
                size, at = int(data[at + 1:stop]), stop + 2
                if at + size + 2 > end:
                    return
                words.append(data[at:at + size].decode("utf-8", "surrogateescape"))
                at += size + 2
        except ValueError:
            assert end - begin < 1 << 20, "an append-only file is broken"
            return
        yield words


def read(folder):
    """The bytes of all incremental files under `folder`, in the order of their numbers."""
    names = [name for name in os.listdir(folder) if name.endswith(".incr.aof")]
    data = b""
    for name in sorted(names, key=lambda name: int(name.split(".")[-3])):
        with open(os.path.join(folder, name), "rb") as file:
            data += file.read()
    return data
