"""From slices to figures: medians of what was seen in each round, and the bars."""

import statistics

# What must hold: figure, against whom, {pipeline: limit} (None: any pipeline), at most or at
# least, and whether --gate insists on it. The rest are goals that are only shown.
BARS = [
    ("proxy CPU per request", "nutcracker", "proxy_us", {1: .92, 16: .60, 64: .35}, "at most",
     True),
    ("throughput", "nutcracker", "throughput", {None: 1.0}, "at least", True),
    ("proxy CPU per request", "haproxy", "proxy_us", {1: .65}, "at most", False),
    ("Redis CPU per request", "direct", "redis_us", {1: .30}, "at most", False),
    ("throughput, a core each", "direct", "core_each", {1: .75}, "at least", False),
]
# With values larger than this, moving bytes is all there is to do.
LARGE = 1024
LARGE_BARS = [
    ("proxy CPU per request", "nutcracker", "proxy_us", {None: 1.0}, "at most", False),
    ("proxy CPU per request", "haproxy", "proxy_us", {None: 1.0}, "at most", False),
    ("throughput", "nutcracker", "throughput", {None: 1.0}, "at least", True),
]
IDLE_LIMIT = 2048
COMPARED = [("throughput", "direct"), ("throughput", "nutcracker"), ("proxy_us", "nutcracker"),
            ("proxy_us", "haproxy"), ("redis_us", "direct")]


def summarise(cell, measured):
    """Adds to each target the median of every figure and the ratios to the references. A ratio is
    taken within each round, where the slices are neighbours; absolute figures drift."""
    rounds = {name: found["slices"] for name, found in measured.items()}
    for name, found in measured.items():
        found["median"] = {key: statistics.median(one[key] for one in rounds[name])
                           for key in rounds[name][0]}
        found["ratios"] = {}
        for figure, reference in COMPARED:
            if reference in rounds and figure in rounds[name][0] and figure in rounds[reference][0]:
                pairs = zip(rounds[name], rounds[reference])
                found["ratios"][f"{figure}/{reference}"] = spread(
                    one[figure] / other[figure] for one, other in pairs)
        if "proxy_us" in found["median"]:
            found["ratios"]["core_each/direct"] = spread(
                other["redis_us"] / max(one["proxy_us"], one["redis_us"])
                for one, other in zip(rounds[name], rounds["direct"]))
    return {"cell": str(cell), **cell._asdict(), "targets": measured}


def spread(values):
    values = list(values)
    low, high = min(values), max(values)
    if len(values) > 2:
        low, _, high = statistics.quantiles(values, n=4, method="inclusive")
    return {"median": statistics.median(values), "low": low, "high": high}


def bars(cells, memory):
    """Every bar that the targets of this run can be held against, with its verdict."""
    found = []
    for cell in cells:
        ratios = cell["targets"].get("pannier", {}).get("ratios", {})
        held = LARGE_BARS if cell["size"] > LARGE else BARS
        for what, reference, figure, limits, sense, gates in held:
            limit = limits.get(cell["pipeline"], limits.get(None))
            ratio = ratios.get(f"{figure}/{reference}")
            if limit is None or ratio is None:
                continue
            value = ratio["median"]
            found.append({"cell": cell["cell"], "what": f"{what} / {reference}", "value": value,
                          "sense": sense, "limit": limit, "gates": gates,
                          "pass": value <= limit if sense == "at most" else value >= limit})
    if "pannier" in memory:
        found.append({"cell": "idle", "what": "bytes per idle connection",
                      "value": memory["pannier"], "sense": "at most", "limit": IDLE_LIMIT,
                      "gates": False, "pass": memory["pannier"] <= IDLE_LIMIT})
    return found
