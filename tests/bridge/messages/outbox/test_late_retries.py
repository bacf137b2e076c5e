"""bridge/messages/late_retries.py: what is retried after the homeserver forgot its transaction id."""

from typing import Any

import pytest

from bridge.errors import HomeserverUnavailableError
from tests.bridge.clinic import LUCIA, Clinic
from tests.bridge.messages.outbox.sending import accept, send
from tests.bridge.mortality import Killed
from tests.bridge.trouble import UNREACHABLE, failing, works


@pytest.mark.parametrize("others", [0, 250])
async def test_a_late_retry_finds_its_message_in_the_room(clinic: Clinic, room: str, others: int) -> None:
    """The homeserver has forgotten the transaction id by then, so the room's history is asked first."""
    waiting = await accept(clinic, room, "hola")
    with pytest.raises(Killed):
        await deliver_until_sent(clinic, waiting)
    for number in range(others):
        await clinic.homeserver.send_event(
            user_id=LUCIA,
            device_id=None,
            room_id=room,
            event_type="m.room.encrypted",
            txn_id=str(number),
            content={"ciphertext": str(number)},
        )
    clinic.homeserver.forget_transactions()
    clinic.clock.pass_by(hours=30)
    sent = await clinic.process().outbox.deliver(**waiting)
    assert len(clinic.sent(room)) == 1 + others
    assert sent.event_id == clinic.sent(room)[0]["event_id"]


async def test_a_late_first_attempt_is_made(clinic: Clinic, room: str) -> None:
    """A message that never reached the room is sent, however long it waited; the search ends where it began."""
    await send(clinic, room, "ayer")
    clinic.clock.pass_by(hours=24)
    clinic.homeserver.before = failing(UNREACHABLE, "send_event")
    waiting = await accept(clinic, room, "hola")
    with pytest.raises(HomeserverUnavailableError):
        await clinic.main.outbox.deliver(**waiting)
    clinic.homeserver.before = works
    clinic.clock.pass_by(hours=30)
    await clinic.main.outbox.deliver_waiting()
    assert await clinic.texts(room) == ["ayer", "hola"]
    assert len(clinic.homeserver.called("messages")) == 1


async def deliver_until_sent(clinic: Clinic, waiting: dict[str, Any]) -> None:
    """A process that dies as soon as the homeserver has the message. Raises Killed."""
    clinic.homeserver.after = failing(Killed(), "send_event")
    try:
        await clinic.process().outbox.deliver(**waiting)
    finally:
        clinic.homeserver.after = works
