#!/usr/bin/python3
"""MCIAS as far as MCP relies on it (docs/identity.md), with real Ed25519 tokens over TLS 1.3.

usage: mcias.py FOLDER PORT

Reads FOLDER/accounts.json:
  {"alice": {"password": "...", "roles": ["user"], "totp": "BASE32", "lifetime": 3600,
             "deny": ["service"]},                          a person; deny: services by policy
   "robot": {"system": true}}                               its token is written to FOLDER/robot.token
Writes FOLDER/ca.pem (whom to trust), FOLDER/requests.log (one JSON object a call, without secrets) and,
once it listens, FOLDER/port. Keys and revocations outlive a restart in FOLDER.
"""

import base64
import datetime
import hashlib
import hmac
import http.server
import ipaddress
import json
import os
import ssl
import struct
import sys
import time
import uuid

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.x509.oid import NameOID

FOLDER = sys.argv[1]


def path(name):
    return os.path.join(FOLDER, name)


def write(name, text, mode=0o600):
    draft = path(name + ".new")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "w") as out:
        out.write(text)
    os.rename(draft, path(name))


def load(name, otherwise):
    try:
        with open(path(name), encoding="utf-8") as text:
            return json.load(text)
    except FileNotFoundError:
        return otherwise


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def make_certificate():
    """A self-signed certificate of this machine's loopback addresses."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mcias")])
    now = datetime.datetime.utcnow()
    names = x509.SubjectAlternativeName(
        [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    certificate = (x509.CertificateBuilder().subject_name(name).issuer_name(name)
                   .public_key(key.public_key()).serial_number(x509.random_serial_number())
                   .not_valid_before(now - datetime.timedelta(hours=1))
                   .not_valid_after(now + datetime.timedelta(days=2))
                   .add_extension(names, False)
                   .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
                   .sign(key, hashes.SHA256()))
    write("tls.key", key.private_bytes(serialization.Encoding.PEM,
                                       serialization.PrivateFormat.PKCS8,
                                       serialization.NoEncryption()).decode())
    write("ca.pem", certificate.public_bytes(serialization.Encoding.PEM).decode())


def signing_key():
    seed = load("seed.json", None)
    if seed is None:
        seed = b64(os.urandom(32))
        write("seed.json", json.dumps(seed))
    return ed25519.Ed25519PrivateKey.from_private_bytes(unb64(seed))


def totp_codes(secret):
    """RFC 6238, the step of now and the one before."""
    key = base64.b32decode(secret)
    for step in (int(time.time()) // 30, int(time.time()) // 30 - 1):
        digest = hmac.new(key, struct.pack(">Q", step), hashlib.sha1).digest()
        at = digest[-1] & 15
        yield f"{(struct.unpack('>I', digest[at:at + 4])[0] & 0x7FFFFFFF) % 1000000:06d}"


class Refusal(Exception):
    def __init__(self, status, code, error):
        super().__init__(error)
        self.status, self.code = status, code


class Mcias:
    def __init__(self):
        self.accounts = load("accounts.json", {})
        self.revoked = set(load("revoked.json", []))
        self.key = signing_key()
        for name, account in self.accounts.items():
            account["id"] = str(uuid.uuid5(uuid.NAMESPACE_DNS, name))
            if account.get("system"):
                write(name + ".token", self.issue(account)[0])

    def issue(self, account):
        now = int(time.time())
        claims = {"iss": "mcias.test", "sub": account["id"], "roles": account.get("roles", []),
                  "iat": now, "nbf": now, "exp": now + account.get("lifetime", 3600),
                  "jti": str(uuid.uuid4())}
        text = ".".join(b64(json.dumps(part).encode())
                        for part in ({"alg": "EdDSA", "typ": "JWT"}, claims))
        return text + "." + b64(self.key.sign(text.encode())), claims["exp"]

    def claims_of(self, token):
        try:
            head, body, signature = token.split(".")
            self.key.public_key().verify(unb64(signature), f"{head}.{body}".encode())
            claims = json.loads(unb64(body))
        except Exception as error:
            raise Refusal(401, "unauthorized", "invalid token") from error
        if claims["exp"] <= time.time() or claims["jti"] in self.revoked:
            raise Refusal(401, "unauthorized", "invalid token")
        return claims

    def login(self, body, _):
        account = self.accounts.get(body.get("username"))
        right = account and not account.get("system") and hmac.compare_digest(
            account["password"].encode(), body.get("password", "").encode())
        if not right:
            raise Refusal(401, "unauthorized", "invalid credentials")
        if "totp" in account:
            if not body.get("totp_code"):
                raise Refusal(401, "totp_required", "TOTP code required")
            if body["totp_code"] not in totp_codes(account["totp"]):
                raise Refusal(401, "unauthorized", "invalid credentials")
        if body.get("service_name") in account.get("deny", []):
            raise Refusal(403, "forbidden", "access denied by policy")
        token, expires = self.issue(account)
        return 200, {"token": token, "expires_at": rfc3339(expires)}

    def validate(self, body, token):
        try:
            claims = self.claims_of(token or body.get("token", ""))
        except Refusal:
            return 200, {"valid": False}
        name = next(name for name, one in self.accounts.items() if one["id"] == claims["sub"])
        return 200, {"valid": True, "sub": claims["sub"], "username": name,
                     "roles": claims["roles"], "expires_at": rfc3339(claims["exp"])}

    def logout(self, _, token):
        self.revoked.add(self.claims_of(token)["jti"])
        write("revoked.json", json.dumps(sorted(self.revoked)))
        return 204, None


def rfc3339(seconds):
    return datetime.datetime.utcfromtimestamp(seconds).strftime("%Y-%m-%dT%H:%M:%SZ")


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    mcias = None

    def do_POST(self):
        calls = {"/v1/auth/login": self.mcias.login, "/v1/token/validate": self.mcias.validate,
                 "/v1/auth/logout": self.mcias.logout}
        try:
            body = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))) or b"{}")
            bearer = self.headers.get("Authorization", "")
            token = bearer[len("Bearer "):] if bearer.startswith("Bearer ") else ""
            public = {key: value for key, value in body.items()
                      if key not in ("password", "totp_code", "token")}
            with open(path("requests.log"), "a", encoding="utf-8") as log:
                log.write(json.dumps({"path": self.path, **public}) + "\n")
            if self.path not in calls:
                raise Refusal(404, "not_found", "there is no such call")
            self.answer(*calls[self.path](body, token))
        except Refusal as refusal:
            self.answer(refusal.status, {"error": str(refusal), "code": refusal.code})

    def answer(self, status, document):
        text = b"" if document is None else json.dumps(document).encode()
        self.send_response(status)
        if text:
            self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_):
        pass


def main():
    if not os.path.exists(path("ca.pem")):
        make_certificate()
    Handler.mcias = Mcias()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[2])), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.load_cert_chain(path("ca.pem"), path("tls.key"))
    # The handshake is the connection's own thread's, or one silent peer would hold up everybody.
    server.socket = context.wrap_socket(server.socket, server_side=True,
                                        do_handshake_on_connect=False)
    write("port", str(server.server_address[1]))
    server.serve_forever()


main()
