"""The channel `email`: one mail for a conversation, until she has read."""

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from appointments.sealing import Sealer
from bridge.clock import Now
from bridge.database import Database
from bridge.notifications import preferences
from bridge.notifications.errors import NotNowError, NotWantedError
from bridge.notifications.ledger import Claimed
from bridge.notifications.message_mail import message_mail, unsubscribe_token
from bridge.notifications.smtp import Smtp
from bridge.storage.conversations import receipts, timeline


class MailSender:
    """bridge.notifications.courier.Sender over SMTP.

    What she wants and has read is looked at when it is due, not when it was enqueued.
    """

    def __init__(
        self,
        *,
        database: Database,
        sealer: Sealer,
        smtp: Smtp,
        from_address: str,
        public_url: str,
        now: Now,
    ) -> None:
        self._database = database
        self._sealer = sealer
        self._smtp = smtp
        self._from_address = from_address
        self._public_url = public_url
        self._now = now

    async def send(self, delivery: Claimed) -> None:
        """As in Sender."""
        async with self._database.read() as connection:
            wanted = await preferences.get(connection, sealer=self._sealer, person=delivery.person)
            has_read = await read_up_to(connection, delivery.person, delivery.subject)
        if wanted is None or not wanted.email or wanted.address is None:
            raise NotWantedError
        if has_read != delivery.data["read_up_to"]:
            raise NotWantedError
        quiet_until = wanted.quiet_until(self._now())
        if quiet_until is not None:
            raise NotNowError(quiet_until)
        mail = message_mail(
            delivery_id=delivery.id,
            from_address=self._from_address,
            to_address=wanted.address,
            language=wanted.language,
            public_url=self._public_url,
            token=unsubscribe_token(delivery.person, sealer=self._sealer),
            now=self._now,
        )
        await self._smtp.send(mail)


async def read_up_to(connection: AsyncConnection, person: str, room_id: str) -> int:
    """The place in the room's timeline up to which she has read, or which is her own last message; 0 at first."""
    receipt = select(receipts.c.seq).where(receipts.c.room_id == room_id, receipts.c.user_id == person)
    own = select(func.max(timeline.c.seq)).where(
        timeline.c.room_id == room_id, timeline.c.sender == person, timeline.c.is_message
    )
    found = [(await connection.execute(query)).scalar_one_or_none() for query in (receipt, own)]
    return max(place or 0 for place in found)
