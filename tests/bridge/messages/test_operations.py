"""bridge/messages/messages.py: one operation is one message, whoever dies or is away meanwhile."""

import asyncio

import pytest

from bridge.errors import HomeserverUnavailableError
from tests.bridge.clinic import GARCIA, Clinic
from tests.bridge.messages.writing import send
from tests.bridge.mortality import Killed
from tests.bridge.trouble import UNREACHABLE, failing, works


async def test_an_operation_is_one_message(clinic: Clinic) -> None:
    """Called again, by another process too, it gives the first call's message."""
    first = await send(clinic, operation_id="once")
    clinic.clock.pass_by(minutes=5)
    assert await send(clinic, operation_id="once") == first
    assert await send(clinic, clinic.process(), operation_id="once") == first
    assert len(clinic.sent(first.conversation_id)) == 1


async def test_an_operation_at_once_in_two_processes_is_one_message(clinic: Clinic) -> None:
    """Both get the same answer."""
    await send(clinic, body="antes")
    processes = [clinic.process(), clinic.process()]
    answers = await asyncio.gather(*(send(clinic, one, operation_id="once") for one in processes))
    assert answers[0] == answers[1]
    assert await clinic.texts(answers[0].conversation_id) == ["antes", "hola"]


async def test_death_at_any_step_is_mended_by_the_same_operation(clinic: Clinic) -> None:
    """A first message, killed at each of its steps in turn and asked for again: one room, one message."""
    for dies_at in range(1, 80):
        patient = f"@portal_p{dies_at}:portal.example:8448"
        await clinic.manage(patient)
        await clinic.start_care(patient, GARCIA)
        request = {"sender": patient, "operation_id": f"once {dies_at}"}
        rooms_before = len(clinic.homeserver.rooms)
        try:
            await send(clinic, clinic.process(dies_at=dies_at), **request)
        except Killed:
            survived = False
        else:
            survived = True
        sent = await send(clinic, clinic.process(), **request)
        assert len(clinic.homeserver.rooms) == rooms_before + 1, dies_at
        assert await clinic.texts(sent.conversation_id, reader=patient) == ["hola"]
        if survived:
            break
    assert survived
    assert dies_at > 30


async def test_a_message_is_kept_while_the_homeserver_is_away(clinic: Clinic) -> None:
    """The caller hears 'later'; the same operation then gives the one message, delivered meanwhile or not."""
    await send(clinic, body="antes")
    clinic.homeserver.before = failing(UNREACHABLE, "send_event")
    for operation in ("first", "second"):
        with pytest.raises(HomeserverUnavailableError):
            await send(clinic, operation_id=operation)
    clinic.homeserver.before = works
    await send(clinic, operation_id="first")
    await clinic.main.outbox.deliver_waiting()
    sent = await send(clinic, operation_id="second")
    assert await clinic.texts(sent.conversation_id) == ["antes", "hola", "hola"]
