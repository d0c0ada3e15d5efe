"""Clients of every host that ask all the time, and remember what became of each request."""

import socket
import ssl
import threading
import time

PATIENCE = 10  # seconds that a client waits for an answer
PAUSES = (0.02, 0.1)  # between two requests on a kept connection; between two new connections


class Client(threading.Thread):
    """One client of one host. A request is lost when no complete and right answer came."""

    def __init__(self, load, host, keep, pause):
        super().__init__(daemon=True)
        self.load, self.host, self.keep, self.pause = load, host, keep, pause
        self.stream = self.connection = None
        self.since = None  # when the request that is under way began

    def run(self):
        while not self.load.stopped.wait(self.pause):
            begin = self.since = time.monotonic()
            try:
                self._ask()
                why = None
            except (OSError, ValueError) as error:
                why = repr(error)
            if why or not self.keep:
                self._close()
            self.load.note(self.host, begin, time.monotonic(), why)
            self.since = None

    def _ask(self):
        if self.stream is None:
            plain = socket.create_connection(("127.0.0.1", self.load.port), PATIENCE)
            self.connection = self.load.context.wrap_socket(plain, server_hostname=self.host)
            self.stream = self.connection.makefile("rb")
        self.connection.sendall(f"GET / HTTP/1.1\r\nHost: {self.host}\r\n\r\n".encode())
        status = self.stream.readline()
        if b" 200 " not in status:
            raise ValueError(f"answered {status!r}")
        length = 0
        while line := self.stream.readline().strip().lower():
            if line.startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        body = self.stream.read(length).decode()
        if len(body) != length or not body.startswith(self.host.split(".", maxsplit=1)[0] + " "):
            raise ValueError(f"wrong answer {body!r}")

    def _close(self):
        if self.stream:
            self.stream.close()
            self.connection.close()
        self.stream = self.connection = None


class Load:
    def __init__(self, port, ca, hosts):
        self.port, self.hosts = port, hosts
        self.context = ssl.create_default_context(cafile=ca)
        self.stopped = threading.Event()
        self._lock = threading.Lock()
        self._asked = []  # (host, begin, end, why it was lost or None)
        self._clients = [Client(self, host, keep=pause == PAUSES[0], pause=pause)
                         for host in hosts for pause in PAUSES]
        for client in self._clients:
            client.start()

    def note(self, *request):
        with self._lock:
            self._asked.append(request)

    def forget(self):
        with self._lock:
            self._asked.clear()

    def stop(self):
        self.stopped.set()

    def asked(self):
        with self._lock:
            return sorted(self._asked, key=lambda request: request[1])

    def outcome(self):
        """Since the last forget(): how many were asked, and for each host that lost some how many,
        why, and the seconds from the first lost one to the next that was answered, summed up. Waits
        for the requests that are under way."""
        now = time.monotonic()
        while any((client.since or now) < now for client in self._clients):
            time.sleep(0.02)
        asked = self.asked()
        losses = {}
        for host in self.hosts:
            mine = [request for request in asked if request[0] == host]
            lost = [request for request in mine if request[3]]
            if lost:
                losses[host] = (len(lost), outage(mine), lost[0][3])
        return len(asked), losses


def outage(requests):
    """Seconds in which no request that had begun then was answered."""
    down, since = 0.0, None
    for _, begin, end, why in requests:
        if why and since is None:
            since = begin
        elif not why and since is not None:
            down += max(0.0, begin - since)
            since = None
    return down + (requests[-1][2] - since if since is not None else 0.0)
