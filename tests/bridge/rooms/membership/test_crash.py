"""bridge/rooms/membership.py: the room ends as it should be, whoever dies, is faster or does not answer."""

from typing import Any

import pytest

from bridge.errors import HomeserverUnavailableError
from tests.bridge.clinic import GARCIA, JUAN, LUCIA, Clinic
from tests.bridge.mortality import Killed
from tests.bridge.rooms.membership.changes import acts, acts_no_more, is_as_it_should_be, job, may_write, send
from tests.bridge.trouble import UNREACHABLE, failing, works


async def test_death_at_any_step_ends_in_the_same_room(clinic: Clinic) -> None:
    """Killed at each commit and request in turn: the next process makes the room what it should be."""
    room_id = (await send(clinic)).conversation_id
    survived = False
    dies_at = 0
    while not survived:
        dies_at += 1
        clinic.clock.pass_by(seconds=1)
        if dies_at % 2:
            await acts(clinic, JUAN)
            await clinic.end_care(LUCIA, GARCIA)
        else:
            await acts_no_more(clinic, JUAN)
            await clinic.start_care(LUCIA, GARCIA)
        try:
            await clinic.process(dies_at=dies_at).conversations.reconcile_due()
        except Killed:
            await job(clinic)
        else:
            survived = True
        await is_as_it_should_be(clinic, room_id)
    assert dies_at > 8


async def test_a_change_while_the_room_is_made_ready_is_not_lost(clinic: Clinic) -> None:
    """Care that starts again while another process still raises the levels: the job comes by once more."""
    room_id = (await send(clinic)).conversation_id
    await clinic.end_care(LUCIA, GARCIA)
    slow = clinic.process()
    send_state = slow.matrix.send_state

    async def overtaken(**arguments: Any) -> None:
        clinic.clock.pass_by(seconds=1)
        await clinic.start_care(LUCIA, GARCIA)
        await job(clinic)
        await send_state(**arguments)

    slow.matrix.send_state = overtaken
    await slow.conversations.reconcile_due()
    await job(clinic)
    await is_as_it_should_be(clinic, room_id)
    assert may_write(clinic, room_id)


async def test_while_the_homeserver_is_away_it_stays_due(clinic: Clinic) -> None:
    """Nothing is given up; a reader or writer hears that it is not available."""
    room_id = (await send(clinic)).conversation_id
    clinic.homeserver.before = failing(UNREACHABLE)
    await clinic.end_care(LUCIA, GARCIA)
    await job(clinic)
    with pytest.raises(HomeserverUnavailableError):
        await clinic.main.messages.history(reader=LUCIA, conversation_id=room_id, limit=1, before=None)
    clinic.homeserver.before = works
    await job(clinic)
    await is_as_it_should_be(clinic, room_id)
