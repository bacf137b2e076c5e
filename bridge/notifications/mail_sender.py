"""The channel `email`: of messages one mail for a conversation, until she has read; appointments have their own."""

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.database import Database
from bridge.notifications import preferences
from bridge.notifications.courier import Sender
from bridge.notifications.errors import NotNowError, NotWantedError
from bridge.notifications.ledger import Claimed
from bridge.notifications.mail import Writer, neutral_mail
from bridge.notifications.smtp import Smtp
from bridge.storage.conversations import receipts, timeline


class MessageMailSender:
    """bridge.notifications.courier.Sender of news of messages, over SMTP.

    What she wants and has read is looked at when it is due, not when it was enqueued.
    """

    def __init__(
        self,
        *,
        database: Database,
        smtp: Smtp,
        writer: Writer,
    ) -> None:
        self._database = database
        self._smtp = smtp
        self._writer = writer

    async def send(self, delivery: Claimed) -> None:
        """As in Sender."""
        async with self._database.read() as connection:
            wanted = await preferences.get(connection, sealer=self._writer.sealer, person=delivery.person)
            has_read = await read_up_to(connection, delivery.person, delivery.subject)
        if wanted is None or not wanted.email or wanted.address is None:
            raise NotWantedError
        if has_read != delivery.data["read_up_to"]:
            raise NotWantedError
        quiet_until = wanted.quiet_until(self._writer.now())
        if quiet_until is not None:
            raise NotNowError(quiet_until)
        mail = neutral_mail(
            self._writer,
            delivery=delivery,
            to_address=wanted.address,
            language=wanted.language,
            topic="message",
        )
        await self._smtp.send(mail)


class MailSender:
    """The channel `email`, whose mails about messages and about appointments are made in places of their own."""

    def __init__(self, *, messages: Sender, appointments: Sender) -> None:
        self._messages = messages
        self._appointments = appointments

    async def send(self, delivery: Claimed) -> None:
        """As in Sender."""
        is_message = delivery.kind == "message"
        await (self._messages if is_message else self._appointments).send(delivery)


async def read_up_to(connection: AsyncConnection, person: str, room_id: str) -> int:
    """The place in the room's timeline up to which she has read, or which is her own last message; 0 at first."""
    receipt = select(receipts.c.seq).where(receipts.c.room_id == room_id, receipts.c.user_id == person)
    own = select(func.max(timeline.c.seq)).where(
        timeline.c.room_id == room_id, timeline.c.sender == person, timeline.c.is_message
    )
    found = [(await connection.execute(query)).scalar_one_or_none() for query in (receipt, own)]
    return max(place or 0 for place in found)
