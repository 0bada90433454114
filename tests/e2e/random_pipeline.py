"""Random pipelines: what a client may send in one write, of every kind of command."""

import random

from support import encode

SHA = "e0e1f9fabfc9d4800c877a703b823ac0578ff8db"  # of "return 1"

class Generator:
    """A pipeline is a list of commands, each a list of words; the same for the same seed."""

    def __init__(self, seed):
        self.pick = random.Random(seed)
        self.in_multi = self.subscribed = False
        self.kinds = [(getattr(self, name), weight) for name, weight in KINDS]

    def pipeline(self, size):
        commands = []
        while len(commands) < size:
            kinds, weights = zip(*self.kinds)
            kind = self.pick.choices(kinds, weights)[0]
            if not self.may(kind.__name__):
                continue
            for command in kind():
                commands.append([str(word) for word in command])
        return commands

    def may(self, kind):
        """Not what is refused inside MULTI on purpose."""
        refused = ["hello", "reply", "subscribe"] + ["select", "connection", "publish"] * self.subscribed
        if kind == "tracking" and self.subscribed:
            return False
        return not self.in_multi or kind not in [*refused, "tracking"]

    def key(self):
        return self.pick.choice("abcdefgh")

    def value(self):
        size = self.pick.choice([0, 1, 1, 3, 3, 20, 20, 600, 20000 if self.pick.random() < .1 else 5])
        return self.pick.choice(["7", "3.5", "x" * size, "\r\n" * (size % 9), "v%d" % size])

    def channel(self):
        return self.pick.choice(["one", "two"])

    def strings(self):
        k = self.key()
        yield self.pick.choice([
            ["GET", k], ["GET", k], ["SET", k, self.value()], ["SET", k, self.value(), "GET"],
            ["MGET", k, self.key(), self.key()], ["INCR", k], ["INCRBYFLOAT", k, "0.5"],
            ["APPEND", k, "z"], ["GETDEL", k], ["SETNX", k, 1], ["MSET", k, 1, self.key(), 2],
            ["STRLEN", k], ["GETRANGE", k, 0, 3], ["SET", k, 1, "PXAT", 99999999999999],
            ["SET", k, self.value(), "EXAT", 99999999999], ["GETEX", k, "PERSIST"], ["SETBIT", k, 9, 1]])

    def keys(self):
        k = self.key()
        yield self.pick.choice([
            ["DEL", k], ["EXISTS", k, self.key()], ["TYPE", k], ["RENAME", k, self.key()],
            ["COPY", k, self.key()], ["UNLINK", k, self.key()], ["EXPIREAT", k, 99999999999],
            ["EXPIRETIME", k], ["PERSIST", k], ["OBJECT", "ENCODING", k], ["MOVE", k, 1],
            ["DBSIZE"], ["TOUCH", k], ["OBJECT", "REFCOUNT", k], ["COPY", k, k, "DB", 2]])

    def structures(self):
        k, n = self.key(), self.pick.randrange(9)
        yield self.pick.choice([
            ["LPUSH", k, n, self.value()], ["RPUSH", k, n], ["LPOP", k], ["LPOP", k, 2],
            ["LRANGE", k, 0, -1], ["LMOVE", k, self.key(), "LEFT", "RIGHT"], ["RPOP", k, 0],
            ["HSET", k, "f", n, "g", n], ["HGETALL", k], ["HMGET", k, "f", "nosuch"],
            ["HINCRBYFLOAT", k, "f", "1.5"], ["HKEYS", k], ["SADD", k, n], ["SMEMBERS", k],
            ["SISMEMBER", k, n], ["SREM", k, n], ["SINTERCARD", 2, k, self.key()],
            ["ZADD", k, n, f"m{n}"], ["ZRANGE", k, 0, -1, "WITHSCORES"], ["ZSCORE", k, f"m{n}"],
            ["ZPOPMIN", k], ["ZPOPMIN", k, 2], ["ZADD", k, "INCR", 1, f"m{n}"], ["ZMSCORE", k, "x"],
            ["ZRANK", k, f"m{n}"], ["SORT", k, "ALPHA"], ["LMPOP", 1, k, "LEFT"],
            ["XADD", k, f"{n}-*", "f", n], ["XRANGE", k, "-", "+"], ["XLEN", k],
            ["XGROUP", "CREATE", k, "grp", 0, "MKSTREAM"], ["XPENDING", k, "grp"],
            ["XREADGROUP", "GROUP", "grp", "me", "STREAMS", k, ">"],
            ["XREAD", "COUNT", 1, "STREAMS", k, 0], ["PFADD", k, n], ["PFCOUNT", k],
            ["GEOADD", k, n, n, f"m{n}"], ["GEOPOS", k, f"m{n}", "x"]])

    def blocking(self):
        k = self.key()
        if self.pick.random() < .9:
            yield ["RPUSH", k, 1, 2]
        yield self.pick.choice([
            ["BLPOP", k, 0.001], ["BRPOP", self.key(), k, 0.001], ["BLPOP", k, -1],
            ["BLMOVE", k, self.key(), "LEFT", "LEFT", 0.001], ["BLMPOP", 0.001, 1, k, "LEFT"],
            ["BZPOPMIN", k, 0.001], ["XREAD", "BLOCK", 1, "STREAMS", k, 0], ["WAIT", 0, 0]])

    def scripts(self):
        k = self.key()
        yield self.pick.choice([
            ["EVAL", "return redis.call('INCR', KEYS[1])", 1, k],
            ["EVAL", "return redis.call('GET', KEYS[1])", 1, k],
            ["EVAL", "return {1, 'x', {2}, false}", 0],
            ["EVAL", "redis.setresp(3) return redis.call('HGETALL', KEYS[1])", 1, k],
            ["EVAL", f"return redis.call('SET', '{k}', 'hidden')", 0],
            ["EVAL", "return redis.error_reply('NO way')", 0], ["EVALSHA", SHA, 0],
            ["SCRIPT", "LOAD", "return 1"], ["SCRIPT", "EXISTS", SHA], ["SCRIPT", "FLUSH"],
            ["EVAL_RO", "return redis.call('TYPE', KEYS[1])", 1, k]])

    def transaction(self):
        name = self.pick.choice(["MULTI", "MULTI", "EXEC", "EXEC", "DISCARD", "WATCH", "UNWATCH"])
        yield [name, self.key()] if name == "WATCH" else [name]
        ends = self.in_multi and name in ("EXEC", "DISCARD")
        self.in_multi = (self.in_multi or name == "MULTI") and not ends

    def whole_transaction(self):
        if self.pick.random() < .3:
            yield ["WATCH", self.key()]
        self.in_multi = True
        yield ["MULTI"]
        for _ in range(self.pick.randrange(5)):
            yield from self.pick.choice([self.strings, self.structures, self.scripts, self.wrong])()
        yield ["EXEC"]
        self.in_multi = False

    def select(self):
        yield ["SELECT", self.pick.choice([0, 0, 1, 2, 99, "x"])]

    def hello(self):
        yield self.pick.choice([["HELLO", 2], ["HELLO", 3], ["HELLO", 3], ["HELLO"], ["HELLO", 4],
                                ["HELLO", 3, "SETNAME", "him"]])

    def reply(self):
        how = self.pick.choice(["OFF", "SKIP", "SKIP", "ON", "x"])
        yield ["CLIENT", "REPLY", how]
        yield from self.strings()
        if self.pick.random() < .7:
            yield ["CLIENT", "REPLY", "ON"]

    def connection(self):
        yield self.pick.choice([
            ["PING"], ["PING", "hello"], ["ECHO", self.value()], ["READONLY"],
            ["CLIENT", self.pick.choice(["GETNAME", "SETNAME"]), "me"][:self.pick.choice([2, 3])],
            ["CLIENT", "NO-EVICT", "OFF"],
            ["AUTH", "x"], ["CLIENT", "UNPAUSE"]])

    def subscribe(self):
        self.subscribed = True
        yield ["HELLO", self.pick.choice([3, 3, 3, 2])]
        name = self.pick.choice(["", "P", "S"])
        channel = self.channel()
        yield [name + "SUBSCRIBE", channel]
        for _ in range(self.pick.randrange(6)):
            yield from self.pick.choice([self.publish, self.publish, self.strings, self.structures,
                                         self.connection, self.blocking])()
        if self.pick.random() < .8:
            yield [name + "UNSUBSCRIBE", channel]

    def tracking(self):
        """Of keys that nobody changes before it ends: when a push comes is chance."""
        yield ["HELLO", 3]
        yield ["CLIENT", "TRACKING", "ON", *self.pick.choice([[], ["OPTIN"], ["NOLOOP"]])]
        for _ in range(self.pick.randrange(5)):
            yield from self.pick.choice([
                [["CLIENT", "CACHING", "YES"]], [["GET", "steady"]], [["PING"]],
                [["CLIENT", "TRACKINGINFO"]], [["CLIENT", "GETREDIR"]], [["WATCH", "steady"]],
                [["MULTI"], ["MGET", "steady", "other"], ["EXEC"]], [["INCR", self.key()]],
                [["CLIENT", "TRACKING", "ON", "BCAST"]]])
        yield ["CLIENT", "TRACKING", "OFF"]

    def large(self):
        """Passed on while it comes, between commands of the same client."""
        k, size = self.key(), self.pick.choice([1 << 20, (1 << 20) + 7, 3 << 20])
        value = "z" * size
        yield self.pick.choice([["SET", k, value, "GET"], ["SET", k, value], ["APPEND", k, value],
                                ["SETEX", k, 1000, value], ["ECHO", value], ["LPUSH", k, 1, value],
                                ["SET", k, value, "NOSUCH"], ["MSET", k, value, "b", 1],
                                ["GET", k, value], ["nosuch", value], ["GETSET", k, value]])
        yield ["STRLEN", k]
        if self.pick.random() < .5:
            yield ["DEL", k]

    def publish(self):
        yield [self.pick.choice(["PUBLISH", "PUBLISH", "SPUBLISH"]), self.channel(), self.value()]

    def server(self):
        command = self.pick.choice([
            ["FLUSHDB"], ["SWAPDB", 0, 1], ["COMMAND", "COUNT"], ["CONFIG", "GET", "maxmemory"],
            ["ACL", "WHOAMI"], ["PUBSUB", "NUMPAT"], ["MEMORY", "HELP"], ["RESET"],
            ["SLOWLOG", "HELP"]])
        if command == ["RESET"]:
            self.in_multi = self.subscribed = False
        yield command

    def wrong(self):
        yield self.pick.choice([
            ["GET"], ["nosuch", self.key()], ["SET", "a"], ["INCRBY", self.key(), "x"], ["EVAL", "x"],
            ["OBJECT", "NOSUCH"], ["BLPOP"], ["SUBSCRIBE"], ["HGET", "a"], ["LINDEX"], [""]])


KINDS = [("strings", 30), ("structures", 30), ("keys", 10), ("scripts", 8), ("blocking", 1),
         ("transaction", 6), ("whole_transaction", 4), ("select", 3), ("hello", 2), ("reply", 3),
         ("connection", 5), ("subscribe", 2), ("publish", 3), ("server", 1), ("wrong", 3),
         ("tracking", 1), ("large", 0.1)]


def wire(commands):
    return b"".join(encode(*command) for command in commands)
