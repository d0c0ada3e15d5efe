"""What the rows work on: podman of our own, a desired-state repository, an agent."""

import atexit
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import threading
import time

IMAGE = "localhost/mcp-demo:v1"
NETWORK = "bench"
API = "/v4.0.0/libpod"
# Ends at once on SIGTERM, so that no contender waits for a stop timeout.
COMMAND = ["sh", "-c", "trap 'exit 0' TERM; sleep 1000000 & wait"]
# Says that it runs, for the row that kills it.
BEATING = ["sh", "-c", "hostname > /beat/fifo; trap 'exit 0' TERM; sleep 1000000 & wait"]
PATIENCE = 120  # seconds; nothing here takes that long unless it is broken


def names(count):
    return [f"s{number:03}" for number in range(1, count + 1)]


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost")
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.connect(self.path)


def call(path, method, target, body=None):
    connection = UnixConnection(path)
    text = None if body is None else json.dumps(body)
    connection.request(method, target, text, {"Content-Type": "application/json"} if text else {})
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    if answer.status >= 400:
        raise RuntimeError(f"{method} {target}: {answer.status} {content.decode()}")
    return json.loads(content) if content.strip() else None


class Podman:
    def __init__(self, folder):
        self.folder = folder
        self.socket = f"{folder}/podman.sock"
        self.environment = os.environ | {
            "CONTAINERS_CONF": f"{folder}/containers.conf",
            "CONTAINERS_STORAGE_CONF": f"{folder}/storage.conf",
            "DOCKER_HOST": f"unix://{self.socket}",
            "COMPOSE_HTTP_TIMEOUT": str(PATIENCE),
        }

    def run(self, *command, **options):
        """The command's output; an error tells what it said."""
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True,
                              check=False, **options)
        if done.returncode != 0:
            raise RuntimeError(f"{' '.join(command[:4])}: {done.stderr[-2000:]}")
        return done.stdout

    def __call__(self, *arguments):
        return self.run("podman", *arguments)

    def api(self, method, target, body=None):
        return call(self.socket, method, API + target, body)

    def containers(self):
        return self.api("GET", "/containers/json?all=true")

    def process_of(self, name):
        return self.api("GET", f"/containers/{name}/json")["State"]["Pid"]

    def has_generation(self, service, generation):
        """Whether a container of that name has the environment that definition() gives it."""
        return any(
            f"GENERATION={generation}" in
            self.api("GET", f"/containers/{one['Id']}/json")["Config"]["Env"]
            for one in self.containers() if any(service in name for name in one["Names"]))

    def clear(self):
        self("pod", "rm", "--all", "--force", "--time", "0")
        self("rm", "--all", "--force", "--time", "0")

    def expect_running(self, count):
        """Whatever was timed must have been done."""
        running = [c for c in self.containers() if c["State"] == "running" and not c["IsInfra"]]
        if len(running) != count:
            raise RuntimeError(f"{len(running)} containers run, not {count}")


def definition(name, generation=1, node="bench", command=None, volumes=()):
    quoted = json.dumps
    return f"""name = "{name}"
node = "{node}"

[[components]]
name = "app"
image = "{IMAGE}"
network = "{NETWORK}"
cmd = {quoted(command or COMMAND)}
env = ["GENERATION={generation}"]
volumes = {quoted(list(volumes))}
strategy = "recreate"
"""


class Repository:
    """A bare repository, and a clone to commit with."""

    def __init__(self, folder):
        self.url = f"{folder}/desired.git"
        self.clone = f"{folder}/clone"
        self.git("init", "-q", "--bare", "-b", "main", self.url, inside=False)
        self.git("clone", "-q", self.url, self.clone, inside=False)
        self.git("checkout", "-q", "-B", "main")
        self.git("config", "user.name", "bench")
        self.git("config", "user.email", "bench@example.net")
        # Only what is measured may run: no maintenance behind our back.
        self.git("config", "gc.auto", "0")
        for name in ("bench", "other"):
            self.write(f"nodes/{name}.toml", f'name = "{name}"\naddress = "127.0.0.1"\n')
        self.write("fleet.toml", "[prune]\nmax = 1000\npercent = 100\n")
        self.commit("start")

    def git(self, *arguments, inside=True):
        place = ["-C", self.clone] if inside else []
        return subprocess.run(["git", *place, *arguments], check=True, capture_output=True,
                              text=True).stdout.strip()

    def write(self, path, text):
        file = f"{self.clone}/{path}"
        os.makedirs(os.path.dirname(file), exist_ok=True)
        with open(file, "w", encoding="utf-8") as out:
            out.write(text)

    def services(self, wanted, **options):
        for name in wanted:
            self.write(f"services/{name}.toml", definition(name, **options))

    def commit(self, message, push=True):
        self.git("add", "-A")
        self.git("commit", "-q", "-m", message)
        if push:
            self.push()

    def push(self):
        self.git("push", "-q", "origin", "main")


class Agent:
    """mcp-agent in a folder of its own, and every event that it tells."""

    def __init__(self, program, folder, url, podman_socket, interval="1h", list_interval="1h"):
        self.folder = folder
        self.socket = f"{folder}/agent.sock"
        os.makedirs(folder)
        with open(f"{folder}/agent.toml", "w", encoding="utf-8") as out:
            out.write(f'[node]\nname = "bench"\n[source]\nurl = "{url}"\ninterval = "{interval}"\n'
                      f'[podman]\nsocket = "{podman_socket}"\nlist_interval = "{list_interval}"\n'
                      f'[api]\nsocket = "{self.socket}"\n[registry]\npath = "{folder}/mcp.db"\n'
                      '[policy]\nvolume_roots = ["/"]\n')
        self.log = open(f"{folder}/agent.log", "w", encoding="utf-8")
        self.process = subprocess.Popen([program, "--config", f"{folder}/agent.toml"],
                                        stdout=self.log, stderr=self.log)
        atexit.register(self.process.kill)
        self.changed = threading.Condition()
        self.events = []  # (time.monotonic(), document)
        wait_until(self.answers, "the agent's API", self.process)
        threading.Thread(target=self._follow, daemon=True).start()
        self.sync()

    def answers(self):
        try:
            call(self.socket, "GET", "/v1/version")
            return True
        except OSError:
            return False

    def _follow(self):
        try:
            connection = UnixConnection(self.socket)
            connection.request("GET", "/v1/events?since=0&follow=true")
            answer = connection.getresponse()
            while line := answer.readline():
                if not line.startswith(b"data: "):
                    continue
                event = json.loads(line[6:])
                with self.changed:
                    self.events.append((time.monotonic(), event))
                    self.changed.notify_all()
        except (OSError, http.client.HTTPException):
            pass  # it was stopped

    def request_sync(self):
        return call(self.socket, "POST", "/v1/sync", {})

    def status(self):
        return call(self.socket, "GET", "/v1/status")

    def sync(self):
        """Until what is in the repository now was fetched and planned."""
        wanted = self.request_sync()["id"]
        wait_until(lambda: self.status()["source"]["syncsDone"] >= wanted, "the sync", self.process)

    def wait_for(self, wanted, since, reason="ReconciliationSucceeded"):
        """When the last of the services had an event of this reason; `since` is a
        time.monotonic()."""
        missing = set(wanted)
        seen = 0
        end = time.monotonic() + PATIENCE
        with self.changed:
            while True:
                for at, event in self.events[seen:]:
                    if at >= since and event["reason"] == reason:
                        missing.discard(event["service"])
                        if not missing:
                            return at
                seen = len(self.events)
                if not self.changed.wait(end - time.monotonic()):
                    raise RuntimeError(f"no {reason}: {sorted(missing)}\n{self.last_words()}")

    def last_words(self):
        with open(self.log.name, encoding="utf-8") as file:
            return file.read()[-4000:]

    def cpu(self):
        """Seconds of processor time of all its threads."""
        total = 0
        folder = f"/proc/{self.process.pid}/task"
        for thread in os.listdir(folder):
            with open(f"{folder}/{thread}/schedstat", encoding="ascii") as file:
                total += int(file.read().split()[0])
        return total / 1e9

    def peak_rss(self):
        """Bytes."""
        with open(f"/proc/{self.process.pid}/status", encoding="utf-8") as file:
            line = next(line for line in file if line.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(timeout=30)
        self.log.close()
        shutil.rmtree(self.folder)


def wait_until(condition, what, process=None):
    end = time.monotonic() + PATIENCE
    while not condition():
        if process and process.poll() is not None:
            raise RuntimeError(f"waiting for {what}: the process has ended")
        if time.monotonic() > end:
            raise RuntimeError(f"waited {PATIENCE} s for {what}")
        time.sleep(0.01)
