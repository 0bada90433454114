"""Certificates, and servers and clients that speak TLS."""

import os
import ssl
import subprocess
import tempfile

from support import Pannier, Redis, Wire, free_port

NAMES = "DNS:localhost,IP:127.0.0.1"


class Certificates:
    """A folder with authorities and certificates, made by the openssl command as they are asked
    for; its path of `x` is the PEM file of certificate x, that of `x.key` its key."""

    def __init__(self):
        self.folder = tempfile.TemporaryDirectory(prefix="pannier-tls-")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.folder.cleanup()

    def path(self, name):
        return os.path.join(self.folder.name, name if name.endswith(".key") else name + ".pem")

    def authority(self, name):
        self._openssl("req", "-x509", *self._new(name), "-out", self.path(name), "-days", "2")
        return self

    def certificate(self, name, authority, names=NAMES, days=2):
        """Signs with `authority`; negative `days`: it ended in the past."""
        request, extensions = self.path(name) + ".csr", self.path(name) + ".ext"
        with open(extensions, "w") as file:
            file.write(f"subjectAltName={names}\n")
        self._openssl("req", *self._new(name), "-out", request)
        self._openssl("x509", "-req", "-in", request, "-out", self.path(name), "-days", str(days),
                      "-CA", self.path(authority), "-CAkey", self.path(authority + ".key"),
                      "-CAcreateserial", "-extfile", extensions)
        return self

    def yaml(self, name, authority=None):
        """What a tls section of the configuration says about them."""
        said = f"cert: {self.path(name)}, key: {self.path(name + '.key')}" if name else ""
        trusted = f"ca: {self.path(authority)}" if authority else ""
        return ", ".join(part for part in (said, trusted) if part)

    def context(self, authority="ca", name=None):
        """What a client trusts and shows."""
        context = ssl.create_default_context(cafile=self.path(authority))
        if name:
            context.load_cert_chain(self.path(name), self.path(name + ".key"))
        return context

    def _new(self, name):
        return ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout",
                self.path(name + ".key"), "-subj", f"/CN={name}")

    @staticmethod
    def _openssl(*words):
        subprocess.run(["openssl", *words], check=True, capture_output=True)


class TlsWire(Wire):
    def __init__(self, port, context, timeout=5.0):
        super().__init__(port, timeout)
        try:
            self.socket = context.wrap_socket(self.socket, server_hostname="localhost")
        except BaseException:
            self.socket.close()
            raise


class TlsRedis(Redis):
    """Redis that speaks TLS only."""

    def __init__(self, certificates, name="redis", *options, clients="no"):
        super().__init__("--tls-auth-clients", clients,
                         "--tls-cert-file", certificates.path(name),
                         "--tls-key-file", certificates.path(name + ".key"),
                         "--tls-ca-cert-file", certificates.path("ca"), *options)
        self.context = certificates.context()
        self.context.check_hostname = False
        self.context.verify_mode = ssl.CERT_NONE
        if clients == "yes":
            self.context.load_cert_chain(certificates.path(name), certificates.path(name + ".key"))

    def command_line(self):
        return super().command_line() + ["--port", "0", "--tls-port", str(self.port)]

    def wire(self, timeout=5.0):
        return TlsWire(self.port, self.context, timeout)

    def answers(self):
        try:
            with self.wire(1.0) as wire:
                return wire.call("PING").startswith((b"+PONG", b"-NOAUTH"))
        except OSError:
            return False


class TlsPannier(Pannier):
    """A sidecar that listens on a plain port and, with `tls`, on one for TLS."""

    def __init__(self, config, upstream="", tls="", context=None):
        self.tls_port = free_port()
        self.context = context
        if tls:
            config += f"listen_tls: 127.0.0.1:{self.tls_port}\ntls: {{{tls}}}\n"
        if upstream:
            config += f"upstream: {{{upstream}}}\n"
        super().__init__(config or "mode: normal\n")

    def tls_wire(self, timeout=5.0):
        return TlsWire(self.tls_port, self.context, timeout)
