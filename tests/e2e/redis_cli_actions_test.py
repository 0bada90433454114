#!/usr/bin/python3
"""What an operator changes with redis-cli: invalidations, versions, the mode, the configuration."""

import os
import unittest

from redis_cli import CONFIG, AdminCase
from support import Pannier, wait_until


class InvalidateTest(AdminCase):
    def setUp(self):
        super().setUp()
        for key in ("page:a:1", "page:a:2", "page:b:1"):
            self.assertEqual(self.cli("SET", key, "x"), "OK")

    def left(self):
        return sorted(self.cli("KEYS", "page:*", options=("--raw",), port=self.redis.port).split())

    def test_a_key_goes_and_is_counted(self):
        self.assertEqual(self.cli("PANNIER", "INVALIDATE", "KEY", "page:a:1"), "(integer) 1")
        self.assertEqual(self.cli("PANNIER", "INVALIDATE", "KEY", "page:a:1"), "(integer) 0")
        self.assertEqual(self.cli("GET", "page:a:1"), "(nil)")
        self.assertEqual(self.left(), ["page:a:2", "page:b:1"])

    def test_a_key_without_rule_goes_too(self):
        self.cli("SET", "other", "x")
        self.assertEqual(self.cli("pannier", "invalidate", "key", "other"), "(integer) 1")
        self.assertEqual(self.cli("GET", "other"), "(nil)")

    def test_a_tag_takes_its_keys_at_once_and_removes_them_soon(self):
        self.assertEqual(self.cli("PANNIER", "INVALIDATE", "TAG", "site:a"), "(integer) 2")
        self.assertEqual(self.cli("MGET", "page:a:1", "page:a:2", "page:b:1"),
                         '1) (nil)\n2) (nil)\n3) "x"')
        wait_until(lambda: self.left() == ["page:b:1"], "the keys are removed from Redis")
        self.assertEqual(self.cli("PANNIER", "INVALIDATE", "TAG", "site:a"), "(integer) 0")

    def test_a_value_written_after_its_tag_went_is_served(self):
        self.cli("PANNIER", "INVALIDATE", "TAG", "pages")
        self.assertEqual(self.cli("GET", "page:a:1"), "(nil)")
        self.assertEqual(self.cli("SET", "page:a:1", "new"), "OK")
        self.assertEqual(self.cli("GET", "page:a:1"), '"new"')

    def test_a_pattern_takes_and_counts_the_keys_it_matches(self):
        self.cli("SET", "other", "x")
        self.assertEqual(self.cli("PANNIER", "INVALIDATE", "PATTERN", "page:[ac]:*"), "(integer) 2")
        self.assertEqual(self.left(), ["page:b:1"])
        self.assertEqual(self.cli("PANNIER", "INVALIDATE", "PATTERN", "page:*"), "(integer) 1")
        self.assertEqual(self.cli("GET", "other"), '"x"')

    def test_what_is_written_after_flushall_is_read_back(self):
        with self.pannier.wire() as wire:
            for number in range(20):
                wire.call("FLUSHALL")
                wire.call("SET", "page:a:1", number)
                self.assertEqual(wire.call("GET", "page:a:1").split(b"\r\n")[1], b"%d" % number)

    def test_many_keys_of_a_pattern_are_all_counted(self):
        with self.redis.wire(timeout=30) as wire:
            wire.call("EVAL", "for i = 1, 25000 do redis.call('SET', 'many:' .. i, '') end", "0")
        self.assertEqual(self.cli("PANNIER", "INVALIDATE", "PATTERN", "many:*"), "(integer) 25000")
        self.assertEqual(self.cli("DBSIZE", port=self.redis.port),
                         f"(integer) {len(self.cli('KEYS', '*', port=self.redis.port).splitlines())}")

    def test_what_was_asked_before_on_the_connection_comes_first(self):
        with self.pannier.wire() as wire:
            for words in (("SET", "page:a:9", "x"), ("PANNIER", "INVALIDATE", "KEY", "page:a:9"),
                          ("GET", "page:a:9"), ("SET", "page:a:9", "y"), ("GET", "page:a:9")):
                wire.send(b" ".join(word.encode() for word in words) + b"\r\n")
            replies = [wire.reply() for _ in range(5)]
        self.assertEqual(replies, [b"+OK\r\n", b":1\r\n", b"$-1\r\n", b"+OK\r\n", b"$1\r\ny\r\n"])


class VersionTest(AdminCase):
    def versions(self):
        return self.json("PANNIER", "VERSION", "LIST")

    def setUp(self):
        super().setUp()
        wait_until(lambda: self.versions()["docs"]["known"], "the version is known again")

    def test_list_has_every_version_and_its_number(self):
        versions = self.versions()
        self.assertEqual(sorted(versions), ["docs", "tiles"])
        self.assertEqual(sorted(versions["docs"]), ["current", "grace_left_ms", "known",
                                                      "pinned"])

    def test_only_versions_that_clients_name_have_a_grace(self):
        for name in ("docs", "tiles"):
            self.cli("PANNIER", "VERSION", "BUMP", name, "GRACE", "60")
        versions = self.versions()
        self.assertEqual(versions["docs"]["grace_left_ms"], 0)
        self.assertGreater(versions["tiles"]["grace_left_ms"], 0)

    def test_bump_answers_the_new_version_and_unsees_old_values(self):
        current = self.versions()["docs"]["current"]
        self.cli("SET", "doc:1", "old")
        self.assertEqual(self.cli("GET", f"doc:1:v{current}", port=self.redis.port), '"old"')
        self.assertEqual(self.cli("PANNIER", "VERSION", "BUMP", "docs"), f"(integer) {current + 1}")
        self.assertEqual(self.versions()["docs"]["current"], current + 1)
        self.assertEqual(self.cli("GET", "doc:1"), "(nil)")
        self.cli("SET", "doc:1", "new")
        self.assertEqual(self.cli("GET", f"doc:1:v{current + 1}", port=self.redis.port), '"new"')

    def test_a_version_before_the_last_is_readable_for_the_grace_and_then_not(self):
        current = self.versions()["tiles"]["current"]
        key = f"tile:a:v{current}"
        self.cli("SET", key, "old")
        self.assertEqual(self.cli("PANNIER", "VERSION", "BUMP", "tiles", "GRACE", "1"),
                         f"(integer) {current + 1}")
        self.assertEqual(self.cli("GET", key), '"old"')
        wait_until(lambda: self.cli("GET", key) == "(nil)", "the grace ends")
        self.assertEqual(self.cli("SET", key, "late"),
                         f"(error) ERR pannier: version {current} of 'tiles' is retired "
                         f"(current is {current + 1}); not executed")
        wait_until(lambda: self.cli("EXISTS", key, port=self.redis.port) == "(integer) 0",
                   "old versions are removed from Redis")

    def test_bump_without_grace_period_takes_the_old_version_at_once(self):
        current = self.versions()["tiles"]["current"]
        self.cli("SET", f"tile:b:v{current}", "old")
        self.cli("PANNIER", "VERSION", "BUMP", "tiles", "GRACE", "0")
        self.assertEqual(self.cli("GET", f"tile:b:v{current}"), "(nil)")

    def test_bump_refuses_unknown_names_and_times(self):
        self.assertEqual(self.cli("PANNIER", "VERSION", "BUMP", "none"),
                         "(error) ERR pannier: no rule has a version named 'none' "
                         "(see PANNIER VERSION LIST); not executed")
        self.assertEqual(self.cli("PANNIER", "VERSION", "BUMP", "docs", "GRACE", "soon"),
                         "(error) ERR pannier: 'soon' is not a number of seconds; not executed")


class ModeTest(AdminCase):
    def tearDown(self):
        self.cli("PANNIER", "MODE", "normal")

    def test_mode_is_shown_and_set(self):
        self.assertEqual(self.cli("PANNIER", "MODE"), '"normal"')
        self.assertEqual(self.cli("PANNIER", "MODE", "BYPASS"), "OK")
        self.assertEqual(self.cli("PANNIER", "MODE"), '"bypass"')

    def test_bypass_ignores_every_rule(self):
        self.cli("PANNIER", "MODE", "bypass")
        self.cli("SET", "page:a:1", "x")
        self.assertEqual(self.cli("TTL", "page:a:1", port=self.redis.port), "(integer) -1")
        self.cli("PANNIER", "MODE", "normal")
        self.cli("SET", "page:a:1", "x")
        self.assertNotEqual(self.cli("TTL", "page:a:1", port=self.redis.port), "(integer) -1")

    def test_memory_serves_all_keys_without_redis(self):
        self.cli("SET", "other", "in Redis")
        self.cli("PANNIER", "MODE", "memory")
        self.assertEqual(self.cli("GET", "other"), "(nil)")
        self.assertEqual(self.cli("SET", "other", "in memory"), "OK")
        self.assertEqual(self.cli("GET", "other"), '"in memory"')
        self.cli("PANNIER", "MODE", "normal")
        self.assertEqual(self.cli("GET", "other"), '"in Redis"')


class ReloadTest(AdminCase):
    def setUp(self):
        super().setUp()
        self.own = self.enterContext(Pannier(CONFIG, self.redis.port))

    def ask(self, *words):
        return self.cli(*words, port=self.own.port)

    def test_reload_takes_the_file_as_it_is_now(self):
        self.own.write_config(CONFIG.replace("ttl: 60s, jitter: 10%", "ttl: 99s"))
        self.assertEqual(self.ask("PANNIER", "RELOAD"), "OK")
        self.assertIn("99000", self.ask("PANNIER", "EXPLAIN", "page:a:1"))

    def test_a_broken_file_is_refused_with_its_place_and_changes_nothing(self):
        before = self.ask("PANNIER", "EXPLAIN", "page:a:1")
        self.own.write_config(CONFIG.replace("ttl: 60s", "tll: 60s"))
        self.assertEqual(self.ask("PANNIER", "RELOAD"),
                         f"(error) ERR pannier: {self.own.config}:3:11: unknown key 'tll' in tier "
                         "'short' (did you mean 'ttl'?); not executed")
        self.assertEqual(self.ask("PANNIER", "EXPLAIN", "page:a:1"), before)
        self.assertEqual(self.ask("SET", "page:a:1", "x"), "OK")
        self.assertEqual(self.ask("GET", "page:a:1"), '"x"')

    def test_a_missing_file_is_refused(self):
        os.remove(self.own.config)
        self.assertIn(self.own.config, self.ask("PANNIER", "RELOAD"))
        self.assertTrue(self.ask("PANNIER", "RELOAD").startswith("(error) ERR pannier: "))

    def test_config_check_says_whether_the_file_could_be_loaded(self):
        self.assertEqual(self.ask("PANNIER", "CONFIG", "CHECK"), "OK")
        self.own.write_config("tiers: {t: {ttl: 5}}\n")
        self.assertIn(f"{self.own.config}:1:", self.ask("PANNIER", "CONFIG", "CHECK"))
        self.assertIn('"rule"', self.ask("PANNIER", "EXPLAIN", "page:a:1"))

    def test_config_check_looks_at_another_file(self):
        other = os.path.join(self.own.folder.name, "other.yaml")
        with open(other, "w") as file:
            file.write("lisen: 127.0.0.1:1\n")
        self.assertEqual(self.ask("PANNIER", "CONFIG", "CHECK", other),
                         f"(error) ERR pannier: {other}:1:1: unknown key 'lisen' "
                         "(did you mean 'listen'?); not executed")
        self.assertEqual(self.ask("PANNIER", "CONFIG", "CHECK"), "OK")

    def test_without_a_file_reload_and_check_say_so(self):
        with Pannier("", self.redis.port) as bare:
            self.assertEqual(self.cli("PANNIER", "CONFIG", "CHECK", port=bare.port),
                             "(error) ERR pannier: no configuration file is in use; name one; not executed")


if __name__ == "__main__":
    unittest.main()
