"""How each target is started, all in front of the same Redis."""

import os

from .bed import BenchError

# The order of slices within a round. What is compared most is adjacent: pannier stands between
# nutcracker and direct.
ORDER = ["haproxy", "nutcracker", "pannier", "direct", "pannier-unix", "pannier-unix-both"]
REFERENCES = ["direct", "nutcracker", "haproxy"]
UNIX = ["pannier-unix", "pannier-unix-both"]

PANNIER_CONFIG = "rules: []\n"

NUTCRACKER_CONFIG = """\
bench:
  listen: 127.0.0.1:{port}
  hash: fnv1a_64
  distribution: ketama
  redis: true
  auto_eject_hosts: false
  server_connections: 1
  servers:
    - 127.0.0.1:{upstream}:1
"""

HAPROXY_CONFIG = """\
global
  nbthread 1
  maxconn 4000
defaults
  mode tcp
  timeout connect 5s
  timeout client 1h
  timeout server 1h
listen redis
  bind 127.0.0.1:{port}
  server redis 127.0.0.1:{upstream}
"""


def start_redis(bed):
    port = bed.free_port()
    argv = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "",
            "--appendonly", "no", "--dir", bed.directory,
            "--unixsocket", bed.path(f"redis-{port}.sock")]
    return bed.serve("redis", argv, f"127.0.0.1:{port}")


def port_of(server):
    return int(server.address.rpartition(":")[2])


def start(bed, name, redis, pannier):
    """The server a client of target `name` talks to. For `direct` that is Redis itself."""
    if name == "direct":
        return redis
    if name == "nutcracker":
        return _nutcracker(bed, port_of(redis))
    if name == "haproxy":
        return _haproxy(bed, port_of(redis))
    upstream = f"redis://{redis.address}"
    if name == "pannier-unix-both":
        upstream = f"unix:{bed.path(f'redis-{port_of(redis)}.sock')}"
    return start_pannier(bed, name, upstream, pannier, PANNIER_CONFIG, unix=name in UNIX)


def _nutcracker(bed, upstream):
    port = bed.free_port()
    config = bed.write(f"nutcracker-{port}.yml",
                       NUTCRACKER_CONFIG.format(port=port, upstream=upstream))
    argv = ["nutcracker", "-c", config, "-s", str(bed.free_port()), "-a", "127.0.0.1",
            "-o", bed.path(f"nutcracker-{port}.log"), "-p", bed.path(f"nutcracker-{port}.pid"),
            "-m", "16384"]
    return bed.serve("nutcracker", argv, f"127.0.0.1:{port}")


def _haproxy(bed, upstream):
    port = bed.free_port()
    config = bed.write(f"haproxy-{port}.cfg", HAPROXY_CONFIG.format(port=port, upstream=upstream))
    return bed.serve("haproxy", ["haproxy", "-db", "-f", config], f"127.0.0.1:{port}")


def start_pannier(bed, name, upstream, binary, config, *, unix=False):
    """A sidecar with that configuration; `admin_port` tells what it has counted."""
    if not os.access(binary, os.X_OK):
        raise BenchError(f"{binary} is not there: cmake --workflow --preset release")
    port, admin = bed.free_port(), bed.free_port()
    address = f"unix:{bed.path(f'{name}-{port}.sock')}" if unix else f"127.0.0.1:{port}"
    file = bed.write(f"{name}-{port}.yaml", config)
    argv = [binary, "run", "--config", file, "--listen", address, "--upstream", upstream,
            "--admin", f"127.0.0.1:{admin}"]
    server = bed.serve(name, argv, address)
    server.admin_port = admin
    return server
