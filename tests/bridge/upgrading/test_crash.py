"""bridge/upgrading.py: killed at any step, or run twice at once beside people who write, it ends in one new room."""

import asyncio
from uuid import uuid4

import pytest

from bridge.errors import HomeserverUnavailableError
from bridge.storage.sends import sends
from tests.bridge.clinic import GARCIA, LUCIA, Clinic
from tests.bridge.messages.writing import send
from tests.bridge.mortality import Killed
from tests.bridge.trouble import UNREACHABLE, failing, works
from tests.bridge.upgrading.ward import opened, state, steps, upgrade


async def test_death_at_any_step_leaves_one_new_room(clinic: Clinic) -> None:
    """Killed at each commit and each request in turn, and run again: one new room, the old one closed.

    A message that was encrypted before is in the old room, once; what is sent then is in the new one.
    """
    for dies_at in range(1, 80):
        patient = f"@portal_p{dies_at}:portal.example:8448"
        await clinic.manage(patient)
        await clinic.start_care(patient, GARCIA)
        room = await opened(clinic, patient)
        clinic.homeserver.before = failing(UNREACHABLE, "send_event")
        with pytest.raises(HomeserverUnavailableError):
            await send(clinic, sender=patient, conversation_id=room, body="uno", operation_id=uuid4().hex)
        clinic.homeserver.before, before = works, len(clinic.homeserver.rooms)
        try:
            await upgrade(room, clinic.process(dies_at=dies_at))
        except Killed:
            survived = False
        else:
            survived = True
        await upgrade(room, clinic.process())
        (new,) = list(clinic.homeserver.rooms)[before:]
        assert clinic.members(new) == {patient: "join", GARCIA: "invite"}
        assert state(clinic, room, "m.room.tombstone")["replacement_room"] == new
        await send(clinic, sender=patient, conversation_id=room, body="dos", operation_id=uuid4().hex)
        assert await clinic.texts(room, reader=patient) == ["uno"], dies_at
        assert await clinic.texts(new, reader=patient) == ["dos"], dies_at
        if survived:
            break
    assert survived
    assert dies_at > 30


async def test_two_at_once_make_one_room(clinic: Clinic, room: str) -> None:
    """Whoever comes second leaves what it made, which nobody ever saw."""
    await asyncio.gather(*(upgrade(room, clinic.process()) for _ in range(3)))
    (step,) = await steps(clinic)
    for other in set(clinic.homeserver.rooms) - {room, step.room_id}:
        assert "join" not in clinic.members(other).values()
    assert clinic.members(step.room_id) == {LUCIA: "join", GARCIA: "invite"}
    assert state(clinic, room, "m.room.tombstone")["replacement_room"] == step.room_id
    assert state(clinic, step.room_id, "m.room.power_levels")["events_default"] == 0


async def test_people_write_meanwhile(clinic: Clinic, room: str) -> None:
    """In another process: each message is in one of the rooms, once, and in the order in which she wrote them."""
    writing, said = clinic.process(), [str(number) for number in range(12)]

    async def write() -> None:
        for body in said:
            await send(clinic, writing, conversation_id=room, body=body, operation_id=uuid4().hex)

    _, new = await asyncio.gather(write(), upgrade(room, clinic.process()))
    assert new is not None
    await send(clinic, writing, conversation_id=room, body="last", operation_id=uuid4().hex)
    in_old, in_new = await clinic.texts(room), await clinic.texts(new)
    assert in_old + in_new == [*said, "last"]
    assert in_new
    assert {row.state for row in await clinic.rows(sends)} == {"sent"}
