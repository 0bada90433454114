#!/usr/bin/python3
"""The README says what is true: its tour runs as printed, its links lead somewhere.

A block ```sh after `<!-- run -->` is run, and all of them in one shell, with the sidecar started as
the tour says and the block ```yaml after `<!-- tour.yaml -->` as its file. Its form:

    command               one a line, or more with \\ at the end; & at the end: in the background
    # => line of output   all of them, exactly; ... stands for anything, alone for any lines
    # anything else       is for the reader

A command without `# =>` may print what it likes, but must succeed. What is printed in the
background is expected below its own command, or else below `wait`, in the order in which the jobs
were started.
Programs print as into a pipe: redis-cli without types and quotes.
"""

import dataclasses
import os
import re
import signal
import subprocess
import tempfile
import textwrap
import unittest

from support import ROOT, Pannier, Redis, wait_until

SECONDS = 60


@dataclasses.dataclass
class Step:
    line: int
    command: str
    expected: list
    output: str = ""
    status: str = "none: the shell did not get to its end"

    @property
    def in_background(self):
        return re.search(r"(?<!&)&$", self.command) is not None


def blocks(text, mark, language):
    """The blocks that follow a comment: the number of the first line, and the lines."""
    pattern = rf"^<!-- {re.escape(mark)} -->\n+```{language}\n(.*?)^```$"
    for found in re.finditer(pattern, text, re.MULTILINE | re.DOTALL):
        yield text.count("\n", 0, found.start(1)) + 1, found[1].splitlines()


def steps_of(first, lines):
    steps, goes_on = [], False
    for number, line in enumerate(lines, first):
        if goes_on:
            steps[-1].command += "\n" + line
        elif expected := re.fullmatch(r"# =>(?: (.*)|)", line):
            steps[-1].expected.append(expected[1] or "")
        elif line.strip() and not line.startswith("#"):
            steps.append(Step(number, line.rstrip(), []))
        else:
            continue
        goes_on = line.endswith("\\")
    return steps


def run(steps, replace=lambda text: text, restore=lambda text: text):
    """Runs the commands in one shell and notes what each of them printed."""
    with tempfile.TemporaryDirectory(prefix="pannier-readme-") as folder:
        script = os.path.join(folder, "script")
        with open(script, "w") as file:
            for n, step in enumerate(steps):
                file.write(f"exec >{folder}/{n}.out 2>&1\n{replace(step.command)}\n"
                           f"echo $? >{folder}/{n}.status\n")
        shell = subprocess.Popen(["bash", script], cwd=ROOT, stdin=subprocess.DEVNULL,
                                 process_group=0)
        try:
            shell.wait(SECONDS)
        except subprocess.TimeoutExpired:
            pass
        finally:
            try:
                os.killpg(shell.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            shell.wait()
        for n, step in enumerate(steps):
            for suffix, name in (("out", "output"), ("status", "status")):
                if os.path.exists(path := f"{folder}/{n}.{suffix}"):
                    with open(path, errors="replace") as file:
                        setattr(step, name, restore(file.read()))


def gather_background(steps):
    """Gives `wait` what the jobs before it printed, unless that is expected at the job itself."""
    jobs = []
    for step in steps:
        if step.in_background and not step.expected:
            jobs.append(step)
        elif re.match(r"wait\b", step.command):
            step.output = "".join(job.output for job in jobs) + step.output
            jobs = []


def fits(expected, output):
    def pattern(line):
        if line == "...":
            return r"(?:.*\n)*"
        return ".*".join(map(re.escape, line.split("..."))) + r"\n"

    got = "".join(line + "\n" for line in output.splitlines())
    return re.fullmatch("".join(map(pattern, expected)), got) is not None


def complaints(steps):
    gather_background(steps)
    for step in steps:
        wrong = None
        if not step.status.strip().isdigit() or (step.status.strip() != "0" and not step.expected):
            wrong = f"exit status {step.status.strip()}"
        elif step.expected and not fits(step.expected, step.output):
            wrong = "expected\n" + textwrap.indent("\n".join(step.expected), "    ")
        if wrong:
            yield (f"line {step.line}: {step.command}\n{wrong}\nprinted\n"
                   + textwrap.indent(step.output, "    "))


class AsDocumented(Pannier):
    """The sidecar, started by tools/run with the words that the README gives, but what is built
    already, and on free ports."""

    def __init__(self, words, tour, upstream_port):
        super().__init__(upstream_port=upstream_port)
        here = self.folder.name
        for folder in ("tools", "build/release", "bin"):
            os.makedirs(os.path.join(here, folder))
        self.script = os.path.join(here, "tools/run")
        os.symlink(os.path.join(ROOT, "conf"), os.path.join(here, "conf"))
        os.symlink(self.binary, os.path.join(here, "build/release/pannier"))
        os.symlink(tour, os.path.join(here, "build/tour.yaml"))
        with open(os.path.join(ROOT, "tools/run")) as real, open(self.script, "w") as copy:
            copy.write(real.read())
        for path in ("tools/install", "bin/cmake"):
            os.symlink("/bin/true", os.path.join(here, path))
        self.words = words

    def command_line(self):
        path = os.path.join(self.folder.name, "bin") + ":" + os.environ["PATH"]
        ours = super().command_line()
        return ["env", f"PATH={path}", "bash", self.script, *self.words, *ours[2:]]


class ReadmeTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        with open(os.path.join(ROOT, "README.md")) as file:
            cls.text = file.read()

    def test_the_tour_prints_what_it_says(self):
        steps = [step for block in blocks(self.text, "run", "sh") for step in steps_of(*block)]
        self.assertTrue(steps, "no block to run")
        for step in steps:
            self.assertNotRegex(step.command, r"redis-cli(?![^|;&]* -[psu] )",
                                "a redis-cli without -p would talk to a Redis of somebody else")
        words = re.search(r"`tools/run ([^`]*)`", self.text)[1].split()
        with Redis() as redis, AsDocumented(words, self.write_tour(), redis.port) as pannier:
            ports = {"6379": redis.port, "6380": pannier.port, "9180": pannier.admin_port}
            documented = {str(port): name for name, port in ports.items()}

            def replace(text):
                text = text.replace("build/release/pannier", pannier.binary)
                return re.sub(r"\b(6379|6380|9180)\b", lambda found: str(ports[found[0]]), text)

            def restore(text):
                known = r"\b(" + "|".join(documented) + r")\b"
                return re.sub(known, lambda found: documented[found[0]], text)

            run(steps, replace, restore)
        self.assertEqual(list(complaints(steps)), [])

    def test_the_acl_user_it_proposes_may_do_what_the_sidecar_does(self):
        (_, lines), = blocks(self.text, "acl", "")
        words = lines[0].split()
        config = ("upstream: redis://pannier:secret@127.0.0.1:%d\n"
                  "tiers: {hot: {ttl: 60s, stale: 10s}}\n"
                  "rules: [{match: 'tile:{id}', tier: hot, tags: [tiles],"
                  " version: {mode: transparent, current: 2, name: tile}}]\n")
        # As a line of redis.conf has it.
        with Redis("--user", *words[1:]) as redis, Pannier(config % redis.port) as pannier:
            with pannier.wire() as wire, redis.wire() as direct:
                wait_until(lambda: wire.call("SET", "tile:1", "x") == b"+OK\r\n", "it is connected")
                self.assertEqual(direct.call("GET", "tile:1:v2"), b"$1\r\nx\r\n")
                for words, reply in ((("GET tile:1"), b"$1\r\nx\r\n"),
                                     (("PANNIER KEYS tiles"), b"*1\r\n$9\r\ntile:1:v2\r\n"),
                                     (("PANNIER INVALIDATE TAG tiles"), b":1\r\n"),
                                     (("GET tile:1"), b"$-1\r\n"),
                                     (("SET tile:1 y"), b"+OK\r\n"),
                                     (("GET tile:1"), b"$1\r\ny\r\n"),
                                     (("PANNIER INVALIDATE PATTERN tile:*"), b":1\r\n"),
                                     (("PANNIER VERSION BUMP tile"), b":3\r\n"),
                                     (("MULTI"), b"+OK\r\n"),
                                     (("SET tile:1 z"), b"+QUEUED\r\n"),
                                     (("EXEC"), b"*1\r\n+OK\r\n"),
                                     (("GET tile:1"), b"$1\r\nz\r\n")):
                    self.assertEqual(wire.call(*words.split()), reply, words)
                    self.assertNotIn("NOPERM", pannier.log_text())
                self.assertEqual(wire.call("SET", "other", "x")[:7], b"-NOPERM")
                kinds = {key.split(":")[1] for key in re.findall(r"pn:\w:", str(direct.call("KEYS", "pn:*")))}
                # What begins in the millisecond of an invalidation has one more.
                self.assertEqual(kinds - {"a"}, {"g", "t", "v"})

    def test_the_commands_it_says_are_served_from_memory_are_these(self):
        (_, lines), = blocks(self.text, "memory commands", "")
        with open(os.path.join(ROOT, "policies/memory_commands.def")) as file:
            served = re.findall(r"^PANNIER_MEMORY_COMMAND\((\w+)\)", file.read(), re.MULTILINE)
        self.assertEqual(" ".join(lines).lower().split(), served)

    def write_tour(self):
        (_, lines), = blocks(self.text, "tour.yaml", "yaml")
        path = os.path.join(ROOT, "build/tour.yaml")
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as file:
            file.write("\n".join(lines) + "\n")
        return path

    def test_every_link_leads_to_a_file(self):
        tracked = subprocess.check_output(["git", "ls-files", "--cached", "--others",
                                           "--exclude-standard", "*.md"], cwd=ROOT, text=True)
        missing = []
        for page in tracked.split():
            with open(os.path.join(ROOT, page)) as file:
                for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", file.read()):
                    path = os.path.join(ROOT, os.path.dirname(page), target)
                    if not target.startswith(("http:", "https:")) and not os.path.exists(path):
                        missing.append(f"{page}: {target}")
        self.assertEqual(missing, [])

    def test_every_tool_it_names_can_be_run(self):
        for name in set(re.findall(r"\btools/[a-z-]+\b(?![./])", self.text)):
            with self.subTest(name):
                self.assertTrue(os.access(os.path.join(ROOT, name), os.X_OK))

    def test_the_map_of_the_rooms_names_every_folder(self):
        map_of_rooms = re.search(r"^#+ [^\n]*\brooms\b[^\n]*\n(.*?)(?=^#|\Z)", self.text,
                                 re.MULTILINE | re.DOTALL | re.IGNORECASE)
        self.assertIsNotNone(map_of_rooms, "no heading with the word rooms")
        tracked = subprocess.check_output(["git", "ls-files"], cwd=ROOT, text=True).split()
        rooms = {path.split("/")[0] for path in tracked if "/" in path and path[0] != "."}
        named = set(re.findall(r"^\| *\[?`?(\w+)", map_of_rooms[1], re.MULTILINE))
        self.assertEqual(rooms - named, set())


class RunnerTest(unittest.TestCase):
    """That the test above can fail."""

    def outcome(self, text):
        steps = steps_of(1, textwrap.dedent(text).strip().splitlines())
        run(steps)
        return [complaint.splitlines()[0] for complaint in complaints(steps)]

    def test_output_is_compared_line_by_line(self):
        self.assertEqual(self.outcome(r"""
            # for the reader
            printf 'one\n\nthree 3\n'
            # => one
            # =>
            # => three ...
            name=four; echo $name \
              five
            # => four five
            seq 9
            # => 1
            # => ...
            # => 9
            echo unseen
            """), [])
        for expected in ("# => one", "# => one\n# => two\n# => three", "# => one\n# => Two"):
            with self.subTest(expected):
                self.assertEqual(self.outcome(f"printf 'one\\ntwo\\n'\n{expected}"),
                                 [r"line 1: printf 'one\ntwo\n'"])

    def test_jobs_are_read_in_the_order_they_were_started(self):
        self.assertEqual(self.outcome("""
            { sleep 0.2; echo first; } &
            echo second &
            echo mine &
            # => mine
            echo now
            # => now
            wait
            # => first
            # => second
            """), [])

    def test_a_command_that_fails_or_ends_the_shell_is_noticed(self):
        self.assertEqual(self.outcome("false"), ["line 1: false"])
        self.assertEqual(self.outcome("exit 0\ntrue"), ["line 1: exit 0", "line 2: true"])


if __name__ == "__main__":
    unittest.main()
