"""One node with everything that it has in earnest: podman, HAProxy behind mc-proxy, an agent, a
registry of images, a git repository behind sshd; and services on it that answer who they are."""

import http.client
import json
import os
import signal
import socket
import sqlite3
import ssl
import subprocess
import sys
import threading
import time

from parts import Daemon, Relay, free_port, listens, processes_with

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, f"{HERE}/../bench")
from node import Podman, UnixConnection, call  # noqa: E402

PODMAN_ENV = f"{HERE}/../support/podman_env.sh"
NETWORK = "chaos"
STATE_SIZE = "48m"
POLL = 0.05


class Limits:
    """On a machine that is slow, or busy with other things, all may take `patience` times as long."""
    patience = 1.0


class TooLong(Exception):
    """What was waited for did not come."""


def wait_until(condition, what, seconds=60):
    seconds *= Limits.patience
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise TooLong(f"waited {seconds} s for {what}")
        time.sleep(POLL)


def command(*words, **options):
    done = subprocess.run(words, capture_output=True, text=True, check=False, **options)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(words[:5])}: {done.stderr[-2000:]}")
    return done.stdout.strip()


class Git:
    """A bare repository behind sshd, and a clone beside it to commit with."""

    def __init__(self, folder):
        self.folder = folder
        self.bare, self.clone = f"{folder}/desired.git", f"{folder}/clone"
        command("git", "init", "-q", "--bare", "-b", "main", self.bare)
        command("git", "clone", "-q", self.bare, self.clone)
        self("checkout", "-q", "-B", "main")
        self("config", "user.name", "chaos")
        self("config", "user.email", "chaos@example.net")
        port = self._serve()
        self.relay = Relay(port)
        self.url = f"ssh://root@127.0.0.1:{self.relay.port}{self.bare}"
        with open(f"{folder}/host.pub", encoding="utf-8") as key:
            self.write_file(f"{folder}/known_hosts", f"[127.0.0.1]:{self.relay.port} {key.read()}")

    def _serve(self):
        folder, port = self.folder, free_port()
        for key in ("host", "key"):
            command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", f"{folder}/{key}")
        self.write_file(f"{folder}/sshd_config", "\n".join((
            f"ListenAddress 127.0.0.1:{port}", f"HostKey {folder}/host",
            f"AuthorizedKeysFile {folder}/key.pub", f"PidFile {folder}/sshd.pid",
            "StrictModes no", "UsePAM no", "PasswordAuthentication no", "PermitRootLogin yes",
            "MaxStartups 100", "")))
        os.makedirs("/run/sshd", exist_ok=True)
        self.sshd = Daemon("sshd", ["/usr/sbin/sshd", "-D", "-e", "-f", f"{folder}/sshd_config"],
                           folder)
        wait_until(lambda: listens(port), "sshd")
        return port

    @staticmethod
    def write_file(path, text):
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)

    def __call__(self, *arguments):
        return command("git", "-C", self.clone, *arguments)

    def write(self, path, text):
        self.write_file(f"{self.clone}/{path}", text)

    def remove(self, path):
        os.unlink(f"{self.clone}/{path}")

    def push(self, message):
        self("add", "-A")
        self("commit", "-q", "--allow-empty", "-m", message)
        self("push", "-q", "origin", "main")

    def head(self):
        return self("rev-parse", "HEAD")


class Follower(threading.Thread):
    """Every event that the agent ever told, over all of its lives."""

    def __init__(self, socket):
        super().__init__(daemon=True)
        self.socket = socket
        self.changed = threading.Condition()
        self.events = {}
        self.start()

    def run(self):
        while True:
            try:
                self._follow()
            except (OSError, http.client.HTTPException, ValueError):
                pass  # it was killed
            time.sleep(POLL)

    def _follow(self):
        since = max(self.events, default=0)
        connection = UnixConnection(self.socket)
        connection.request("GET", f"/v1/events?since={since}&follow=true")
        answer = connection.getresponse()
        while line := answer.readline():
            if line.startswith(b"data: "):
                event = json.loads(line[6:])
                with self.changed:
                    self.events[event["id"]] = event
                    self.changed.notify_all()

    def last(self):
        with self.changed:
            return max(self.events, default=0)

    def wait_for(self, since, service, reason, seconds=60):
        """Until the service has such an event that is newer than `since`."""
        seconds *= Limits.patience

        def there():
            return any(number > since and event["service"] == service and event["reason"] == reason
                       for number, event in self.events.items())
        with self.changed:
            if not self.changed.wait_for(there, seconds):
                raise TooLong(f"waited {seconds} s for {reason} of {service}")


class Fleet:
    def __init__(self, work, binaries, routed, plain=(), registry=""):
        self.work, self.binaries, self.registry_options = work, binaries, registry
        self.routed, self.plain = list(routed), list(plain)
        self.generation = {name: 1 for name in self.routed + self.plain}
        self.state = f"{work}/state"
        self.port = free_port()
        self.fault_over = 0.0
        self.daemons = []
        self._mount_state()
        self.git = Git(f"{work}/git")
        self.podman = Podman(f"{work}/podman")
        self.podman_service = self._run("podman", [PODMAN_ENV, "serve", self.podman.folder])
        wait_until(lambda: os.path.exists(self.podman.socket), "podman's service")
        self._fill_registry()
        self._start_proxy()
        for name in self.generation:
            self.define(name)
        self.git.push("begin")
        self.agent = None
        self.start_agent()
        self.events = Follower(self.api)

    # ------------------------------------------------------------------ parts

    def _run(self, name, words, environment=None):
        daemon = Daemon(name, words, self.work, environment)
        self.daemons.append(daemon)
        return daemon

    def _mount_state(self):
        """A disk of its own, so that it can be filled."""
        os.makedirs(self.state)
        command("mount", "-t", "tmpfs", "-o", f"size={STATE_SIZE}", "tmpfs", self.state)

    def _fill_registry(self):
        """An image that is deleted can be had again."""
        port = free_port()
        Git.write_file(f"{self.work}/registry.yml",
                       "version: 0.1\nlog: {level: error, accesslog: {disabled: true}}\n"
                       f"storage: {{filesystem: {{rootdirectory: '{self.work}/images'}}}}\n"
                       f"http: {{addr: '127.0.0.1:{port}'}}\n")
        self._run("registry", ["docker-registry", "serve", f"{self.work}/registry.yml"],
                  {"OTEL_TRACES_EXPORTER": "none"})
        wait_until(lambda: listens(port), "the registry of images")
        self.image = f"127.0.0.1:{port}/demo:v1"
        self.tool("tag", "localhost/mcp-demo:v1", self.image)
        self.tool("push", "-q", self.image)

    def _start_proxy(self):
        folder = f"{self.work}/proxy"
        os.makedirs(f"{folder}/certs")
        Git.write_file(f"{folder}/mc-proxy.toml",
                       f'[[listeners]]\naddress = "127.0.0.1:{self.port}"\n'
                       f'[api]\nsocket = "{folder}/api.sock"\n'
                       f'[database]\npath = "{folder}/mc-proxy.db"\n'
                       f'[certificates]\ndir = "{folder}/certs"\ndev_ca = "{folder}/ca"\n')
        self.proxy_socket, self.ca = f"{folder}/api.sock", f"{folder}/ca/ca.pem"
        self.proxy = self._run("mc-proxy", [f"{self.binaries}/mc-proxy", "--config",
                                            f"{folder}/mc-proxy.toml"])
        wait_until(lambda: listens(self.port), "mc-proxy")

    def start_agent(self, environment=None):
        self.api = f"{self.work}/agent.sock"
        Git.write_file(f"{self.work}/agent.toml",
                       '[node]\nname = "rift"\n'
                       f'[source]\nurl = "{self.git.url}"\ninterval = "2s"\n'
                       f'ssh_key = "{self.git.folder}/key"\n'
                       f'known_hosts = "{self.git.folder}/known_hosts"\n'
                       f'[podman]\nsocket = "{self.podman.socket}"\nlist_interval = "10s"\n'
                       f'[mcproxy]\nsocket = "{self.proxy_socket}"\n'
                       f'[api]\nsocket = "{self.api}"\n'
                       f'[registry]\npath = "{self.state}/mcp.db"\n{self.registry_options}')
        if self.agent:
            self.agent.end()
            self.daemons.remove(self.agent)
        self.agent = self._run("agent", [f"{self.binaries}/mcp-agent", "--config",
                                         f"{self.work}/agent.toml"], environment)

    def tool(self, *arguments):
        """The podman command, beside the service."""
        return command(PODMAN_ENV, "run", self.podman.folder, *arguments)

    def haproxies(self):
        return processes_with("haproxy", f"{self.work}/proxy")

    def end(self):
        for daemon in (self.agent, self.proxy):
            daemon.end()
        subprocess.run([f"{self.binaries}/mc-proxy", "--config",
                        f"{self.work}/proxy/mc-proxy.toml", "stop"], check=False,
                       capture_output=True)
        for daemon in self.daemons + [self.git.sshd]:
            daemon.end()
        subprocess.run([PODMAN_ENV, "clean", self.podman.folder], check=False)
        subprocess.run(["umount", "--lazy", self.state], check=False)

    # ------------------------------------------------------------------ definitions

    def host(self, name):
        return f"{name}.test"

    def define(self, name, command_text=None, head=""):
        """Writes the definition in the generation that the service is to have."""
        text = self.text(name)
        page = ("mkdir -p /www; echo " + text + " > /www/index.html; httpd -f -p $PORT -h /www"
                if name in self.routed else f"echo {text}; sleep 1000000")
        run = command_text or f"trap 'exit 0' TERM; {page} & wait"
        route = (f'[components.health]\nhttp = "/"\ninterval = "500ms"\nretries = 6\n'
                 f'[[components.routes]]\nmode = "l7"\nhostname = "{self.host(name)}"\n'
                 f'port = {self.port}\n') if name in self.routed else ""
        self.git.write(f"services/{name}.toml",
                       f'name = "{name}"\n{head}[[components]]\nname = "main"\n'
                       f'image = "{self.image}"\nnetwork = "{NETWORK}"\nstop_timeout = "1s"\n'
                       f"cmd = [\"sh\", \"-c\", '''{run}''']\n"
                       'rollout = { watch = "500ms", drain = "5s" }\n' + route)

    def deploy(self, name, sync=True):
        self.generation[name] += 1
        self.define(name)
        self.git.push(f"{name} {self.generation[name]}")
        if sync:
            self.sync()

    def restore(self):
        """Every service as it should be in the end, whatever was done to its definition."""
        self.git.relay.mode = "pass"
        self.podman_service.kill(signal.SIGCONT)
        for name in self.generation:
            self.generation[name] += name != "steady"
            self.define(name)
        self.git.push("as it should be")
        self.sync()

    def note(self, text):
        with open(f"{self.work}/operations.log", "a", encoding="utf-8") as file:
            file.write(f"{time.strftime('%H:%M:%S')} {text}\n")

    def sync(self):
        try:
            call(self.api, "POST", "/v1/sync", {})
        except (OSError, http.client.HTTPException):
            pass  # it polls by itself

    # ------------------------------------------------------------------ what is

    def status(self):
        try:
            return call(self.api, "GET", "/v1/status")
        except (OSError, http.client.HTTPException, RuntimeError, ValueError):
            return None

    def reason(self, service=None):
        """Of the Ready condition, of the node or of one service."""
        status = self.status()
        if not status:
            return ""
        entry = status if service is None else next(
            (one for one in status["services"] if one["name"] == service), {"conditions": []})
        return next((one["reason"] for one in entry["conditions"] if one["type"] == "Ready"), "")

    def containers(self):
        """By service; a service with two has a list of two."""
        found = {}
        for one in self.podman.containers():
            service = one["Labels"].get("net.metacircular.mcp.service", one["Names"][0])
            found.setdefault(service, []).append(one)
        return found

    def process_of(self, name):
        """Of the service's container; podman is asked again when it does not know just now."""
        found = []

        def known():
            # The list knows it also of a container that podman has lost the storage of.
            found.append(self.containers().get(name, [{"Pid": 0}])[0]["Pid"])
            return found[-1] > 0
        wait_until(known, f"podman to know the process of {name}")
        return found[-1]

    def is_current(self, name):
        """Whether one container of the service runs, and is what was deployed last."""
        found = self.containers().get(name, [])
        text = self.text(name)
        return (len(found) == 1 and found[0]["State"] == "running" and
                any(text + ";" in word for word in found[0]["Command"]))

    def page(self, name):
        context = ssl.create_default_context(cafile=self.ca)
        try:
            connection = http.client.HTTPSConnection("127.0.0.1", self.port, timeout=5,
                                                     context=context)
            # The name decides, not the address.
            connection.sock = context.wrap_socket(
                socket.create_connection(("127.0.0.1", self.port), 5),
                server_hostname=self.host(name))
            connection.request("GET", "/", headers={"Host": self.host(name)})
            return connection.getresponse().read().decode().strip()
        except (OSError, http.client.HTTPException):
            return ""

    def text(self, name):
        """What the page of the service says in the generation that it is to have."""
        return f"{name} {self.generation[name]}"

    def serves(self, name):
        return self.page(name) == self.text(name)

    def unconverged(self):
        """What is not yet as git has it, or None."""
        status = self.status()
        if not status:
            return "the agent does not answer"
        if status["revision"] != self.git.head():
            return "the agent has another revision"
        for one in [status] + status["services"]:
            name = one.get("name", "the node")
            if any(condition["type"] == "Ready" and condition["status"] != "True" or
                   condition["type"] != "Ready" and condition["status"] == "True"
                   for condition in one["conditions"]):
                return f"{name}: {one['conditions'][0]['reason']}: {one['conditions'][0]['message']}"
        if sorted(one["name"] for one in status["services"]) != sorted(self.generation):
            return "other services are defined"
        containers = self.containers()
        if sorted(containers) != sorted(self.generation):
            return f"there are containers of {sorted(containers)}"
        for name, found in containers.items():
            if len(found) != 1 or found[0]["State"] != "running":
                return f"{name} has {[one['State'] for one in found]}"
        for name in self.routed:
            if (page := self.page(name)) != self.text(name):
                return f"the page of {name} says '{page}'"
        return None

    def wait_converged(self, seconds):
        """Seconds from the end of the fault until all is as git has it."""
        why = "?"
        seconds *= Limits.patience
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            try:
                why = self.unconverged()
            except (OSError, http.client.HTTPException, RuntimeError) as error:
                why = repr(error)
            if why is None:
                return time.monotonic() - self.fault_over
            time.sleep(POLL)
        raise TooLong(f"not converged after {seconds} s: {why}")

    # ------------------------------------------------------------------ what must not be lost

    def picture(self):
        """Which container each service has, since when; which ports are leased; which events are
        known."""
        with sqlite3.connect(f"file:{self.state}/mcp.db?mode=ro", uri=True) as registry:
            leases = {tuple(row[:4]): row[4] for row in registry.execute("SELECT * FROM leases")}
        return {
            "runs": {name: (one[0]["Id"][:12], one[0]["StartedAt"])
                     for name, one in self.containers().items()},
            "leases": leases,
            "events": dict(self.events.events),
        }

    def losses(self, before, touched, registry_lost, removes):
        """What is not as it was and should be; `touched`: services that the fault may restart, and
        `removes`."""
        after, lost = self.picture(), []
        for name, run in before["runs"].items():
            if name not in touched and after["runs"].get(name) != run:
                lost.append(f"{name} was restarted")
        for key, port in before["leases"].items():
            if after["leases"].get(key, port) != port and not (removes and key[0] in touched):
                lost.append(f"port of {'/'.join(key)}: {port} -> {after['leases'][key]}")
        if registry_lost:
            return lost
        stored = {event["id"]: event for event in call(self.api, "GET", "/v1/events")}
        # The registry keeps the newest; what is older than its oldest is not missing.
        oldest = min(stored, default=0)
        gone = [number for number, event in self.events.events.items()
                if number >= oldest and stored.get(number) != event]
        if gone:
            lost.append(f"{len(gone)} events, first {gone[0]}")
        gaps = [number for number in range(oldest, max(stored, default=0)) if number not in stored]
        if gaps:
            lost.append(f"events have gaps, first {gaps[0]}")
        return lost

    def told(self, before):
        """What the agent says now, and every event that was not among those of `before`."""
        events = [event for number, event in sorted(self.events.events.items())
                  if number not in before]
        return "\n".join(json.dumps(one) for one in events + [self.status()])

    def last_words(self):
        return "".join(f"---- {daemon.name}\n{daemon.last_words()}\n" for daemon in self.daemons)
