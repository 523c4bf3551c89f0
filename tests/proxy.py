"""nginx in front of a server of the tests: the shipped configuration with the paths and ports of the tests.

A line of the shipped file that is to be replaced and is not there is an error: what runs here is what ships.
"""

from __future__ import annotations

import base64
import hashlib
import os
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.machine import lacks
from tests.ports import free_port

SHIPPED = Path(__file__).resolve().parents[1] / "deploy" / "nginx" / "serai.conf"
HOST = "localhost"

_MAIN = """
{user}
pid {folder}/nginx.pid;
error_log {folder}/error.log notice;
worker_processes 1;
worker_shutdown_timeout 1s;
events {{ worker_connections 512; }}
http {{
    default_type application/octet-stream;
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/serai.conf;
}}
"""


def nginx() -> str:
    """The system's nginx, looked for as tools/needs.sh does."""
    path = os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"))
    path_found = shutil.which(os.environ.get("NGINX") or "nginx", path=path)
    return path_found or lacks("nginx", "nginx")


SEEN_AS = {
    "    ssl_protocols ": "    set_real_ip_from 127.0.0.1;\n    real_ip_header X-Seen-As;\n    ssl_protocols ",
}
"""A change by which tests choose the address that nginx sees, in the header `X-Seen-As`."""


@dataclass(frozen=True)
class Certificate:
    """A certificate for `localhost`, its key beside it, and the hash by which Chromium trusts it."""

    chain: Path
    key: Path
    spki: str

    def flag(self) -> str:
        """The flag with which Chromium accepts this certificate and no other."""
        return f"--ignore-certificate-errors-spki-list={self.spki}"

    def trusting(self) -> ssl.SSLContext:
        """For Python's own clients: trusts this certificate only."""
        return ssl.create_default_context(cafile=str(self.chain))


def make_certificate(folder: Path) -> Certificate:
    """A self-signed certificate of two days."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HOST)])
    now = datetime.now(UTC)
    names = [x509.DNSName(HOST), x509.IPAddress(ip_address("127.0.0.1"))]
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    chain, private = folder / "chain.pem", folder / "key.pem"
    chain.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    public = key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return Certificate(chain, private, base64.b64encode(hashlib.sha256(public).digest()).decode())


def configuration(
    folder: Path, certificate: Certificate, *, port: int, plain_port: int, backend: int, changes: Mapping[str, str]
) -> str:
    """The shipped file with paths and ports of the tests; `changes` shorten what would have to be waited for."""
    text = SHIPPED.read_text(encoding="utf-8")
    replaced = {
        "    listen [::]:80;\n": "",  # not every machine has IPv6
        "    listen [::]:443 ssl;\n": "",
        "listen 80;": f"listen 127.0.0.1:{plain_port};",
        "listen 443 ssl;": f"listen 127.0.0.1:{port} ssl;",
        "server 127.0.0.1:8000 ": f"server 127.0.0.1:{backend} ",
        "server_name lectures.example;": f"server_name {HOST};",
        "https://$server_name$request_uri": f"https://$server_name:{port}$request_uri",
        "/etc/letsencrypt/live/lectures.example/fullchain.pem": str(certificate.chain),
        "/etc/letsencrypt/live/lectures.example/privkey.pem": str(certificate.key),
        "/var/lib/nginx/serai": f"{folder}/cache",
        "/var/log/nginx": str(folder),
        "/var/www/html": str(folder),
        **changes,
    }
    for old, new in replaced.items():
        assert old in text, f"deploy/nginx/serai.conf has no {old!r}"
        text = text.replace(old, new)
    return text


@dataclass(frozen=True)
class Proxy:
    """nginx as it runs: `address` for browsers, `plain_port` for http."""

    address: str
    port: int
    plain_port: int
    folder: Path
    certificate: Certificate

    def begin_upload(self, path: str, *, client: str, headers: str = "") -> ssl.SSLSocket:
        """A slow upload of somebody at this address (with `SEEN_AS`): the first of a million bytes."""
        plain = socket.create_connection((HOST, self.port), timeout=60)
        line = self.certificate.trusting().wrap_socket(plain, server_hostname=HOST)
        method = "PUT" if path.startswith("/streams/") else "POST"
        told = f"Host: {HOST}\r\nX-Seen-As: {client}\r\nContent-Length: 1000000\r\n{headers}"
        line.sendall(f"{method} {path} HTTP/1.1\r\n{told}\r\nx".encode())
        return line


@contextmanager
def proxy(
    folder: Path,
    certificate: Certificate,
    *,
    backend: int,
    port: int | None = None,
    changes: Mapping[str, str] | None = None,
) -> Iterator[Proxy]:
    """Runs nginx before the server at port `backend` until the block is left."""
    folder.mkdir(parents=True, exist_ok=True)
    port, plain_port = port or free_port(), free_port()
    user = "user root;" if os.getuid() == 0 else ""  # or its worker could not read this folder
    (folder / "nginx.conf").write_text(_MAIN.format(user=user, folder=folder), encoding="utf-8")
    (folder / "serai.conf").write_text(
        configuration(folder, certificate, port=port, plain_port=plain_port, backend=backend, changes=changes or {}),
        encoding="utf-8",
    )
    command = [nginx(), "-p", str(folder), "-e", f"{folder}/error.log", "-c", f"{folder}/nginx.conf"]
    running = subprocess.Popen([*command, "-g", "daemon off;"], stderr=subprocess.PIPE)
    try:
        _await(running, port)
        yield Proxy(f"https://{HOST}:{port}", port, plain_port, folder, certificate)
    finally:
        running.terminate()
        running.communicate(timeout=60)


def _await(running: subprocess.Popen[bytes], port: int) -> None:
    until = time.monotonic() + 180
    while time.monotonic() < until:
        if running.poll() is not None:
            raise AssertionError(f"nginx ended: {running.communicate()[1].decode()}")
        try:
            socket.create_connection(("127.0.0.1", port), timeout=60).close()
        except OSError:
            time.sleep(0.02)
        else:
            return
    raise AssertionError("nginx does not answer")
