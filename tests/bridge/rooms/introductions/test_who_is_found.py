"""bridge/rooms/arrivals.py: whoever shows that she is in a room is introduced, though we never heard of it."""

from typing import Any

import pytest

from bridge.matrix.events import Receipt
from bridge.storage.conversations import room_members
from bridge.storage.database import Database
from tests.bridge.clinic import GARCIA, HOSPITAL
from tests.bridge.rooms.introductions.visit import MOMENT_S, Visit, begun
from tests.bridge.rooms.membership.changes import acts

EVA = f"@eva:{HOSPITAL}"


async def there(database: Database, *, noted: str | None) -> Visit:
    """One in which she is in the room, and on record as something else."""
    visit = await begun(database)
    await visit.clinic.homeserver.join(user_id=GARCIA, room_id=visit.room_id)
    await visit.note(noted)
    return visit


async def is_introduced(visit: Visit) -> bool:
    """Whether a moment later she can read what was written, and not before."""
    await visit.introduce()
    assert await visit.reads() == [None]
    visit.clinic.clock.pass_by(seconds=MOMENT_S)
    await visit.introduce()
    return await visit.reads() == ["hola"]


async def read(visit: Visit) -> None:
    """Her receipt comes."""
    (event,) = visit.clinic.sent(visit.room_id)
    receipt = Receipt(event_id=event["event_id"], user_id=GARCIA, ts=0)
    await visit.clinic.main.inbound.receipts(await visit.clinic.store(), visit.room_id, [receipt])


@pytest.mark.parametrize("noted", ["invite", "leave", None])
async def test_who_is_found_in_the_room_is_in(database: Database, noted: str | None) -> None:
    """Whenever the room is looked at, because care or a representation changed."""
    visit = await there(database, noted=noted)
    await acts(visit.clinic, EVA)
    await visit.clinic.process().conversations.reconcile_due()
    assert await is_introduced(visit)


async def test_what_was_heard_meanwhile_counts(database: Database) -> None:
    """She left while the room was looked at."""
    visit = await there(database, noted="invite")
    await acts(visit.clinic, EVA)
    slow = visit.clinic.process()
    room_state = slow.matrix.room_state

    async def overtaken(**arguments: Any) -> Any:
        found = await room_state(**arguments)
        await visit.clinic.homeserver.leave(user_id=GARCIA, room_id=visit.room_id)
        await visit.clinic.push()
        return found

    slow.matrix.room_state = overtaken
    await slow.conversations.reconcile_due()
    assert not await is_introduced(visit)


async def test_who_was_in_stays_as_she_was(database: Database) -> None:
    """Looking at the room makes nobody new."""
    visit = await there(database, noted="invite")
    await visit.clinic.push()
    visit.clinic.clock.pass_by(seconds=MOMENT_S)
    await visit.introduce()
    await acts(visit.clinic, EVA)
    await visit.clinic.process().conversations.reconcile_due()
    assert await visit.new_people() == []


async def test_who_reads_is_in(database: Database) -> None:
    """Her receipt says so; one that we knew already says nothing, for it is of when she was in before."""
    visit = await there(database, noted="invite")
    await read(visit)
    assert await visit.new_people() == [GARCIA]
    await visit.note("invite")
    await read(visit)
    assert {row.membership for row in await visit.clinic.rows(room_members) if row.user_id == GARCIA} == {
        "invite"
    }
    await visit.note("join")
    assert await is_introduced(visit)


@pytest.mark.parametrize("membership", ["invite", "leave"])
async def test_who_came_back_before_it_was_heard_that_she_went(database: Database, membership: str) -> None:
    """Her invitation or her leaving comes when she is in (again): she keeps her keys, and is given those of later."""
    visit = await begun(database)
    await visit.come_in()
    visit.clinic.clock.pass_by(seconds=MOMENT_S)
    await visit.introduce()
    await visit.becomes(membership, is_late=True)
    await visit.clinic.process().conversations.reconcile_due()
    noted = [row.membership for row in await visit.clinic.rows(room_members) if row.user_id == GARCIA]
    assert noted == ["join"]
    visit.clinic.clock.pass_by(seconds=MOMENT_S)
    await visit.introduce()
    await visit.say("dos")
    assert await visit.reads() == ["hola", "hola"]
