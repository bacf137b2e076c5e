"""bridge/rooms/introductions.py: whoever comes in is given keys a moment later, and then all that she was to read."""

import pytest
from sqlalchemy import insert, update

from bridge.rooms.arrivals import note_invitation
from bridge.storage.conversations import room_members
from bridge.storage.database import Database
from tests.bridge.clinic import GARCIA, KEEPER, LUCIA
from tests.bridge.mortality import Killed
from tests.bridge.rooms.introductions.visit import MOMENT_S, begun
from tests.bridge.trouble import UNREACHABLE, failing_keys, works


async def test_keys_come_a_moment_after_her(database: Database) -> None:
    """None while she is invited, nor at once; then for all that was written since, and for what comes with it."""
    visit = await begun(database)
    visit.clinic.clock.pass_by(seconds=60)
    await visit.introduce()
    assert await visit.reads() == [None]
    await visit.come_in()
    await visit.say("two")
    await visit.introduce()
    assert await visit.reads() == [None, None]
    visit.clinic.clock.pass_by(seconds=MOMENT_S)
    await visit.introduce()
    assert await visit.reads() == ["hola", "hola"]
    await visit.say("three")
    assert await visit.reads() == ["hola"] * 3


async def test_a_name_that_changes_makes_nobody_new(database: Database) -> None:
    """Her membership is told again whenever her profile changes."""
    visit = await begun(database)
    await visit.come_in()
    visit.clinic.clock.pass_by(seconds=MOMENT_S)
    await visit.introduce()
    await visit.come_in()
    assert await visit.new_people() == []


async def test_who_is_in_already_is_not_invited(database: Database) -> None:
    """Another process invited her, and she came in, before this one tried."""
    visit = await begun(database)
    await visit.come_in()
    async with database.write() as connection:
        await note_invitation(connection, visit.room_id, GARCIA)
    visit.clinic.clock.pass_by(seconds=MOMENT_S)
    await visit.introduce()
    assert await visit.reads() == ["hola"]


async def test_death_at_any_step_loses_no_key(database: Database) -> None:
    """Killed at each commit and request in turn: the next process gives her what she lacks; she is new no more.

    One event of the keeper after each coming names what was sent with it.
    """
    visit = await begun(database)
    await visit.come_in()
    dies_at, died = 0, True
    while died:
        dies_at += 1
        await visit.come_with_another_client()
        visit.clinic.clock.pass_by(seconds=MOMENT_S)
        try:
            await visit.introduce(dies_at=dies_at)
            died = False
        except Killed:
            await visit.introduce()
            await visit.heal()
        assert await visit.reads() == ["hola"]
        assert await visit.new_people() == []
        events = visit.clinic.homeserver.rooms[visit.room_id].events
        named = [event for event in events if event["type"] == "org.matrix.dummy_event"]
        assert [(event["sender"], event["content"]) for event in named] == [(KEEPER, {})] * dies_at
    assert dies_at > 5


async def test_who_can_not_be_served_is_served_later(database: Database) -> None:
    """While the homeserver doesn't answer nothing is given up: what she lacks stands in the database."""
    visit = await begun(database)
    await visit.come_in()
    visit.clinic.clock.pass_by(seconds=MOMENT_S)
    visit.clinic.key_server.before = failing_keys(UNREACHABLE)
    await visit.introduce()
    await visit.heal()
    assert await visit.reads() == [None]
    visit.clinic.key_server.before = works
    await visit.heal()
    assert await visit.reads() == ["hola"]


async def test_who_was_not_on_record_is_new_as_well(database: Database) -> None:
    """We never heard that she was invited."""
    visit = await begun(database)
    await visit.note(None)
    await visit.come_in()
    assert await visit.reads() == [None]
    visit.clinic.clock.pass_by(seconds=MOMENT_S)
    await visit.introduce()
    assert await visit.reads() == ["hola"]


async def test_our_own_are_not_introduced(database: Database) -> None:
    """Their devices are here: nobody is asked for them, even if we hear of their coming before we have noted it."""
    visit = await begun(database)
    assert {LUCIA, GARCIA} <= {row.user_id for row in await visit.clinic.rows(room_members)}
    async with database.write() as connection:
        await connection.execute(update(room_members).values(membership="invite"))
    for person in (LUCIA, GARCIA):
        await visit.said_by(person)
    assert await visit.new_people() == [GARCIA]
    await visit.note(None, person=LUCIA)
    await visit.clinic.homeserver.leave(user_id=LUCIA, room_id=visit.room_id)
    await visit.clinic.homeserver.invite(user_id=KEEPER, room_id=visit.room_id, invitee=LUCIA)
    await visit.clinic.homeserver.join(user_id=LUCIA, room_id=visit.room_id)
    await visit.clinic.push()
    assert await visit.new_people() == [GARCIA]


@pytest.mark.parametrize("noted", ["invite", "leave"])
async def test_who_speaks_is_in(database: Database, noted: str) -> None:
    """Even if we never heard that she came in, as after an older copy of the database."""
    visit = await begun(database)
    await visit.note(noted)
    await visit.said_by(GARCIA)
    visit.clinic.clock.pass_by(seconds=MOMENT_S)
    await visit.introduce()
    assert await visit.reads() == ["hola"]


async def test_who_spoke_before_she_left_is_not_in(database: Database) -> None:
    """What the homeserver never pushed comes late, when she has left and is invited again."""
    visit = await begun(database)
    await visit.said_by(GARCIA, is_late=True)
    visit.clinic.clock.pass_by(seconds=MOMENT_S)
    await visit.introduce()
    assert await visit.reads() == [None]


async def test_nobody_is_new_where_there_is_no_introduction(database: Database) -> None:
    """Then keys go to who is invited, and to who comes in, at once."""
    visit = await begun(database, introduction_s=0)
    assert await visit.reads() == ["hola"]


async def test_in_a_chat_with_the_assistant_nothing_came_with_her(database: Database) -> None:
    """The assistant writes when she is in: she is introduced without an event that names what came before."""
    visit = await begun(database)
    member = {"room_id": "!chat:portal", "user_id": GARCIA, "membership": "join"}
    async with database.write() as connection:
        await connection.execute(insert(room_members), {**member, "new_since": visit.clinic.clock()})
    visit.clinic.clock.pass_by(seconds=MOMENT_S)
    visit.clinic.homeserver.calls.clear()
    await visit.introduce()
    assert await visit.new_people() == []
    assert "send_event" not in {call.method for call in visit.clinic.homeserver.calls}
