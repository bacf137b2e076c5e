"""bridge/rooms/membership.py: representatives come and go, who left is out, and so is who never belonged."""

import asyncio

import pytest

from bridge.errors import ConversationNotFoundError
from bridge.rooms.rooms import room_encryption
from bridge.storage.database import Database
from tests.bridge.clinic import GARCIA, JUAN, KEEPER, LUCIA, PORTAL, Clinic
from tests.bridge.rooms.membership.changes import (
    HOUR,
    OTHER_SERVER,
    acts,
    acts_no_more,
    ended,
    introducing,
    job,
    leaves,
    may_write,
    send,
    stands_invited,
)

ANA = f"@portal_ana:{PORTAL}"


async def test_a_representative_takes_part_from_then_on(clinic: Clinic) -> None:
    """She joins, gets what is written from then on, writes herself, and is taken out when it ends."""
    room_id = (await send(clinic)).conversation_id
    await acts(clinic, JUAN, ends=clinic.clock() + HOUR)
    await job(clinic)
    assert clinic.members(room_id)[JUAN] == "join"
    await send(clinic, conversation_id=room_id, operation_id="two")
    await send(clinic, sender=JUAN, conversation_id=room_id, operation_id="three")
    await clinic.push()
    assert await clinic.texts(room_id, reader=JUAN) == ["unknown-session", "hola", "hola"]
    history = await clinic.main.messages.history(reader=LUCIA, conversation_id=room_id, limit=10, before=None)
    assert [one.sender_role for one in history.messages] == ["representative", "patient", "patient"]
    clinic.clock.pass_by(hours=1)
    async with clinic.database.read() as connection:
        now = clinic.clock()
        assert (await room_encryption(connection, room_id, reading=clinic.reading, now=now)).recipients == {
            LUCIA,
            GARCIA,
        }
    await job(clinic)
    assert clinic.members(room_id)[JUAN] == "leave"
    with pytest.raises(ConversationNotFoundError):
        await clinic.main.messages.history(reader=JUAN, conversation_id=room_id, limit=10, before=None)
    with pytest.raises(ConversationNotFoundError):
        await send(clinic, sender=JUAN, conversation_id=room_id, operation_id="four")
    assert await clinic.main.conversations.list(user_id=JUAN) == []  # his own was never opened


async def test_a_newcomer_stands_invited_before_she_joins(database: Database) -> None:
    """So that the clients of those who are there know her keys when she speaks; a new room is nobody's yet.

    Several stand there at the same time: who writes meanwhile waits for them, and waits once.
    """
    clinic = Clinic(database, settings=introducing(within_s=60))
    for person in (LUCIA, JUAN, ANA):
        await clinic.manage(person)
    await clinic.start_care(LUCIA, GARCIA)
    async with asyncio.timeout(20):
        room_id = (await send(clinic)).conversation_id
    for person in (JUAN, ANA):
        await acts(clinic, person)
    bringing_in = asyncio.create_task(clinic.main.conversations.reconcile_due())
    for person in (JUAN, ANA):
        await stands_invited(clinic, room_id, person)
    await ended(bringing_in)
    clinic.settings = introducing(within_s=0)
    await job(clinic)
    assert [clinic.members(room_id)[person] for person in (JUAN, ANA)] == ["join", "join"]


async def test_a_representative_on_another_server_is_let_in(clinic: Clinic) -> None:
    """The room's server ACL follows: her server before her invitation, and without it once she is out."""
    room_id = (await send(clinic)).conversation_id

    def servers() -> set[str]:
        state = clinic.homeserver.rooms[room_id].state()
        return set(state["m.room.server_acl", ""]["content"]["allow"])

    assert "elsewhere.example" not in servers()
    await acts(clinic, OTHER_SERVER)
    await job(clinic)
    assert clinic.members(room_id)[OTHER_SERVER] == "invite"
    assert "elsewhere.example" in servers()
    await acts_no_more(clinic, OTHER_SERVER)
    await job(clinic)
    assert clinic.members(room_id)[OTHER_SERVER] == "leave"
    assert "elsewhere.example" not in servers()


async def test_a_departed_professional_is_taken_out_of_every_room(clinic: Clinic) -> None:
    """Rooms that had ended before, too; the patients stay and read. Back in care, she is invited where she cares."""
    first = (await send(clinic)).conversation_id
    second = (await send(clinic, sender=JUAN, operation_id="juan")).conversation_id
    await clinic.end_care(JUAN, GARCIA)
    await job(clinic)
    clinic.clock.pass_by(minutes=1)
    for _ in range(2):
        await leaves(clinic, GARCIA)
        await job(clinic)
        assert clinic.members(first) == {LUCIA: "join", GARCIA: "leave"}
        assert clinic.members(second) == {JUAN: "join", GARCIA: "leave"}
    assert not may_write(clinic, first)
    assert len(await clinic.main.conversations.list(user_id=LUCIA)) == 1
    assert await clinic.main.conversations.list(user_id=GARCIA) == []
    clinic.clock.pass_by(minutes=1)
    await clinic.start_care(LUCIA, GARCIA)
    await job(clinic)
    assert clinic.members(first)[GARCIA] == "invite"
    assert clinic.members(second)[GARCIA] == "leave"


async def test_whoever_got_in_is_taken_out(clinic: Clinic) -> None:
    """Somebody in the room whom nothing entitles to be there is removed when the room is looked at."""
    room_id = (await send(clinic)).conversation_id
    await clinic.homeserver.invite(user_id=KEEPER, room_id=room_id, invitee="@intruder:x")
    await clinic.end_care(LUCIA, GARCIA)
    await job(clinic)
    assert clinic.members(room_id)["@intruder:x"] == "leave"
