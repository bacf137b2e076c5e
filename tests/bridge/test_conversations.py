"""bridge/conversations.py: one room for each pair, whoever opens it, dies on the way or has to wait."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

from appointments.care import CareRelationship
from bots.assistant import room_notice
from bots.consult import consult_room
from bridge.errors import ConversationNotFoundError, HomeserverUnavailableError
from bridge.storage.conversations import conversations
from tests.bridge.clinic import GARCIA, JUAN, KEEPER, LOPEZ, LUCIA, SETTINGS, Clinic
from tests.bridge.mortality import Killed
from tests.bridge.process import Process
from tests.bridge.trouble import TOO_MANY, UNREACHABLE, failing, works

CARE = CareRelationship(LUCIA, GARCIA, "gp", datetime(2026, 1, 1, tzinfo=UTC), None)
OTHER_CARE = CareRelationship(JUAN, GARCIA, "gp", datetime(2026, 1, 1, tzinfo=UTC), None)


def members(clinic: Clinic, room_id: str) -> dict[str, str]:
    """Who is what in the room, the keeper aside."""
    room = clinic.homeserver.rooms[room_id]
    people = (key for event_type, key in room.state() if event_type == "m.room.member")
    return {person: str(room.membership(person)) for person in people if person != KEEPER}


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
    assert members(clinic, room_id) == {LUCIA: "join", GARCIA: "invite"}
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
    assert members(clinic, room_ids[0]) == {LUCIA: "join", GARCIA: "invite"}
    assert await clinic.homeserver.joined_rooms(user_id=KEEPER) == [room_ids[0]]
    assert not any(members(clinic, one) for one in clinic.homeserver.rooms if one != room_ids[0])


async def test_a_room_that_another_process_took_for_left_over_is_kept(clinic: Clinic) -> None:
    """Found by its nonce and claimed before its maker could store its id: the keeper must not leave it."""
    slow, fast = clinic.process(), clinic.process()
    create_room = slow.matrix.create_room

    async def overtaken(**arguments: Any) -> str:
        room_id: str = await create_room(**arguments)
        assert await fast.conversations.open(CARE) == room_id
        return room_id

    slow.matrix.create_room = overtaken
    room_id = await slow.conversations.open(CARE)
    assert clinic.homeserver.rooms[room_id].membership(KEEPER) == "join"
    assert members(clinic, room_id) == {LUCIA: "join", GARCIA: "invite"}


async def test_death_at_any_step_leaves_one_room(clinic: Clinic) -> None:
    """Killed at each commit and request in turn, the next process ends in the same single room, nobody invited twice.

    Opened by the next caller as well as by the job that finishes openings.
    """
    for dies_at in range(1, 60):
        patient = f"@portal_p{dies_at}:portal.example:8448"
        await clinic.manage(patient)
        await clinic.start_care(patient, GARCIA)
        care = CareRelationship(patient, GARCIA, "gp", CARE.starts, None)
        dying, rooms_before = clinic.process(dies_at=dies_at), len(clinic.homeserver.rooms)
        try:
            await dying.conversations.open(care)
        except Killed:
            survived = False
        else:
            survived = True
        finisher = clinic.process()
        if dies_at % 2:
            await finisher.conversations.reconcile_due()
        room_id = await finisher.conversations.open(care)
        await finisher.conversations.reconcile_due()
        assert len(clinic.homeserver.rooms) == rooms_before + 1, dies_at
        assert members(clinic, room_id) == {patient: "join", GARCIA: "invite"}
        invited = [one for one in clinic.homeserver.called("invite") if one["room_id"] == room_id]
        assert sorted(one["invitee"] for one in invited) in ([GARCIA, patient], [GARCIA, patient, patient])
        if survived:
            break
    assert survived
    assert dies_at > 15


async def test_the_room_left_by_a_crash_is_adopted(clinic: Clinic) -> None:
    """It was made, but its id not stored: the nonce tells it from the keeper's other rooms."""
    await clinic.main.conversations.open(OTHER_CARE)
    clinic.homeserver.after = failing(UNREACHABLE, "create_room")
    with pytest.raises(HomeserverUnavailableError):
        await clinic.main.conversations.open(CARE)
    clinic.homeserver.after = works
    made = list(clinic.homeserver.rooms)
    assert await clinic.process().conversations.open(CARE) == made[-1]
    assert list(clinic.homeserver.rooms) == made


async def test_a_half_made_room_is_not_adopted(clinic: Clinic) -> None:
    """The homeserver died while it made the room: it lacks its last state, so another is made."""
    clinic.homeserver.before = failing(UNREACHABLE, "create_room")
    with pytest.raises(HomeserverUnavailableError):
        await clinic.main.conversations.open(CARE)
    clinic.homeserver.before = works
    (asked,) = clinic.homeserver.called("create_room")
    body = {**asked["body"], "initial_state": asked["body"]["initial_state"][:-1]}
    half = await clinic.homeserver.create_room(user_id=KEEPER, body=body)
    room_id = await clinic.main.conversations.open(CARE)
    assert room_id != half
    assert members(clinic, half) == {}


@pytest.mark.parametrize("error", [TOO_MANY, UNREACHABLE])
async def test_an_invitation_may_have_to_wait(clinic: Clinic, error: Exception) -> None:
    """The hospital asks for patience or is down: the conversation is open, and she is invited later, once."""
    clinic.homeserver.before = failing(error, "invite", about=GARCIA)
    room_id = await clinic.main.conversations.open(CARE)
    assert members(clinic, room_id) == {LUCIA: "join"}
    await clinic.main.conversations.reconcile_due()
    assert await clinic.facts("conversation.invited") == []
    clinic.homeserver.before = works
    clinic.clock.pass_by(minutes=10)
    await clinic.process().conversations.reconcile_due()
    assert members(clinic, room_id) == {LUCIA: "join", GARCIA: "invite"}
    clinic.homeserver.calls.clear()
    await clinic.main.conversations.reconcile_due()
    assert clinic.homeserver.calls == []


async def test_refused_invitations_are_asked_for_ever_less_often(clinic: Clinic) -> None:
    """After 5 s, 10 s, 20 s … and at most every five minutes; a change of care is acted on at once."""
    clinic.homeserver.before = failing(UNREACHABLE, "invite", about=GARCIA)
    await clinic.main.conversations.open(CARE)
    waits = []
    for _ in range(9):
        (row,) = await clinic.rows(conversations)
        waits.append((row.review_at - clinic.clock()).total_seconds())
        clinic.clock.at = row.review_at
        await clinic.main.conversations.reconcile_due()
    assert waits == [5, 10, 20, 40, 80, 160, 300, 300, 300]
    clinic.homeserver.before = works
    await clinic.start_care(LUCIA, GARCIA)
    await clinic.main.conversations.reconcile_due()
    assert len(await clinic.facts("conversation.invited")) == 1


async def test_a_homeserver_that_asks_for_patience_gets_it(clinic: Clinic) -> None:
    """No invitation is repeated before the time that it named."""
    clinic.homeserver.before = failing(TOO_MANY, "invite", about=GARCIA)
    await clinic.main.conversations.open(CARE)
    (row,) = await clinic.rows(conversations)
    assert (row.review_at - clinic.clock()).total_seconds() == 333


async def test_a_slow_server_makes_nobody_wait(clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    """An invitation that is not answered is left to the job: the caller writes meanwhile."""
    monkeypatch.setattr("bridge.conversations._CALLERS_PATIENCE_S", 0.05)
    process = clinic.process()
    invite = process.matrix.invite

    async def slow_for_garcia(**arguments: Any) -> None:
        if arguments["invitee"] == GARCIA:
            await asyncio.sleep(3600)
        await invite(**arguments)

    process.matrix.invite = slow_for_garcia
    room_id = await asyncio.wait_for(process.conversations.open(CARE), timeout=10)
    assert members(clinic, room_id) == {LUCIA: "join"}
    clinic.homeserver.calls.clear()
    assert await process.conversations.open(CARE) == room_id
    assert clinic.homeserver.calls == []


async def test_a_managed_person_who_left_is_brought_back(clinic: Clinic) -> None:
    """Recorded as `leave`, she is invited before she joins."""
    clinic.homeserver.before = failing(UNREACHABLE, "join", about=LUCIA)
    with pytest.raises(HomeserverUnavailableError):
        await clinic.main.conversations.open(CARE)
    clinic.homeserver.before = works
    (room_id,) = clinic.homeserver.rooms
    await clinic.homeserver.leave(user_id=LUCIA, room_id=room_id)
    await clinic.push()
    assert await clinic.main.conversations.open(CARE) == room_id
    assert members(clinic, room_id) == {LUCIA: "join", GARCIA: "invite"}


async def test_an_invitation_whose_answer_was_lost_is_not_repeated(clinic: Clinic) -> None:
    """Whether she is invited is asked first: she may even have joined since."""
    clinic.homeserver.after = failing(UNREACHABLE, "invite", about=GARCIA)
    room_id = await clinic.main.conversations.open(CARE)
    clinic.homeserver.after = works
    await clinic.homeserver.join(user_id=GARCIA, room_id=room_id)
    clinic.clock.pass_by(minutes=1)
    await clinic.main.conversations.reconcile_due()
    assert members(clinic, room_id)[GARCIA] == "join"
    invited = [one["invitee"] for one in clinic.homeserver.called("invite")]
    assert invited.count(GARCIA) == 1


async def test_one_conversations_trouble_does_not_stop_the_others(clinic: Clinic) -> None:
    """The job goes on with the next conversation."""
    clinic.homeserver.before = failing(UNREACHABLE, "invite", about=GARCIA)
    first = await clinic.main.conversations.open(CARE)
    second = await clinic.main.conversations.open(OTHER_CARE)
    clinic.homeserver.before = failing(UNREACHABLE, "room_state", about=f"'{first}'")
    clinic.clock.pass_by(minutes=1)
    await clinic.main.conversations.reconcile_due()
    assert members(clinic, second)[GARCIA] == "invite"


async def test_nobody_is_brought_in_once_care_has_ended(clinic: Clinic) -> None:
    """An invitation that had to wait is not made up for when she is no longer in the care team; back in it, it is."""
    clinic.homeserver.before = failing(UNREACHABLE, "invite", about=GARCIA)
    room_id = await clinic.main.conversations.open(CARE)
    clinic.homeserver.before = works
    await clinic.end_care(LUCIA, GARCIA)
    await clinic.main.conversations.reconcile_due()
    assert members(clinic, room_id) == {LUCIA: "join"}
    await clinic.start_care(LUCIA, GARCIA)
    await clinic.main.conversations.reconcile_due()
    assert members(clinic, room_id) == {LUCIA: "join", GARCIA: "invite"}


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
    assert members(clinic, room_id) == {LUCIA: "join", GARCIA: "invite"}


async def test_two_managed_people_both_join(clinic: Clinic) -> None:
    """Nobody is left to invite, so opening is all."""
    care = CareRelationship(LUCIA, JUAN, "gp", CARE.starts, None)
    await clinic.start_care(LUCIA, JUAN)
    room_id = await clinic.main.conversations.open(care)
    assert members(clinic, room_id) == {LUCIA: "join", JUAN: "join"}
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
