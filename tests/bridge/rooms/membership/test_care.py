"""bridge/rooms/membership.py: the room follows care."""

from datetime import timedelta

import pytest

from appointments.errors import NotInCareTeamError
from tests.bridge.clinic import GARCIA, KEEPER, LUCIA, Clinic
from tests.bridge.rooms.membership.changes import HOUR, job, may_write, send


async def test_the_room_follows_care(clinic: Clinic) -> None:
    """Ended: nobody but the keeper writes, everybody stays. Started again: as before. Nothing new: no request."""
    room_id = (await send(clinic)).conversation_id
    assert may_write(clinic, room_id)
    for _ in range(2):
        await clinic.end_care(LUCIA, GARCIA)
        await job(clinic)
        assert not may_write(clinic, room_id)
        assert may_write(clinic, room_id, KEEPER)
        assert clinic.members(room_id) == {LUCIA: "join", GARCIA: "invite"}
        await clinic.start_care(LUCIA, GARCIA)
        await job(clinic)
        assert may_write(clinic, room_id)
    levels = clinic.homeserver.rooms[room_id].state()["m.room.power_levels", ""]["content"]
    assert (levels["invite"], levels["state_default"], levels["events"]) == (100, 100, {})
    clinic.homeserver.calls.clear()
    await clinic.start_care(LUCIA, GARCIA)
    await job(clinic)
    assert clinic.homeserver.calls == []


async def test_time_alone_ends_and_starts(clinic: Clinic) -> None:
    """At the very instant, without anybody saying so."""
    start = clinic.clock()
    await clinic.start_care(LUCIA, GARCIA, ends=start + HOUR)
    room_id = (await send(clinic)).conversation_id
    clinic.clock.at = start + HOUR - timedelta(seconds=1)
    await job(clinic)
    assert may_write(clinic, room_id)
    clinic.clock.at = start + HOUR
    await job(clinic)
    assert not may_write(clinic, room_id)
    await clinic.start_care(LUCIA, GARCIA, starts=start + 2 * HOUR)
    await job(clinic)
    assert not may_write(clinic, room_id)
    clinic.clock.at = start + 2 * HOUR
    await job(clinic)
    assert may_write(clinic, room_id)


async def test_a_message_right_after_care_started_again_goes_out(clinic: Clinic) -> None:
    """Whoever comes before the job has the room made ready first."""
    room_id = (await send(clinic)).conversation_id
    await clinic.end_care(LUCIA, GARCIA)
    await job(clinic)
    with pytest.raises(NotInCareTeamError):
        await send(clinic, conversation_id=room_id, operation_id="two")
    await clinic.start_care(LUCIA, GARCIA)
    await send(clinic, conversation_id=room_id, operation_id="three")
    assert len(clinic.sent(room_id)) == 2
