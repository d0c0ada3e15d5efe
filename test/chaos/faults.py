"""What is done to the fleet, and what that may cost. A fault ends with its cause gone; the fleet has
to come back by itself."""

import glob
import os
import random
import signal
import sqlite3
import subprocess
import time
from dataclasses import dataclass
from typing import Callable

from fleet import NETWORK, call, wait_until
from operations import OPERATIONS
from parts import processes_with

# In the order in which a rollout comes by them.
PHASES = ("Created", "Started", "Routed", "Stopped")
NAMES = "/run/containers/networks/aardvark-dns"
# As long as the agent waits for an answer of podman, and a little more.
PATIENCE_WITH_PODMAN = 30
LIBFAKETIME = glob.glob("/usr/lib/*/faketime/libfaketime.so.1")


@dataclass
class Fault:
    name: str
    run: Callable
    touched: tuple = ()  # services whose containers it ends or replaces; "*": all
    # Seconds for which these may be without an answer, and why: lost by nature, not by us.
    outage: float = 0
    expected: str = "none"
    shared: bool = False  # the outage is everybody's
    # Seconds. What ended for the third time within ten minutes is Flapping for one.
    converge: float = 75
    registry_lost: bool = False  # its events are, leases are not
    removes: bool = False  # touched services, among other things: others may have their ports then
    quick: bool = False  # part of the short form


# ---------------------------------------------------------------- in a rollout

def during_rollout(phase, act):
    """Deploys s1 and acts as soon as its rollout has come to the phase."""
    def run(fleet):
        since = fleet.events.last()
        fleet.deploy("s1")
        fleet.events.wait_for(since, "s1", phase)
        act(fleet)
    return run


def kill_agent(fleet):
    fleet.agent.kill()


def kill_podman(fleet):
    fleet.podman_service.kill()


def kill_mc_proxy(fleet):
    fleet.proxy.kill()


def kill_haproxy(fleet):
    for pid in fleet.haproxies():
        os.kill(pid, signal.SIGKILL)


def kill_dns(fleet):
    """Netavark's server of names."""
    for pid in processes_with("aardvark-dns"):
        os.kill(pid, signal.SIGKILL)


def kill_conmons(fleet):
    """Of every container of s1, old and new."""
    for container in fleet.containers().get("s1", []):
        pid = fleet.podman.api("GET", f"/containers/{container['Id']}/json")["State"]["ConmonPid"]
        if pid:
            os.kill(pid, signal.SIGKILL)


# ---------------------------------------------------------------- by hand

def kill_process(fleet):
    os.kill(fleet.process_of("s2"), signal.SIGKILL)


def remove_container(fleet):
    fleet.tool("rm", "--force", "--time", "0", fleet.containers()["s2"][0]["Names"][0])


def remove_network(fleet):
    fleet.tool("network", "rm", "--force", "--time", "0", NETWORK)


def remove_image(fleet):
    """With everything that was made of it; what the agent makes meanwhile is in podman's way."""
    def gone():
        try:
            fleet.tool("rmi", "--force", fleet.image, "localhost/mcp-demo:v1")
            return True
        except RuntimeError:
            return False
    wait_until(gone, "podman to remove the image")


def remove_route(fleet):
    call(fleet.proxy_socket, "DELETE",
         f"/v1/routes/127.0.0.1:{fleet.port}/{fleet.host('s2')}?owner=mcp/rift")


def remove_podman_socket(fleet):
    """Until somebody starts podman again; the connections that are open go on until then."""
    os.unlink(fleet.podman.socket)
    fleet.deploy("s1")
    time.sleep(2)
    fleet.podman_service.kill()


def remove_api_socket(fleet):
    os.unlink(fleet.api)
    wait_until(lambda: os.path.exists(fleet.api), "the agent to make its socket again")
    fleet.deploy("s1")


def remove_proxy_socket(fleet):
    os.unlink(fleet.proxy_socket)
    fleet.deploy("s1")


# ---------------------------------------------------------------- frozen, full, damaged

def freeze_podman(seconds):
    """In a rollout; meanwhile a process ends, which nobody can start again."""
    def run(fleet):
        since = fleet.events.last()
        fleet.deploy("s1")
        fleet.events.wait_for(since, "s1", "Created")
        victim = fleet.process_of("s2")
        fleet.podman_service.kill(signal.SIGSTOP)
        thaw = time.monotonic() + seconds
        try:
            os.kill(victim, signal.SIGKILL)
            if seconds > PATIENCE_WITH_PODMAN:
                wait_until(lambda: fleet.reason() == "RuntimeUnavailable", "podman to be missed")
            time.sleep(max(0.0, thaw - time.monotonic()))
        finally:
            fleet.podman_service.kill(signal.SIGCONT)
    return run


def freeze_mc_proxy(fleet):
    """Routes cannot change; what needs none goes on."""
    fleet.proxy.kill(signal.SIGSTOP)
    try:
        fleet.deploy("s1")
        fleet.deploy("job")
        wait_until(lambda: fleet.reason("s1") == "ProxyUnavailable", "mc-proxy to be missed")
        wait_until(lambda: fleet.is_current("job"), "job to be replaced without mc-proxy")
    finally:
        fleet.proxy.kill(signal.SIGCONT)


def fill_disk(fleet):
    """Of the registry and the clone. What runs is healed, what is new waits."""
    ballast = f"{fleet.state}/ballast"
    subprocess.run(["dd", "if=/dev/zero", f"of={ballast}", "bs=64k"], check=False,
                   capture_output=True)
    try:
        process = fleet.process_of("s2")
        fleet.deploy("s1")
        os.kill(process, signal.SIGKILL)
        wait_until(lambda: fleet.reason() in ("RegistryUnavailable", "SourceUnavailable"),
                   "the full disk to be told")
        wait_until(lambda: fleet.serves("s2"), "s2 to be healed on a full disk")
    finally:
        os.unlink(ballast)


def damage_registry(fleet):
    """Pages in its middle, while it is in use; the agent finds them at its next start."""
    with open(f"{fleet.state}/mcp.db", "r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * 8192)
    fleet.agent.kill()
    lives = fleet.agent.lives
    wait_until(lambda: fleet.agent.lives > lives, "the next agent")


def remove_registry(fleet):
    """While it is in use."""
    os.unlink(f"{fleet.state}/mcp.db")
    fleet.deploy("s1")


def corrupt_clone(fleet):
    """While it is in use, before the next fetch."""
    for pack in glob.glob(f"{fleet.state}/**/source.git/objects/**/*", recursive=True):
        if os.path.isfile(pack):
            os.chmod(pack, 0o600)
            with open(pack, "r+b") as file:
                file.write(b"\0" * 64)
    fleet.deploy("s1")


# ---------------------------------------------------------------- git

def cut_fetch(fleet):
    """After a few bytes, and after some more; then it goes through."""
    relay = fleet.git.relay
    for size in (100, 1500, 3000):
        relay.mode, cuts = size, relay.cuts
        fleet.deploy("s1")
        try:
            wait_until(lambda: relay.cuts > cuts, f"a fetch of more than {size} bytes", 20)
        finally:
            relay.mode = "pass"
    fleet.sync()


def silent_git(fleet):
    """It accepts and never answers, and a restart comes in between: what was good stays."""
    relay = fleet.git.relay
    relay.mode = "silent"
    try:
        fleet.deploy("s1")
        fleet.agent.kill()
        time.sleep(1)
        os.kill(fleet.process_of("s3"), signal.SIGKILL)
        wait_until(lambda: fleet.serves("s3"), "s3 to be healed without git")
    finally:
        relay.mode = "pass"


def bad_revision_offline(fleet):
    """The newest definition is broken, git is gone, and the agent is killed: s3 stays as it was."""
    relay = fleet.git.relay
    fleet.git.write("services/s3.toml", "name = \"s3\"\n[[components]\n")
    fleet.git.push("break s3")
    fleet.sync()
    wait_until(lambda: fleet.reason("s3") == "InvalidDefinition", "s3 to be held")
    relay.mode = "refuse"
    try:
        fleet.agent.kill()
        wait_until(lambda: fleet.reason() == "SourceUnavailable", "git to be missed")
        os.kill(fleet.process_of("s3"), signal.SIGKILL)
        wait_until(lambda: fleet.serves("s3"), "s3 to be healed by its last good definition")
    finally:
        relay.mode = "pass"
    fleet.define("s3")
    fleet.git.push("mend s3")
    fleet.sync()


# ---------------------------------------------------------------- time

def step_clock(fleet):
    """A day forward and two days back, as the agent sees it, with a rollout after each."""
    clock = f"{fleet.work}/clock"

    def step(days):
        with open(clock, "w", encoding="ascii") as file:
            file.write(f"{days:+d}d")
    step(0)
    fleet.start_agent({"LD_PRELOAD": LIBFAKETIME[0], "FAKETIME_TIMESTAMP_FILE": clock,
                       "FAKETIME_CACHE_DURATION": "1", "DONT_FAKE_MONOTONIC": "1"})
    fleet.wait_converged(60)
    try:
        for days in (1, -1):
            step(days)
            fleet.deploy("s1")
            fleet.wait_converged(60)
    finally:
        fleet.start_agent()


# ---------------------------------------------------------------- anything

def random_operations(seed, count):
    """One after the other without waiting for what becomes of it."""
    def run(fleet):
        chance = random.Random(seed)
        for number in range(count):
            name = chance.choice(sorted(OPERATIONS))
            fleet.note(f"operation {number}: {name}")
            OPERATIONS[name](fleet, chance)
            time.sleep(chance.choice((0, 0, 0.2, 1)))
        fleet.restore()
    return run


def others_have_names():
    """The server of names is the machine's: containers that are not ours would miss it."""
    found = os.listdir(NAMES) if os.path.isdir(NAMES) else []
    return any(name.split("%")[0] not in (NETWORK, "aardvark.pid") for name in found)


def all_faults(seed, quick):
    chance = random.Random(seed)
    phase_of_quick = chance.choice(PHASES)
    frozen = 5 if quick else 60
    faults = [Fault("nothing: a rollout", lambda fleet: fleet.deploy("s1"), ("s1",), quick=True)]
    for phase in PHASES:
        for name, act, outage in (("agent", kill_agent, 0), ("podman service", kill_podman, 0),
                                  *([] if others_have_names() else
                                    [("aardvark-dns", kill_dns, 0)]),
                                  ("mc-proxy", kill_mc_proxy, 0), ("HAProxy", kill_haproxy, 5),
                                  ("conmon", kill_conmons, 5)):
            faults.append(Fault(
                f"kill -9 {name}, rollout at {phase}", during_rollout(phase, act), ("s1",), outage,
                {"HAProxy": "all, until it is back: 5 s", "conmon": "s1, until healed: 5 s"}.get(
                    name, "none"), shared=name == "HAProxy", quick=phase == phase_of_quick))
    faults += [
        Fault("kill -9 a container's process", kill_process, ("s2",), 3, "s2: 3 s", quick=True),
        Fault("podman rm of a container", remove_container, ("s2",), 5, "s2: 5 s", quick=True),
        Fault("podman network rm", remove_network, ("*",), 20, "all are removed: 20 s",
              removes=True),
        Fault("podman rmi of the image", remove_image, ("*",), 20, "all are removed: 20 s",
              removes=True, quick=True),
        Fault("route removed", remove_route, (), 2, "s2: 2 s", shared=True, quick=True),
        Fault("podman's socket removed", remove_podman_socket, ("s1",)),
        Fault("the agent's socket removed", remove_api_socket, ("s1",)),
        Fault("mc-proxy's socket removed", remove_proxy_socket, ("s1",)),
        Fault("podman frozen in a rollout", freeze_podman(frozen), ("s1", "s2"), frozen + 5,
              f"s2, killed: {frozen + 5} s", converge=90, quick=True),
        Fault("mc-proxy frozen in a rollout", freeze_mc_proxy, ("s1", "job")),
        Fault("disk full", fill_disk, ("s1", "s2"), 3, "s2, killed: 3 s", quick=True),
        Fault("registry damaged", damage_registry, registry_lost=True, quick=True),
        Fault("registry removed while in use", remove_registry, ("s1",), registry_lost=True),
        Fault("clone corrupted", corrupt_clone, ("s1",), quick=True),
        Fault("git cut in the middle of a fetch", cut_fetch, ("s1",), quick=True),
        Fault("git silent, agent killed", silent_git, ("s1", "s3"), 3, "s3, killed: 3 s",
              converge=120),
        Fault("bad revision, git away, agent killed", bad_revision_offline, ("s3",), 3,
              "s3, killed: 3 s", quick=True),
    ]
    if LIBFAKETIME:
        faults.append(Fault("clock stepped a day", step_clock, ("s1",)))
    count = 15 if quick else 200
    faults.append(Fault(f"{count} random operations", random_operations(seed, count),
                        ("s1", "s2", "s3", "job"), 300, "those of s1, s2, s3 that are killed",
                        converge=180, removes=True, quick=True))
    return faults
