"""Another server: real TLS on loopback, with a certificate of a made-up authority, answering what a test says."""

import asyncio
import ssl
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

NAMES = ("hospital.example", "127.0.0.1")
_FROM, _UNTIL = datetime(2020, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)

Answer = Callable[[asyncio.StreamWriter], Awaitable[None]]


@dataclass
class OtherServer:
    """Where it listens, how it answers each connection (after the request's head), and what it was asked."""

    port: int
    authority: Path
    answer: Answer
    heads: list[str] = field(default_factory=list)
    names: list[str | None] = field(default_factory=list)


def reply(body: bytes, *, status: str = "200 OK", head: str = "") -> Answer:
    """An ordinary answer."""

    async def write(writer: asyncio.StreamWriter) -> None:
        length = f"Content-Length: {len(body)}\r\n"
        writer.write(f"HTTP/1.1 {status}\r\n{length}{head}\r\n".encode() + body)

    return write


@asynccontextmanager
async def other_server(directory: Path, *, names: tuple[str, ...] = NAMES) -> AsyncGenerator[OtherServer]:
    """A running server whose certificate is for these names."""
    authority, chain = _certificate(directory, names)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(chain)
    running = OtherServer(port=0, authority=authority, answer=reply(b"{}"))
    tls.sni_callback = lambda _socket, name, _context: running.names.append(name)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            running.heads.append((await reader.readuntil(b"\r\n\r\n")).decode())
            await running.answer(writer)
            await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    running.port = server.sockets[0].getsockname()[1]
    try:
        yield running
    finally:
        server.close()


def _certificate(directory: Path, names: tuple[str, ...]) -> tuple[Path, Path]:
    """The authority's certificate; the server's, with its key."""
    authority_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "authority")])
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "server")])
    common = x509.CertificateBuilder().issuer_name(issuer).not_valid_before(_FROM).not_valid_after(_UNTIL)
    authority = (
        common.subject_name(issuer)
        .public_key(authority_key.public_key())
        .serial_number(1)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(authority_key, hashes.SHA256())
    )
    certificate = (
        common.subject_name(subject)
        .public_key(key.public_key())
        .serial_number(2)
        .add_extension(x509.SubjectAlternativeName([_alternative(name) for name in names]), critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    (directory / "ca.pem").write_bytes(authority.public_bytes(serialization.Encoding.PEM))
    (directory / "server.pem").write_bytes(
        certificate.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return directory / "ca.pem", directory / "server.pem"


def _alternative(name: str) -> x509.GeneralName:
    is_address = name[0].isdigit()
    return x509.IPAddress(ip_address(name)) if is_address else x509.DNSName(name)
