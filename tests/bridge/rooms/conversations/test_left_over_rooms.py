"""bridge/rooms/conversations.py: a room made and not noted is found again, and none is left with people in it."""

from typing import Any

import pytest

from appointments.care import CareRelationship
from bridge.errors import HomeserverUnavailableError
from tests.bridge.clinic import GARCIA, KEEPER, LUCIA, Clinic
from tests.bridge.mortality import Killed
from tests.bridge.rooms.conversations.care import CARE, OTHER_CARE
from tests.bridge.trouble import UNREACHABLE, failing, works


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
    assert clinic.members(room_id) == {LUCIA: "join", GARCIA: "invite"}


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
        assert clinic.members(room_id) == {patient: "join", GARCIA: "invite"}
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
    assert clinic.members(half) == {}
