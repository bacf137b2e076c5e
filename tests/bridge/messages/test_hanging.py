"""bridge/messages/messages.py beside a homeserver that answers nothing for a while (white-box: the times waited)."""

import asyncio

import pytest

from bridge.errors import HomeserverUnavailableError
from bridge.messages import outbox as outbox_module
from bridge.rooms import conversations as conversations_module
from bridge.storage.sends import sends
from tests.bridge.clinic import GARCIA, LUCIA, Clinic
from tests.bridge.messages.writing import send
from tests.bridge.trouble import hanging
from tests.until import until


@pytest.fixture(autouse=True)
def _short_times(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox_module, "_SOON_S", 0.05)
    monkeypatch.setattr(outbox_module, "_TURN_S", 0.05)
    monkeypatch.setattr(conversations_module, "CALLERS_S", 0.2)


async def test_whoever_waits_hears_so_and_her_message_is_kept(clinic: Clinic) -> None:
    """Ten at once in one room: those behind the one that hangs don't wait for it, and repeat themselves in vain."""
    room_id = (await send(clinic, body="antes", operation_id="antes")).conversation_id
    said = [str(number) for number in range(10)]

    async def say(body: str) -> str:
        sent = await send(clinic, conversation_id=room_id, body=body, operation_id=f"operation {body}")
        return sent.message_id

    with hanging(clinic.homeserver, "send_event") as asked:
        hangs = asyncio.create_task(say("0"))
        await until(lambda: asked)
        for _ in range(2):
            async with asyncio.timeout(10):
                heard = await asyncio.gather(*map(say, said[1:]), return_exceptions=True)
            assert {type(one) for one in heard} == {HomeserverUnavailableError}
        assert len(await clinic.rows(sends)) == 1 + len(said)
        assert not hangs.done()
    await hangs
    await clinic.main.outbox.deliver_waiting()
    in_room = await clinic.texts(room_id)
    assert in_room[:2] == ["antes", "0"]
    assert sorted(in_room[2:]) == said[1:]
    assert [await say(body) for body in in_room[1:]] == [one["event_id"] for one in clinic.sent(room_id)][1:]


@pytest.mark.parametrize("serves_first", [False, True])
async def test_a_first_message_waits_no_longer(clinic: Clinic, *, serves_first: bool) -> None:
    """Repeated once the homeserver answers, it is in the one room there is, be it made after the time was over."""
    with hanging(clinic.homeserver, "create_room", serves_first=serves_first) as asked:
        async with asyncio.timeout(10):
            with pytest.raises(HomeserverUnavailableError):
                await send(clinic, operation_id="uno")
        assert asked == ["create_room"]
    sent = await send(clinic, operation_id="uno")
    assert list(clinic.homeserver.rooms) == [sent.conversation_id]
    assert await clinic.texts(sent.conversation_id) == ["hola"]


async def test_what_changes_in_care_waits_no_longer(clinic: Clinic) -> None:
    """Whoever ends it has ended it; the room follows when the homeserver answers."""
    room = clinic.homeserver.rooms[(await send(clinic)).conversation_id]
    clinic.clock.pass_by(minutes=1)
    await clinic.end_care(LUCIA, GARCIA)
    with hanging(clinic.homeserver, "room_state") as asked:
        async with asyncio.timeout(10):
            await clinic.main.conversations.reconcile_due(patient=LUCIA, professional=GARCIA)
        assert asked == ["room_state"]
        assert room.may(LUCIA, "events_default")
    await clinic.main.conversations.reconcile_due()
    assert not room.may(LUCIA, "events_default")
