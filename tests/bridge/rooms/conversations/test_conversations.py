"""bridge/rooms/conversations.py: one room for each pair, whoever opens it."""

import asyncio
from typing import Any

import pytest

from appointments.care import CareRelationship
from bots.assistant import room_notice
from bots.consult import consult_room
from bridge.errors import ConversationNotFoundError, HomeserverUnavailableError
from bridge.storage.conversations import conversations
from tests.bridge.clinic import GARCIA, JUAN, KEEPER, LOPEZ, LUCIA, SETTINGS, Clinic
from tests.bridge.process import Process
from tests.bridge.rooms.conversations.care import CARE, OTHER_CARE
from tests.bridge.trouble import TOO_MANY, UNREACHABLE, failing, works


async def test_the_first_opening_makes_the_room(clinic: Clinic) -> None:
    """The keeper makes it with the stored nonce; the managed patient has joined, the professional is invited."""
    room_id = await clinic.main.conversations.open(CARE)
    (row,) = await clinic.rows(conversations)
    assert (row.patient, row.professional, row.room_id) == (LUCIA, GARCIA, room_id)
    assert row.opened_at == row.invited_at == clinic.clock()
    assert clinic.homeserver.called("create_room") == [
        {
            "user_id": KEEPER,
            "body": consult_room(
                nonce=row.nonce,
                keeper=KEEPER,
                people=(LUCIA, GARCIA),
                notice=room_notice(SETTINGS.clinic),
                rotation_period_msgs=100,
                rotation_period_ms=604_800_000,
            ),
        }
    ]
    assert clinic.members(room_id) == {LUCIA: "join", GARCIA: "invite"}
    for kind in ("conversation.opened", "conversation.invited"):
        (fact,) = await clinic.facts(kind)
        assert fact.subject == room_id


async def test_what_is_open_is_found(clinic: Clinic) -> None:
    """A second opening asks the homeserver nothing; another pair has another room."""
    room_id = await clinic.main.conversations.open(CARE)
    clinic.homeserver.calls.clear()
    assert await clinic.main.conversations.open(CARE) == room_id
    assert await clinic.process().conversations.open(CARE) == room_id
    assert clinic.homeserver.calls == []
    assert await clinic.main.conversations.open(OTHER_CARE) != room_id


async def test_openings_at_once_make_one_room(clinic: Clinic) -> None:
    """Several callers in one process wait for the first and get its room."""
    room_ids = await asyncio.gather(*(clinic.main.conversations.open(CARE) for _ in range(5)))
    assert len(set(room_ids)) == 1
    assert len(clinic.homeserver.rooms) == 1


async def test_processes_that_open_at_once_end_in_one_room(clinic: Clinic) -> None:
    """Both may make a room, but one is taken, and nobody but the keeper ever is in the other."""
    processes = [clinic.process() for _ in range(3)]
    room_ids = await asyncio.gather(*(one.conversations.open(CARE) for one in processes))
    assert len(set(room_ids)) == 1
    assert clinic.members(room_ids[0]) == {LUCIA: "join", GARCIA: "invite"}
    assert await clinic.homeserver.joined_rooms(user_id=KEEPER) == [room_ids[0]]
    assert not any(clinic.members(one) for one in clinic.homeserver.rooms if one != room_ids[0])


@pytest.mark.parametrize(("error", "retry_after_s"), [(UNREACHABLE, 5.0), (TOO_MANY, 333.0)])
@pytest.mark.parametrize("method", ["create_room", "join"])
async def test_the_portals_own_trouble_is_told(
    clinic: Clinic, method: str, error: Exception, retry_after_s: float
) -> None:
    """Without a room and the patient in it nothing can be sent: the caller hears when to ask again."""
    clinic.homeserver.before = failing(error, method)
    with pytest.raises(HomeserverUnavailableError) as raised:
        await clinic.main.conversations.open(CARE)
    assert raised.value.retry_after_s == retry_after_s
    clinic.homeserver.before = works
    room_id = await clinic.main.conversations.open(CARE)
    assert clinic.members(room_id) == {LUCIA: "join", GARCIA: "invite"}


async def test_two_managed_people_both_join(clinic: Clinic) -> None:
    """Nobody is left to invite, so opening is all."""
    care = CareRelationship(LUCIA, JUAN, "gp", CARE.starts, None)
    await clinic.start_care(LUCIA, JUAN)
    room_id = await clinic.main.conversations.open(care)
    assert clinic.members(room_id) == {LUCIA: "join", JUAN: "join"}
    (row,) = await clinic.rows(conversations)
    assert row.invited_at is not None


async def test_a_room_is_known_to_its_members_only(clinic: Clinic) -> None:
    """An unknown room and somebody else's room are the same refusal."""
    room_id = await clinic.main.conversations.open(CARE)
    for member in (LUCIA, GARCIA):
        assert (await found(clinic.main, room_id, member)).room_id == room_id
    for room, member in ((room_id, JUAN), (room_id, LOPEZ), (room_id, KEEPER), ("!unknown", LUCIA)):
        with pytest.raises(ConversationNotFoundError):
            await found(clinic.main, room, member)


async def found(process: Process, room_id: str, member: str) -> Any:
    """The conversation in the room, as this member finds it."""
    return await process.conversations.of_room(room_id=room_id, member=member)
