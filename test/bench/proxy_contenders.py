"""What is measured: a backend, mc-proxy, and others who do the same."""

import json
import os
import shutil
import socket
import subprocess
import time


def run(*command):
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: {done.stdout}{done.stderr}")
    return done.stdout


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def wait_until(done, what):
    until = time.monotonic() + 60
    while not done():
        if time.monotonic() > until:
            raise RuntimeError(f"never came: {what}")
        time.sleep(0.02)


def accepts(port):
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
        return True
    except OSError:
        return False


def certificate(folder, host):
    """Stem of a self-signed one: .pem, .key, and .both with the two of them."""
    stem = f"{folder}/{host}"
    run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
        "-keyout", f"{stem}.key", "-out", f"{stem}.pem", "-subj", f"/CN={host}", "-addext",
        f"subjectAltName=DNS:{host}", "-days", "90")
    with open(f"{stem}.both", "w", encoding="utf-8") as both:
        for part in ("pem", "key"):
            with open(f"{stem}.{part}", encoding="utf-8") as file:
                both.write(file.read())
    return stem


class Process:
    """A program in the foreground, with its files in a folder."""

    def __init__(self, folder, name):
        self.folder = f"{folder}/{name}.{free_port()}"
        os.makedirs(self.folder)
        self.child = None

    def write(self, name, text):
        path = f"{self.folder}/{name}"
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    def spawn(self, *command):
        self.command = command
        with open(f"{self.folder}/log", "ab") as log:
            self.child = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL,
                                          start_new_session=True)

    def processes(self):
        return run("pgrep", "-s", str(self.child.pid)).split()

    def processor_time(self):
        """Seconds that its processes have had (proc(5), stat: utime and stime)."""
        ticks = 0
        for pid in self.processes():
            with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
                ticks += sum(int(field) for field in file.read().rsplit(")", 1)[1].split()[11:13])
        return ticks / os.sysconf("SC_CLK_TCK")

    def stop(self):
        if self.child:
            self.child.terminate()
            self.child.wait(30)
            self.child = None


NGINX = """
daemon off; pid {folder}/pid; error_log {folder}/error.log crit; worker_processes {workers};
load_module /usr/lib/nginx/modules/ngx_stream_module.so;
events {{ worker_connections 4096; }}
http {{
  access_log off; keepalive_requests 100000000; keepalive_timeout 600;
  client_body_temp_path {folder}/a; proxy_temp_path {folder}/b; fastcgi_temp_path {folder}/c;
  uwsgi_temp_path {folder}/d; scgi_temp_path {folder}/e;
  {http}
}}
{rest}
"""


class Backend(Process):
    """Two plain servers that answer with their names, and one with TLS."""

    def __init__(self, folder, cert):
        super().__init__(folder, "backend")
        self.plain, self.other, self.tls = free_port(), free_port(), free_port()
        servers = [(self.plain, "", "hello"), (self.other, "", "other"),
                   (self.tls, f"ssl; ssl_certificate {cert}.pem; ssl_certificate_key {cert}.key",
                    "hello")]
        http = "".join(f"server {{ listen 127.0.0.1:{port} {tls}; location / {{ return 200 '{name}'; }} }}\n"
                       for port, tls, name in servers)
        self.spawn("nginx", "-c", self.write("nginx.conf", NGINX.format(
            folder=self.folder, workers=1, http=http, rest="")))
        wait_until(lambda: accepts(self.tls), "the backend")


class McProxy(Process):
    name = "mc-proxy"

    def __init__(self, options, dev_ca=False):
        super().__init__(options.work, "mc-proxy")
        self.program = options.mc_proxy
        self.port, self.port4 = free_port(), free_port()
        self.l7, self.l4 = f"127.0.0.1:{self.port}", f"127.0.0.1:{self.port4}"
        self.socket, self.ca = f"{self.folder}/api.sock", f"{self.folder}/ca/ca.pem"
        self.config = self.write("mc-proxy.toml", f"""
[[listeners]]
address = "{self.l7}"
[[listeners]]
address = "{self.l4}"
[api]
socket = "{self.socket}"
[database]
path = "{self.folder}/state/mc-proxy.db"
[certificates]
dir = "{options.work}"
{f'dev_ca = "{self.folder}/ca"' if dev_ca else ''}
[log]
level = "warning"
""")
        self.spawn(self.program, "--config", self.config)
        wait_until(lambda: os.path.exists(self.socket) and accepts(self.port), "mc-proxy")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def start(self, backend, cert):
        """The route `localhost` on both listeners."""
        del cert  # in the folder for certificates
        for listener, body in ((self.l7, {"mode": "l7", "backend": f"127.0.0.1:{backend.plain}",
                                          "tlsCert": "localhost.pem"}),
                               (self.l4, {"mode": "l4", "backend": f"127.0.0.1:{backend.tls}"})):
            self.curl("-X", "PUT", "-d", json.dumps({"owner": "bench", **body}),
                      f"http://x/v1/routes/{listener}/localhost")

    def curl(self, *arguments):
        return run("curl", "-sSf", "--unix-socket", self.socket, *arguments)

    def status(self):
        return json.loads(self.curl("http://x/v1/status"))

    def restart(self):
        super().stop()
        self.spawn(*self.command)
        wait_until(lambda: os.path.exists(self.socket), "mc-proxy again")

    def stop(self):
        super().stop()
        run(self.program, "--config", self.config, "stop")
        shutil.rmtree(self.folder)

    @staticmethod
    def resident(pid):
        with open(f"/proc/{pid}/status", encoding="utf-8") as file:
            return next(int(line.split()[1]) for line in file if line.startswith("VmRSS:"))

    def memory(self):
        return self.resident(self.child.pid)

    def own_memory(self):
        """Without the pages of files that HAProxy has mapped, too, unless they were written to."""
        shared = {name for pid in self.haproxies() for name, _ in mappings(pid)
                  if name.startswith("/")}
        return sum(size["Private_Dirty"] if name in shared else size["Rss"]
                   for name, size in mappings(self.child.pid))

    def processes(self):
        return {*super().processes(), *self.haproxies()}

    def haproxies(self):
        return run("pgrep", "-f", f"{self.folder}/state/haproxy/haproxy.cfg").split()

    def haproxy_memory(self):
        return max(self.resident(pid) for pid in self.haproxies())


def mappings(pid):
    """The name of each mapping, and its sizes in kB (proc(5), smaps)."""
    found = []
    with open(f"/proc/{pid}/smaps", encoding="utf-8") as file:
        for line in file:
            words = line.split()
            if not words[0].endswith(":"):
                found.append((words[5] if len(words) > 5 else "", {}))
            elif words[-1] == "kB":
                found[-1][1][words[0][:-1]] = int(words[1])
    return found


class Haproxy(Process):
    """As a person would write it who serves many names: a map of them, a crt-list, three headers."""

    name = "HAProxy, by hand"

    def __init__(self, options):
        super().__init__(options.work, "haproxy")
        self.port, self.port4 = free_port(), free_port()

    def start(self, backend, cert):
        names = self.write("names.map", "localhost hello\n")
        certs = self.write("certs.list", f"{cert}.both localhost\n")
        self.spawn("haproxy", "-db", "-f", self.write("haproxy.cfg", f"""
defaults
  timeout connect 5s
  timeout client 10m
  timeout server 10m
frontend l7
  mode http
  bind 127.0.0.1:{self.port} ssl crt-list {certs} strict-sni alpn h2,http/1.1 ssl-min-ver TLSv1.3
  http-request set-header X-Forwarded-For %[src]
  http-request set-header X-Real-IP %[src]
  http-request set-header X-Forwarded-Proto https
  use_backend l7-%[req.hdr(host),host_only,lower,map_str({names})]
backend l7-hello
  mode http
  server d 127.0.0.1:{backend.plain}
frontend l4
  mode tcp
  bind 127.0.0.1:{self.port4}
  tcp-request inspect-delay 5s
  tcp-request content reject unless {{ req.ssl_hello_type 1 }}
  use_backend l4-%[req.ssl_sni,lower,map_str({names})]
backend l4-hello
  mode tcp
  server d 127.0.0.1:{backend.tls}
"""))
        wait_until(lambda: accepts(self.port), self.name)


class Nginx(Process):
    name = "nginx"

    def __init__(self, options):
        super().__init__(options.work, "nginx")
        self.port, self.port4 = free_port(), free_port()

    def start(self, backend, cert):
        http = f"""
  upstream up {{ server 127.0.0.1:{backend.plain}; keepalive 128; keepalive_requests 100000000; }}
  server {{
    listen 127.0.0.1:{self.port} ssl http2; server_name localhost;
    ssl_certificate {cert}.pem; ssl_certificate_key {cert}.key; ssl_protocols TLSv1.3;
    location / {{
      proxy_pass http://up; proxy_http_version 1.1; proxy_set_header Connection "";
      proxy_set_header Host $host; proxy_set_header X-Forwarded-For $remote_addr;
      proxy_set_header X-Forwarded-Proto https;
    }}
  }}"""
        rest = f"""
stream {{
  map $ssl_preread_server_name $up {{ localhost 127.0.0.1:{backend.tls}; }}
  server {{ listen 127.0.0.1:{self.port4}; ssl_preread on; proxy_pass $up; }}
}}"""
        self.spawn("nginx", "-c", self.write("nginx.conf", NGINX.format(
            folder=self.folder, workers=os.cpu_count(), http=http, rest=rest)))
        wait_until(lambda: accepts(self.port), self.name)


class Caddy(Process):
    name = "caddy"
    port4 = None  # Debian's has no module for it

    def __init__(self, options):
        super().__init__(options.work, "caddy")
        self.port = free_port()

    def start(self, backend, cert):
        self.spawn("caddy", "run", "--adapter", "caddyfile", "--config", self.write("Caddyfile", f"""
{{
  admin off
  auto_https off
  storage file_system {self.folder}
}}
https://localhost:{self.port} {{
  bind 127.0.0.1
  tls {cert}.pem {cert}.key
  reverse_proxy 127.0.0.1:{backend.plain}
}}
"""))
        wait_until(lambda: accepts(self.port), self.name)
