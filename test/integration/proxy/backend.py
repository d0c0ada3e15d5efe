"""A backend for the tests of mc-proxy.

backend.py PORT NAME [--tls CERT KEY] [--proxy] [--at ADDRESS]

Plain HTTP/1.1 with keep-alive: GET /... answers with NAME, the PROXY header it got and the request's
headers, one a line. A WebSocket upgrade is accepted, and every byte after it is echoed: what the
proxy has to carry is the tunnel. --proxy: every connection starts with a PROXY header, v2.
"""
import base64
import hashlib
import socket
import ssl
import struct
import sys
import threading


def read_proxy_header(connection):
    head = connection.recv(16, socket.MSG_WAITALL)
    if head[:12] != b"\r\n\r\n\x00\r\nQUIT\n":
        raise OSError("no PROXY header")
    family = head[13]
    rest = connection.recv(struct.unpack(">H", head[14:16])[0], socket.MSG_WAITALL)
    if family == 0x11:
        return "%s:%d" % (socket.inet_ntop(socket.AF_INET, rest[:4]), struct.unpack(">H", rest[8:10])[0])
    return "%s:%d" % (socket.inet_ntop(socket.AF_INET6, rest[:16]), struct.unpack(">H", rest[32:34])[0])


def serve(connection, name, context, proxied):
    try:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        client = read_proxy_header(connection) if proxied else "none"
        if context:
            connection = context.wrap_socket(connection, server_side=True)
        stream = connection.makefile("rb")
        while True:
            request = stream.readline()
            if not request:
                return
            headers = {}
            while True:
                line = stream.readline().strip()
                if not line:
                    break
                key, value = line.decode().split(":", 1)
                headers[key.lower()] = value.strip()
            if headers.get("upgrade", "").lower() == "websocket":
                key = headers["sec-websocket-key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
                accept = base64.b64encode(hashlib.sha1(key.encode()).digest()).decode()
                connection.sendall(("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                                    "Connection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n" % accept).encode())
                while True:
                    data = stream.read1(4096)
                    if not data:
                        return
                    connection.sendall(data)
            body = "name: %s\nproxy: %s\n" % (name, client)
            body += "".join("%s: %s\n" % pair for pair in sorted(headers.items()))
            status = "500 Broken" if b"/broken" in request else "200 OK"
            connection.sendall(("HTTP/1.1 %s\r\nContent-Length: %d\r\n\r\n%s" % (status, len(body), body)).encode())
    except (OSError, ssl.SSLError):
        pass
    finally:
        connection.close()


def main():
    port, name = int(sys.argv[1]), sys.argv[2]
    rest = sys.argv[3:]
    context = None
    if "--tls" in rest:
        at = rest.index("--tls")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(rest[at + 1], rest[at + 2])
    address = rest[rest.index("--at") + 1] if "--at" in rest else "127.0.0.1"
    v6 = ":" in address
    listener = socket.create_server((address, port), backlog=512, family=socket.AF_INET6 if v6 else socket.AF_INET,
                                    dualstack_ipv6=v6)
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=serve, args=(connection, name, context, "--proxy" in rest), daemon=True).start()


main()
