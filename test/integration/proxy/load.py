"""load.py PORT HOST CA SECONDS: keep-alive and new connections at the same time, until SIGTERM at the
latest; prints the number of requests, of failed ones, and the names of the backends that answered."""
import signal
import socket
import ssl
import sys
import threading
import time

port, host, ca, until = int(sys.argv[1]), sys.argv[2], sys.argv[3], time.monotonic() + float(sys.argv[4])
context = ssl.create_default_context(cafile=ca)
lock = threading.Lock()
totals = [0, 0]
names = set()


def stop(*_):
    global until
    until = 0


signal.signal(signal.SIGTERM, stop)


def connect():
    connection = context.wrap_socket(socket.create_connection(("127.0.0.1", port), 10), server_hostname=host)
    return connection, connection.makefile("rb")


def ask(connection, stream):
    connection.sendall(("GET / HTTP/1.1\r\nHost: %s\r\n\r\n" % host).encode())
    status = stream.readline()
    length, ends = 0, False
    while True:
        line = stream.readline().strip().lower()
        if not line:
            break
        if line.startswith(b"content-length:"):
            length = int(line.split(b":")[1])
        ends = ends or line == b"connection: close"
    body = stream.read(length)
    assert b" 200 " in status, status
    assert len(body) == length, body
    return body.split(b"\n")[0].decode(), ends


def work(keep):
    pair = None
    while time.monotonic() < until:
        failed, name = 0, None
        try:
            if keep:
                pair = pair or connect()
                name, ends = ask(*pair)
                if ends:
                    pair = None
            else:
                connection, stream = connect()
                name, _ = ask(connection, stream)
                connection.close()
        except Exception as error:  # whatever it is, the client had no answer
            print(repr(error), file=sys.stderr)
            failed, pair = 1, None
        with lock:
            totals[0] += 1
            totals[1] += failed
            names.add(name)


threads = [threading.Thread(target=work, args=(keep,)) for keep in (True, True, True, False)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print("requests=%d failed=%d names=%s" % (totals[0], totals[1], ",".join(sorted(n for n in names if n))))
