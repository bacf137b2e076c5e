"""bridge/rooms/direct_chats.py: one chat for everybody with a client of their own, whoever dies or is down."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from appointments.services import depart
from bridge.matrix.events import Receipt
from bridge.people import people
from bridge.rooms.direct_chats import person_of
from bridge.storage.conversations import room_members
from bridge.storage.direct_chats import direct_chats
from tests.appointments.relationships import enter_representation
from tests.bridge.clinic import ASSISTANT, GARCIA, LOPEZ, LUCIA, PORTAL, Clinic
from tests.bridge.mortality import Killed
from tests.bridge.trouble import TOO_MANY, UNREACHABLE, failing, failing_keys, works

MARIA = f"@maria:{PORTAL}"


async def invited(clinic: Clinic) -> dict[str, int]:
    """Who has been invited to how many chats, in all rooms of the assistant's."""
    found: dict[str, int] = {}
    for room in clinic.homeserver.rooms.values():
        for event_type, person in room.state():
            if event_type == "m.room.member" and person != ASSISTANT and room.creator == ASSISTANT:
                found[person] = found.get(person, 0) + 1
    return found


async def test_everybody_with_a_client_has_a_chat(clinic: Clinic) -> None:
    """Patients and professionals in care; not managed users, who have no client, nor anybody out of care."""
    await clinic.start_care(MARIA, GARCIA)
    await clinic.start_care("@old:portal.example:8448", LOPEZ, ends=clinic.clock() - timedelta(seconds=1))
    await clinic.start_care("@new:portal.example:8448", LOPEZ, starts=clinic.clock() + timedelta(days=1))
    for _ in range(2):
        await clinic.main.direct_chats.complete()
        assert await invited(clinic) == {GARCIA: 1, MARIA: 1}
    clinic.clock.pass_by(days=1)
    await clinic.main.direct_chats.complete()
    assert await invited(clinic) == {GARCIA: 1, MARIA: 1, LOPEZ: 1, "@new:portal.example:8448": 1}


async def test_the_invitation_is_to_a_direct_chat(clinic: Clinic) -> None:
    """And the assistant has a device and a name by then."""
    await clinic.main.direct_chats.complete()
    (chat,) = await clinic.rows(direct_chats)
    state = clinic.homeserver.rooms[chat.room_id].state()
    assert state["m.room.member", GARCIA]["content"] == {"membership": "invite", "is_direct": True}
    assert await clinic.main.encryption.device_of(ASSISTANT) is not None
    assert clinic.homeserver.called("set_displayname") == [{"user_id": ASSISTANT, "displayname": "Asistente"}]
    async with clinic.database.read() as connection:
        assert await person_of(connection, chat.room_id) == GARCIA
        assert await person_of(connection, "!other") is None


async def test_representatives_take_part(clinic: Clinic) -> None:
    """Those who act in messages, now."""
    for representative, scope in ((MARIA, "messages"), ("@tio:portal.example:8448", "video")):
        async with clinic.database.write() as connection:
            await enter_representation(
                connection,
                LUCIA,
                representative,
                scope,
                now=clinic.clock(),
                starts=datetime(2026, 1, 1, tzinfo=UTC),
            )
    await clinic.main.direct_chats.complete()
    assert await invited(clinic) == {GARCIA: 1, MARIA: 1}


async def test_who_has_left_the_clinic_gets_none(clinic: Clinic) -> None:
    """Nor somebody who was deactivated."""
    await clinic.start_care(MARIA, LOPEZ)
    async with clinic.database.write() as connection:
        await depart(connection, professional=GARCIA, now=clinic.clock())
        person = {
            "user_id": MARIA,
            "managed": False,
            "display_name": None,
            "language": "es",
            "timezone": "UTC",
        }
        await people.add(connection, sealer=clinic.sealer, **person, now=clinic.clock())
        await people.deactivate(connection, user_id=MARIA, now=clinic.clock())
    clinic.clock.pass_by(seconds=1)
    await clinic.main.direct_chats.complete()
    assert await invited(clinic) == {LOPEZ: 1}


async def test_who_leaves_her_chat_is_left_alone(clinic: Clinic) -> None:
    """She is not invited again and again."""
    await clinic.main.direct_chats.complete()
    (chat,) = await clinic.rows(direct_chats)
    await clinic.homeserver.leave(user_id=GARCIA, room_id=chat.room_id)
    clinic.homeserver.calls.clear()
    await clinic.main.direct_chats.complete()
    assert clinic.homeserver.calls == []


async def test_death_at_any_step_leaves_one_chat(clinic: Clinic) -> None:
    """Killed at each commit and request in turn, the next run ends in one room, to which she is invited once."""
    for dies_at in range(1, 60):
        patient = f"@p{dies_at}:{PORTAL}"
        await clinic.start_care(patient, GARCIA)
        try:
            await clinic.process(dies_at=dies_at).direct_chats.complete()
        except Killed:
            survived = False
        else:
            survived = True
        for _ in range(2):
            await clinic.process().direct_chats.complete()
        assert (await invited(clinic))[patient] == 1, dies_at
        if survived:
            break
    assert survived
    assert dies_at > 12
    chats = await clinic.rows(direct_chats)
    assert len(chats) == len([room for room in clinic.homeserver.rooms.values() if room.creator == ASSISTANT])


@pytest.mark.parametrize(("error", "waits_s"), [(UNREACHABLE, 10), (TOO_MANY, 333)])
async def test_an_invitation_may_have_to_wait(clinic: Clinic, error: Exception, waits_s: int) -> None:
    """Tried again when the homeserver said, or later and later; the others don't wait."""
    await clinic.start_care(MARIA, LOPEZ)
    clinic.homeserver.before = failing(error, "send_state", about=GARCIA)
    await clinic.main.direct_chats.complete()
    assert await invited(clinic) == {LOPEZ: 1, MARIA: 1}
    clinic.homeserver.before = works
    clinic.clock.pass_by(seconds=waits_s - 1)
    await clinic.main.direct_chats.complete()
    assert GARCIA not in await invited(clinic)
    clinic.clock.pass_by(seconds=1)
    await clinic.main.direct_chats.complete()
    assert (await invited(clinic))[GARCIA] == 1


async def test_trouble_that_lasts_is_asked_about_less_and_less(clinic: Clinic) -> None:
    """A mistyped professional doesn't keep the homeserver busy for ever."""
    clinic.homeserver.before = failing(UNREACHABLE, "send_state", about=GARCIA)
    for _ in range(200):
        await clinic.main.direct_chats.complete()
        clinic.clock.pass_by(seconds=60)
    assert len(clinic.homeserver.called("send_state")) < 15
    clinic.clock.pass_by(hours=2)
    clinic.homeserver.before = works
    await clinic.main.direct_chats.complete()
    assert await invited(clinic) == {GARCIA: 1}


async def test_an_invitation_whose_answer_was_lost_is_not_repeated(clinic: Clinic) -> None:
    """Whether she is invited is asked first: she may even have joined since."""
    clinic.homeserver.after = failing(UNREACHABLE, "send_state", about=GARCIA)
    await clinic.main.direct_chats.complete()
    clinic.homeserver.after = works
    (chat,) = await clinic.rows(direct_chats)
    await clinic.homeserver.join(user_id=GARCIA, room_id=chat.room_id)
    clinic.clock.pass_by(minutes=1)
    await clinic.main.direct_chats.complete()
    assert clinic.homeserver.rooms[chat.room_id].membership(GARCIA) == "join"
    assert len(clinic.homeserver.called("send_state")) == 1


async def reads(clinic: Clinic, room_id: str) -> None:
    """Her receipt comes."""
    receipt = Receipt(event_id="$welcome", user_id=GARCIA, ts=0)
    await clinic.main.inbound.receipts(await clinic.store(), room_id, [receipt])


async def asked_again(clinic: Clinic, _room_id: str) -> None:
    """The clinic has her invited once more."""
    await clinic.main.direct_chats.invite_again(GARCIA)
    await clinic.main.direct_chats.complete()


@pytest.mark.parametrize("shows", [reads, asked_again])
async def test_who_shows_that_she_is_in_is_in(
    clinic: Clinic, shows: Callable[[Clinic, str], Awaitable[None]]
) -> None:
    """Even if we never heard that she came in: then she is given keys a moment later."""
    await clinic.main.direct_chats.complete()
    (chat,) = await clinic.rows(direct_chats)
    await clinic.homeserver.join(user_id=GARCIA, room_id=chat.room_id)
    await shows(clinic, chat.room_id)
    assert [(one.user_id, one.membership, one.new_since) for one in await clinic.rows(room_members)] == [
        (GARCIA, "join", clinic.clock())
    ]


async def test_a_half_made_room_is_not_taken(clinic: Clinic) -> None:
    """The homeserver died while it made the room: it lacks its last state."""
    clinic.homeserver.before = failing(UNREACHABLE, "create_room")
    await clinic.main.direct_chats.complete()
    clinic.homeserver.before = works
    (asked,) = clinic.homeserver.called("create_room")
    body = {**asked["body"], "initial_state": asked["body"]["initial_state"][:-1]}
    half = await clinic.homeserver.create_room(user_id=ASSISTANT, body=body)
    clinic.clock.pass_by(minutes=1)
    await clinic.main.direct_chats.complete()
    (chat,) = await clinic.rows(direct_chats)
    assert chat.room_id != half


async def test_processes_that_make_it_at_once_end_in_one_chat(clinic: Clinic) -> None:
    """The slower one leaves its room, which nobody saw."""
    slow, fast = clinic.process(), clinic.process()
    create_room = slow.matrix.create_room

    async def overtaken(**arguments: Any) -> str:
        await fast.direct_chats.complete()
        room_id: str = await create_room(**arguments)
        return room_id

    slow.matrix.create_room = overtaken
    await slow.direct_chats.complete()
    (chat,) = await clinic.rows(direct_chats)
    assert await invited(clinic) == {GARCIA: 1}
    assert await clinic.homeserver.joined_rooms(user_id=ASSISTANT) == [chat.room_id]


async def test_without_a_homeserver_nothing_happens_yet(clinic: Clinic) -> None:
    """The assistant's own device comes first."""
    clinic.key_server.before = failing_keys(UNREACHABLE)
    await clinic.main.direct_chats.complete()
    assert await clinic.rows(direct_chats) == []
    clinic.key_server.before = works
    await clinic.main.direct_chats.complete()
    assert await invited(clinic) == {GARCIA: 1}


async def test_who_left_is_invited_again_only_when_asked_for(clinic: Clinic) -> None:
    """Once for each time; who is in it, and who has none, is not invited to anything."""
    await clinic.start_care(MARIA, GARCIA)
    await clinic.main.direct_chats.complete()
    (room,) = [one for one in clinic.homeserver.rooms.values() if one.membership(MARIA) == "invite"]
    await clinic.homeserver.leave(user_id=MARIA, room_id=room.room_id)
    await clinic.main.direct_chats.complete()
    assert room.membership(MARIA) == "leave"
    assert await clinic.main.direct_chats.invite_again(MARIA)
    await clinic.main.direct_chats.complete()
    assert room.membership(MARIA) == "invite"
    await clinic.homeserver.join(user_id=MARIA, room_id=room.room_id)
    assert await clinic.main.direct_chats.invite_again(MARIA)
    await clinic.main.direct_chats.complete()
    assert room.membership(MARIA) == "join"
    assert not await clinic.main.direct_chats.invite_again(LOPEZ)
