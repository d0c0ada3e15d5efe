"""What is done to the fleet. A fault ends with the cause gone; the fleet has to come back alone."""

import os
import random
import signal
import time
from dataclasses import dataclass, field
from typing import Callable

from fleet import wait_until

# In the order in which a rollout comes by them.
PHASES = ("Created", "Started", "Routed", "Stopped")


@dataclass
class Fault:
    name: str
    run: Callable
    # Services whose containers it ends or replaces; "*": all.
    touched: tuple = ()
    # Seconds for which touched services may be without an answer: lost by nature, not by us.
    outage: float = 0
    # Whether that goes for every service: what they share is hit.
    shared: bool = False
    converge: float = 60
    registry_lost: bool = False
    quick: bool = False  # part of the short form
    expected: str = field(default="none")


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


def all_faults(seed):
    chance = random.Random(seed)
    quick_phase = chance.choice(PHASES)
    faults = [Fault("nothing: a rollout", lambda fleet: fleet.deploy("s1"), ("s1",), quick=True)]
    for phase in PHASES:
        for name, act, outage in (("agent", kill_agent, 0), ("podman service", kill_podman, 0),
                                  ("mc-proxy", kill_mc_proxy, 0), ("HAProxy", kill_haproxy, 5)):
            faults.append(Fault(
                f"kill -9 {name}, rollout at {phase}", during_rollout(phase, act), ("s1",), outage,
                shared=name == "HAProxy", quick=phase == quick_phase,
                expected=f"connections of that moment, at most {outage} s" if outage else "none"))
    return faults
