"""What each person can choose now in her chat with the assistant: kept sealed, so that it survives a restart."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from appointments.booking import Appointment
from appointments.sealing import Sealer
from appointments.storage.appointments import find
from bots.booking_dialogue import Dialogue
from bots.booking_talk import offer_dialogue, reminder_dialogue
from bridge.deliveries import ledger
from bridge.notices.notices import delivery_id_of
from bridge.reminding.booked import as_booked, as_offer
from bridge.storage.reminding import dialogues
from bridge.storage.sends import DELIVERY_PREFIX, sends
from bridge.storage.statements import upsert


class Dialogues:
    """Reads and keeps them."""

    def __init__(self, sealer: Sealer) -> None:
        self._sealer = sealer

    async def find(self, connection: AsyncConnection, *, person: str, answers: str | None) -> Dialogue | None:
        """What this person can choose by saying something, or by answering the event `answers`.

        An answer to a reminder is about its appointment, whatever was said since; one to anything but the last list
        chooses nothing.
        """
        last = await self._last(connection, person)
        if answers is None:
            return last
        send_id = await connection.scalar(select(sends.c.id).where(sends.c.event_id == answers))
        if send_id is None:
            return None
        if last is not None and send_id == last.send_id:
            return last
        return await self._of_delivery(connection, person, str(send_id))

    async def save(self, connection: AsyncConnection, *, person: str, dialogue: Dialogue) -> None:
        """From now on this is what she can choose."""
        sealed = self._sealer.seal(dialogue.model_dump_json().encode(), context=_context(person))
        values = {"send_id": dialogue.send_id, "sealed": sealed, "expires_at": dialogue.expires_at}
        await upsert(connection, dialogues, key={"person": person}, values=values)

    async def end(self, connection: AsyncConnection, *, person: str) -> None:
        """There is nothing to choose from any more."""
        await connection.execute(delete(dialogues).where(dialogues.c.person == person))

    async def save_unless_open(
        self, connection: AsyncConnection, *, person: str, dialogue: Dialogue, now: datetime
    ) -> None:
        """The same, unless she is choosing from a list that she asked for.

        What else was asked, by an older reminder or whether to cancel, gives way: her "1" or "yes" may mean this.
        """
        last = await self._last(connection, person)
        if last is None or last.expires_at <= now or not _is_list(last):
            await self.save(connection, person=person, dialogue=dialogue)

    async def _last(self, connection: AsyncConnection, person: str) -> Dialogue | None:
        sealed = await connection.scalar(select(dialogues.c.sealed).where(dialogues.c.person == person))
        if sealed is None:
            return None
        return Dialogue.model_validate_json(self._sealer.open(sealed, context=_context(person)))

    async def _of_delivery(self, connection: AsyncConnection, person: str, send_id: str) -> Dialogue | None:
        told = await ledger.find(connection, delivery_id_of(send_id), sealer=self._sealer)
        appointment = None if told is None or told.person != person else await find(connection, told.subject)
        if told is None or appointment is None:
            return None
        seen = replace(appointment, version=told.data.get("version", appointment.version))
        dialogue = await answers_to(connection, seen, person=person, names={})
        return None if dialogue is None else dialogue.model_copy(update={"send_id": send_id})


async def answers_to(
    connection: AsyncConnection, told: Appointment, *, person: str, names: Mapping[str, str]
) -> Dialogue | None:
    """What this person can answer to news of an appointment as it was told, or to an offer."""
    offer = as_offer(told)
    if offer is None or told.holds_for is None:
        return reminder_dialogue(as_booked(told, person=person, names=names))
    waits = await find(connection, told.holds_for)
    return None if waits is None else offer_dialogue(as_booked(waits, person=person, names=names), offer)


async def prune(connection: AsyncConnection, *, now: datetime) -> int:
    """Forget what can't be chosen any more; how many that were."""
    return (await connection.execute(delete(dialogues).where(dialogues.c.expires_at <= now))).rowcount


def _is_list(dialogue: Dialogue) -> bool:
    is_told = dialogue.send_id.startswith(DELIVERY_PREFIX)
    return not is_told and all(step.do not in ("cancel", "wait-no-longer") for step in dialogue.steps)


def _context(person: str) -> str:
    return f"dialogues:{person}"
