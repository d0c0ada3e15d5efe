#!/usr/bin/env python3
"""Measures mc-proxy; see proxy.sh, which makes what this needs."""

import argparse
import json
import re
import signal
import socket
import ssl
import statistics
import sys
import time

import report
from proxy_contenders import Backend, Caddy, Haproxy, McProxy, Nginx, certificate, run

PIECE = 64 * 1024


def percentile(samples, percent):
    ordered = sorted(samples)
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]


def milliseconds(value):
    return f"{value * 1000:.2f} ms"


class Admin:
    """The admin socket, a connection a request, as every client of it has."""

    def __init__(self, path):
        self.path = path

    def call(self, method, target, body):
        text = json.dumps(body).encode()
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.connect(self.path)
            connection.sendall(b"%s %s HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s"
                               % (method.encode(), target.encode(), len(text), text))
            answer = connection.recv(PIECE)
        if not answer.startswith(b"HTTP/1.1 204"):
            raise RuntimeError(answer.decode())


class Client:
    """A keep-alive connection over TLS."""

    def __init__(self, port, host, ca):
        context = ssl.create_default_context(cafile=ca)
        plain = socket.create_connection(("127.0.0.1", port), 10)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.connection = context.wrap_socket(plain, server_hostname=host)
        self.request = f"GET / HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()

    def ask(self):
        self.connection.sendall(self.request)
        return self.connection.recv(PIECE).rsplit(b"\r\n\r\n", 1)[1].decode()


class Bench:
    def __init__(self, options):
        self.options = options
        self.cert = certificate(options.work, "localhost")
        self.backend = Backend(options.work, self.cert)

    def say(self, text):
        print(f"bench: {text}", file=sys.stderr, flush=True)

    def routes(self, proxy, count):
        admin = Admin(proxy.socket)
        for first in range(0, count, 100):
            admin.call("POST", "/v1/routes:apply", {"owner": "bench", "upserts": [
                {"listener": proxy.l7, "hostname": f"r{i}.test", "mode": "l7",
                 "backend": f"127.0.0.1:{self.backend.plain}"}
                for i in range(first, min(first + 100, count))]})
        return admin

    def change(self):
        rows = []
        for count in self.options.routes:
            with McProxy(self.options, dev_ca=True) as proxy:
                admin = self.routes(proxy, count)
                hosts = [f"r{count * i // 4}.test" for i in range(4)]
                clients = [Client(proxy.port, host, proxy.ca) for host in hosts]
                whole, put, stale = [], [], 0
                for turn in range(self.options.changes):
                    at = turn % 4
                    other = turn // 4 % 2 == 0
                    port = self.backend.other if other else self.backend.plain
                    begin = time.monotonic()
                    admin.call("PUT", f"/v1/routes/{proxy.l7}/{hosts[at]}",
                               {"owner": "bench", "mode": "l7", "backend": f"127.0.0.1:{port}"})
                    put.append(time.monotonic() - begin)
                    while clients[at].ask() != ("other" if other else "hello"):
                        stale += 1
                    whole.append(time.monotonic() - begin)
                rows.append([count, milliseconds(statistics.median(whole)),
                             milliseconds(percentile(whole, 99)), milliseconds(max(whole)),
                             milliseconds(statistics.median(put)), milliseconds(percentile(put, 99)),
                             stale])
                self.say(f"change {count}: {rows[-1]}")
        text = report.table(["routes", "to the answer, median", "p99", "most", "PUT alone, median",
                             "p99", "stale answers"], rows)
        return f"{text}\n\n{self.options.changes} changes each, one after another."

    def throughput(self):
        contenders = [Haproxy, McProxy, Nginx, Caddy]
        kinds = {"L7, HTTP/1.1": (self.wrk, "port"), "L7, HTTP/2": (self.h2load, "port"),
                 "L4": (self.wrk, "port4")}
        results = {kind: {} for kind in kinds}
        running = [kind(self.options) for kind in contenders]
        try:
            for one in running:
                one.start(self.backend, self.cert)
            for turn in range(self.options.turns):
                for kind, (load, port) in kinds.items():
                    for one in running:
                        if getattr(one, port) is None:
                            continue
                        before = one.processor_time()
                        rate, p99 = load(getattr(one, port))
                        each = (one.processor_time() - before) / (rate * self.options.seconds) * 1e6
                        results[kind].setdefault(one.name, []).append((rate, each, p99))
                        self.say(f"{kind}, turn {turn + 1}: {one.name} {rate:.0f}/s, {each:.1f} µs, "
                                 f"{p99:.2f} ms")
        finally:
            for one in running:
                one.stop()
        return "\n\n".join(f"**{kind}**\n\n" + self.compare(found)
                           for kind, found in results.items())

    @staticmethod
    def compare(found):
        """Ratios are of one turn each, and of those the median."""
        rows = []
        for name, samples in found.items():
            rates, each, p99 = zip(*samples)
            ratios = [[ours / theirs for ours, theirs in zip(sample, base)]
                      for sample, base in zip(samples, found[Haproxy.name])]
            faster, dearer, _ = zip(*ratios)
            rows.append([name, f"{statistics.median(rates):.0f}",
                         f"{statistics.median(faster):.2f} ({min(faster):.2f} to {max(faster):.2f})",
                         f"{statistics.median(each):.1f} µs",
                         f"{statistics.median(dearer):.2f} ({min(dearer):.2f} to {max(dearer):.2f})",
                         f"{statistics.median(p99):.2f} ms"])
        return report.table(["", "requests/s", "to the hand-written one", "processor for each",
                             "to the hand-written one", "p99"], rows)

    def wrk(self, port):
        out = run("wrk", "-t2", "-c64", f"-d{self.options.seconds}s", "--latency",
                  f"https://localhost:{port}/")
        if "Non-2xx" in out or "Socket errors" in out:
            raise RuntimeError(out)
        value, unit = re.search(r"99%\s+([\d.]+)(us|ms|s)", out).groups()
        scale = {"us": 0.001, "ms": 1, "s": 1000}[unit]
        return float(re.search(r"Requests/sec:\s+([\d.]+)", out)[1]), float(value) * scale

    def h2load(self, port):
        log = f"{self.options.work}/h2.log"
        open(log, "w", encoding="utf-8").close()
        out = run("h2load", "-t2", "-c16", "-m10", "-D", str(self.options.seconds), "--log-file", log,
                  f"https://localhost:{port}/")
        if not re.search(r" 0 failed, 0 errored, 0 timeout", out) or "0 4xx, 0 5xx" not in out:
            raise RuntimeError(out)
        with open(log, encoding="utf-8") as lines:
            taken = [int(line.split("\t")[2]) for line in lines]
        return float(re.search(r"([\d.]+) req/s", out)[1]), percentile(taken, 99) / 1000

    @staticmethod
    def at_rest(proxy):
        time.sleep(7)  # every five seconds it gives back what it does not need
        return f"{proxy.memory() / 1024:.1f} MB ({proxy.own_memory() / 1024:.1f})"

    def memory(self):
        rows = []
        for count in self.options.routes:
            with McProxy(self.options, dev_ca=True) as proxy:
                admin = self.routes(proxy, count)
                fresh = self.at_rest(proxy)
                for _ in range(20):
                    self.routes(proxy, count)
                    admin.call("PUT", f"/v1/routes/{proxy.l7}/r0.test",
                               {"owner": "bench", "mode": "l7",
                                "backend": f"127.0.0.1:{self.backend.plain}"})
                    proxy.status()
                used = self.at_rest(proxy)
                proxy.restart()
                proxy.status()
                again = self.at_rest(proxy)
                rows.append([count, fresh, used, again,
                             f"{proxy.haproxy_memory() / 1024:.1f} MB"])
                self.say(f"memory {count}: {rows[-1]}")
        return report.table(["routes", "all set", "all set 20 times more, and asked for", "restarted",
                             "HAProxy's worker beside it"], rows)


ROWS = ("change", "throughput", "memory")


def parse():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mc-proxy", required=True)
    parser.add_argument("--work", required=True)
    parser.add_argument("--page", help="write the tables into this page")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", action="append", choices=ROWS)
    options = parser.parse_args()
    options.routes = [10, 1000] if options.quick else [10, 100, 1000]
    options.changes = 200 if options.quick else 2000
    options.turns = 1 if options.quick else 7
    options.seconds = 2 if options.quick else 4
    return options


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # what was started is ended on exit
    options = parse()
    bench = Bench(options)
    about = ", ".join([report.first_line(options.mc_proxy, "--version"),
                       report.first_line("haproxy", "-v").split(" - ")[0]]
                      + [name + " " + report.first_line("dpkg-query", "-W", "-f", "${Version}", name)
                         for name in ("nginx-light", "caddy", "wrk", "nghttp2-client")])
    where = report.machine()
    try:
        report.write(bench, options.only or ROWS, f"{where}; {about}", options.page)
    finally:
        bench.backend.stop()


if __name__ == "__main__":
    main()
