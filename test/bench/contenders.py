"""Each does the same work: N services of one container on one network, from nothing to running.

`up(names)` begins with none of them there, `again(names)` with all of them there and nothing
changed, `change(name)` with all of them there and a new environment for one. All return seconds.
"""

import json
import os
import time

from node import API, COMMAND, IMAGE, NETWORK, Agent, Repository

PATIENCE = 300  # seconds, for one run of a contender


class Contender:
    slow = False  # once it was seen to be

    def __init__(self, podman, folder):
        self.podman = podman
        self.folder = folder
        os.makedirs(folder)

    def file(self, name, text):
        path = f"{self.folder}/{name}"
        with open(path, "w", encoding="utf-8") as out:
            out.write(text)
        return path

    def timed(self, script):
        begin = time.monotonic()
        self.podman.run("sh", "-ec", script, cwd=self.folder, timeout=PATIENCE)
        return time.monotonic() - begin

    def prepare(self, names):
        """What a user would have written before."""

    def finish(self):
        self.podman.clear()


class Floor(Contender):
    """curl on podman's socket, four in flight: what the engine itself takes."""

    name = "bare REST, four in flight"

    def prepare(self, names):
        self.names = names
        for name in names:
            self.write(name, 1)
        self.file("names", "\n".join(names) + "\n")

    def write(self, name, generation):
        self.file(f"{name}.json", json.dumps({
            "name": name, "image": IMAGE, "command": COMMAND, "restart_policy": "no",
            "env": {"GENERATION": str(generation)}, "labels": {"service": name},
            "netns": {"nsmode": "bridge"}, "Networks": {NETWORK: {}}}))
        self.file(f"{name}.curl", self.request("POST", "/containers/create", f"{name}.json") +
                  "next\n" + self.request("POST", f"/containers/{name}/start"))
        self.file(f"{name}.replace", self.request("POST", f"/containers/{name}/stop") +
                  "next\n" + self.request("DELETE", f"/containers/{name}?force=true"))

    def request(self, method, target, body=None):
        text = (f'unix-socket = "{self.podman.socket}"\nurl = "http://d{API}{target}"\n'
                f'request = {method}\noutput = /dev/null\nsilent\nfail\n')
        if body:
            text += f'header = "Content-Type: application/json"\ndata = "@{body}"\n'
        return text

    def up(self, names):
        return self.timed("xargs -P 4 -I NAME curl -K NAME.curl < names")

    def again(self, names):
        return self.list(self.podman.socket)

    def list(self, socket):
        target = f"http://d{API}/containers/json?all=true"
        return self.timed(f"curl -sf -o list --unix-socket {socket} '{target}'")

    def change(self, name, generation):
        self.write(name, generation)
        return self.timed(f"curl -K {name}.replace; curl -K {name}.curl")


class Mcp(Contender):
    """The time from POST /v1/sync to the event that the last service is Ready."""

    name = "MCP"

    def __init__(self, podman, folder, program):
        super().__init__(podman, folder)
        self.program = program
        self.lives = 0
        self.agent = None
        self.until_ready = []  # of each change

    def begin(self, podman_socket=None, **options):
        self.lives += 1
        folder = f"{self.folder}/{self.lives}"
        os.makedirs(folder)
        self.repository = Repository(folder)
        self.agent = Agent(self.program, f"{folder}/agent", self.repository.url,
                           podman_socket or self.podman.socket, **options)

    def prepare(self, names):
        self.begin()
        self.repository.services(names)
        self.repository.commit("services")

    def synced(self, names):
        begin = time.monotonic()
        self.agent.request_sync()
        return self.agent.wait_for(names, begin) - begin

    def up(self, names):
        return self.synced(names)

    def again(self, names):
        """An operator's: fetch, and find nothing to do."""
        begin = time.monotonic()
        self.agent.sync()
        return time.monotonic() - begin

    def change(self, name, generation):
        self.repository.services([name], generation=generation)
        self.repository.commit("change")
        begin = time.monotonic()
        self.agent.request_sync()
        runs = self.agent.wait_for([name], begin, "Started")
        self.until_ready.append(self.agent.wait_for([name], begin) - begin)
        return runs - begin

    def finish(self):
        if self.agent:
            self.agent.stop()
            self.agent = None
        super().finish()


class RunLoop(Contender):
    name = "loop of `podman run`"

    def prepare(self, names):
        self.file("names", "\n".join(names) + "\n")
        self.file("command", "".join(f"{word}\n" for word in COMMAND))

    def run(self, name, generation):
        trap = COMMAND[2]
        return (f"podman run -d --quiet --name {name} --network {NETWORK} "
                f"--env GENERATION={generation} {IMAGE} sh -c \"{trap}\" >out")

    def up(self, names):
        return self.timed(f"while read -r NAME; do {self.run('$NAME', 1)}; done < names")

    def again(self, names):
        return self.timed("while read -r NAME; do podman container exists $NAME; done < names")

    def change(self, name, generation):
        return self.timed(f"podman stop {name} >out; podman rm {name} >out; "
                          f"{self.run(name, generation)}")


class Compose(Contender):
    """podman-compose and docker-compose read the same file."""

    def __init__(self, podman, folder, program):
        super().__init__(podman, folder)
        self.program = program
        self.name = program + (" on podman's socket" if program == "docker-compose" else "")

    def prepare(self, names):
        self.names = names
        self.write()

    def write(self, changed="", generation=1):
        services = {name: {"image": IMAGE, "command": COMMAND, "networks": [NETWORK],
                           "environment": [f"GENERATION={generation if name == changed else 1}"]}
                    for name in self.names}
        # JSON is YAML; "$" begins a variable there and there is none in COMMAND.
        self.file("compose.yaml", json.dumps({
            "version": "3", "services": services,
            "networks": {NETWORK: {"external": True, "name": NETWORK}}}))

    def up(self, names):
        return self.timed(f"{self.program} -p bench -f compose.yaml up -d >out 2>&1 || "
                          "{ cat out >&2; exit 1; }")

    def again(self, names):
        return self.up(names)

    def change(self, name, generation):
        self.write(name, generation)
        return self.up(self.names)


class KubePlay(Contender):
    """A pod for each service, which costs a second container."""

    name = "`podman kube play`"

    def prepare(self, names):
        self.names = names
        self.file("all.yaml", "---\n".join(self.pod(name, 1) for name in names))

    def pod(self, name, generation):
        return json.dumps({
            "apiVersion": "v1", "kind": "Pod", "metadata": {"name": name},
            "spec": {"containers": [{"name": "app", "image": IMAGE, "imagePullPolicy": "Never",
                                     "command": COMMAND, "env": [
                                         {"name": "GENERATION", "value": str(generation)}]}]}}
        ) + "\n"

    def play(self, file):
        return self.timed(f"podman kube play --quiet --replace --network {NETWORK} {file} >out")

    def up(self, names):
        return self.timed(f"podman kube play --quiet --network {NETWORK} all.yaml >out")

    def again(self, names):
        return self.play("all.yaml")

    def change(self, name, generation):
        return self.play(self.file(f"{name}.yaml", self.pod(name, generation)))


def all_contenders(podman, folder, program):
    return [Floor(podman, f"{folder}/floor"), Mcp(podman, f"{folder}/mcp", program),
            RunLoop(podman, f"{folder}/run"),
            Compose(podman, f"{folder}/podman-compose", "podman-compose"),
            Compose(podman, f"{folder}/docker-compose", "docker-compose"),
            KubePlay(podman, f"{folder}/kube")]
