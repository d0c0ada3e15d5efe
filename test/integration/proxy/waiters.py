"""waiters.py PORT HOST CA COUNT FOLDER [--new]

COUNT clients at once. Half of them connect and ask once before (none with --new); then the file
FOLDER/ready appears, and when FOLDER/go is there, all of them ask. Prints how many got 200, what else
they got, and the names of the backends that answered the second question."""
import os
import socket
import ssl
import sys
import threading

port, host, ca, count, folder = int(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4]), sys.argv[5]
context = ssl.create_default_context(cafile=ca)
answers = []
names = set()
asked = threading.Barrier(count + 1)
go = threading.Event()


def connect():
    connection = context.wrap_socket(socket.create_connection(("127.0.0.1", port), 60), server_hostname=host)
    return connection, connection.makefile("rb")


def ask(connection, stream):
    connection.sendall(("GET / HTTP/1.1\r\nHost: %s\r\n\r\n" % host).encode())
    status = stream.readline().split(b" ")[1].decode()
    length = 0
    while line := stream.readline().strip().lower():
        if line.startswith(b"content-length:"):
            length = int(line.split(b":")[1])
    return status, stream.read(length).split(b"\n")[0].decode()


def work(early):
    try:
        pair = connect() if early else None
        if early:
            ask(*pair)
    finally:
        asked.wait()
    go.wait()
    try:
        status, name = ask(*(pair or connect()))
        names.add(name)
    except (OSError, IndexError) as error:
        status = type(error).__name__
    answers.append(status)


threads = [threading.Thread(target=work, args=(i % 2 == 0 and "--new" not in sys.argv,)) for i in range(count)]
for thread in threads:
    thread.start()
asked.wait()
open(os.path.join(folder, "ready"), "w").close()
while not os.path.exists(os.path.join(folder, "go")):
    threading.Event().wait(0.01)
go.set()
for thread in threads:
    thread.join()
others = sorted(set(answers) - {"200"})
print("200=%d others=%s names=%s" % (answers.count("200"), ",".join(others), ",".join(sorted(names))))
