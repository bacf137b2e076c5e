"""bridge/rooms/introductions.py: whoever is not in the room gets no keys, whatever she was before."""

import pytest

from bridge.storage.database import Database
from tests.bridge.clinic import GARCIA, KEEPER
from tests.bridge.rooms.introductions.visit import MOMENT_S, begun


@pytest.mark.parametrize("membership", ["invite", "leave", "ban", None])
async def test_who_is_not_in_gets_no_keys(database: Database, membership: str | None) -> None:
    """Though she takes part, and whatever makes us look who lacks keys: her new phone, a new session, a retry."""
    visit = await begun(database)
    await visit.note(membership)
    await visit.client.another("GARCIA2").log_in()
    await visit.clinic.process().encryption.device_lists_changed([GARCIA], [])
    await visit.say("two")
    await visit.heal()
    visit.clinic.clock.pass_by(seconds=MOMENT_S)
    await visit.introduce()
    assert await visit.reads() == [None, None]


async def test_who_is_taken_out_meanwhile_is_not_introduced(database: Database) -> None:
    """She came in, and is out a second later; when she comes in again she is new again."""
    visit = await begun(database)
    await visit.come_in()
    await visit.clinic.homeserver.kick(user_id=KEEPER, room_id=visit.room_id, kicked=GARCIA)
    await visit.clinic.push()
    visit.clinic.clock.pass_by(seconds=MOMENT_S)
    await visit.introduce()
    await visit.heal()
    assert await visit.reads() == [None]
    await visit.clinic.homeserver.invite(user_id=KEEPER, room_id=visit.room_id, invitee=GARCIA)
    await visit.come_in()
    await visit.introduce()
    assert await visit.reads() == [None]
    visit.clinic.clock.pass_by(seconds=MOMENT_S)
    await visit.introduce()
    assert await visit.reads() == ["hola"]


async def test_who_declines_gets_no_keys(database: Database) -> None:
    """Nor while she is invited again."""
    visit = await begun(database)
    await visit.clinic.homeserver.leave(user_id=GARCIA, room_id=visit.room_id)
    await visit.clinic.push()
    await visit.say("two")
    await visit.clinic.homeserver.invite(user_id=KEEPER, room_id=visit.room_id, invitee=GARCIA)
    await visit.clinic.push()
    await visit.say("three")
    await visit.heal()
    assert await visit.reads() == [None] * 3
