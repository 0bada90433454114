#!/usr/bin/python3
"""Each check of the checker finds what it is there to find, in a history made by hand, and says
nothing about the same history without the mistake."""

import itertools
import unittest

from checker import accounts, aof, bench, checks, world
from checker.history import Op, table, token
from checker.truth import Truth
from support import encode

MS = 1_000_000
START = 1_000  # Milliseconds; nothing is before.
W = world.LAG_MS


def value(key, seq, db=0):
    return token(key, db, "w", seq)


class Story:
    """Operations, with times in ms, beside what Redis wrote down; both clocks of it are the same."""

    def __init__(self):
        self.ops, self.numbers, self.file = [], {}, encode("SELECT", 0)

    def op(self, name, key, what, sent, replied, who="a", sidecar="s0", status="ok", db=0, **more):
        counter = self.numbers.setdefault((who, more.get("conn", 1)), itertools.count())
        fields = {"conn": 1, "n": next(counter)} | more
        self.ops.append(Op(client=who, sidecar=sidecar, op=name, key=key, value=what, db=db,
                           inv_ns=(START + sent) * MS, ret_ns=(START + replied) * MS, status=status,
                           **fields))
        return self

    def did(self, *commands):
        self.file += b"".join(encode(*words) for words in commands)
        return self

    def wrote(self, key, what, sent, replied, *options, who="x", sidecar="direct", **more):
        """A SET by somebody, and its effect."""
        self.op("set", key, what, sent, replied, who=who, sidecar=sidecar, **more)
        return self.did(["SET", key, what, *options])

    def read(self, key, what, sent, replied, who="a", **more):
        return self.op("hgetall" if key[0] == "h" else "get", key, what, sent, replied, who=who, **more)

    def judge(self, known=""):
        found = bench.judge(self.ops, Truth([self.file], self.ops))
        return sorted({violation.check for violation in found if violation.known == known})


class Checks(unittest.TestCase):
    def story(self):
        """c:0 is "1", and from 100 on "2"; "u:0" the same."""
        one = Story()
        for seq, sent in ((1, 0), (2, 100)):
            for key in ("c:0", "u:0"):
                one.wrote(key, value(key, seq), sent, sent + 1)
        return one

    def test_nothing_is_found_where_nothing_is_wrong(self):
        self.assertEqual(self.story().read("c:0", value("c:0", 1), 50, 51).judge(), [])

    def test_c1_a_value_nobody_wrote(self):
        self.assertEqual(self.story().read("c:0", value("c:0", 7), 50, 51).judge(), ["C1"])

    def test_c1_nothing_where_there_was_always_something(self):
        self.assertEqual(self.story().read("u:0", None, 50, 51).judge(), ["C1"])
        self.assertEqual(self.story().read("c:0", None, W + 50, W + 51).judge(), ["C1"])
        self.assertEqual(self.story().did(["DEL", "c:0"]).read("c:0", None, 150, 151).judge(), [])

    def test_c2_an_own_write_is_not_read(self):
        one = Story().wrote("c:0", value("c:0", 1), 0, 1)
        one.wrote("c:0", value("c:0", 2), 10, 11, who="a", sidecar="s0")
        self.assertEqual(one.read("c:0", value("c:0", 2), 12, 13).judge(), [])
        self.assertEqual(one.read("c:0", value("c:0", 1), 14, 15).judge(), ["C2"])

    def test_c2_an_own_removal_is_not_seen(self):
        for name, what in (("del", 1), ("invalidate_key", 1)):
            one = Story().wrote("c:0", value("c:0", 1), 0, 1).did(["DEL", "c:0"])
            one.op(name, "c:0", what, 10, 11).wrote("r:0", value("r:0", 1), 12, 13)
            self.assertEqual(one.read("c:0", None, 20, 21).judge(), [])
            self.assertEqual(one.read("c:0", value("c:0", 1), 22, 23).judge(), ["C2"])

    def test_c2_in_a_pipeline(self):
        """The read was sent before the write was answered."""
        one = Story().wrote("c:0", value("c:0", 1), 0, 1)
        one.wrote("c:0", value("c:0", 2), 10, 20, who="a", sidecar="s0")
        self.assertEqual(one.read("c:0", value("c:0", 1), 11, 21).judge(), ["C2"])

    def test_c2b_a_neighbours_write_is_not_read(self):
        one = Story().wrote("c:0", value("c:0", 1), 0, 1)
        one.wrote("c:0", value("c:0", 2), 10, 11, who="b", sidecar="s0")
        self.assertEqual(one.read("c:0", value("c:0", 1), 14, 15, sidecar="s1").judge(), [])
        self.assertEqual(one.read("c:0", value("c:0", 1), 14, 15, who="c").judge(), ["C2b"])

    def test_c3_an_older_value_after_a_newer_one(self):
        one = self.story().read("c:0", value("c:0", 1), 102, 103)
        one.read("c:0", value("c:0", 2), 104, 105)
        self.assertEqual(one.judge(), [])
        self.assertEqual(one.read("c:0", value("c:0", 1), 106, 107).judge(), ["C3"])

    def test_c3b_a_later_write_is_seen_by_an_earlier_read(self):
        one = Story().wrote("c:0", value("c:0", 1), 0, 1)
        one.read("c:0", value("c:0", 2), 10, 20)
        one.wrote("c:0", value("c:0", 2), 11, 19, who="a", sidecar="s0")
        self.assertEqual(one.judge(), ["C3b"])

    def test_c4_an_answer_older_than_the_lag(self):
        self.assertEqual(self.story().read("c:0", value("c:0", 1), W + 90, W + 95).judge(), [])
        self.assertEqual(self.story().read("c:0", value("c:0", 1), W + 120, W + 125).judge(), ["C4"])

    def test_c4_a_hash_of_before(self):
        one = Story()
        for seq, sent in ((1, 0), (2, 100)):
            one.op("hset", "h:0", ["f", value("h:0", seq)], sent, sent + 1, who="x", sidecar="direct")
            one.did(["HSET", "h:0", "f", value("h:0", seq)])
        old = table({"f": value("h:0", 1)})
        self.assertEqual(one.read("h:0", old, W + 90, W + 95).judge(), [])
        self.assertEqual(one.read("h:0", old, W + 120, W + 125).judge(), ["C4"])

    def test_c5_a_value_from_the_future(self):
        self.assertEqual(self.story().read("c:0", value("c:0", 2), 90, 95).judge(), ["C5"])

    def test_c6_a_value_after_its_time(self):
        one = Story().wrote("x:0", value("x:0", 1), 0, 1, "PXAT", START + 100)
        self.assertEqual(one.read("x:0", value("x:0", 1), 99, 110).judge(), [])
        self.assertEqual(one.read("x:0", value("x:0", 1), 120, 121).judge(), ["C6"])

    def loaded(self):
        """A load that began at 50 is stored at 100, after an invalidation at 60."""
        one = Story().did(["SET", "pn:g:loads", START]).wrote("r:1", value("r:1", 1), 1, 2)
        one.op("invalidate_tag", "loads", 0, 60, 61, who="b").did(["SET", "pn:g:loads", START + 60])
        one.wrote("l:0", value("l:0", 1), 100, 101, "PXAT", START + 50 + 60_000, who="a",
                  sidecar="s0")
        return one

    def test_c7_a_value_from_before_an_invalidation(self):
        self.assertEqual(self.loaded().read("l:0", None, 110, 111).judge(), [])
        self.assertEqual(self.loaded().read("l:0", value("l:0", 1), 110, 111).judge(), ["C7"])
        there = self.loaded().wrote("r:0", value("r:0", 1), 102, 103)
        self.assertEqual(there.read("l:0", value("l:0", 1), 110, 111, who="c", sidecar="s1").judge(),
                         [])
        self.assertEqual(there.read("l:0", value("l:0", 1), W + 120, W + 121, who="c",
                                    sidecar="s1").judge(), ["C7"])

    def test_c7_a_tag_that_was_invalidated(self):
        """P10: here at once, elsewhere within the lag."""
        one = Story().did(["SET", "pn:g:loads", START])
        one.wrote("l:0", value("l:0", 1), 10, 11, "PXAT", START + 10 + 60_000, who="a", sidecar="s0")
        one.op("invalidate_tag", "loads", 0, 60, 61, who="b").did(["SET", "pn:g:loads", START + 60])
        one.wrote("r:0", value("r:0", 1), 62, 63)
        old = value("l:0", 1)
        self.assertEqual(one.read("l:0", old, 70, 71, who="c", sidecar="s1").judge(), [])
        self.assertEqual(one.read("l:0", old, 70, 71, who="d").judge(), ["C2b"])

    def test_c7_what_is_left_when_all_is_quiet(self):
        one = self.story().read("c:0", value("c:0", 2), 1_000, 1_001, who="last-s0")
        self.assertEqual(one.judge(), [])
        self.assertIn("C7", one.read("c:0", value("c:0", 1), 1_000, 1_001, who="last-s1").judge())

    def test_c8_a_write_that_happened_twice_or_not_at_all(self):
        for status, times, found in (("ok", 1, []), ("ok", 2, ["C8"]), ("ok", 0, ["C8"]),
                                     ("err_unknown", 1, []), ("err_unknown", 2, ["C8"]),
                                     ("closed", 0, []), ("err_not_executed", 0, []),
                                     ("err_not_executed", 1, ["C8"])):
            with self.subTest(status=status, times=times):
                one = Story().op("set", "c:0", value("c:0", 1), 0, 1, status=status)
                one.did(*[["SET", "c:0", value("c:0", 1)]] * times)
                self.assertEqual(one.judge(), found)

    def test_c8_counters(self):
        for times, found in ((0, ["C8"]), (1, []), (2, []), (3, ["C8"])):
            one = Story().op("incr", "i:a", 1, 0, 1).op("incr", "i:a", None, 2, 3, status="closed")
            self.assertEqual(one.did(*[["INCR", "i:a"]] * times).judge(), found)

    def test_c9_a_value_of_another_key_or_database(self):
        for what in (value("c:1", 1), value("c:0", 1, db=1), value("c:0", 1)[:-1] + "x"):
            self.assertEqual(self.story().read("c:0", what, 50, 51).judge(), ["C9"])
        one = Story().wrote("c:1", value("c:1", 1), 0, 1).did(["RENAME", "c:1", "c:0"])
        self.assertEqual(one.read("c:0", value("c:1", 1), 10, 11).judge(), [])

    def test_c10_an_old_answer_about_a_key_without_copies(self):
        self.assertEqual(self.story().read("u:0", value("u:0", 1), 100, 102).judge(), [])
        self.assertEqual(self.story().read("u:0", value("u:0", 1), 102, 103).judge(), ["C10"])

    def test_c10_two_readers_who_cannot_both_be_right(self):
        one = Story().wrote("u:0", value("u:0", 1), 0, 1).wrote("u:0", value("u:0", 2), 100, 200)
        one.read("u:0", value("u:0", 1), 120, 130, who="b").read("u:0", value("u:0", 2), 140, 150)
        self.assertEqual(one.judge(), [])
        one.read("u:0", value("u:0", 1), 160, 170, who="b")
        self.assertEqual(one.judge(), ["C10"])

    def test_c10_an_answer_before_the_effect(self):
        one = Story().op("set", "u:0", value("u:0", 1), 0, 1)
        one.wrote("u:1", value("u:1", 1), 10, 11).did(["SET", "u:0", value("u:0", 1)])
        self.assertEqual(one.judge(), ["C10"])

    def test_c11_replies_and_commands(self):
        def sent(*statuses, **more):
            one = Story()
            for number, status in enumerate(statuses):
                one.op("select", None, None, number, number + 1, status=status, **more)
            return one
        self.assertEqual(sent("ok", "ok", "closed", "closed").judge(), [])
        self.assertEqual(sent("ok", "closed", "ok").judge(), ["C11"])
        self.assertEqual(sent("ok", "closed", error="hangs").judge(), ["C11"])
        self.assertEqual(sent("ok").op("unasked", None, "x", 5, 5, n=None).judge(), ["C11"])
        self.assertEqual(sent("ok", error="strange: 7").judge(), ["C11"])
        missing = sent("ok", "ok", "ok")
        del missing.ops[1]
        self.assertEqual(missing.judge(), ["C11"])

    def test_c11_reads_that_were_not_counted(self):
        for errors, found in ((2, []), (1, ["C11"])):
            one = {"reads": 10, "hits": 5, "misses": 3, "errors": errors}
            self.assertEqual([one.check for one in accounts.counted({("s0", "tier"): one}, [])], found)

    def test_c12_what_is_left_over(self):
        before = {"rss": 30 << 20, "fds": 20, "leases": 0, "clients": 1}
        self.assertEqual(list(accounts.resources(before, before)), [])
        for name, most in (("rss", 100 << 20), ("fds", 80), ("leases", 1), ("clients", 2)):
            found = list(accounts.resources(before, before | {name: most}))
            self.assertEqual([one.check for one in found], ["C12"], name)


class KnownTest(unittest.TestCase):
    """What is counted apart is exactly that, and the same where it cannot be is still found."""

    def test_a_load_that_comes_when_its_time_is_over(self):
        for key, known, found in (("w:0", ["C6"], []), ("x:0", [], ["C6"])):
            one = Story().read(key, value(key, 1), 90, 102)
            one.wrote(key, value(key, 1), 100, 101, "PXAT", START + 50)
            self.assertEqual((one.judge(checks.LATE_LOAD), one.judge()), (known, found))
        one = Story().wrote("w:0", value("w:0", 1), 0, 1, "PXAT", START + 50)
        self.assertEqual(one.read("w:0", value("w:0", 1), 90, 95).judge(), ["C6"])

    def test_a_waiter_who_is_told_something_newer_than_the_read_behind_it(self):
        for key, known, found in (("l:0", ["C3"], []), ("c:0", [], ["C3"])):
            one = Story().wrote(key, value(key, 1), 0, 1, "PXAT", START + 60_000)
            one.read(key, value(key, 2), 10, 32).read(key, value(key, 1), 20, 32)
            one.wrote(key, value(key, 2), 30, 31, "PXAT", START + 60_020)
            self.assertEqual((one.judge(checks.LATE_WAITER), one.judge()), (known, found))
        one = Story().wrote("l:0", value("l:0", 1), 0, 1, "PXAT", START + 60_000)
        one.wrote("l:0", value("l:0", 2), 10, 11, "PXAT", START + 60_010)
        one.read("l:0", value("l:0", 2), 12, 13).read("l:0", value("l:0", 1), 14, 15)
        self.assertEqual(one.judge(), ["C3"])

    def test_a_reader_who_is_told_to_load(self):
        for key, found in (("w:0", []), ("c:0", ["C1"])):
            one = Story().wrote(key, value(key, 1), 0, 1).read(key, None, W + 50, W + 51)
            self.assertEqual(one.judge(), found)
        late = 11_000  # Longer than any lease lasts.
        one = Story().wrote("w:0", value("w:0", 1), 0, 1).read("w:0", None, late, late + 1)
        self.assertEqual(one.judge(), ["C1"])


class TruthTest(unittest.TestCase):
    def test_what_a_transaction_wrote_twice_was_never_there_once(self):
        one = Story().op("exec", ["u:0", "u:0"], [value("u:0", 1), value("u:0", 2)], 0, 1)
        one.did(["MULTI"], ["SET", "u:0", value("u:0", 1)], ["SET", "u:0", value("u:0", 2)], ["EXEC"])
        self.assertEqual(one.read("u:0", value("u:0", 1), 10, 11).judge(), ["C1"])

    def test_a_file_that_was_cut_and_one_with_times(self):
        whole = encode("SELECT", 0) + b"#TS:1700000000\r\n" + encode("SET", "u:0", "a\r\nb")
        self.assertEqual(list(aof.commands(whole)), [["SELECT", "0"], ["SET", "u:0", "a\r\nb"]])
        for size in range(len(encode("SELECT", 0)) + 16, len(whole)):
            self.assertEqual(list(aof.commands(whole[:size])), [["SELECT", "0"]])

    def test_databases_that_were_swapped(self):
        one = Story().wrote("u:0", value("u:0", 1), 0, 1).did(["SWAPDB", 0, 1])
        self.assertEqual(one.read("u:0", value("u:0", 1), 10, 11, db=1).judge(), [])

    def test_data_that_was_lost(self):
        one = Story().wrote("u:0", value("u:0", 1), 0, 1).read("u:0", None, 10, 11)
        truth = Truth([one.file, b""], one.ops)
        self.assertEqual(bench.judge(one.ops, truth), [])


if __name__ == "__main__":
    unittest.main()
