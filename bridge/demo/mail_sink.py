"""A mail server on loopback that sends nothing on: each mail becomes a file, to be looked at."""

import asyncio
import re
import ssl
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from bridge.demo.certificates import Certificates

HOST = "localhost"
_UNFIT = re.compile(r"[^A-Za-z0-9._+-]")


class MailFiles:
    """aiosmtpd's handler: `0001-maria.eml`, `0002-garcia.eml` and so on, of the recipients' names."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._writing = asyncio.Lock()  # the next number and the draft are one mail's at a time

    def make_directory(self) -> None:
        """For this user's eyes only."""
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802 aiosmtpd's name
        """Keep it."""
        name = _UNFIT.sub("_", envelope.rcpt_tos[0].partition("@")[0])[:64]
        async with self._writing:
            await asyncio.to_thread(self._write, name, envelope.content)
        return "250 kept"

    def _write(self, name: str, content: bytes) -> None:
        number = 1 + max(
            (int(one.name.partition("-")[0]) for one in self._directory.glob("[0-9]*.eml")), default=0
        )
        # Whoever looks must never see half of it.
        draft = self._directory / "draft"
        draft.write_bytes(content)
        draft.replace(self._directory / f"{number:04}-{name}.eml")


@asynccontextmanager
async def mail_sink(directory: Path, *, certificates: Certificates) -> AsyncGenerator[int]:
    """A running one, which takes mail over STARTTLS only and keeps it in this directory: its port.

    The port is any free one, so that demos don't meet.
    """
    from aiosmtpd.smtp import SMTP  # noqa: PLC0415 only the demo has it, and says so when it has not

    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(certificates.certificate, certificates.private_key)
    handler = MailFiles(directory)
    handler.make_directory()
    server = await asyncio.get_running_loop().create_server(
        lambda: SMTP(handler, hostname=HOST, tls_context=tls, require_starttls=True), "127.0.0.1", 0
    )
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
