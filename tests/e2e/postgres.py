"""Starts a real PostgreSQL in a temporary folder, on a free port; ends with a `with`.

Tests ask as the superuser `tester`, whatever is under test as `postgres`, who owns the database
`shop` and is nobody special: so statements of the one can be told from those of the other.
"""

import csv
import io
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time

from support import free_port, wait_until

BIN = "/usr/lib/postgresql/15/bin"
TESTER, OTHERS, DATABASE = "tester", "postgres", "shop"
SETTINGS = {"listen_addresses": "127.0.0.1", "unix_socket_directories": "", "fsync": "off",
            "full_page_writes": "off", "synchronous_commit": "off", "shared_buffers": "32MB",
            "max_wal_size": "1GB", "max_connections": "50", "logging_collector": "off",
            # In the folder, so that nothing is left of a server that was killed.
            "dynamic_shared_memory_type": "mmap",
            "shared_preload_libraries": "pg_stat_statements",
            "pg_stat_statements.track_utility": "off"}


class SqlError(Exception):
    """What psql says of a statement that failed."""


def _parents():
    """Who is whose child: {pid: parent's pid}."""
    found = {}
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{name}/stat") as file:
                found[int(name)] = int(file.read().rpartition(")")[2].split()[1])
        except OSError:
            pass  # It has ended meanwhile.
    return found


class Postgres:
    """Its `settings` are words like "max_connections=5", beside those above."""

    def __init__(self, *settings, port=None):
        self.port = port or free_port()
        self.settings = SETTINGS | dict(one.split("=", 1) for one in settings)
        self.process = None
        self.folder = tempfile.mkdtemp(prefix="pannier-postgres-")

    def __enter__(self):
        try:
            self._create()
            return self
        except BaseException:
            self.__exit__()
            raise

    def __exit__(self, *_):
        if self.process and self.process.poll() is None:
            self.thaw()
            self._end(signal.SIGQUIT)
        shutil.rmtree(self.folder, ignore_errors=True)

    def url(self, name="", port=None):
        """For what is under test; its connections are then known as `name`. `port`: of a relay."""
        url = f"postgresql://{OTHERS}@127.0.0.1:{port or self.port}/{DATABASE}"
        return url + (f"?application_name={name}" if name else "")

    def start(self):
        """Starts it, again after stop() or kill() with the same port and data."""
        words = [f"{BIN}/postgres", "-D", self._data, "-p", str(self.port)]
        for name, value in self.settings.items():
            words += ["-c", f"{name}={value}"]
        with open(self._log, "ab") as log:
            self.process = self._popen(words, stdout=log, stderr=subprocess.STDOUT)
        ready = [f"{BIN}/pg_isready", "-q", "-h", "127.0.0.1", "-p", str(self.port)]
        wait_until(lambda: self.process.poll() is not None or subprocess.call(ready) == 0,
                   "PostgreSQL accepts connections", 30)
        if self.process.poll() is not None:
            raise RuntimeError(f"PostgreSQL has ended:\n{self.log_text()}")
        return self

    def stop(self):
        """Shuts it down as an administrator does: sessions are told, then closed."""
        self._end(signal.SIGINT)

    def kill(self):
        """Kills the server and all its sessions at once, as out of memory does."""
        os.kill(self.process.pid, signal.SIGSTOP)  # Nobody is born meanwhile.
        self._signal(signal.SIGKILL)
        self.process.wait()

    def freeze(self):
        """Stops all its processes: connections stay, can even be made, and say nothing."""
        self._signal(signal.SIGSTOP)

    def thaw(self):
        self._signal(signal.SIGCONT)

    def psql(self, sql, database=DATABASE, user=TESTER):
        """Runs statements; the last one's rows as text, a line each, fields separated by |."""
        return self._psql(sql, database, user, "-A", "-t")

    def rows(self, sql):
        """The rows of a query as a list of dicts of text; null is an empty one."""
        return list(csv.DictReader(io.StringIO(self._psql(sql, DATABASE, TESTER, "--csv") + "\n")))

    def queries(self, text=""):
        """How many statements others have ended in all (those with this text in them), errors,
        BEGIN, SET and LISTEN not counted. A server that was killed begins at 0 again."""
        return int(self.psql(
            "SELECT coalesce(sum(calls), 0) FROM pg_stat_statements "
            f"WHERE userid = '{OTHERS}'::regrole AND strpos(query, {literal(text)}) > 0"))

    def slowest(self, count=5):
        """What others asked, most time first: dicts of calls, ms (in all) and query."""
        return self.rows("SELECT calls, round(total_exec_time) AS ms, query "
                         f"FROM pg_stat_statements WHERE userid = '{OTHERS}'::regrole "
                         f"ORDER BY total_exec_time DESC LIMIT {count}")

    def sessions(self, state=""):
        """How many connections others have (in this state: active, idle, ...)."""
        return int(self.psql(f"SELECT count(*) FROM pg_stat_activity WHERE usename = '{OTHERS}' "
                             f"AND backend_type = 'client backend' "
                             f"AND {literal(state)} IN ('', state)"))

    def terminate(self, application_name=""):
        """Ends the sessions of others (those of this name); returns how many."""
        return int(self.psql(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
            f"WHERE usename = '{OTHERS}' AND backend_type = 'client backend' "
            f"AND {literal(application_name)} IN ('', application_name)"))

    def log_text(self):
        with open(self._log, errors="replace") as log:
            return log.read()

    @property
    def _data(self):
        return os.path.join(self.folder, "data")

    @property
    def _log(self):
        return os.path.join(self.folder, "log")

    def _create(self):
        if os.geteuid() == 0:
            owner = pwd.getpwnam("postgres")
            os.chown(self.folder, owner.pw_uid, owner.pw_gid)
        initdb = self._popen([f"{BIN}/initdb", "-D", self._data, "-U", TESTER, "-A", "trust", "-N",
                              "-E", "UTF8", "--locale=C"], stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT, text=True)
        said, _ = initdb.communicate()
        if initdb.returncode:
            raise RuntimeError(f"initdb: {said}")
        self.start()
        for sql in (f"CREATE ROLE {OTHERS} LOGIN", f"CREATE DATABASE {DATABASE} OWNER {OTHERS}"):
            self.psql(sql, "template1")
        self.psql("CREATE EXTENSION pg_stat_statements")

    def _popen(self, words, **streams):
        """PostgreSQL refuses to run as root."""
        user = {"user": "postgres", "group": "postgres", "extra_groups": []}
        return subprocess.Popen(words, cwd=self.folder, stdin=subprocess.DEVNULL,
                                **streams, **(user if os.geteuid() == 0 else {}))

    def _psql(self, sql, database, user, *form):
        done = subprocess.run([f"{BIN}/psql", "-X", "-q", *form, "-v", "ON_ERROR_STOP=1",
                               "-h", "127.0.0.1", "-p", str(self.port), "-U", user, database],
                              input=sql, capture_output=True, text=True, timeout=300)
        if done.returncode:
            raise SqlError(done.stderr)
        return done.stdout.rstrip("\n")

    def _signal(self, number):
        """To all its processes, the server itself last: so it sees no child change alone."""
        parents = _parents()
        children = [pid for pid, parent in parents.items() if parent == self.process.pid]
        for pid in [*children, self.process.pid]:
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                pass

    def _end(self, number):
        if not self.process or self.process.poll() is not None:
            return
        self.process.send_signal(number)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.kill()


def literal(text):
    return "'" + text.replace("'", "''") + "'"


def wait_for_sessions(postgres, state, count, seconds=5.0):
    """Until others have exactly so many connections in this state."""
    wait_until(lambda: postgres.sessions(state) == count, f"{count} sessions {state}", seconds)


def elapsed(call):
    """What a call returns, and the seconds it took."""
    begun = time.monotonic()
    return call(), time.monotonic() - begun
