#!/usr/bin/env python3
"""Measures; see run.sh, which makes what this needs."""

import argparse
import os
import re
import signal
import subprocess
import sys
import time

import report
import scale
from contenders import Floor, Mcp, all_contenders
from node import BEATING, IMAGE, NETWORK, Podman, names, wait_until
from proxy import Proxy

SLOW = 20  # seconds; a contender that takes longer is not asked again


class Bench:
    def __init__(self, options):
        self.options = options
        self.podman = Podman(options.podman)
        self.work = options.work
        self.runs = 0
        os.makedirs(self.work)

    def say(self, text):
        print(f"bench: {text}", file=sys.stderr, flush=True)

    def folder(self):
        self.runs += 1
        path = f"{self.work}/{self.runs}"
        os.makedirs(path)
        return path

    def mcp(self):
        return Mcp(self.podman, f"{self.folder()}/mcp", self.options.agent)

    def contenders(self):
        found = all_contenders(self.podman, self.folder(), self.options.agent)
        own = (Floor, Mcp)
        return [c for c in found if isinstance(c, own)] if self.options.no_peers else found

    # ------------------------------------------------------------ rows

    def cold(self):
        sections = []
        for count in self.options.cold:
            results = {}
            contenders = self.contenders()
            for turn in range(self.options.repeats):
                for contender in contenders:
                    if contender.slow:
                        continue
                    contender.prepare(names(count))
                    try:
                        taken = contender.up(names(count))
                    except subprocess.TimeoutExpired:
                        self.say(f"cold {count}: {contender.name} is given up on")
                        contender.slow = True
                        contender.finish()
                        continue
                    self.podman.expect_running(count)
                    contender.finish()
                    contender.slow = taken > SLOW
                    results.setdefault(contender.name, []).append(taken)
                    self.say(f"cold {count}, turn {turn + 1}: {contender.name} {taken:.3f} s")
            sections.append(f"**{count} services**\n\n" + report.compare(results, Floor.name))
        return "\n\n".join(sections)

    def change(self):
        sections = []
        for count in self.options.change:
            results = {}
            for contender in self.contenders():
                if count != 50 and count != self.options.change[0] and \
                        not isinstance(contender, (Floor, Mcp)):
                    continue
                contender.prepare(names(count))
                contender.up(names(count))
                for turn in range(self.options.repeats + 2):
                    if contender.slow:
                        break
                    service, generation = names(count)[turn], turn + 2
                    taken = contender.change(service, generation)
                    self.podman.expect_running(count)
                    contender.slow = taken > SLOW
                    line = contender.name
                    if not self.podman.has_generation(service, generation):
                        line += " (the change was not applied)"
                    results.setdefault(line, []).append(taken)
                self.say(f"change of one of {count}: {line} {report.median(results[line]):.3f} s")
                contender.finish()
                if isinstance(contender, Mcp):
                    results["MCP, until Ready"] = contender.until_ready
            sections.append(f"**one of {count}**\n\n" + report.compare(results, Floor.name))
        return "\n\n".join(sections)

    def noop(self):
        """MCP's pass: the list as podman answers it, and the processor time that the agent spends
        on it. Both clients go through the same proxy, in turns: who asks again at once finds
        everything warm."""
        rows = []
        idle = self.idle_processor()
        for count in self.options.noop:
            proxy = Proxy(f"{self.work}/noop.sock", self.podman.socket)
            mcp = self.mcp()
            mcp.begin(podman_socket=proxy.path, list_interval="1s")
            mcp.repository.services(names(count))
            mcp.repository.commit("services")
            mcp.synced(names(count))
            self.quiet(proxy)
            floor = Floor(self.podman, f"{self.folder()}/floor")
            asked, passes, begin, cpu = [], [], time.monotonic(), mcp.agent.cpu()
            while len(passes) < self.options.passes:
                since = time.monotonic()
                wait_until(lambda at=since: self.lists(proxy, at), "the next pass")
                passes += self.lists(proxy, since)
                time.sleep(0.5)  # half way to the next
                since = time.monotonic()
                floor.list(proxy.path)
                asked += self.lists(proxy, since)[:1]
            passes = [call.end - call.begin for call in passes]
            taken = time.monotonic() - begin
            per_pass = (mcp.agent.cpu() - cpu - idle * taken) / len(passes)
            one = report.median([call.end - call.begin for call in asked])
            whole = report.median(passes) + per_pass
            rows.append([count, report.seconds(one), report.seconds(report.median(passes)),
                         report.seconds(per_pass), report.seconds(whole), f"{whole / one:.2f}"])
            self.say(f"no-op {count}: list {one:.4f} s, pass {whole:.4f} s")
            mcp.finish()
            proxy.close()
        text = report.table(["containers", "one list by curl", "MCP: the list", "MCP: processor",
                             "MCP: pass", "to one list"], rows)
        return text + "\n\n" + self.noop_of_peers()

    def idle_processor(self):
        """Seconds of processor time that an agent without passes takes in a second: its listeners
        and this benchmark's own stream of events."""
        mcp = self.mcp()
        mcp.begin()
        time.sleep(2)
        begin, cpu = time.monotonic(), mcp.agent.cpu()
        time.sleep(self.options.passes)
        idle = (mcp.agent.cpu() - cpu) / (time.monotonic() - begin)
        mcp.finish()
        return idle

    def noop_of_peers(self):
        count = self.options.noop[0]
        results = {}
        for contender in self.contenders():
            contender.prepare(names(count))
            contender.up(names(count))
            for _ in range(self.options.repeats):
                if not contender.slow:
                    taken = contender.again(names(count))
                    contender.slow = taken > SLOW
                    results.setdefault(contender.name, []).append(taken)
            self.podman.expect_running(count)
            contender.finish()
        results["one container list by curl"] = results.pop(Floor.name)
        results["`mcp sync`, nothing new"] = results.pop(Mcp.name)
        return (f"The same definitions once more, {count} of them, by a user's command (of the "
                "loop: `podman container exists`):\n\n" +
                report.compare(results, "one container list by curl"))

    def elsewhere(self):
        """Calls of podman that a commit for another node causes."""
        proxy = Proxy(f"{self.work}/elsewhere.sock", self.podman.socket)
        mcp = self.mcp()
        mcp.begin(podman_socket=proxy.path)
        mcp.repository.services(names(10))
        mcp.repository.commit("services")
        mcp.synced(names(10))
        self.quiet(proxy)
        begin = time.monotonic()
        for turn in range(10):
            mcp.repository.services(["elsewhere"], node="other", generation=turn)
            mcp.repository.commit("another node's")
            mcp.agent.sync()
        time.sleep(2)  # a call that came later would count as well
        calls = proxy.calls(begin)
        mcp.finish()
        proxy.close()
        return f"{len(calls)} calls of podman for 10 commits that touch another node's service."

    def calls(self):
        """Calls of podman that one service costs."""
        count = self.options.cold[0]
        proxy = Proxy(f"{self.work}/calls.sock", self.podman.socket)
        mcp = self.mcp()
        mcp.begin(podman_socket=proxy.path)
        mcp.repository.services(names(count))
        mcp.repository.commit("services")
        self.quiet(proxy)
        begin = time.monotonic()
        mcp.synced(names(count))
        self.quiet(proxy)
        kinds = {}
        for call in proxy.calls(begin):
            path = re.sub(r"/[0-9a-f]{64}", "/{id}", call.path.split("?")[0])
            if "filters=" in call.path:
                path += "?filters"
            kinds.setdefault(f"`{call.method} {path}`", []).append(call.end - call.begin)
        mcp.finish()
        proxy.close()
        rows = [[kind, len(times), report.seconds(report.median(times)), report.seconds(sum(times))]
                for kind, times in sorted(kinds.items(), key=lambda kind: -sum(kind[1]))]
        return (f"{count} services, from sync to quiet:\n\n" +
                report.table(["call", "times", "median", "together"], rows))

    def heal(self):
        count = self.options.kills
        fifo = f"{self.work}/beat"
        os.makedirs(fifo)
        os.mkfifo(f"{fifo}/fifo")
        beat = os.open(f"{fifo}/fifo", os.O_RDWR)
        volume = f"{fifo}:/beat"

        def kill_each(wanted):
            samples = []
            for name in wanted:
                pid = self.podman.process_of(name)
                begin = time.monotonic()
                os.kill(pid, 9)
                os.read(beat, 4096)
                samples.append(time.monotonic() - begin)
                wait_until(lambda: self.settled(name, pid), f"{name} to run")
            return samples

        mcp = self.mcp()
        mcp.begin()
        mcp.repository.services(names(count), command=BEATING, volumes=[volume])
        mcp.repository.commit("services")
        mcp.synced(names(count))
        restarted = [f"p{number}" for number in range(count)]
        for name in restarted:
            self.podman("run", "-d", "--quiet", "--name", name, "--network", NETWORK, "--restart",
                        "always", "-v", volume, IMAGE, *BEATING)
        time.sleep(2)  # every container has said that it runs
        os.read(beat, 65536)
        policy, agent = [], []
        for number, name in enumerate(names(count)):
            policy += kill_each([restarted[number]])
            agent += kill_each([f"{name}.app"])
        os.close(beat)
        os.unlink(f"{fifo}/fifo")
        os.rmdir(fifo)
        mcp.finish()
        policy_name = "podman's own restart policy"
        self.say(f"heal: {report.median(policy):.3f} s, {report.median(agent):.3f} s")
        text = report.compare({policy_name: policy, "MCP": agent}, policy_name)
        return text.replace("to the floor", "to the policy")

    def settled(self, name, old):
        state = self.podman.api("GET", f"/containers/{name}/json")["State"]
        return state["Running"] and state["Pid"] != old

    def push(self):
        rows = []
        for how, interval in (("sync", "1h"), ("poll every second", "1s")):
            proxy = Proxy(f"{self.work}/push.sock", self.podman.socket)
            mcp = self.mcp()
            mcp.begin(podman_socket=proxy.path, interval=interval)
            mcp.repository.services(names(10))
            mcp.repository.commit("services")
            mcp.synced(names(10))
            self.quiet(proxy)
            samples = []
            for turn in range(self.options.repeats * 2):
                name = names(10)[turn % 10]
                mcp.repository.services([name], generation=turn + 2)
                mcp.repository.commit("change", push=False)
                mcp.repository.push()
                begin = time.monotonic()
                if how == "sync":
                    mcp.agent.request_sync()
                mcp.agent.wait_for([name], begin)
                first = next(c for c in proxy.calls(begin) if c.method in ("POST", "DELETE"))
                samples.append(first.begin - begin)
            mcp.finish()
            proxy.close()
            rows.append([how, report.seconds(report.median(samples)), report.spread(samples)])
            self.say(f"push, {how}: {report.median(samples):.4f} s")
        return report.table(["", "median", "from, to"], rows)

    def idle(self):
        count = self.options.idle_containers
        minutes = self.options.idle_minutes
        mcp = self.mcp()
        mcp.begin(interval="30s", list_interval="60s")  # the defaults
        mcp.repository.services(names(count))
        mcp.repository.commit("services")
        mcp.synced(names(count))
        time.sleep(15)
        before = mcp.agent.cpu()
        time.sleep(minutes * 60)
        spent = mcp.agent.cpu() - before
        rss = mcp.agent.peak_rss()
        mcp.finish()
        hour = spent * 60 / minutes
        self.say(f"idle at {count}: {rss / 2**20:.1f} MiB, {hour:.2f} s/h")
        return report.table(
            ["containers", "peak RSS", f"processor over {minutes} min", "an hour", "of one core"],
            [[count, f"{rss / 2**20:.1f} MiB", report.seconds(spent), f"{hour:.2f} s",
              f"{hour / 36:.3f} %"]])

    def planner(self):
        if not os.path.exists(self.options.planner):
            return "Not measured: bench_planner is not built."
        done = subprocess.run([self.options.planner], capture_output=True, text=True, check=True)
        return f"```\n{done.stdout.strip()}\n```"

    def repository(self):
        return scale.repository(self, self.options.definitions, self.options.repeats)

    def polls(self):
        return scale.polls(self, self.options.refs, self.options.polls)

    # ------------------------------------------------------------ parts

    @staticmethod
    def lists(proxy, since):
        return [call for call in proxy.calls(since) if call.path.endswith("/json?all=true")]

    @staticmethod
    def quiet(proxy):
        """Until the agent has asked podman nothing but its periodic list for two seconds."""
        def calm():
            recent = proxy.calls(time.monotonic() - 3)
            return len(recent) <= 3 and all("/json?all=true" in call.path for call in recent)
        wait_until(calm, "the agent to be done")


ROWS = ("cold", "change", "noop", "elsewhere", "calls", "heal", "push", "idle", "planner")
SCALE = ("repository", "polls")  # into docs/scale.md


def parse():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--agent", required=True)
    parser.add_argument("--planner", required=True)
    parser.add_argument("--podman", required=True, help="folder of podman_env.sh")
    parser.add_argument("--work", required=True)
    parser.add_argument("--page", help="write the tables into this page")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--no-peers", action="store_true", help="the floor and MCP alone")
    parser.add_argument("--only", action="append", choices=ROWS + SCALE)
    options = parser.parse_args()
    quick = options.quick
    options.cold = [20] if quick else [20, 50, 100]
    options.change = [20] if quick else [10, 50, 200]
    options.noop = [10] if quick else [10, 100, 200]
    options.repeats = 2 if quick else 5
    options.passes = 5 if quick else 20
    options.kills = 5 if quick else 15
    options.definitions = 1000 if quick else 10_000
    options.refs = [0, 50] if quick else [0, 50, 1000]
    options.polls = 20 if quick else 200
    options.idle_containers = 20 if quick else 200
    options.idle_minutes = 1 if quick else 5
    return options


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # agents are ended on exit
    options = parse()
    bench = Bench(options)
    bench.podman("network", "create", NETWORK)
    about = report.versions(options.agent, bench.podman)
    where = report.machine()
    bench.say(where)
    report.write(bench, options.only or ROWS, f"{where}; {about}", options.page)


if __name__ == "__main__":
    main()
