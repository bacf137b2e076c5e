"""bridge/rooms/summaries.py: conversations as their members see them in a list."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from appointments.care import CareRelationship
from bridge.matrix.events import Receipt, RoomEvent
from bridge.rooms.summaries import summary_of
from tests.bridge.clinic import GARCIA, JUAN, LOPEZ, LUCIA, Clinic

EDIT = {"m.relates_to": {"rel_type": "m.replace", "event_id": "$1"}}


@pytest.fixture
async def rooms(clinic: Clinic) -> tuple[str, str]:
    """The rooms of Lucia with Garcia and with Juan."""
    await clinic.start_care(LUCIA, JUAN)
    return await open_room(clinic, GARCIA), await open_room(clinic, JUAN)


async def open_room(clinic: Clinic, professional: str, *, patient: str = LUCIA) -> str:
    """The consult room of these two."""
    care = CareRelationship(patient, professional, "gp", datetime(2026, 1, 1, tzinfo=UTC), None)
    return await clinic.main.conversations.open(care)


async def happens(
    clinic: Clinic,
    room_id: str,
    event_id: str,
    *,
    sender: str = LUCIA,
    event_type: str = "m.room.encrypted",
    content: dict[str, Any] | None = None,
) -> None:
    """The homeserver pushes an event, a minute after the last one."""
    clinic.clock.pass_by(minutes=1)
    event = RoomEvent(
        event_id=event_id,
        room_id=room_id,
        sender=sender,
        type=event_type,
        origin_server_ts=int(clinic.clock().timestamp() * 1000),
        content={"ciphertext": "…"} if content is None else content,
    )
    await clinic.main.inbound.room_event(await clinic.store(), event)


async def reads(clinic: Clinic, room_id: str, event_id: str, *, reader: str = LUCIA) -> None:
    """The homeserver pushes a receipt."""
    receipt = Receipt(event_id=event_id, user_id=reader, ts=0)
    await clinic.main.inbound.receipts(await clinic.store("ephemeral"), room_id, [receipt])


async def unread(clinic: Clinic, room_id: str, *, reader: str = LUCIA) -> int:
    """How many messages the reader has not read."""
    async with clinic.database.read() as connection:
        summary = await summary_of(connection, room_id=room_id, reader=reader, now=clinic.clock())
    return summary.unread_count


async def test_everybody_sees_their_own(clinic: Clinic, rooms: tuple[str, str]) -> None:
    """Both sides of a conversation, and nobody else."""
    with_garcia, with_juan = rooms
    listed = {
        person: {one.conversation_id for one in await clinic.main.conversations.list(user_id=person)}
        for person in (LUCIA, JUAN, GARCIA, LOPEZ)
    }
    assert listed == {LUCIA: {with_garcia, with_juan}, JUAN: {with_juan}, GARCIA: {with_garcia}, LOPEZ: set()}


async def test_the_newest_message_comes_first(clinic: Clinic, rooms: tuple[str, str]) -> None:
    """A conversation without any message comes last, on every database; its time is None."""
    with_garcia, with_juan = rooms
    await happens(clinic, with_juan, "$1")
    assert await order(clinic) == [with_juan, with_garcia]
    await happens(clinic, with_garcia, "$2")
    assert await order(clinic) == [with_garcia, with_juan]
    first, second = await clinic.main.conversations.list(user_id=LUCIA)
    assert (first.last_message_at, second.last_message_at) == (
        clinic.clock(),
        clinic.clock() - timedelta(minutes=1),
    )


async def order(clinic: Clinic) -> list[str]:
    """Lucia's conversations in the order of the list."""
    return [one.conversation_id for one in await clinic.main.conversations.list(user_id=LUCIA)]


async def test_only_messages_count(clinic: Clinic, rooms: tuple[str, str]) -> None:
    """State, reactions, edits and clear text are neither unread nor the last message."""
    room, _ = rooms
    await happens(clinic, room, "$1", sender=GARCIA)
    last_message_at = clinic.clock()
    await happens(clinic, room, "$2", sender=GARCIA, content=EDIT)
    for number, event_type in enumerate(("m.reaction", "m.room.message", "m.room.topic"), start=3):
        await happens(clinic, room, f"${number}", sender=GARCIA, event_type=event_type)
    (summary, _) = await clinic.main.conversations.list(user_id=LUCIA)
    assert (summary.last_message_at, summary.unread_count) == (last_message_at, 1)


async def test_unread_is_what_others_said_since(clinic: Clinic, rooms: tuple[str, str]) -> None:
    """Since the reader's receipt or own last message; her own messages are never unread to her."""
    room, other = rooms
    for number in range(4):
        await happens(clinic, room, f"$g{number}", sender=GARCIA)
    await happens(clinic, other, "$j", sender=JUAN)
    assert await unread(clinic, room) == 4
    await reads(clinic, room, "$g1")
    assert await unread(clinic, room) == 2
    await reads(clinic, room, "$g0")
    assert await unread(clinic, room) == 2
    await happens(clinic, room, "$l", sender=LUCIA)
    assert await unread(clinic, room) == 0
    assert await unread(clinic, room, reader=GARCIA) == 1
    await happens(clinic, room, "$g4", sender=GARCIA)
    assert await unread(clinic, room) == 1
    assert await unread(clinic, other) == 1


async def test_what_was_taken_back_is_not_unread(clinic: Clinic, rooms: tuple[str, str]) -> None:
    """As in Element's badge; a redaction in another room, or of nothing, changes nothing."""
    room, other = rooms
    for number in range(3):
        await happens(clinic, room, f"$g{number}", sender=GARCIA)
    for place, event_id, left in ((other, "$g0", 3), (room, "$none", 3), (room, "$g1", 2), (room, "$g1", 2)):
        await happens(
            clinic,
            place,
            f"$r{clinic.clock().isoformat()}",
            sender=GARCIA,
            event_type="m.room.redaction",
            content={"redacts": event_id},
        )
        assert await unread(clinic, room) == left


async def test_the_state_is_that_of_care(clinic: Clinic, rooms: tuple[str, str]) -> None:
    """Ended once care has ended, active when it starts again; each conversation for itself."""
    with_garcia, with_juan = rooms
    await clinic.end_care(LUCIA, GARCIA)
    assert await states(clinic) == {with_garcia: "ended", with_juan: "active"}
    await clinic.start_care(LUCIA, GARCIA)
    assert await states(clinic) == {with_garcia: "active", with_juan: "active"}


async def test_care_the_other_way_round_is_another_conversation(
    clinic: Clinic, rooms: tuple[str, str]
) -> None:
    """When the patient cares for the professional, that does not keep their first conversation active."""
    _, with_juan = rooms
    await clinic.end_care(LUCIA, JUAN)
    await clinic.start_care(JUAN, LUCIA)
    assert (await states(clinic))[with_juan] == "ended"


async def states(clinic: Clinic) -> dict[str, str]:
    """The state of each of Lucia's conversations."""
    return {one.conversation_id: one.state for one in await clinic.main.conversations.list(user_id=LUCIA)}
