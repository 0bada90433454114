#!/usr/bin/python3
"""What deploy/ and the binary say of each other is true: addresses, probes, options, libraries."""

import fnmatch
import os
import re
import shlex
import shutil
import socket
import stat
import subprocess
import tempfile
import unittest
import urllib.request

import yaml

from support import BINARY, ROOT, Pannier, Redis, Wire, wait_until

INSTALLED = "/usr/bin/pannier"  # Where the image and the unit have the binary.


def text_of(*path):
    with open(os.path.join(ROOT, *path)) as file:
        return file.read()


def seconds(duration):
    number, unit = re.fullmatch(r"(\d+)(ms|s|m|min)?", str(duration)).groups()
    return int(number) * {"ms": 0.001, "s": 1, None: 1, "m": 60, "min": 60}[unit]


def every_key(node):
    """Every key of every map, at any depth."""
    if isinstance(node, dict):
        yield from node
        node = node.values()
    if not isinstance(node, str) and hasattr(node, "__iter__"):
        for child in node:
            yield from every_key(child)


class UnixWire(Wire):
    def __init__(self, path, timeout):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(timeout)
        self.buffer = b""
        try:
            self.socket.connect(path)
        except OSError:
            self.socket.close()
            raise


class AsDeployed(Pannier):
    """The sidecar with a file of deploy/, but what would collide on this machine: where it listens,
    its HTTP port and its upstream. The upstream keeps being a name."""

    def __init__(self, config, redis_port, words=("run", "--config", "/etc/pannier/pannier.yaml")):
        super().__init__()
        self.words = words
        self.path = os.path.join(self.folder.name, "pannier.sock")
        self.mounted = os.path.join(self.folder.name, "config")
        self.redis_port = redis_port
        self.mount(config)

    def mount(self, config):
        """Puts the file there as the kubelet does: the new folder first, then one rename."""
        config = dict(config, admin=f"127.0.0.1:{self.admin_port}",
                      upstream=dict(config.get("upstream", {}),
                                    url=f"redis://localhost:{self.redis_port}"))
        if "unix:" in config["listen"]:
            config["listen"] = f"unix:{self.path}"
        os.makedirs(self.mounted, exist_ok=True)
        version = tempfile.mkdtemp(prefix="..", dir=self.mounted)
        with open(os.path.join(version, "pannier.yaml"), "w") as file:
            yaml.safe_dump(config, file)
        link = os.path.join(self.mounted, "..data_tmp")
        os.symlink(os.path.basename(version), link)
        os.rename(link, os.path.join(self.mounted, "..data"))
        link = os.path.join(self.mounted, "pannier.yaml")
        if not os.path.lexists(link):
            os.symlink("..data/pannier.yaml", link)

    def command_line(self):
        return [self.binary, *(word.replace("/etc/pannier", self.mounted) for word in self.words)]

    def wire(self, timeout=5.0):
        return UnixWire(self.path, timeout)

    def answers(self):
        try:
            with self.wire(1.0) as wire:
                return wire.call("PING") == b"+PONG\r\n"
        except OSError:
            return False

    def metric(self, line):
        url = f"http://127.0.0.1:{self.admin_port}/metrics"
        with urllib.request.urlopen(url, timeout=5) as reply:
            found = re.search(rf"^{re.escape(line)} (\S+)$", reply.read().decode(), re.MULTILINE)
        return found and float(found[1])


class KubernetesTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.documents = list(yaml.safe_load_all(text_of("deploy/kubernetes.yaml")))
        cls.config_map, deployment = cls.documents
        cls.pod = deployment["spec"]["template"]["spec"]
        cls.sidecar, = cls.pod["initContainers"]
        cls.app, = cls.pod["containers"]
        cls.config = yaml.safe_load(cls.config_map["data"]["pannier.yaml"])

    def test_it_is_a_native_sidecar_without_hooks(self):
        self.assertEqual(self.sidecar["restartPolicy"], "Always")
        self.assertNotIn("preStop", list(every_key(self.documents)))

    def test_it_may_do_nothing_that_it_does_not_need(self):
        pod = self.pod["securityContext"]
        self.assertTrue(pod["runAsNonRoot"])
        self.assertEqual(pod["seccompProfile"], {"type": "RuntimeDefault"})
        self.assertEqual(self.sidecar["securityContext"],
                         {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True,
                          "capabilities": {"drop": ["ALL"]}})
        self.assertFalse(self.pod["automountServiceAccountToken"])
        self.assertIn("memory", self.sidecar["resources"]["limits"])

    def test_both_containers_are_the_user_of_the_image(self):
        user = re.search(r"^USER (\d+):\d+$", text_of("deploy/Dockerfile"), re.MULTILINE)[1]
        self.assertEqual(str(self.pod["securityContext"]["runAsUser"]), user)
        for container in (self.sidecar, self.app):
            self.assertNotIn("runAsUser", container["securityContext"])

    def test_the_application_is_told_the_socket_that_both_mount(self):
        path = self.config["listen"].removeprefix("unix:")
        environment = {one["name"]: one["value"] for one in self.app["env"]}
        self.assertEqual(environment["REDIS_URL"], f"unix://{path}")
        for container in (self.sidecar, self.app):
            self.assertIn(("socket", os.path.dirname(path)),
                          [(one["name"], one["mountPath"]) for one in container["volumeMounts"]])

    def test_the_file_is_mounted_so_that_changes_arrive(self):
        self.assertNotIn("subPath", list(every_key(self.documents)))
        folder, = [one for one in self.sidecar["volumeMounts"] if one["name"] == "config"]
        self.assertEqual(self.sidecar["args"], ["run", "--config",
                                                f"{folder['mountPath']}/pannier.yaml"])

    def test_the_pod_is_given_the_time_to_drain(self):
        self.assertGreaterEqual(self.pod["terminationGracePeriodSeconds"],
                                seconds(self.config["drain"]) + 5)

    def test_check_accepts_the_file_as_it_stands(self):
        with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
            file.write(self.config_map["data"]["pannier.yaml"])
            file.flush()
            subprocess.run([BINARY, "check", file.name], check=True, capture_output=True)

    def test_the_probes_get_their_answer_from_a_sidecar_with_the_file(self):
        with Redis() as redis, AsDeployed(self.config, redis.port) as pannier:
            for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
                with self.subTest(probe):
                    command = self.sidecar[probe]["exec"]["command"]
                    self.assertEqual(command[0], INSTALLED)
                    self.assertGreater(self.sidecar[probe]["timeoutSeconds"], 2)
                    words = [*command[1:], "--admin", f"127.0.0.1:{pannier.admin_port}"]
                    subprocess.run([pannier.binary, *words], check=True, capture_output=True)
            self.assertEqual(stat.S_IMODE(os.stat(pannier.path).st_mode), 0o600)
            with pannier.wire() as wire, redis.wire() as behind:
                self.assertEqual(wire.call("SET", "dashboard:sales", "1"), b"+OK\r\n")
                self.assertIn(int(wire.call("TTL", "dashboard:sales")[1:]), range(270, 301))
                self.assertEqual(behind.call("GET", "dashboard:sales"), b"$1\r\n1\r\n")

    def test_a_changed_config_map_is_taken_up(self):
        reloads = 'pannier_config_reloads_total{result="ok"}'
        with Redis() as redis, AsDeployed(self.config, redis.port) as pannier:
            before = pannier.metric(reloads)
            config = dict(self.config, tiers={"hot": {"ttl": "1h"}})
            pannier.mount(config)
            wait_until(lambda: pannier.metric(reloads) > before, "a reload")
            with pannier.wire() as wire:
                wire.call("SET", "dashboard:sales", "1")
                self.assertEqual(wire.call("TTL", "dashboard:sales"), b":3600\r\n")


class UnitTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.text = text_of("deploy/pannier.service")
        cls.settings = dict(re.findall(r"^(\w+)=(.*)$", cls.text, re.MULTILINE))

    def test_the_binary_takes_the_command_line(self):
        path, *words = shlex.split(self.settings["ExecStart"])
        self.assertEqual(path, INSTALLED)
        config = {"listen": "unix:/run/pannier/pannier.sock"}
        with Redis() as redis, AsDeployed(config, redis.port, words) as pannier:
            with pannier.wire() as wire:
                self.assertEqual(wire.call("PING"), b"+PONG\r\n")

    def test_a_wrong_file_ends_with_the_code_that_is_not_tried_again(self):
        with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
            file.write("nonsense: 1\n")
            file.flush()
            done = subprocess.run([BINARY, "run", "--config", file.name],
                                  capture_output=True, timeout=10)
        self.assertEqual(str(done.returncode), self.settings["RestartPreventExitStatus"])

    def test_stopping_waits_longer_than_the_drain(self):
        drain = yaml.safe_load(text_of("conf/pannier.yaml"))["drain"]
        self.assertGreaterEqual(seconds(self.settings["TimeoutStopSec"]), seconds(drain) + 5)

    @unittest.skipUnless(shutil.which("systemd-analyze"), "no systemd-analyze")
    def test_systemd_accepts_it_and_calls_it_safe(self):
        with tempfile.TemporaryDirectory() as folder:
            unit = os.path.join(folder, "pannier.service")
            with open(unit, "w") as file:
                file.write(self.text.replace(INSTALLED, BINARY))
            verified = subprocess.run(["systemd-analyze", "verify", "--man=no", unit],
                                      capture_output=True, text=True)
            self.assertEqual((verified.returncode, verified.stderr), (0, ""))
            subprocess.run(["systemd-analyze", "security", "--offline=true", "--threshold=20",
                            unit], check=True, capture_output=True)


class DockerfileTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.text = text_of("deploy/Dockerfile").replace("\\\n", "")

    def test_the_image_has_the_package_of_every_library_and_no_other(self):
        listed = re.search(r'^ARG packages="([^"]*)"$', self.text, re.MULTILINE)[1].split()
        shown = subprocess.check_output(["ldd", BINARY], text=True)
        owners = set()
        for library in re.findall(r"(/\S+) \(0x", shown):
            # A library is registered under the path that its package has, with /usr or without.
            path = library.removeprefix("/usr")
            found = subprocess.run(["dpkg", "-S", path, f"/usr{path}"], capture_output=True,
                                   text=True)
            self.assertTrue(found.stdout, f"no package has {library}")
            owners.add(found.stdout.split(":")[0])
        self.assertEqual(set(listed), owners)

    def test_the_last_stage_has_no_shell_and_is_not_root(self):
        last = self.text[self.text.rindex("\nFROM "):]
        self.assertTrue(last.startswith("\nFROM scratch\n"))
        self.assertNotRegex(last, r"(?m)^RUN ")
        self.assertRegex(last, r"(?m)^USER [1-9]\d*:[1-9]\d*$")
        entry = yaml.safe_load(re.search(r"^ENTRYPOINT (.*)$", last, re.MULTILINE)[1])
        words = yaml.safe_load(re.search(r"^CMD (.*)$", last, re.MULTILINE)[1])
        self.assertEqual(entry + words, [INSTALLED, "run", "--config", "/etc/pannier/pannier.yaml"])

    def test_what_is_copied_is_there_and_not_ignored(self):
        rules = [line for line in text_of(".dockerignore").splitlines() if line[:1] not in "#"]
        self.assertEqual(rules[0], "*")
        let_in = [rule.removeprefix("!") for rule in rules[1:]]
        for line in re.findall(r"^COPY (?!--from)(.*)$", self.text, re.MULTILINE):
            for source in line.split()[:-1]:
                with self.subTest(source):
                    self.assertTrue(os.path.exists(os.path.join(ROOT, source)))
                    self.assertTrue(any(fnmatch.fnmatch(source, rule) for rule in let_in))


class ComposeTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.services = yaml.safe_load(text_of("deploy/compose.yaml"))["services"]

    def test_the_sidecar_takes_the_command_line_and_the_healthcheck(self):
        words = shlex.split(self.services["pannier"]["command"])
        self.assertEqual(words[-2:], ["--upstream", "redis://redis:6379"])
        config = {"listen": "unix:/run/pannier/pannier.sock"}
        with Redis() as redis:
            words[-1] = f"redis://localhost:{redis.port}"
            with AsDeployed(config, redis.port, words) as pannier:
                keyword, path, *check = self.services["pannier"]["healthcheck"]["test"]
                self.assertEqual((keyword, path), ("CMD", INSTALLED))
                check += ["--admin", f"127.0.0.1:{pannier.admin_port}"]
                wait_until(lambda: subprocess.run([BINARY, *check], capture_output=True)
                           .returncode == 0, "healthy")
                with pannier.wire() as wire, redis.wire() as behind:
                    wire.call("SET", "a", "1")
                    self.assertEqual(behind.call("GET", "a"), b"$1\r\n1\r\n")

    def test_the_mounted_folder_has_the_file(self):
        source, target, mode = self.services["pannier"]["volumes"][0].split(":")
        self.assertEqual((target, mode), ("/etc/pannier", "ro"))
        self.assertTrue(os.path.exists(os.path.join(ROOT, "deploy", source, "pannier.yaml")))

    def test_it_is_given_the_time_to_drain_and_no_rights(self):
        sidecar = self.services["pannier"]
        drain = yaml.safe_load(text_of("conf/pannier.yaml"))["drain"]
        self.assertGreaterEqual(seconds(sidecar["stop_grace_period"]), seconds(drain) + 5)
        self.assertEqual((sidecar["read_only"], sidecar["cap_drop"]), (True, ["ALL"]))


if __name__ == "__main__":
    unittest.main()
