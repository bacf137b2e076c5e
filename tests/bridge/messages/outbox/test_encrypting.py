"""bridge/messages/encrypting.py: a message is encrypted once keys can be shared, with an index of its own."""

import asyncio

import pytest
from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError

from bridge.errors import HomeserverUnavailableError
from bridge.matrix.errors import MatrixError
from bridge.people.people import managed_among
from bridge.storage.conversations import conversations
from bridge.storage.sends import sends
from tests.bridge.clinic import GARCIA, LUCIA, Clinic
from tests.bridge.messages.outbox.sending import accept, send
from tests.bridge.trouble import failing_keys, works


async def test_a_sender_without_keys_hears_to_come_back(clinic: Clinic, room: str) -> None:
    """While a device is not all published, the message waits; it goes out once the device is there."""
    await clinic.main.encryption.forget_device(LUCIA)
    waiting = await accept(clinic, room, "hola")
    with pytest.raises(HomeserverUnavailableError):
        await clinic.main.outbox.deliver(**waiting)
    await clinic.main.encryption.provision(LUCIA)
    await clinic.main.outbox.deliver_waiting()
    assert await clinic.texts(room) == ["hola"]


async def test_keys_that_are_refused_are_not_the_message(clinic: Clinic, room: str) -> None:
    """Whatever the homeserver has against our key requests, the message waits until keys can be shared."""
    too_large = MatrixError(status=413, errcode="M_TOO_LARGE", message="too many devices")
    clinic.key_server.before = failing_keys(too_large)
    waiting = await accept(clinic, room, "hola")
    with pytest.raises(HomeserverUnavailableError):
        await clinic.main.outbox.deliver(**waiting)
    clinic.key_server.before = works
    await clinic.main.outbox.deliver_waiting()
    assert await clinic.texts(room) == ["hola"]


async def test_an_index_encrypts_one_message_ever(clinic: Clinic, room: str) -> None:
    """The database itself refuses a second message of the same step of the same session."""
    await send(clinic, room, "uno")
    waiting = await accept(clinic, room, "dos")
    used = (await clinic.rows(sends))[0]
    again = update(sends).where(sends.c.id == waiting["send_id"])
    with pytest.raises(IntegrityError):
        async with clinic.database.write() as connection:
            await connection.execute(
                again.values(session_id=used.session_id, message_index=used.message_index)
            )


async def test_indexes_are_never_reused(clinic: Clinic, room: str) -> None:
    """Two processes that send in turn and at once go on in the same session, each step once."""
    processes = [clinic.process(), clinic.process()]
    await asyncio.gather(
        *(send(clinic, room, str(number), process=processes[number % 2]) for number in range(10))
    )
    steps = [(row.session_id, row.message_index) for row in await clinic.rows(sends)]
    assert len(set(steps)) == 10
    assert sorted(await clinic.texts(room)) == [str(number) for number in range(10)]


async def test_keys_go_to_people_whose_invitation_waits(clinic: Clinic, room: str) -> None:
    """The professional is no member yet, but who reads later must have been a recipient from the start."""
    await send(clinic, room, "hola")
    async with clinic.database.read() as connection:
        assert await managed_among(connection, [GARCIA]) == []
        asked = select(conversations.c.professional).where(conversations.c.room_id == room)
        assert await connection.scalar(asked) == GARCIA
    assert "keys_query" in clinic.key_server.calls
