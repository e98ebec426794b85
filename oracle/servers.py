"""What stands around an Envoy on loopback: echo servers, an authorizer, certificates, the Envoy itself."""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok"


def free_port() -> int:
    """A port of loopback that nobody uses now."""
    with socket.socket() as made:
        made.bind(("127.0.0.1", 0))
        port: int = made.getsockname()[1]
        return port


async def echo(port: int) -> asyncio.Server:
    """Answers 200 to HTTP and two bytes to anything else, on every address of 127.0.0.0/8."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await asyncio.wait_for(reader.read(65536), 10)
            while head[:5] in _METHODS and b"\r\n\r\n" not in head:
                head += await reader.read(65536)
            writer.write(ANSWER if head else b"")
            await writer.drain()
        except (OSError, TimeoutError):
            pass
        writer.close()

    return await asyncio.start_server(answer, "0.0.0.0", port, backlog=512)


_METHODS = (b"GET /", b"POST ", b"PUT /", b"DELET", b"OPTIO", b"HEAD ", b"PATCH", b"TRACE", b"CONNE")


def authorizer(port: int) -> Any:
    """A gRPC server of envoy.service.auth.v3.Authorization that allows everything."""
    from concurrent.futures import ThreadPoolExecutor

    import grpc

    server = grpc.server(ThreadPoolExecutor(2))
    check = grpc.unary_unary_rpc_method_handler(lambda request, context: b"\x0a\x00")
    for version in ("v3", "v2"):
        name = f"envoy.service.auth.{version}.Authorization"
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(name, {"Check": check}),))
    server.add_insecure_port(f"127.0.0.1:{port}")
    server.start()
    return server


class Authority:
    """Certificates of one authority of our own, in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "oracle")])
        self._contexts: dict[tuple[str, tuple[str, ...]], ssl.SSLContext] = {}
        self._write("ca", self._certificate(self.key, self.name, [], True), self.key)
        self.make("server", ["spiffe://cluster.local/ns/x/sa/server"])

    def make(self, name: str, uris: list[str]) -> None:
        """A certificate with these URIs as `name.crt` and `name.key`."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self._write(name, self._certificate(key, subject, uris, False), key)

    def _certificate(self, key: Any, subject: x509.Name, uris: list[str], authority: bool) -> x509.Certificate:
        now = datetime.now(UTC)
        made = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self.name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=2))
            .add_extension(x509.BasicConstraints(authority, None), critical=True)
        )
        if uris:
            names = [x509.UniformResourceIdentifier(uri) for uri in uris]
            made = made.add_extension(x509.SubjectAlternativeName(names), critical=False)
        return made.sign(self.key, hashes.SHA256())

    def _write(self, name: str, certificate: x509.Certificate, key: Any) -> None:
        encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
        (self.folder / f"{name}.crt").write_bytes(certificate.public_bytes(encoding))
        (self.folder / f"{name}.key").write_bytes(key.private_bytes(encoding, form, serialization.NoEncryption()))

    def context(self, principal: str, alpn: tuple[str, ...]) -> ssl.SSLContext:
        """A client's context: with a certificate of this principal where there is one."""
        found = self._contexts.get((principal, alpn))
        if found is None:
            found = ssl.create_default_context()
            found.check_hostname, found.verify_mode = False, ssl.CERT_NONE
            if alpn:
                found.set_alpn_protocols(list(alpn))
            if principal:
                name = f"client{abs(hash(principal))}"
                if not (self.folder / f"{name}.crt").exists():
                    self.make(name, [principal])
                found.load_cert_chain(self.folder / f"{name}.crt", self.folder / f"{name}.key")
            self._contexts[principal, alpn] = found
        return found


class Running:
    """One Envoy."""

    def __init__(self, binary: str, bootstrap: dict[str, Any], admin: int) -> None:
        self.admin = f"http://127.0.0.1:{admin}"
        self.folder = Path(tempfile.mkdtemp(prefix="oracle"))
        (self.folder / "envoy.json").write_text(json.dumps(bootstrap))
        self.errors = (self.folder / "errors").open("w+")
        config = str(self.folder / "envoy.json")
        words = [binary, "-c", config, "--concurrency", "1", "--disable-hot-restart", "-l", "error",
                 "--file-flush-interval-msec", "20", "--drain-time-s", "0"]  # fmt: skip
        self.process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=self.errors)

    def wait(self) -> str:
        """Until it takes requests. Gives its complaint where it never does, else an empty text."""
        for _ in range(600):
            if self.process.poll() is not None:
                self.errors.seek(0)
                return self.errors.read()[-2000:] or "it ended"
            try:
                with urllib.request.urlopen(f"{self.admin}/ready", timeout=1) as answer:
                    if answer.status == 200:
                        return ""
            except (urllib.error.URLError, OSError):
                pass
            time.sleep(0.05)
        return "it is not ready after 30 s"

    def stop(self) -> None:
        """Let it write its log, and end it."""
        time.sleep(0.15)
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
