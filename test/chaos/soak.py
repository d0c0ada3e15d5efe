"""Many services and constant random changes for a long time: what the programs take may not grow.
See run.sh."""

import argparse
import os
import random
import signal
import statistics
import sys
import time

from fleet import Fleet, TooLong
from load import Load
from operations import OPERATIONS

ROUTED = ("s1", "s2", "s3", "steady")
# Of all that may happen: what a quiet week has, at a thousand times its pace.
CHANGES = ("deploy", "deploy again", "stop a service", "remove a service", "kill -9 a container",
           "podman rm", "remove a route", "git away", "deploy a version that ends", "break a file")
SAMPLES = 60
# How much more the last third may take than the one before: what is above it is a leak.
MAY_GROW = {"RSS, MB": 1.10, "files": 1.05, "processes watched": 1.05, "threads": 1.05, "database, MB": 1.10}
# Connections come and go with the steps that are under way, containers with the changes.
SLACK = {"RSS, MB": 2, "files": 16, "processes watched": 8, "threads": 2, "database, MB": 0.5}


def rss(pid):
    with open(f"/proc/{pid}/status", encoding="utf-8") as file:
        return int(next(line for line in file if line.startswith("VmRSS:")).split()[1]) / 1024


def files(pid):
    """How many are open, and how many of them stand for a container's process (pidfd_open(2))."""
    folder, names = f"/proc/{pid}/fd", []
    for number in os.listdir(folder):
        try:
            names.append(os.readlink(f"{folder}/{number}"))
        except FileNotFoundError:
            pass  # closed meanwhile
    processes = names.count("anon_inode:[pidfd]")
    return len(names) - processes, processes


def sample(fleet):
    """By (program, what)."""
    found = {}
    for daemon in (fleet.agent, fleet.proxy):
        found[daemon.name, "RSS, MB"] = rss(daemon.pid)
        found[daemon.name, "files"], processes = files(daemon.pid)
        if daemon is fleet.agent:
            found[daemon.name, "processes watched"] = processes
        found[daemon.name, "threads"] = len(os.listdir(f"/proc/{daemon.pid}/task"))
    found["agent", "database, MB"] = sum(
        os.path.getsize(f"{fleet.state}/{name}") for name in os.listdir(fleet.state)
        if name.startswith("mcp.db")) / 2**20
    found["HAProxy", "RSS, MB"] = sum(rss(pid) for pid in fleet.haproxies())
    return found


def change_for(fleet, chance, seconds, samples):
    end, next_sample, changes = time.monotonic() + seconds, 0.0, 0
    while time.monotonic() < end:
        OPERATIONS[chance.choice(CHANGES)](fleet, chance)
        changes += 1
        time.sleep(chance.random())
        if time.monotonic() >= next_sample:
            samples.append(sample(fleet))
            next_sample = time.monotonic() + seconds / SAMPLES
    return changes


def report(samples):
    """Prints the table; what has grown."""
    # A third is the warm-up: caches, the registry's first thousand events.
    third = len(samples) // 3
    grown = []
    print("| program | what | at first | middle third | last third | most | verdict |")
    print("|---|---|---|---|---|---|---|")
    for key in samples[0]:
        values = [one[key] for one in samples]
        middle = statistics.median(values[third:2 * third])
        last = statistics.median(values[2 * third:])
        flat = last <= middle * MAY_GROW[key[1]] + SLACK[key[1]]
        if not flat:
            grown.append(f"{key[0]}: {key[1]} from {middle:.1f} to {last:.1f}")
        print(f"| {key[0]} | {key[1]} | {values[0]:.1f} | {middle:.1f} | {last:.1f} | "
              f"{max(values):.1f} | {'flat' if flat else 'GROWS'} |")
    return grown


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--binaries", required=True)
    parser.add_argument("--work", required=True)
    parser.add_argument("--minutes", type=float, default=120)
    parser.add_argument("--services", type=int, default=100)
    parser.add_argument("--seed", type=int, required=True)
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    plain = [f"p{number:03}" for number in range(options.services - len(ROUTED))]
    chance = random.Random(options.seed)
    fleet, failures, samples = None, [], []
    try:
        fleet = Fleet(options.work, options.binaries, ROUTED, plain,
                      registry="keep_events = 1000\n")
        fleet.wait_converged(300)
        lives = [fleet.agent.lives, fleet.proxy.lives]
        load = Load(fleet.port, fleet.ca, [fleet.host("steady")])
        print(f"seed {options.seed}: {options.services} services run; {options.minutes:g} minutes "
              "of changes", flush=True)
        changes = change_for(fleet, chance, options.minutes * 60, samples)
        fleet.restore()
        fleet.fault_over = time.monotonic()
        converged = fleet.wait_converged(300)
        load.stop()
        asked, losses = load.outcome()
        print(f"{changes} changes, {fleet.events.last()} events; converged {converged:.1f} s after "
              f"the last; {asked} requests to a service that nothing was done to, "
              f"{sum(loss[0] for loss in losses.values())} lost\n")
        failures = report(samples)
        failures += [f"lost: {host}: {why}" for host, (_, _, why) in losses.items()]
        if lives != [fleet.agent.lives, fleet.proxy.lives]:
            failures.append("the agent or mc-proxy has ended by itself")
    except TooLong as late:
        failures.append(str(late))
    finally:
        if fleet:
            if failures:
                print(fleet.last_words(), file=sys.stderr)
            fleet.end()
    print(f"\n{len(failures)} violations" + "".join(f"\n  {what}" for what in failures))
    return 1 if failures else 0


if __name__ == "__main__":
    os.nice(5)
    sys.exit(main())
