"""What could not be told to people, told to the clinic: by mail, at most one in a quarter of an hour."""

from datetime import datetime, timedelta
from email.message import EmailMessage

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from appointments.sealing import Sealer
from bots.i18n import translate
from bridge.clock import Now
from bridge.database import Database
from bridge.notifications import ledger
from bridge.notifications.errors import NotWantedError
from bridge.notifications.ledger import Claimed, Delivery
from bridge.notifications.mail import Writer, headed
from bridge.notifications.smtp import Smtp
from bridge.storage.deliveries import deliveries
from bridge.storage.state import get_state, move_state

KIND = "clinic.given_up"
_CURSOR = "notifications.alerted"
_EVERY = timedelta(minutes=15)
_COMMITTED = timedelta(minutes=1)
"""Whatever was given up before that is committed by now."""

_MOST_NAMED = 50
_c = deliveries.c


class ClinicAlerts:
    """Enters a mail to the clinic when something was given up; its cursor moves in the same transaction."""

    def __init__(self, *, database: Database, sealer: Sealer, now: Now) -> None:
        self._database = database
        self._sealer = sealer
        self._now = now

    async def look(self) -> None:
        """What was given up since the last look is entered afterwards."""
        until = self._now() - _COMMITTED
        async with self._database.write() as connection:
            cursor = await get_state(connection, _CURSOR)
            since = until if cursor is None else datetime.fromisoformat(cursor)
            if cursor is not None and until - since < _EVERY:
                return
            if not await move_state(connection, _CURSOR, before=cursor, after=until.isoformat()):
                return
            await self._enter(connection, since=since, until=until)

    async def _enter(self, connection: AsyncConnection, *, since: datetime, until: datetime) -> None:
        given_up = select(_c.channel, _c.kind, _c.subject).where(
            _c.done_at > since, _c.done_at <= until, _c.state == "given_up", _c.kind != KIND
        )
        rows = (await connection.execute(given_up)).all()
        if not rows:
            return
        channels = [row.channel for row in rows]
        about = sorted({row.subject for row in rows if row.kind.startswith("appointment.")})
        alert = Delivery(
            id=f"{KIND}:{until.isoformat()}",
            person="clinic",
            channel="email",
            kind=KIND,
            subject="clinic",
            due_at=self._now(),
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
