"""websocket.py PORT HOST CA TEXT: opens a WebSocket through the proxy, sends one frame and prints
the status and the text that came back."""
import base64
import os
import socket
import ssl
import sys

port, host, ca, text = int(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4].encode()
context = ssl.create_default_context(cafile=ca)
context.set_alpn_protocols(["http/1.1"])
connection = context.wrap_socket(socket.create_connection(("127.0.0.1", port), 10), server_hostname=host)
key = base64.b64encode(os.urandom(16)).decode()
connection.sendall(("GET /echo HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                    "Sec-WebSocket-Key: %s\r\nSec-WebSocket-Version: 13\r\n\r\n" % (host, key)).encode())
stream = connection.makefile("rb")
status = stream.readline().split()[1].decode()
while stream.readline().strip():
    pass
mask = b"abcd"
frame = bytes([0x81, 0x80 | len(text)]) + mask + bytes(b ^ mask[i % 4] for i, b in enumerate(text))
connection.sendall(frame)
back = stream.read(len(frame))
print(status, bytes(b ^ mask[i % 4] for i, b in enumerate(back[6:])).decode())
