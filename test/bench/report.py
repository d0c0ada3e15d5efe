"""Numbers become tables, and tables their place between two markers of docs/benchmarks.md."""

import os
import platform
import re
import statistics
import subprocess
import time


def median(samples):
    return statistics.median(samples)


def seconds(value):
    return f"{value * 1000:.1f} ms" if value < 0.1 else f"{value:.2f} s"


def spread(samples):
    if len(samples) == 1:
        return "once"
    return f"{seconds(min(samples))} to {seconds(max(samples))}, {len(samples)} times"


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
    lines += ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows]
    return "\n".join(lines)


def compare(results, floor):
    """A line for each contender: median, its ratio to that of `floor`, spread."""
    base = median(results[floor])
    rows = []
    for name, samples in results.items():
        value = median(samples)
        ratio = "1" if name == floor else f"{value / base:.2f}"
        rows.append([name, seconds(value), ratio, spread(samples)])
    return table(["", "median", "to the floor", "from, to"], rows)


def first_line(*command):
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return "missing"
    return (done.stdout or done.stderr).strip().split("\n")[0]


def machine():
    cgroup = first_line("stat", "-fc", "%T", "/sys/fs/cgroup")
    with open("/etc/os-release", encoding="utf-8") as file:
        system = re.search(r'^PRETTY_NAME="?([^"\n]*)', file.read(), re.MULTILINE)[1]
    cpu = re.search(r"^model name\s*: (.*)$", open("/proc/cpuinfo", encoding="utf-8").read(),
                    re.MULTILINE)
    return (f"{os.cpu_count()} cores{' (' + cpu[1] + ')' if cpu else ''}, {system}, kernel "
            f"{platform.release()}, cgroup {'v2' if cgroup == 'cgroup2fs' else 'v1'}")


def versions(agent, podman):
    found = [first_line(agent, "--version"), first_line("podman", "--version"),
             podman("info", "--format",
                    "{{.Host.OCIRuntime.Name}}, {{.Store.GraphDriverName}}").strip()]
    for program in ("podman-compose", "docker-compose"):
        text = first_line("dpkg-query", "-W", "-f", "${Version}", program)
        found.append(f"{program} {text}")
    return ", ".join(found)


def stamp(about):
    load = os.getloadavg()[0]
    return f"{time.strftime('%Y-%m-%d')}; load before: {load:.1f}; {about}."


def write(bench, rows, about, path):
    """Measures each row (a method of `bench`), prints it, and puts it into the page at `path`, if any."""
    for row in rows:
        note = stamp(about)
        text = getattr(bench, row)() + "\n\n" + f"<sub>{note}</sub>"
        print(f"## {row}\n\n{text}\n", flush=True)
        if path:
            with open(path, encoding="utf-8") as file:
                page = file.read()
            with open(path, "w", encoding="utf-8") as file:
                file.write(put(page, row, text))


def put(page, name, text):
    """`page` with `text` between the markers of `name`."""
    begin, end = f"<!-- begin {name} -->", f"<!-- end {name} -->"
    pattern = re.compile(re.escape(begin) + ".*?" + re.escape(end), re.DOTALL)
    if not pattern.search(page):
        raise ValueError(f"the page has no markers '{begin}' and '{end}'")
    return pattern.sub(lambda _: f"{begin}\n{text}\n{end}", page)
