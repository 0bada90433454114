"""Reads protocol/commands.def, so that tests ask about exactly the commands pannier knows."""

import collections
import os
import re

from support import ROOT

Spec = collections.namedtuple(
    "Spec", "name arity access route verb first last step keys waits plain_with")


def read_table():
    with open(os.path.join(ROOT, "protocol/commands.def")) as file:
        lines = re.findall(r"^PANNIER_COMMAND\((.*)\)$", file.read(), re.MULTILINE)
    table = {}
    for line in lines:
        fields = [field.strip().strip('"') for field in line.split(",")]
        for number in (1, 5, 6, 7):
            fields[number] = int(fields[number])
        table[fields[0]] = Spec(*fields)
    return table


def key_positions(spec, args):
    """Positions of the keys of a command whose keys stand at fixed places."""
    last = spec.last if spec.last >= 0 else len(args) + spec.last
    return list(range(spec.first, last + 1, spec.step)) if spec.first else []
