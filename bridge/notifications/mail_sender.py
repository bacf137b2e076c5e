"""The channel `email`: of messages one mail for a conversation, until she has read."""

from bridge.deliveries import claims, preferences
from bridge.deliveries.claims import Claimed
from bridge.deliveries.errors import NotNowError, NotWantedError
from bridge.notifications.mail import Writer, neutral_mail
from bridge.notifications.news import enqueue_rest, is_all_taken_back, read_up_to, require_reader
from bridge.notifications.smtp import Smtp
from bridge.storage.database import Database


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
        person, conversation_id = delivery.person, delivery.subject
        async with self._database.read() as connection:
            wanted = await preferences.get(connection, sealer=self._writer.sealer, person=person)
            await require_reader(connection, person, conversation_id, now=self._writer.now())
            has_read = await read_up_to(connection, person, conversation_id)
            is_nothing_left = await is_all_taken_back(connection, person, conversation_id, after=has_read)
        if is_nothing_left and await self._is_ended(delivery, has_read=has_read):
            raise NotWantedError
        if wanted is None or not wanted.email or wanted.address is None:
            raise NotWantedError
        if has_read != delivery.data["read_up_to"]:
            async with self._database.write() as connection:
                await enqueue_rest(
                    connection, person, conversation_id, delay=wanted.delay, sealer=self._writer.sealer
                )
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

    async def _is_ended(self, delivery: Claimed, *, has_read: int) -> bool:
        """End it, unless a message has come that it is to tell of: that relies on it only while it is open."""
        person, conversation_id = delivery.person, delivery.subject
        async with self._database.write() as connection:
            if not await claims.hold(connection, delivery):
                return True
            is_over = await is_all_taken_back(connection, person, conversation_id, after=has_read)
            if is_over:
                await claims.drop(connection, delivery, now=self._writer.now())
        return is_over
