"""A Unix socket in front of podman's that writes down every request and when its answer ended."""

import os
import re
import socket
import threading
import time
from dataclasses import dataclass

REQUEST = re.compile(rb"^(GET|HEAD|POST|PUT|DELETE) (\S+) HTTP/1")
PIECE = 256 * 1024


@dataclass
class Call:
    method: str
    path: str
    begin: float  # time.monotonic()
    end: float  # of the last byte that came back so far


class Proxy:
    def __init__(self, path, upstream):
        self.path = path
        self.upstream = upstream
        self._lock = threading.Lock()
        self._calls = []
        if os.path.exists(path):
            os.unlink(path)
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(path)
        self._listener.listen(64)
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self):
        self._listener.close()
        os.unlink(self.path)

    def calls(self, since=0.0):
        """Those that began at `since` or later, oldest first."""
        with self._lock:
            return [call for call in self._calls if call.begin >= since]

    def _accept(self):
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            try:
                server.connect(self.upstream)
            except OSError:
                client.close()
                continue
            current = []
            for source, sink, note in ((client, server, self._sent), (server, client, self._came)):
                threading.Thread(target=self._relay, args=(source, sink, note, current),
                                 daemon=True).start()

    def _relay(self, source, sink, note, current):
        try:
            while piece := source.recv(PIECE):
                note(piece, current)
                sink.sendall(piece)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    # A client writes a request's head as one piece; nothing is sent before the answer has come.
    def _sent(self, piece, current):
        head = REQUEST.match(piece)
        if head is None:
            return
        now = time.monotonic()
        call = Call(head[1].decode(), head[2].decode(), now, now)
        current[:] = [call]
        with self._lock:
            self._calls.append(call)

    def _came(self, _piece, current):
        if current:
            current[0].end = time.monotonic()
