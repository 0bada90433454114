"""A RESP2 client for asyncio that pipelines: many tasks share a connection, replies come in order."""

import asyncio
import collections

from support import encode


class Connection:
    """Use open() to make one. call() may be used by any number of tasks at a time."""

    def __init__(self, reader, writer):
        self.reader, self.writer = reader, writer
        self.waiting = collections.deque()
        self.task = asyncio.ensure_future(self._read())

    @classmethod
    async def open(cls, port):
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    async def call(self, *args):
        """The reply as bytes, int, None, list, or an Exception in place of an error."""
        reply = asyncio.get_running_loop().create_future()
        self.waiting.append(reply)
        self.writer.write(encode(*args))
        return await reply

    def abort(self):
        """Resets the connection, as when the process that owns it is killed."""
        self.writer.transport.abort()

    async def close(self):
        self.writer.close()
        await asyncio.gather(self.task, return_exceptions=True)

    async def _read(self):
        try:
            while True:
                reply = await self._value()
                self.waiting.popleft().set_result(reply)
        except (OSError, asyncio.IncompleteReadError):
            for reply in self.waiting:
                if not reply.done():
                    reply.set_exception(ConnectionError("connection lost"))

    async def _value(self):
        line = await self.reader.readuntil(b"\r\n")
        kind, text = line[:1], line[1:-2]
        if kind == b"+":
            return text
        if kind == b"-":
            return RuntimeError(text.decode())
        if kind == b":":
            return int(text)
        if text == b"-1":
            return None
        if kind == b"$":
            return (await self.reader.readexactly(int(text) + 2))[:-2]
        return [await self._value() for _ in range(int(text))]
