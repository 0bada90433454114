"""Tables for people, and the facts without which figures mean nothing."""

import datetime
import os
import platform
import shutil
import subprocess

COLUMNS = ["target", "req/s", "/direct", "/nutcr", "p50 us", "p99 us", "cpu us", "/nutcr", "+-",
           "redis us", "/direct", "core each", "calls", "alone"]
SHOWN = ["direct", "nutcracker", "haproxy", "pannier", "pannier-unix", "pannier-unix-both"]
LEGEND = """\
/x         ratio to x, the median over the rounds; +- is half its interquartile range
cpu us     the proxy's own CPU per request; redis us: Redis's behind it
core each  throughput against direct if every process had a core: Redis's CPU per request direct
           over the larger of the proxy's and Redis's behind it
calls      system calls per request under strace with all connections (Redis's own for direct),
           alone: with one connection"""


def print_pass_through(result):
    for cell in result["cells"]:
        print(f"\n{cell['command'].upper()} {cell['size']} B, pipeline {cell['pipeline']}")
        rows = [row(name, cell["targets"][name]) for name in SHOWN if name in cell["targets"]]
        print_table(COLUMNS, rows)
    print("\n" + LEGEND)
    for cell, name in generator_bound(result["cells"]):
        print(f"{cell} {name}: the generator had no time left; do not trust the throughput")
    if result["memory"]:
        print("\nbytes per idle connection")
        print_table(["target", "bytes"], [[name, f"{result['memory'][name]:.0f}"]
                                          for name in SHOWN if name in result["memory"]])
    if result["bars"]:
        print("\nbars")
        print_table(["verdict", "cell", "figure", "found", "bar", ""],
                    [bar_row(bar) for bar in result["bars"]])


def generator_bound(cells):
    for cell in cells:
        for name, target in cell["targets"].items():
            median = target["median"]
            if median["generator_us"] * median["throughput"] > 0.97e6:
                yield cell["cell"], name


def row(name, target):
    median, ratios = target["median"], target["ratios"]

    def ratio(key):
        return f"{ratios[key]['median']:.2f}" if key in ratios else "-"

    def figure(value, digits):
        return "-" if value is None else f"{value:.{digits}f}"

    cpu = ratios.get("proxy_us/nutcracker")
    return [name, f"{median['throughput']:.0f}", ratio("throughput/direct"),
            ratio("throughput/nutcracker"), f"{median['p50_us']:.0f}", f"{median['p99_us']:.0f}",
            figure(median.get("proxy_us"), 2), ratio("proxy_us/nutcracker"),
            figure(cpu and (cpu["high"] - cpu["low"]) / 2, 3), f"{median['redis_us']:.2f}",
            ratio("redis_us/direct"), ratio("core_each/direct"),
            figure(target.get("calls_busy"), 2), figure(target.get("calls_alone"), 2)]


def bar_row(bar):
    digits = 0 if bar["value"] > 100 else 3
    return ["pass" if bar["pass"] else "MISS", bar["cell"], bar["what"],
            f"{bar['value']:.{digits}f}",
            f"{bar['sense']} {bar['limit']}", "" if bar["gates"] else "(goal)"]


def print_table(header, rows):
    """The first column and words to the left, figures to the right."""
    widths = [max(len(line[i]) for line in [header, *rows]) for i in range(len(header))]
    for line in [header, *rows]:
        print("  ".join(cell.rjust(width) if numeric(rows, i) else cell.ljust(width)
                        for i, (cell, width) in enumerate(zip(line, widths))).rstrip())


def numeric(rows, column):
    return all(row[column] == "-" or row[column].replace(".", "").isdigit() for row in rows)


def facts(pannier):
    versions = {"redis-server": "--version", "nutcracker": "-V", "haproxy": "-v",
                pannier: "--version"}
    return {"date": datetime.datetime.now().astimezone().isoformat(timespec="seconds"),
            "cores": len(os.sched_getaffinity(0)), "processor": processor(),
            "kernel": platform.release(), "load_average": os.getloadavg()[0],
            "commit": first_line(["git", "rev-parse", "--short", "HEAD"]),
            "versions": {os.path.basename(name): first_line([name, flag])
                         for name, flag in versions.items() if shutil.which(name)}}


def processor():
    with open("/proc/cpuinfo") as file:
        return next((line.split(":")[1].strip() for line in file if line.startswith("model name")),
                    platform.machine())


def first_line(argv):
    done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return done.stdout.partition("\n")[0] if done.returncode == 0 and done.stdout else None
