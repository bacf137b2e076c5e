"""A mail server on loopback (aiosmtpd): TLS, one account, and what it was given."""

import asyncio
import ssl
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

from bridge.notifications.settings import SmtpSettings
from tests.bridge.openid.other_server import other_server

USER, PASSWORD = "clinic", "a password"


@dataclass
class MailServer:
    """`answers` are given to the next messages, else 250, and none to the next that it `hangs` on until it `goes_on`.

    `recipients` are the answers to the next recipients, else 250.
    """

    settings: SmtpSettings
    answers: list[str] = field(default_factory=list)
    recipients: list[str] = field(default_factory=list)
    mails: list[EmailMessage] = field(default_factory=list)
    raw: list[bytes] = field(default_factory=list)
    connections: int = 0
    hangs: int = 0
    goes_on: asyncio.Event = field(default_factory=asyncio.Event)

    async def handle_RCPT(  # noqa: N802 aiosmtpd's name
        self, _server: Any, _session: Any, envelope: Any, address: str, _options: Any
    ) -> str:
        """Take the recipient, or refuse it."""
        answer = self.recipients.pop(0) if self.recipients else "250 OK"
        if answer.startswith("250"):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802 aiosmtpd's name
        """Keep it, or refuse it."""
        if self.hangs:
            self.hangs -= 1
            await self.goes_on.wait()
        if self.answers:
            return self.answers.pop(0)
        mail = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(mail, EmailMessage)
        self.raw.append(envelope.content)
        self.mails.append(mail)
        return "250 OK"


def _authenticate(_server: Any, _session: Any, _envelope: Any, _mechanism: str, data: Any) -> AuthResult:
    assert isinstance(data, LoginPassword)
    is_right = (data.login, data.password) == (USER.encode(), PASSWORD.encode())
    return AuthResult(success=is_right, handled=False)  # not handled: aiosmtpd answers


@asynccontextmanager
async def mail_server(directory: Path, *, security: str = "starttls") -> AsyncGenerator[MailServer]:
    """A running one."""
    async with other_server(directory) as certified:  # whose certificate this one takes over
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(directory / "server.pem")
        server: MailServer

        def connected() -> SMTP:
            server.connections += 1
            is_starttls = security == "starttls"
            return SMTP(
                server,
                hostname="localhost",
                tls_context=tls if is_starttls else None,
                require_starttls=is_starttls,
                authenticator=_authenticate,
                auth_required=True,
                auth_require_tls=is_starttls,
            )

        loop = asyncio.get_running_loop()
        listener = await loop.create_server(connected, "127.0.0.1", 0, ssl=tls if security == "tls" else None)
        settings = SmtpSettings(
            host="127.0.0.1",
            port=listener.sockets[0].getsockname()[1],
            security=security,
            username=USER,
            password=PASSWORD,
            from_address="no-reply@clinic.example",
            timeout_s=5,
            ca_file=certified.authority,
        )
        server = MailServer(settings=settings)
        try:
            yield server
        finally:
            listener.close()
