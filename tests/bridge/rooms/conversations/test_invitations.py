"""bridge/rooms/conversations.py: who can't be brought in at once is brought in later, once, and makes nobody wait."""

import asyncio
from typing import Any

import pytest

from bridge.errors import HomeserverUnavailableError
from bridge.storage.conversations import conversations
from tests.bridge.clinic import GARCIA, LUCIA, Clinic
from tests.bridge.rooms.conversations.care import CARE, OTHER_CARE
from tests.bridge.trouble import TOO_MANY, UNREACHABLE, failing, works


@pytest.mark.parametrize("error", [TOO_MANY, UNREACHABLE])
async def test_an_invitation_may_have_to_wait(clinic: Clinic, error: Exception) -> None:
    """The hospital asks for patience or is down: the conversation is open, and she is invited later, once."""
    clinic.homeserver.before = failing(error, "invite", about=GARCIA)
    room_id = await clinic.main.conversations.open(CARE)
    assert clinic.members(room_id) == {LUCIA: "join"}
    await clinic.main.conversations.reconcile_due()
    assert await clinic.facts("conversation.invited") == []
    clinic.homeserver.before = works
    clinic.clock.pass_by(minutes=10)
    await clinic.process().conversations.reconcile_due()
    assert clinic.members(room_id) == {LUCIA: "join", GARCIA: "invite"}
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
    monkeypatch.setattr("bridge.rooms.conversations._CALLERS_PATIENCE_S", 0.05)
    process = clinic.process()
    invite = process.matrix.invite

    async def slow_for_garcia(**arguments: Any) -> None:
        if arguments["invitee"] == GARCIA:
            await asyncio.sleep(3600)
        await invite(**arguments)

    process.matrix.invite = slow_for_garcia
    room_id = await asyncio.wait_for(process.conversations.open(CARE), timeout=10)
    assert clinic.members(room_id) == {LUCIA: "join"}
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
    assert clinic.members(room_id) == {LUCIA: "join", GARCIA: "invite"}


async def test_an_invitation_whose_answer_was_lost_is_not_repeated(clinic: Clinic) -> None:
    """Whether she is invited is asked first: she may even have joined since."""
    clinic.homeserver.after = failing(UNREACHABLE, "invite", about=GARCIA)
    room_id = await clinic.main.conversations.open(CARE)
    clinic.homeserver.after = works
    await clinic.homeserver.join(user_id=GARCIA, room_id=room_id)
    clinic.clock.pass_by(minutes=1)
    await clinic.main.conversations.reconcile_due()
    assert clinic.members(room_id)[GARCIA] == "join"
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
    assert clinic.members(second)[GARCIA] == "invite"


async def test_nobody_is_brought_in_once_care_has_ended(clinic: Clinic) -> None:
    """An invitation that had to wait is not made up for when she is no longer in the care team; back in it, it is."""
    clinic.homeserver.before = failing(UNREACHABLE, "invite", about=GARCIA)
    room_id = await clinic.main.conversations.open(CARE)
    clinic.homeserver.before = works
    await clinic.end_care(LUCIA, GARCIA)
    await clinic.main.conversations.reconcile_due()
    assert clinic.members(room_id) == {LUCIA: "join"}
    await clinic.start_care(LUCIA, GARCIA)
    await clinic.main.conversations.reconcile_due()
    assert clinic.members(room_id) == {LUCIA: "join", GARCIA: "invite"}
