"""A client that says what replies mean: str, int, float, bool, None, list, dict, or an Exception in
place of an error."""

from support import Wire, encode


class Client:
    """One connection; call it with a command. Pushes of RESP3 wait for push()."""

    def __init__(self, port, protocol=2, timeout=5.0):
        self.wire = Wire(port, timeout)
        self.pushes = []
        if protocol == 3:
            self("HELLO", "3")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def __call__(self, *args):
        self.send(*args)
        return self.reply()

    def send(self, *args):
        self.wire.send(encode(*args))

    def close(self):
        self.wire.socket.close()

    def reply(self):
        while (data := self.wire.reply()).startswith(b">"):
            self.pushes.append(_value(data)[0])
        return _value(data)[0]

    def push(self):
        if not self.pushes:
            data = self.wire.reply()
            assert data.startswith(b">"), data
            self.pushes.append(_value(data)[0])
        return self.pushes.pop(0)


def _value(data):
    line, rest = data.split(b"\r\n", 1)
    kind, text = chr(line[0]), line[1:].decode()
    if kind == "_" or (text == "-1" and kind in "$*"):
        return None, rest
    if kind in "$=":
        return rest[:int(text)].decode(), rest[int(text) + 2:]
    if kind == "!":
        return RuntimeError(rest[:int(text)].decode()), rest[int(text) + 2:]
    if kind in "*~>%":
        items = []
        for _ in range(int(text) * (2 if kind == "%" else 1)):
            item, rest = _value(rest)
            items.append(item)
        return (dict(zip(items[::2], items[1::2])) if kind == "%" else items), rest
    if kind == "-":
        return RuntimeError(text), rest
    convert = {":": int, ",": float, "#": lambda said: said == "t"}.get(kind, str)
    return convert(text), rest
