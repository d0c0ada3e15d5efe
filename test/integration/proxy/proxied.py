"""proxied.py PORT HOST CA v1|v2|none: one request after a PROXY header for 192.0.2.7; prints the answer."""
import socket
import ssl
import struct
import sys

port, host, ca, kind = int(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4]
headers = {
    "v1": b"PROXY TCP4 192.0.2.7 127.0.0.1 40000 443\r\n",
    "v2": b"\r\n\r\n\x00\r\nQUIT\n\x21\x11" + struct.pack(
        ">H4s4sHH", 12, socket.inet_aton("192.0.2.7"), socket.inet_aton("127.0.0.1"), 40000, 443),
    "none": b"",
}
plain = socket.create_connection(("127.0.0.1", port), 20)
plain.sendall(headers[kind])
connection = ssl.create_default_context(cafile=ca).wrap_socket(plain, server_hostname=host)
connection.sendall(("GET / HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n" % host).encode())
print(connection.makefile("rb").read().decode())
