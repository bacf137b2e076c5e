"""bridge/messages/outbox.py: each message exactly once and in order, whoever delivers it."""

import asyncio
import json
from typing import Any

import pytest
from sqlalchemy import update

from bridge.errors import HomeserverUnavailableError
from bridge.messages.sending import Sent
from bridge.storage.sends import sends
from tests.bridge.clinic import LUCIA, Clinic
from tests.bridge.messages.outbox.sending import accept, row_of
from tests.bridge.trouble import UNREACHABLE, failing


async def test_a_message_goes_out_encrypted(clinic: Clinic, room: str) -> None:
    """Accepted, encrypted, sent: with the device's name on it, and a fact without words."""
    waiting = await accept(clinic, room, "me duele la cabeza")
    assert (await row_of(clinic, waiting)).state == "accepted"
    sent = await clinic.main.outbox.deliver(**waiting)
    row = await row_of(clinic, waiting)
    assert (row.state, row.sealed, row.content) == ("sent", None, None)
    assert sent == Sent(room_id=room, event_id=row.event_id, sent_at=clinic.clock())
    device = await clinic.main.encryption.device_of(LUCIA)
    (asked,) = clinic.homeserver.called("send_event")
    assert (asked["user_id"], asked["device_id"]) == (LUCIA, device.device_id)
    assert asked["event_type"] == "m.room.encrypted"
    assert await clinic.texts(room) == ["me duele la cabeza"]
    (fact,) = await clinic.facts("message.sent")
    assert (fact.subject, fact.data) == (room, {"event_id": sent.event_id, "sender": LUCIA})


async def test_words_are_sealed_while_they_wait(clinic: Clinic, room: str) -> None:
    """Neither before nor after encryption does any column hold what a person wrote."""
    waiting = await accept(clinic, room, "vih positivo")
    clinic.homeserver.before = failing(UNREACHABLE, "send_event")
    for state in ("accepted", "encrypted"):
        row = await row_of(clinic, waiting)
        assert row.state == state
        raw = b"".join(
            value if isinstance(value, bytes) else json.dumps(value, default=str).encode() for value in row
        )
        assert b"vih" not in raw
        assert b"m.text" not in raw
        with pytest.raises(HomeserverUnavailableError):
            await clinic.main.outbox.deliver(**waiting)


async def test_order_within_a_room_is_the_order_of_acceptance(clinic: Clinic, room: str) -> None:
    """Deliveries that start in another order, all at once, keep it."""
    waiting = [await accept(clinic, room, str(number)) for number in range(6)]
    sent = await asyncio.gather(*(clinic.main.outbox.deliver(**one) for one in reversed(waiting)))
    assert await clinic.texts(room) == ["0", "1", "2", "3", "4", "5"]
    assert [one.event_id for one in reversed(sent)] == [event["event_id"] for event in clinic.sent(room)]


async def test_two_processes_send_one_event(clinic: Clinic, room: str) -> None:
    """Both deliver the same rows at the same time: one event each, and both know its id."""
    waiting = [await accept(clinic, room, str(number)) for number in range(3)]
    processes = [clinic.process(), clinic.process()]
    sent = await asyncio.gather(*(process.outbox.deliver(**one) for one in waiting for process in processes))
    assert await clinic.texts(room) == ["0", "1", "2"]
    event_ids = [event["event_id"] for event in clinic.sent(room)]
    assert [one.event_id for one in sent] == [event_id for event_id in event_ids for _ in processes]
    assert len(await clinic.facts("message.sent")) == 3


async def test_another_process_may_have_been_faster(
    clinic: Clinic, room: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody else delivers the message while we are about to encrypt it: that is a success."""
    waiting = await accept(clinic, room, "hola")
    slow, fast = clinic.process(), clinic.process()
    prepare = slow.encryption.prepare

    async def overtaken(**arguments: Any) -> None:
        await prepare(**arguments)
        await fast.outbox.deliver_waiting()

    monkeypatch.setattr(slow.encryption, "prepare", overtaken)
    sent = await slow.outbox.deliver(**waiting)
    assert [event["event_id"] for event in clinic.sent(room)] == [sent.event_id]


async def test_a_repeated_delivery_gives_the_message_it_was_asked_for(clinic: Clinic, room: str) -> None:
    """Even while an earlier message of the room, stored late, still waits."""
    earlier, asked = await accept(clinic, room, "uno"), await accept(clinic, room, "dos")
    await clinic.main.outbox.deliver(**asked)
    event_id = (await row_of(clinic, asked)).event_id
    async with clinic.database.write() as connection:
        # As if the earlier one's transaction had been committed after this one was sent.
        late = {
            "state": "accepted",
            "sealed": clinic.sealer.seal(b'{"body": "uno"}', context=f"sends:{earlier['send_id']}"),
            "txn_id": "late",
            "session_id": None,
        }
        await connection.execute(update(sends).where(sends.c.id == earlier["send_id"]).values(late))
    assert (await clinic.main.outbox.deliver(**asked)).event_id == event_id
