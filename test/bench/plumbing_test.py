"""The benchmark's own parts, without podman and in a moment: plumbing_test.py SOURCE-DIR MCP"""

import os
import socket
import subprocess
import sys
import tempfile
import threading
import unittest

import bench
import contenders
import node
import report
from proxy import Proxy

SOURCE, MCP = sys.argv[1:3]


def serve(path, bodies):
    """A server that answers one connection's requests with these bodies."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(path)
    listener.listen()

    def run():
        client, _ = listener.accept()
        for body in bodies:
            while not client.recv(65536).endswith(b"\r\n\r\n"):
                pass
            client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)

    threading.Thread(target=run, daemon=True).start()


class Plumbing(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.folder = temporary.name

    def test_proxy_counts_every_request_of_a_connection(self):
        serve(f"{self.folder}/up", [b"{}", b"[1]"])
        proxy = Proxy(f"{self.folder}/down", f"{self.folder}/up")
        client = node.UnixConnection(proxy.path)
        for path, body in (("/one", b"{}"), ("/two?all=true", b"[1]")):
            client.request("GET", path)
            self.assertEqual(client.getresponse().read(), body)
        calls = proxy.calls()
        client.close()
        proxy.close()
        self.assertEqual([call.path for call in calls], ["/one", "/two?all=true"])
        self.assertTrue(all(call.end >= call.begin for call in calls))

    def test_ratio_is_to_the_floor_of_the_same_run(self):
        text = report.compare({"floor": [2.0, 1.0, 3.0], "other": [3.0]}, "floor")
        self.assertIn("| floor | 2.00 s | 1 |", text)
        self.assertIn("| other | 3.00 s | 1.50 | once |", text)

    def test_page_has_a_place_for_every_row_and_keeps_the_rest(self):
        with open(f"{SOURCE}/docs/benchmarks.md", encoding="utf-8") as file:
            page = file.read()
        for row in bench.ROWS:
            changed = report.put(page, row, "new")
            self.assertIn(f"<!-- begin {row} -->\nnew\n<!-- end {row} -->", changed)
        with self.assertRaises(ValueError):
            report.put(page, "nothing", "new")

    def test_definitions_are_valid(self):
        repository = node.Repository(self.folder)
        repository.services(node.names(3), volumes=["/srv/beat:/beat"], command=node.BEATING)
        repository.services(["elsewhere"], node="other")
        repository.commit("services")
        done = subprocess.run([MCP, "validate", repository.clone], capture_output=True, text=True,
                              check=False)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_every_contender_writes_what_it_needs(self):
        podman = node.Podman(self.folder)
        for contender in contenders.all_contenders(podman, f"{self.folder}/c", "mcp-agent"):
            if not isinstance(contender, contenders.Mcp):
                contender.prepare(node.names(2))
                self.assertTrue(os.listdir(contender.folder), contender.name)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
