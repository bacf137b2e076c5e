"""What changes who belongs into a room, and how the room should be then."""

import asyncio
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

from appointments.access import parties_of
from bridge.e2ee.settings import EncryptionSettings
from bridge.messages_model import SentMessage
from bridge.people import departures, representation
from bridge.settings import Settings
from bridge.storage.conversations import conversations
from tests.bridge.clinic import GARCIA, HOSPITAL, LUCIA, PORTAL, SETTINGS, Clinic
from tests.until import until

HOUR = timedelta(hours=1)
OTHER_SERVER = "@abuela:elsewhere.example"
SERVERS = [PORTAL, HOSPITAL, "elsewhere.example"]


async def acts(clinic: Clinic, person: str, **period: datetime | None) -> None:
    """This person acts for Lucía in messages."""
    async with clinic.database.write() as connection:
        await representation.start_representation(
            connection,
            sealer=clinic.sealer,
            servers=SERVERS,
            bots=[],
            patient=LUCIA,
            representative=person,
            scopes=frozenset({"messages"}),
            reason=None,
            now=clinic.clock(),
            **{"starts": clinic.clock(), "ends": None, **period},
        )


async def acts_no_more(clinic: Clinic, person: str) -> None:
    """End it."""
    async with clinic.database.write() as connection:
        await representation.end_representation(
            connection, patient=LUCIA, representative=person, now=clinic.clock()
        )


async def leaves(clinic: Clinic, professional: str) -> None:
    """The professional has left."""
    async with clinic.database.write() as connection:
        await departures.depart(connection, professional=professional, now=clinic.clock())


async def send(
    clinic: Clinic, *, sender: str = LUCIA, operation_id: str = "op", **target: str
) -> SentMessage:
    """A message, by default to García."""
    given: dict[str, Any] = {"conversation_id": None, "recipient": None if target else GARCIA, **target}
    return await clinic.main.messages.send(
        sender=sender, body="hola", reply_to=None, operation_id=operation_id, **given
    )


def may_write(clinic: Clinic, room_id: str, person: str = GARCIA) -> bool:
    """Whether the room's levels let this person write."""
    return clinic.homeserver.rooms[room_id].may(person, "events_default")


async def job(clinic: Clinic) -> None:
    """The job comes by, in another process."""
    await clinic.process().conversations.reconcile_due()


def introducing(*, within_s: float) -> Settings:
    """Whoever joins a room that others are in stands invited for so long first."""
    return SETTINGS.model_copy(update={"encryption": EncryptionSettings(introduction_s=within_s)})


async def stands_invited(clinic: Clinic, room_id: str, person: str) -> None:
    """This person comes to be invited, and whoever would join does not do so at once."""
    await until(lambda: clinic.members(room_id).get(person) == "invite")
    for _ in range(100):
        await asyncio.sleep(0)
    assert clinic.members(room_id)[person] == "invite"


async def ended(task: asyncio.Task[None]) -> None:
    """Cancel it, as a process that ends does."""
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def is_as_it_should_be(clinic: Clinic, room_id: str) -> None:
    """The room's people and levels are those of care now, and nothing is due."""
    async with clinic.database.read() as connection:
        parties = await parties_of(connection, patient=LUCIA, professional=GARCIA, now=clinic.clock())
    present = {person for person, what in clinic.members(room_id).items() if what in ("join", "invite")}
    if parties.is_open:
        assert present == parties.members
    else:
        assert present <= parties.members
    assert may_write(clinic, room_id) is parties.is_open
    (row,) = [one for one in await clinic.rows(conversations) if one.room_id == room_id]
    assert row.review_at is None or row.review_at > clinic.clock()
