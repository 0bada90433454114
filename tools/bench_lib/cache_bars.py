"""A figure with the bar it is held against, for the table and the JSON file."""


def bar(where, what, value, limit, sense="at most", *, gates=True):
    """`value` is a number or a spread. Without `limit` it is only shown."""
    seen = value if isinstance(value, dict) else {"median": value}
    found = {"cell": where, "what": what, "value": seen["median"], "sense": sense, "limit": limit,
             "gates": gates and limit is not None, "pass": True}
    if "low" in seen:
        found["low"], found["high"] = seen["low"], seen["high"]
    if limit is not None:
        found["pass"] = (seen["median"] <= limit if sense == "at most" else
                         seen["median"] >= limit)
    return found


def row(found):
    """For print_table."""
    def text(value):
        return f"{value:.0f}" if abs(value) >= 100 or value == int(value) else f"{value:.3f}"

    limit = "-" if found["limit"] is None else f"{found['sense']} {found['limit']:g}"
    between = f"{text(found['low'])} - {text(found['high'])}" if "low" in found else ""
    if found["limit"] is None:
        verdict = ""
    else:
        verdict = ("met" if found["pass"] else "MISSED") + ("" if found["gates"] else " (goal)")
    return [found["cell"], found["what"], text(found["value"]), between, limit, verdict]


HEADER = ["target", "what", "figure", "spread", "bar", "verdict"]
