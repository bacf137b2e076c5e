"""The ledger's channel `chat`: what the assistant says of its own accord, in each person's direct chat, once.

The id in the outbox is made of the delivery's, so a delivery that is tried again says nothing twice. What is due is
judged again right before it is said: an appointment that was moved or cancelled meanwhile is not reminded of. What a
try took in and did not get as far as encrypting is set aside, and the next one judges anew.
"""

import asyncio
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import bindparam, literal, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from appointments.booking import Appointment
from appointments.errors import NotInCareTeamError
from appointments.sealing import Sealer
from appointments.storage.appointments import find
from bots import reminders as words
from bots.booking_dialogue import Dialogue
from bots.booking_ports import Booked
from bots.reminders import Reader
from bridge.clock import Now
from bridge.deliveries import claims
from bridge.deliveries.claims import Claimed
from bridge.deliveries.errors import NotWantedError, UndeliverableError
from bridge.errors import MessageRefusedError
from bridge.messages.outbox import Outbox
from bridge.notices.judging import Judging
from bridge.notices.kinds import CHANGES, DELAY, DIGEST, OFFER, REMINDER
from bridge.notices.notices import EVENT_SUFFIX
from bridge.people.people import names_of, reader_of
from bridge.reminding.booked import as_booked, as_offer
from bridge.reminding.dialogues import Dialogues, answers_to
from bridge.reminding.digest import lines_of_the_day
from bridge.storage.database import Database
from bridge.storage.direct_chats import direct_chats
from bridge.storage.people import people
from bridge.storage.sends import DELIVERY_PREFIX, sends

APPOINTMENT_EVENT = "es.videoconsulta.appointment"
_ASIDE = "aside:"
# The row stays, under a name that nothing else has: whoever still holds it finds that it must not go out.
_SET_ASIDE = (
    update(sends)
    .where(sends.c.id.in_(bindparam("sends", expanding=True)), sends.c.state.in_(["accepted", "refused"]))
    .values(id=literal(_ASIDE) + sends.c.txn_id, state="refused", sealed=None, content=None)
)


@dataclass(frozen=True, slots=True)
class _Said:
    """What to say: a text, an event for programs, or both; and what can be answered."""

    text: str | None
    event: dict[str, Any] | None = None
    dialogue: Dialogue | None = None


class ChatSender:
    """Says what the ledger has for the chat."""

    def __init__(
        self,
        *,
        database: Database,
        outbox: Outbox,
        dialogues: Dialogues,
        sealer: Sealer,
        judging: Judging,
        assistant_id: str,
        now: Now,
    ) -> None:
        self._database = database
        self._outbox = outbox
        self._dialogues = dialogues
        self._sealer = sealer
        self._judging = judging
        self._assistant_id = assistant_id
        self._now = now

    async def send(self, delivery: Claimed) -> None:
        """As in bridge.notifications.courier.Sender."""
        if delivery.attempts > 1:
            await self._set_aside(delivery)
        room_id, accepted = await self._accept(delivery)
        try:
            for send_id in accepted:
                await self._outbox.deliver(send_id=send_id, room_id=room_id)
        except (NotInCareTeamError, MessageRefusedError) as error:
            raise UndeliverableError(type(error).__name__) from error
        except (Exception, asyncio.CancelledError):
            await self._set_aside(delivery)
            raise

    async def _accept(self, delivery: Claimed) -> tuple[str, list[str]]:
        """The room, and the ids of what is to be said there now, in the outbox."""
        async with self._database.write() as connection:
            if not await claims.hold(connection, delivery):  # cancelled, or another process has it now
                raise NotWantedError
            said = await self._judged(connection, delivery)
            room_id = await _room_of(connection, delivery.person)
            messages = _messages(delivery, said)
            for send_id, event_type, content in messages:
                await self._outbox.accept(
                    connection,
                    send_id=send_id,
                    room_id=room_id,
                    sender=self._assistant_id,
                    event_type=event_type,
                    content=content,
                )
            if said.dialogue is not None:
                # A number alone, without a reply, means this unless a list is open.
                named = said.dialogue.model_copy(update={"send_id": DELIVERY_PREFIX + delivery.id})
                await self._dialogues.save_unless_open(
                    connection, person=delivery.person, dialogue=named, now=self._now()
                )
        return room_id, [send_id for send_id, _, _ in messages]

    async def _judged(self, connection: AsyncConnection, delivery: Claimed) -> _Said:
        """What is to be said now. Raises NotWantedError, NotNowError."""
        reader = await reader_of(connection, delivery.person)
        if delivery.kind == DIGEST:
            lines = await lines_of_the_day(
                connection, delivery, reader=reader, sealer=self._sealer, now=self._now()
            )
            return _Said(words.digest(lines, language=reader.language))
        appointment = (await self._judging.require_wanted(connection, delivery)).appointment
        names = await names_of(
            connection, {appointment.patient, appointment.professional}, sealer=self._sealer
        )
        visit = as_booked(appointment, person=delivery.person, names=names)
        if delivery.kind in (REMINDER, OFFER):
            dialogue = await answers_to(connection, appointment, person=delivery.person, names=names)
            return _Said(await self._question(connection, appointment, visit, reader), dialogue=dialogue)
        if delivery.kind == DELAY:
            return _Said(words.delay(visit, minutes=int(delivery.data["minutes"]), reader=reader))
        kind = delivery.kind.removeprefix("appointment.")
        text = None if delivery.data.get("is_own") else words.changed(kind, visit, reader=reader)
        return _Said(text, words.appointment_content(appointment) if delivery.kind in CHANGES else None)

    async def _question(
        self, connection: AsyncConnection, appointment: Appointment, visit: Booked, reader: Reader
    ) -> str:
        """The words of a reminder, or of an earlier time for another appointment. Raises NotWantedError."""
        offer = as_offer(appointment)
        if offer is None or appointment.holds_for is None:
            return words.reminder(visit, reader=reader, now=self._now())
        waits = await find(connection, appointment.holds_for)
        if waits is None:
            raise NotWantedError
        return words.offer(replace(visit, start=waits.start), offer, reader=reader)

    async def _set_aside(self, delivery: Claimed) -> None:
        """What is taken in and not encrypted is not sent: the next try judges anew, so nothing is said too late."""
        send_id = DELIVERY_PREFIX + delivery.id
        async with self._database.write() as connection:
            await connection.execute(_SET_ASIDE, {"sends": [send_id, send_id + EVENT_SUFFIX]})


def _messages(delivery: Claimed, said: _Said) -> list[tuple[str, str, dict[str, Any]]]:
    send_id = DELIVERY_PREFIX + delivery.id
    made: list[tuple[str, str, dict[str, Any]]] = []
    if said.event is not None:
        made.append((send_id + EVENT_SUFFIX, APPOINTMENT_EVENT, said.event))
    if said.text is not None:
        content = {"msgtype": "m.notice", "body": said.text, "m.mentions": {"user_ids": [delivery.person]}}
        made.append((send_id, "m.room.message", content))
    return made


async def _room_of(connection: AsyncConnection, person: str) -> str:
    """Her chat. Raises NotWantedError for whoever has none of her own, LookupError when it is not made yet."""
    managed = await connection.scalar(select(people.c.managed).where(people.c.user_id == person))
    if managed:
        raise NotWantedError
    room_id = await connection.scalar(
        select(direct_chats.c.room_id).where(
            direct_chats.c.person == person, direct_chats.c.invited_at.is_not(None)
        )
    )
    if room_id is None:
        raise LookupError("no direct chat yet")
    return str(room_id)
