"""bridge/messages/outbox.py, `send`: taken in and encrypted by one commit, or left to the long way, unchanged."""

import asyncio
from typing import Any

import pytest
from sqlalchemy import update

from bridge.errors import HomeserverUnavailableError
from bridge.messages.encrypting import NewMessage
from bridge.storage.conversations import conversations
from bridge.storage.e2ee import outbound_sessions, tracked_users
from bridge.storage.sends import sends
from tests.bridge.clinic import ASSISTANT, GARCIA, LUCIA, Clinic
from tests.bridge.messages.outbox.sending import accept, open_room, row_of, send
from tests.bridge.mortality import Killed
from tests.bridge.trouble import UNREACHABLE, failing, works


def new(room_id: str, send_id: str, **changes: Any) -> NewMessage:
    """What Lucia says, under this id."""
    said = {
        "sender": LUCIA,
        "event_type": "m.room.message",
        "content": {"msgtype": "m.text", "body": send_id},
    }
    return NewMessage(send_id=send_id, room_id=room_id, **said | changes)


@pytest.fixture
async def ready(clinic: Clinic, room: str) -> str:
    """A room that is as it should be, with a session that is shared."""
    await send(clinic, room, "antes")
    async with clinic.database.write() as connection:
        await connection.execute(update(conversations).values(review_at=None))
    return room


async def change(clinic: Clinic, statement: Any) -> None:
    """One change of the database."""
    async with clinic.database.write() as connection:
        await connection.execute(statement)


async def test_it_goes_out_as_it_was_taken_in(clinic: Clinic, ready: str) -> None:
    """What it says is nowhere in our rows, and it stands in the room once."""
    sent = await clinic.main.outbox.send(new(ready, "uno"))
    assert sent is not None
    assert await clinic.texts(ready) == ["antes", "uno"]
    row = await row_of(clinic, {"send_id": "uno"})
    assert (row.state, row.event_id, row.sealed, row.content) == ("sent", sent.event_id, None, None)
    assert await clinic.main.outbox.send(new(ready, "uno")) is None
    assert len(clinic.sent(ready)) == 2


async def test_death_at_any_step_loses_and_repeats_nothing(clinic: Clinic, ready: str) -> None:
    """Killed at each commit and request in turn: what was taken in goes out once, what was not is taken in anew."""
    said = ["antes"]
    for dies_at in range(1, 20):
        message = new(ready, f"message {dies_at}")
        dying = clinic.process(dies_at=dies_at)
        dying.encryption._ready = clinic.main.encryption._ready
        survived = True
        try:
            await dying.outbox.send(message)
        except Killed:
            survived = False
        kept = await row_of(clinic, {"send_id": message.send_id})
        await clinic.process().outbox.deliver_waiting()
        if kept is None:
            assert await clinic.main.outbox.send(message) is not None
        said.append(message.send_id)
        assert await clinic.texts(ready) == said, dies_at
        asked = [one["content"]["ciphertext"] for one in clinic.homeserver.called("send_event")]
        assert len(set(asked)) == len(said)
        if survived:
            break
    assert survived
    assert dies_at > 5
    used = [(row.session_id, row.message_index) for row in await clinic.rows(sends)]
    assert len(set(used)) == len(used)


async def test_without_the_homeserver_it_is_kept(clinic: Clinic, ready: str) -> None:
    """The caller hears so; it goes out with the ciphertext that it was taken in with, before what comes later."""
    clinic.homeserver.before = failing(UNREACHABLE, "send_event")
    with pytest.raises(HomeserverUnavailableError):
        await clinic.main.outbox.send(new(ready, "uno"))
    kept = await row_of(clinic, {"send_id": "uno"})
    assert await clinic.main.outbox.send(new(ready, "dos")) is None
    clinic.homeserver.before = works
    await send(clinic, ready, "dos")
    assert await clinic.texts(ready) == ["antes", "uno", "dos"]
    assert clinic.sent(ready)[1]["content"] == kept.content


async def test_at_once_in_one_room_they_stand_in_their_order(clinic: Clinic, ready: str) -> None:
    """Each has an index of its own, and the order of their rows is that of the room."""
    messages = [new(ready, f"message {number}") for number in range(5)]
    assert None not in await asyncio.gather(*(clinic.main.outbox.send(one) for one in messages))
    assert await clinic.texts(ready) == ["antes", *(one.send_id for one in messages)]
    assert [row.message_index for row in await clinic.rows(sends)] == [0, 1, 2, 3, 4, 5]


async def test_two_processes_take_it_in_once(clinic: Clinic, ready: str) -> None:
    """The same message at the same moment: one row, one event."""
    other = clinic.process()
    other.encryption._ready = clinic.main.encryption._ready
    sent = await asyncio.gather(*(one.outbox.send(new(ready, "uno")) for one in (clinic.main, other)))
    assert len([one for one in sent if one is not None]) == 1
    assert await clinic.texts(ready) == ["antes", "uno"]


_PINNED = update(tracked_users).where(tracked_users.c.user_id == GARCIA).values(pinned_master="another")


@pytest.mark.parametrize(
    "statement",
    [
        update(conversations).values(review_at=conversations.c.created_at),
        update(outbound_sessions).values(max_messages=1),
        update(outbound_sessions).values(is_current=False),
        _PINNED,
    ],
    ids=["the room is to be looked at", "the session is full", "the session is over", "another identity"],
)
async def test_what_stands_in_the_way_is_left_to_the_long_way(
    clinic: Clinic, ready: str, statement: Any
) -> None:
    """Nothing is taken in, no index is used, nothing is asked of the homeserver."""
    await change(clinic, statement)
    rows, sessions = await clinic.rows(sends), await clinic.rows(outbound_sessions)
    asked = len(clinic.homeserver.called("send_event"))
    assert await clinic.main.outbox.send(new(ready, "uno")) is None
    assert (await clinic.rows(sends), await clinic.rows(outbound_sessions)) == (rows, sessions)
    assert len(clinic.homeserver.called("send_event")) == asked


async def test_who_may_not_write_is_left_to_the_long_way(clinic: Clinic, ready: str) -> None:
    """It is asked by the commit that encrypts: strangers, the assistant, an unknown room, and once care has ended."""
    for message in (
        new(ready, "uno", sender="@portal_other:portal.example:8448"),
        new(ready, "uno", sender=ASSISTANT),
        new("!unknown", "uno"),
    ):
        assert await clinic.main.outbox.send(message) is None
    other = await open_room(clinic, members=("@portal_other:portal.example:8448",))
    assert await clinic.main.outbox.send(new(other, "uno")) is None
    clinic.clock.pass_by(minutes=1)
    await clinic.end_care(LUCIA, GARCIA)
    await change(clinic, update(conversations).values(review_at=None))
    assert await clinic.main.outbox.send(new(ready, "uno")) is None
    assert len(await clinic.rows(sends)) == 1


async def test_what_waits_goes_first(clinic: Clinic, ready: str) -> None:
    """A message that was taken in before, and waits, is not overtaken."""
    waiting = await accept(clinic, ready, "uno")
    assert await clinic.main.outbox.send(new(ready, "dos")) is None
    await clinic.main.outbox.deliver(**waiting)
    assert await clinic.main.outbox.send(new(ready, "dos")) is not None
    assert await clinic.texts(ready) == ["antes", "uno", "dos"]
