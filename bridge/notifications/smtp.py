"""One connection to the clinic's mail server, kept for the messages that follow."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from email.message import EmailMessage
from email.policy import SMTP

import aiosmtplib

from bridge.deliveries.errors import UndeliverableError
from bridge.notifications.ending import end_within
from bridge.notifications.settings import SmtpSettings
from bridge.openid.https import tls_context

_PERMANENT, _POLICY = 500, "5.7."
_ENDING_S = 3.0
# A line's most (RFC 5322, 2.1.1): what is longer than the usual 78, a link or an address, would be encoded, and then
# no mail program finds it (RFC 2369, 2). 7bit: not every server takes more.
_WIRE = SMTP.clone(max_line_length=998, cte_type="7bit")


class Smtp:
    """Hands messages over, over TLS (or STARTTLS), one after the other."""

    def __init__(self, settings: SmtpSettings) -> None:
        self._settings = settings
        self._lock = asyncio.Lock()
        self._client: aiosmtplib.SMTP | None = None
        self._patience_s: float | None = None
        self._before_it_is_handed_over: asyncio.Timeout | None = None

    def hurry(self) -> None:
        """The process is to end: what is not handed over in some seconds is not sent.

        Of a mail that is being handed over only the server knows whether it has it, so its word is waited for.
        """
        self._patience_s = _ENDING_S
        if self._before_it_is_handed_over is not None:
            end_within(self._before_it_is_handed_over, _ENDING_S)

    async def send(self, message: EmailMessage) -> None:
        """The server has taken it.

        Raises UndeliverableError when it never will (5xx for this message or its recipient, but 5.7); aiosmtplib's
        errors and OSError when another try may work, say once the operator has mended our credentials or standing.
        """
        async with self._lock:
            try:
                async with self._until_hurried():
                    client = await self._connected()
                    await client.mail(str(message["From"]))
                    await client.rcpt(str(message["To"]))
                await client.data(message.as_bytes(policy=_WIRE))
            except (aiosmtplib.SMTPRecipientRefused, aiosmtplib.SMTPDataError) as error:
                await self._reset()
                # What else is refused, our sender say, is the operator's to mend and may end.
                if _is_final(error):
                    raise UndeliverableError(str(error.code)) from error
                raise
            except BaseException:
                await self._reset()
                raise

    async def check(self) -> None:
        """It takes our credentials, our sender and (where there is one) the clinic's address, and is sent nothing.

        Raises aiosmtplib's errors and OSError.
        """
        async with self._lock:
            try:
                client = await self._connected()
                await client.mail(self._settings.from_address)
                if self._settings.alert_address is not None:
                    await client.rcpt(self._settings.alert_address)
                await client.rset()
            finally:
                await self._reset()

    async def close(self) -> None:
        """Say goodbye."""
        async with self._lock:
            await self._reset()

    @asynccontextmanager
    async def _until_hurried(self) -> AsyncGenerator[None]:
        async with asyncio.timeout(self._patience_s) as limit:
            self._before_it_is_handed_over = limit
            try:
                yield
            finally:
                self._before_it_is_handed_over = None

    async def _connected(self) -> aiosmtplib.SMTP:
        if self._client is not None and self._client.is_connected:
            return self._client
        settings = self._settings
        client = aiosmtplib.SMTP(
            hostname=settings.host,
            port=settings.port,
            username=settings.username,
            password=None if settings.password is None else settings.password.get_secret_value(),
            timeout=settings.timeout_s,
            use_tls=settings.security == "tls",
            start_tls=settings.security == "starttls",
            tls_context=None if settings.security == "none" else tls_context(settings.ca_file),
        )
        self._client = client
        await client.connect()
        return client

    async def _reset(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            client.close()


def _is_final(refused: aiosmtplib.SMTPResponseException) -> bool:
    """Whether this is never taken; a matter of policy (RFC 3463, X.7) is the operator's to mend."""
    return refused.code >= _PERMANENT and not refused.message.startswith(_POLICY)
