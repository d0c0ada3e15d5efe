"""What a fleet is made of: processes that are started again, as systemd would, and a way to git
that can be cut."""

import os
import signal
import socket
import subprocess
import threading
import time

RESTART = 0.3  # seconds from the end of a process to its next start


class Daemon:
    """A program that is started again whenever it ends."""

    def __init__(self, name, command, folder, environment=None):
        self.name, self.command, self.environment = name, command, environment or {}
        self.log = f"{folder}/{name}.log"
        self.lives = 0
        self._wanted = True
        self._changed = threading.Condition()
        self._process = None
        self._keeper = threading.Thread(target=self._keep, daemon=True)
        self._start()
        self._keeper.start()

    def _start(self):
        with open(self.log, "ab") as log:
            self._process = subprocess.Popen(self.command, stdout=log, stderr=log,
                                             env=os.environ | self.environment,
                                             start_new_session=True)
        self.lives += 1

    def _keep(self):
        while True:
            self._process.wait()
            time.sleep(RESTART)
            with self._changed:
                self._changed.wait_for(lambda: self._wanted)
                if self._wanted == "never":
                    return
                self._start()

    @property
    def pid(self):
        return self._process.pid

    def kill(self, number=signal.SIGKILL):
        if self._process.poll() is None:
            os.kill(self._process.pid, number)

    def hold(self):
        """Ends it with kill -9, until release()."""
        with self._changed:
            self._wanted = False
        self.kill()
        self._process.wait()

    def release(self):
        with self._changed:
            self._wanted = True
            self._changed.notify_all()

    def end(self, number=signal.SIGTERM):
        with self._changed:
            self._wanted = "never"
            self._changed.notify_all()
        self.kill(signal.SIGCONT)
        self.kill(number)
        try:
            self._process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            self.kill()
            self._process.wait()
        self._keeper.join(timeout=5)

    def last_words(self):
        with open(self.log, encoding="utf-8", errors="replace") as file:
            return file.read()[-3000:]


class Relay:
    """In front of the git server. `mode` is "pass", "refuse", "silent", or a number: that many bytes
    of an answer come through, then the connection is cut."""

    def __init__(self, upstream):
        self.upstream = upstream
        self.mode = "pass"
        self.cuts = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            client, _ = self._listener.accept()
            mode = self.mode
            if mode == "refuse":
                client.close()
                continue
            if mode == "silent":
                threading.Thread(target=self._swallow, args=(client,), daemon=True).start()
                continue
            try:
                server = socket.create_connection(("127.0.0.1", self.upstream))
            except OSError:
                client.close()
                continue
            limit = mode if isinstance(mode, int) else None
            for source, sink, most in ((client, server, None), (server, client, limit)):
                threading.Thread(target=self._pump, args=(source, sink, most), daemon=True).start()

    @staticmethod
    def _swallow(client):
        while client.recv(4096):
            pass

    def _pump(self, source, sink, most):
        try:
            while piece := source.recv(65536):
                if most is not None and len(piece) >= most:
                    sink.sendall(piece[:most])
                    self.cuts += 1
                    break
                if most is not None:
                    most -= len(piece)
                sink.sendall(piece)
        except OSError:
            pass
        for end in (source, sink):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


def listens(port):
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
        return True
    except OSError:
        return False


def processes_with(*words):
    """Ids of the processes whose command lines have all the words."""
    found = []
    for name in os.listdir("/proc"):
        if not name.isdigit() or int(name) == os.getpid():
            continue
        try:
            with open(f"/proc/{name}/cmdline", "rb") as file:
                line = file.read().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if all(word in line for word in words):
            found.append(int(name))
    return found
