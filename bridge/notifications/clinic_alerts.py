"""What could not be told to people, told to the clinic: by mail, at most one in a quarter of an hour."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from email.message import EmailMessage
from typing import Any

from sqlalchemy import Row, bindparam, update
from sqlalchemy.ext.asyncio import AsyncConnection

from appointments.sealing import Sealer
from bots.i18n import translate
from bridge.clock import Now
from bridge.deliveries import ledger
from bridge.deliveries.claims import Claimed
from bridge.deliveries.errors import NotWantedError
from bridge.deliveries.ledger import Delivery
from bridge.notifications.mail import Writer, headed
from bridge.notifications.smtp import Smtp
from bridge.storage.database import Database
from bridge.storage.deliveries import IS_UNALERTED, deliveries
from bridge.storage.state import get_state, move_state

KIND = "clinic.given_up"
_LAST_LOOK = "notifications.alerted"
_EVERY = timedelta(minutes=15)
_MOST_NAMED = 50
_c = deliveries.c
# What is committed later, and were it given up earlier, is found the next time.
_HEAR = (
    update(deliveries)
    .where(IS_UNALERTED, _c.kind != KIND)
    .values(alerted_at=bindparam("now"))
    .returning(_c.channel, _c.kind, _c.subject)
)


class ClinicAlerts:
    """Enters a mail to the clinic when something was given up, and marks that in the same transaction."""

    def __init__(self, *, database: Database, sealer: Sealer, now: Now) -> None:
        self._database = database
        self._sealer = sealer
        self._now = now

    async def look(self) -> None:
        """What was given up since the last look is entered afterwards; the first one is where it begins."""
        now = self._now()
        async with self._database.write() as connection:
            last = await get_state(connection, _LAST_LOOK)
            if last is not None and now - datetime.fromisoformat(last) < _EVERY:
                return
            if not await move_state(connection, _LAST_LOOK, before=last, after=now.isoformat()):
                return
            given_up = (await connection.execute(_HEAR, {"now": now})).all()
            if last is not None and given_up:
                await self._enter(connection, given_up, now=now)

    async def _enter(
        self, connection: AsyncConnection, given_up: Sequence[Row[Any]], *, now: datetime
    ) -> None:
        channels = [row.channel for row in given_up]
        about = sorted({row.subject for row in given_up if row.kind.startswith("appointment.")})
        alert = Delivery(
            id=f"{KIND}:{now.isoformat()}",
            person="clinic",
            channel="email",
            kind=KIND,
            subject="clinic",
            due_at=now,
            data={
                "counts": {one: channels.count(one) for one in set(channels)},
                "appointments": about[:_MOST_NAMED],
            },
        )
        await ledger.enqueue(connection, alert, sealer=self._sealer)


class ClinicMailSender:
    """bridge.notifications.courier.Sender of these mails: how many by which channel, and ids of appointments."""

    def __init__(self, *, smtp: Smtp, writer: Writer, address: str | None) -> None:
        self._smtp = smtp
        self._writer = writer
        self._address = address

    async def send(self, delivery: Claimed) -> None:
        """As in Sender."""
        if self._address is None:
            raise NotWantedError
        await self._smtp.send(self._mail(delivery, self._address))

    def _mail(self, delivery: Claimed, address: str) -> EmailMessage:
        counts = ", ".join(
            f"{channel}: {count}" for channel, count in sorted(delivery.data["counts"].items())
        )
        about = " ".join(delivery.data["appointments"]) or "-"
        texts = [
            translate(language, "mail.clinic-alert.text", counts=counts, appointments=about)
            for language in ("es", "en")
        ]
        subject = translate("es", "mail.clinic-alert.subject")
        mail = headed(self._writer, delivery=delivery, to_address=address, subject=subject)
        mail.set_content("\n\n".join(texts) + "\n")
        return mail
