"""Single things that happen to a node, for random rows of them. None touches the service
`steady`: it has to serve and stay through all of it."""

import os
import signal
import threading

from fleet import call

SPARED = "steady"


def routed(fleet, chance):
    return chance.choice([name for name in fleet.routed if name != SPARED])


def anyone(fleet, chance):
    return chance.choice([name for name in fleet.generation if name != SPARED])


def deploy(fleet, chance):
    fleet.deploy(anyone(fleet, chance))


def deploy_broken(fleet, chance):
    """A version that ends at once; the next deploy of the service mends it."""
    name = routed(fleet, chance)
    fleet.define(name, "exit 3")
    fleet.git.push(f"{name} exits")
    fleet.sync()


def break_file(fleet, chance):
    name = anyone(fleet, chance)
    fleet.git.write(f"services/{name}.toml", "this is no definition\n")
    fleet.git.push(f"{name} is no definition")
    fleet.sync()


def stop_service(fleet, chance):
    name = anyone(fleet, chance)
    fleet.define(name, head="active = false\n")
    fleet.git.push(f"stop {name}")
    fleet.sync()


def remove_service(fleet, chance):
    name = anyone(fleet, chance)
    if os.path.exists(f"{fleet.git.clone}/services/{name}.toml"):
        fleet.git.remove(f"services/{name}.toml")
        fleet.git.push(f"remove {name}")
        fleet.sync()


def container_of(fleet, name):
    try:
        return next(iter(fleet.containers().get(name, [])), None)
    except (OSError, RuntimeError):
        return None  # podman is away


def kill_container(fleet, chance):
    container = container_of(fleet, anyone(fleet, chance))
    if container and container["Pid"]:
        try:
            os.kill(container["Pid"], signal.SIGKILL)
        except ProcessLookupError:
            pass  # it has just ended


def by_podman(*words):
    def run(fleet, chance):
        container = container_of(fleet, anyone(fleet, chance))
        if container:
            try:
                fleet.tool(*words, container["Id"])
            except RuntimeError:
                pass  # it has just gone
    return run


def remove_route(fleet, chance):
    name = routed(fleet, chance)
    try:
        call(fleet.proxy_socket, "DELETE",
             f"/v1/routes/127.0.0.1:{fleet.port}/{fleet.host(name)}?owner=mcp/rift")
    except (OSError, RuntimeError):
        pass  # mc-proxy is away


def freeze_podman(fleet, chance):
    service = fleet.podman_service
    service.kill(signal.SIGSTOP)
    threading.Timer(chance.choice((0.5, 2, 4)), service.kill, (signal.SIGCONT,)).start()


def git_away(fleet, chance):
    relay = fleet.git.relay
    relay.mode = chance.choice(("refuse", "silent", 100, 2000))

    def back():
        relay.mode = "pass"
    threading.Timer(chance.choice((0.5, 2)), back).start()


OPERATIONS = {
    "deploy": deploy,
    "deploy again": deploy,
    "deploy once more": deploy,
    "deploy a version that ends": deploy_broken,
    "break a file": break_file,
    "stop a service": stop_service,
    "remove a service": remove_service,
    "kill -9 a container": kill_container,
    "podman stop": by_podman("stop", "--time", "0"),
    "podman pause": by_podman("pause"),
    "podman rm": by_podman("rm", "--force", "--time", "0"),
    "remove a route": remove_route,
    "freeze podman": freeze_podman,
    "git away": git_away,
    "kill -9 the agent": lambda fleet, _: fleet.agent.kill(),
    "kill -9 podman": lambda fleet, _: fleet.podman_service.kill(),
    "kill -9 mc-proxy": lambda fleet, _: fleet.proxy.kill(),
}
