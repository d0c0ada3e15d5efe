"""What many definitions cost one agent, and what many agents cost one git server."""

import os
import resource
import socket
import subprocess
import time

import report
from node import Repository, definition, names, wait_until

OURS = 20  # services of the node that is measured


def repository(bench, count, repeats):
    """One agent, in a repository of `count` services, few of which are its own."""
    mcp = bench.mcp()
    mcp.begin()
    for number in range(count):
        name = f"other-{number:05}"
        mcp.repository.write(f"services/{number % 100:02}/{name}.toml",
                             definition(name, node="other"))
    mcp.repository.services(names(OURS))
    mcp.repository.commit("services")
    cpu = mcp.agent.cpu()
    rows = [[f"the commit that brings them, until {OURS} of the node run",
             report.seconds(mcp.synced(names(OURS))), report.seconds(mcp.agent.cpu() - cpu)]]

    def measure(what, prepare):
        walls, cpus = [], []
        for turn in range(repeats):
            prepare(turn)
            begin, cpu = time.monotonic(), mcp.agent.cpu()
            mcp.agent.sync()
            walls.append(time.monotonic() - begin)
            cpus.append(mcp.agent.cpu() - cpu)
        rows.append([what, report.seconds(report.median(walls)),
                     report.seconds(report.median(cpus))])

    def change(turn):
        name = f"other-{turn:05}"
        mcp.repository.write(f"services/{turn % 100:02}/{name}.toml",
                             definition(name, node="other", generation=2))
        mcp.repository.commit("another node's")

    measure("a fetch without news", lambda turn: None)
    measure("a commit that changes another node's service", change)
    rss = mcp.agent.peak_rss()
    mcp.finish()
    return (report.table(["", "time", "processor time of the agent"], rows) +
            f"\n\nPeak memory: {rss / 2**20:.0f} MiB.")


def polls(bench, refs, count):
    """What one question for news costs the server, with so many other refs beside the branch."""
    rows = []
    for others in refs:
        source = Repository(bench.folder())
        tip = source.git("rev-parse", "HEAD")
        subprocess.run(["git", "-C", source.url, "update-ref", "--stdin"], check=True, text=True,
                       input="".join(f"create refs/mcp/status/node-{n:04} {tip}\n"
                                     for n in range(others)))
        subprocess.run(["git", "-C", source.url, "pack-refs", "--all"], check=True)
        for server in (Http(bench.folder(), source.url), Ssh(bench.folder(), source.url)):
            server.poll()
            before = server.cpu()
            size = 0
            for _ in range(count):
                size = server.poll()
            wait_until(server.idle, "the server's processes to end")
            cpu = (server.cpu() - before) / count
            server.stop()
            rows.append([others, server.name, f"{size / 1024:.1f} KiB", report.seconds(cpu),
                         f"{100 * cpu * 1000 / 30:.0f} %"])
    return report.table(["other refs", "server", "answer", "processor time of a poll",
                         "of one core for 1,000 agents, every 30 s"], rows)


def children(pid):
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
        return file.read().split()


class Http:
    """git http-backend as a web server runs it for each request; what the web server itself needs,
    and TLS, is the same for every site."""

    name = "git http-backend"

    def __init__(self, _, repository_path):
        self.environment = os.environ | {
            "GIT_PROJECT_ROOT": os.path.dirname(repository_path), "GIT_HTTP_EXPORT_ALL": "1",
            "PATH_INFO": f"/{os.path.basename(repository_path)}/info/refs",
            # What libgit2 asks for when it looks for news: it knows version 0 of the protocol, in
            # which the server tells of every ref.
            "QUERY_STRING": "service=git-upload-pack", "REQUEST_METHOD": "GET"}

    def poll(self):
        return len(subprocess.run(["git", "http-backend"], env=self.environment,
                                  capture_output=True, check=True).stdout)

    def idle(self):
        return True

    def cpu(self):
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        return used.ru_utime + used.ru_stime

    def stop(self):
        pass


class Ssh:
    """sshd; the connection is made anew for each poll, as the agent does."""

    name = "sshd"

    def __init__(self, folder, repository_path):
        self.repository = repository_path
        self.port = free_port()
        for key in ("host", "user"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f",
                            f"{folder}/{key}"], check=True)
        os.makedirs("/run/sshd", exist_ok=True)
        os.rename(f"{folder}/user.pub", f"{folder}/authorized")
        options = {"Port": self.port, "ListenAddress": "127.0.0.1", "StrictModes": "no",
                   "AuthorizedKeysFile": f"{folder}/authorized", "PermitRootLogin": "yes",
                   "PidFile": f"{folder}/sshd.pid"}
        self.server = subprocess.Popen(
            ["/usr/sbin/sshd", "-D", "-f", "/dev/null", "-h", f"{folder}/host",
             *[f"-o{key}={value}" for key, value in options.items()]],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.command = ["ssh", "-F", "/dev/null", "-p", str(self.port), "-i", f"{folder}/user",
                        "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null",
                        "-o", "LogLevel=ERROR", "127.0.0.1",
                        f"git-upload-pack '{self.repository}'"]
        wait_until(self.answers, "sshd")

    def answers(self):
        return subprocess.run(self.command, input=b"0000", capture_output=True,
                              check=False).returncode == 0

    def poll(self):
        # A flush at once: nothing is wanted (gitprotocol-pack(5)).
        return len(subprocess.run(self.command, input=b"0000", capture_output=True,
                                  check=True).stdout)

    def idle(self):
        """Whether no child is left whose time is not counted yet."""
        return not children(self.server.pid)

    def cpu(self):
        with open(f"/proc/{self.server.pid}/stat", encoding="ascii") as file:
            # utime stime cutime cstime, after the name in brackets; see proc(5)
            ticks = file.read().rsplit(")", 1)[1].split()[11:15]
        return sum(int(field) for field in ticks) / os.sysconf("SC_CLK_TCK")

    def stop(self):
        self.server.terminate()
        self.server.wait(timeout=30)


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]
