"""bridge/messages/outbox.py: a homeserver that takes requests and answers none; white-box are the times waited."""

import asyncio

import pytest

from bridge.errors import HomeserverUnavailableError
from bridge.messages import outbox as outbox_module
from tests.bridge.clinic import JUAN, Clinic
from tests.bridge.messages.outbox.sending import accept, open_room, row_of
from tests.bridge.trouble import hanging
from tests.until import until


@pytest.fixture(autouse=True)
def _short_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox_module, "_TURN_S", 0.05)


async def test_who_stands_behind_a_message_that_hangs_hears_so(clinic: Clinic, room: str) -> None:
    """Each in her own time, not one after the other; in the end each message is there once, in order."""
    first = await accept(clinic, room, "0")
    with hanging(clinic.homeserver, "send_event") as asked:
        hangs = asyncio.create_task(clinic.main.outbox.deliver(**first))
        await until(lambda: asked)
        later = [await accept(clinic, room, str(number)) for number in range(1, 10)]
        async with asyncio.timeout(10):
            heard = await asyncio.gather(
                *(clinic.main.outbox.deliver(**one) for one in later), return_exceptions=True
            )
        assert {type(one) for one in heard} == {HomeserverUnavailableError}
        assert not hangs.done()
        assert asked == ["send_event"]
    await hangs
    await clinic.main.outbox.deliver_waiting()
    assert await clinic.texts(room) == [str(number) for number in range(10)]


async def test_other_rooms_do_not_wait(clinic: Clinic, room: str) -> None:
    """For a room whose message hangs (its keys do)."""
    first = await accept(clinic, room, "uno")
    with hanging(clinic.key_server, "keys_query") as asked:
        hangs = asyncio.create_task(clinic.main.outbox.deliver(**first))
        await until(lambda: asked)
        other_room = await open_room(clinic, members=(JUAN,))
        other = await accept(clinic, other_room, "dos", sender=JUAN)
        followed = asyncio.create_task(clinic.main.outbox.deliver(**other))
        await until(lambda: len(asked) == 2)
    await asyncio.gather(hangs, followed)
    assert await clinic.texts(other_room, reader=JUAN) == ["dos"]


async def test_who_finds_a_long_queue_does_not_send_all_of_it(
    clinic: Clinic, room: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """She begins nothing more when her time is over; the job has no such time."""
    monkeypatch.setattr(outbox_module, "_TURN_S", 0)
    await accept(clinic, room, "uno")
    last = await accept(clinic, room, "dos")
    with pytest.raises(HomeserverUnavailableError):
        await clinic.main.outbox.deliver(**last)
    assert (await row_of(clinic, last)).state == "accepted"
    await clinic.main.outbox.deliver_waiting()
    assert await clinic.texts(room) == ["uno", "dos"]
