#!/usr/bin/python3
"""Everything an operator does with redis-cli: PANNIER, COMMAND DOCS and INFO."""

import unittest

from redis_cli import AdminCase
from support import wait_until


VERSION = ("LIST | BUMP <name> [GRACE <seconds>] | WEIGHTS <name> <version>=<weight>... | "
           "PIN <name> <version> | UNPIN <name>")
INVALIDATE = ("KEY <key>... | TAG <tag>... [ALL] | PATTERN <glob>... | "
              "RANGE <rule> <from> <to> [SOFT]")


class HelpTest(AdminCase):
    def test_help_lists_every_command_with_a_text(self):
        lines = self.raw("PANNIER", "HELP")
        for word in ("HELP", "STATS", "EXPLAIN <key>", f"INVALIDATE {INVALIDATE}",
                     "CLEAR [<rule>]", "JOBS", "TAGS <key>", "KEYS <tag>", f"VERSION {VERSION}",
                     "LEASES [<most>]", "MODE [normal | bypass | memory]", "RELOAD",
                     "CONFIG CHECK [<file>]"):
            self.assertIn(f"PANNIER {word}", lines)
        self.assertTrue(all(line.startswith(("PANNIER ", "    ")) for line in lines), lines)

    def test_pannier_alone_and_lower_case_are_help_too(self):
        self.assertEqual(self.raw("PANNIER"), self.raw("pannier", "help"))

    def test_wrong_usage_is_answered_with_the_right_one(self):
        for words, usage in (
                ("EXPLAIN", "EXPLAIN <key>"), ("EXPLAIN a b", "EXPLAIN <key>"),
                ("INVALIDATE", f"INVALIDATE {INVALIDATE}"),
                ("INVALIDATE NONSENSE x", f"INVALIDATE {INVALIDATE}"),
                ("INVALIDATE KEY", f"INVALIDATE {INVALIDATE}"),
                ("INVALIDATE RANGE docs 2026-11-21", f"INVALIDATE {INVALIDATE}"),
                ("JOBS x", "JOBS"), ("CLEAR a b", "CLEAR [<rule>]"),
                ("TAGS", "TAGS <key>"), ("KEYS", "KEYS <tag>"),
                ("VERSION", f"VERSION {VERSION}"),
                ("VERSION BUMP docs GRACE", f"VERSION {VERSION}"),
                ("LEASES x", "LEASES [<most>]"), ("LEASES -1", "LEASES [<most>]"),
                ("MODE nonsense", "MODE [normal | bypass | memory]"),
                ("RELOAD x", "RELOAD"), ("CONFIG", "CONFIG CHECK [<file>]"),
                ("CONFIG SET x", "CONFIG CHECK [<file>]")):
            with self.subTest(words):
                self.assertEqual(self.cli("PANNIER", *words.split()),
                                 f"(error) ERR pannier: usage: PANNIER {usage}; not executed")

    def test_an_unknown_command_says_where_the_others_are(self):
        self.assertEqual(self.cli("PANNIER", "NONSENSE"),
                         "(error) ERR pannier: unknown command 'PANNIER NONSENSE' "
                         "(PANNIER HELP lists them); not executed")

    def test_command_docs_has_pannier_in_both_protocols(self):
        for options in (("--no-raw",), ("--no-raw", "-3")):
            with self.subTest(options):
                everything = self.cli("COMMAND", "DOCS", options=options)
                ours = self.cli("COMMAND", "DOCS", "pannier", options=options)
                self.assertIn('"pannier"', everything)
                self.assertIn('"getrange"', everything)
                for action in ("help", "stats", "explain", "invalidate", "version", "config"):
                    self.assertIn(f'"pannier|{action}"', everything)
                    self.assertIn(f'"pannier|{action}"', ours)
                self.assertNotIn('"getrange"', ours)

    def test_command_docs_has_everything_redis_has(self):
        here, there = [self.json("COMMAND", "DOCS", port=server.port)
                       for server in (self.pannier, self.redis)]
        self.assertIn("pannier", here)
        del here["pannier"]
        self.assertEqual(here, there)

    def test_docs_of_redis_commands_are_those_of_redis(self):
        for words in (("COMMAND", "DOCS", "get"), ("COMMAND", "COUNT"), ("COMMAND", "INFO", "get"),
                      ("COMMAND", "GETKEYS", "mget", "a", "b")):
            self.assertEqual(self.cli(*words), self.cli(*words, port=self.redis.port))


class LookTest(AdminCase):
    def test_stats_counts_hits_and_misses_of_a_tier(self):
        before = self.stats()
        self.cli("GET", "page:a:1")
        self.cli("SET", "page:a:1", "x")
        self.cli("GET", "page:a:1")
        after = self.stats()
        self.assertEqual(after["misses"] - before["misses"], 1)
        self.assertEqual(after["hits"] - before["hits"], 1)

    def stats(self):
        return self.json("PANNIER", "STATS")["tiers"]["short"]

    def test_stats_has_the_state_of_the_sidecar(self):
        lines = self.raw("PANNIER", "STATS")
        self.assertIn("upstream", lines)
        self.assertEqual(lines[lines.index("upstream") + 1], "up")
        self.assertEqual(lines[lines.index("mode") + 1], "normal")

    def test_explain_tells_rule_age_and_what_a_get_would_do(self):
        self.cli("SET", "page:a:1", "x")
        told = self.json("PANNIER", "EXPLAIN", "page:a:1")
        for name, value in (("key", "page:a:1"), ("upstream_key", "page:a:1"), ("rule", "pages"),
                            ("tier", "short"), ("state", "fresh"), ("next_get", "hit"),
                            ("leased", False), ("banned", False), ("stale_window_ms", 30_000)):
            self.assertEqual(told[name], value, name)
        self.assertEqual(list(told["tags"]), ["pages", "site:a"])
        self.assertTrue(54_000 <= told["ttl_ms"] <= 60_000, told)
        self.assertTrue(0 <= told["age_ms"] <= 10_000, told)
        self.assertLessEqual(abs(told["ttl_ms"] - told["fresh_left_ms"] - told["age_ms"]), 1, told)

    def test_explain_of_an_absent_key_says_who_would_load_it(self):
        told = self.json("PANNIER", "EXPLAIN", "page:a:9")
        self.assertEqual((told["state"], told["next_get"]), ("absent", "nil with the lease"))

    def test_explain_names_the_upstream_key_of_a_version(self):
        told = self.json("PANNIER", "EXPLAIN", "doc:1")
        self.assertEqual((told["version"], told["upstream_key"]), (3, "doc:1:v3"))

    def test_explain_of_a_key_without_rule_says_that_it_passes_through(self):
        self.assertIn("passes through to Redis as it is", self.raw("PANNIER", "EXPLAIN", "other"))
        self.assertIn("passes through to Redis as it is", self.raw("PANNIER", "EXPLAIN", "live:1"))

    def test_tags_are_those_of_the_rule(self):
        self.assertEqual(self.raw("PANNIER", "TAGS", "page:a:1"), ["pages", "site:a"])
        self.assertEqual(self.cli("PANNIER", "TAGS", "other"), "(empty array)")

    def test_keys_lists_what_is_stored_under_a_tag(self):
        for key in ("page:a:1", "page:a:2", "page:b:1"):
            self.cli("SET", key, "x")
        self.assertEqual(sorted(self.raw("PANNIER", "KEYS", "site:a")), ["page:a:1", "page:a:2"])
        self.assertEqual(len(self.raw("PANNIER", "KEYS", "pages")), 3)
        self.assertEqual(self.cli("PANNIER", "KEYS", "none"), "(empty array)")

    def test_leases_shows_who_loads(self):
        self.assertEqual(self.cli("PANNIER", "LEASES"), "(empty array)")
        with self.pannier.wire() as holder, self.pannier.wire() as waiter:
            holder.call("GET", "page:a:1")
            number = int(holder.call("CLIENT", "ID")[1:])
            lease = self.fields("PANNIER", "LEASES")
            self.assertEqual((lease["key"], int(lease["holder"])), ("page:a:1", number))
            holder.call("SET", "page:a:1", "x")
        wait_until(lambda: self.cli("PANNIER", "LEASES") == "(empty array)", "the lease ends")

    def test_leases_shows_at_most_as_many_as_asked(self):
        with self.pannier.wire() as holder:
            for i in range(5):
                holder.call("GET", f"page:many:{i}")
            self.assertEqual(self.cli("PANNIER", "LEASES", "2").count('"key"'), 2)
            self.assertEqual(self.cli("PANNIER", "LEASES").count('"key"'), 5)

    def test_info_has_a_section_about_the_sidecar(self):
        for options in (("--raw",), ("--raw", "-3")):
            everything = self.cli("INFO", options=options)
            self.assertIn("# Server", everything)
            self.assertIn("# Pannier", everything)
            ours = self.cli("INFO", "pannier", options=options)
            self.assertTrue(ours.startswith("# Pannier"), ours)
            self.assertIn("pannier_upstream:up", ours)
            self.assertIn("pannier_tier_short:hits=", ours)
            self.assertNotIn("# Server", ours)
        self.assertNotIn("# Pannier", self.cli("INFO", "server"))


if __name__ == "__main__":
    unittest.main()
