"""bridge/rooms/rooms.py: what we know of consult rooms."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import insert

from appointments.care import CareRelationship
from appointments.representation import Representation, Scope
from appointments.storage import care as cares
from appointments.storage import departures
from appointments.storage import representation as representations
from bridge.e2ee.model import Rotation
from bridge.matrix.events import RoomEvent
from bridge.rooms.former_rooms import Place, place_of
from bridge.rooms.rooms import (
    Reading,
    RoomEncryption,
    membership_of,
    readers_of,
    record_event,
    room_encryption,
    set_membership,
    set_rotation,
)
from bridge.storage.conversations import conversations
from bridge.storage.database import Database
from bridge.storage.direct_chats import direct_chats

ROOM = "!consult"
NOW = datetime(2026, 3, 1, tzinfo=UTC)
LUCIA, GARCIA, ASSISTANT = "@portal_lucia:portal", "@garcia:hospital", "@asistente:portal"
NOT_ATTENDING = Reading(ASSISTANT, attends=False)


@pytest.fixture
async def room(database: Database) -> str:
    """A consult room in which nobody has been seen yet."""
    row = {
        "id": "1",
        "patient": LUCIA,
        "professional": GARCIA,
        "nonce": "n",
        "room_id": ROOM,
        "created_at": datetime(2026, 3, 1, tzinfo=UTC),
        "rotation_period_msgs": 100,
        "rotation_period_ms": 604_800_000,
    }
    async with database.write() as connection:
        await connection.execute(insert(conversations).values(row))
    return ROOM


async def encryption(database: Database, *, attends: bool = True) -> RoomEncryption:
    """For whom and how a message is encrypted."""
    async with database.read() as connection:
        return await room_encryption(connection, ROOM, reading=Reading(ASSISTANT, attends=attends), now=NOW)


async def test_the_two_are_recipients_before_anybody_joined(database: Database, room: str) -> None:
    """Who can't be invited yet reads later what was written meanwhile."""
    assert await encryption(database) == RoomEncryption(
        ROOM, frozenset({LUCIA, GARCIA}), Rotation(period_msgs=100, period_ms=604_800_000)
    )
    assert room


@pytest.mark.parametrize(
    ("membership", "is_recipient"),
    [("join", True), ("invite", True), ("leave", False), ("ban", False), ("knock", False), ("?", False)],
)
async def test_an_attending_assistant_is_a_recipient(
    database: Database, room: str, membership: str, *, is_recipient: bool
) -> None:
    """As long as it is in the room or invited, and the clinic wants it there."""
    async with database.write() as connection:
        await set_membership(connection, room, ASSISTANT, "invite")
        await set_membership(connection, room, ASSISTANT, membership)
    assert (ASSISTANT in (await encryption(database)).recipients) is is_recipient
    assert ASSISTANT not in (await encryption(database, attends=False)).recipients


@pytest.mark.parametrize("membership", ["join", "invite"])
async def test_being_in_the_room_gives_no_keys(database: Database, room: str, membership: str) -> None:
    """Whoever was put into it past us is no recipient, whatever account it is."""
    for stranger in ("@eve:portal", "@eve:hospital", "@portal_eve:portal"):
        async with database.write() as connection:
            await set_membership(connection, room, stranger, membership)
    assert (await encryption(database)).recipients == {LUCIA, GARCIA}


DAY = timedelta(days=1)
REPRESENTATIONS: list[tuple[frozenset[Scope], datetime, datetime | None]] = [
    (frozenset({"messages"}), NOW, None),
    (frozenset({"messages", "video"}), NOW - DAY, NOW + DAY),
    (frozenset({"messages"}), NOW - DAY, NOW),
    (frozenset({"messages"}), NOW + DAY, None),
    (frozenset({"appointments"}), NOW - DAY, None),
]


@pytest.mark.parametrize("departed_at", [None, NOW - 2 * DAY, NOW - DAY, NOW])
@pytest.mark.parametrize("care_ends", ["never entered", None, NOW - DAY // 2])
async def test_who_takes_part_is_one_thing(
    database: Database, room: str, care_ends: Any, departed_at: datetime | None
) -> None:
    """Messages are encrypted for exactly those of whom ours are made able to read them."""
    async with database.write() as connection:
        if care_ends != "never entered":
            care = CareRelationship(LUCIA, GARCIA, "gp", NOW - 3 * DAY, care_ends)
            await cares.store(connection, care, reason_sealed=None, now=NOW - DAY)
        if departed_at is not None:
            await departures.store(connection, GARCIA, at=departed_at)
        for number, (scopes, starts, ends) in enumerate(REPRESENTATIONS):
            act = Representation(LUCIA, f"@carer{number}:hospital", scopes, starts, ends)
            await representations.store(connection, act, reason_sealed=None, now=NOW - DAY)
        readers = await readers_of(connection, room, now=NOW)
        assert await readers_of(connection, "!other", now=NOW) is None
    assert readers is not None
    assert readers.place == Place(room, is_current=True)
    members = readers.people
    assert members == (await encryption(database)).recipients
    assert {LUCIA, "@carer0:hospital", "@carer1:hospital"} == members - {GARCIA}


async def test_memberships_are_of_one_room(database: Database, room: str) -> None:
    """The last one counts; whoever was never seen has none."""
    async with database.write() as connection:
        await set_membership(connection, "!other", GARCIA, "ban")
        await set_membership(connection, room, LUCIA, "invite")
        await set_membership(connection, room, LUCIA, "join")
    async with database.read() as connection:
        assert await membership_of(connection, room, [LUCIA, GARCIA]) == {LUCIA: "join"}
        assert await membership_of(connection, room, [GARCIA]) == {}


async def test_consult_rooms_are_known(database: Database, room: str) -> None:
    """Other rooms are none."""
    async with database.read() as connection:
        assert await place_of(connection, room) == Place(room, is_current=True)
        assert await place_of(connection, "!other") is None


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ({"rotation_period_msgs": 5, "rotation_period_ms": 60_000}, Rotation(5, 60_000)),
        ({"rotation_period_msgs": 5}, Rotation(5, 604_800_000)),
        ({"rotation_period_ms": 60_000}, Rotation(100, 60_000)),
        ({}, Rotation(100, 604_800_000)),
        ({"rotation_period_msgs": 0, "rotation_period_ms": -1}, Rotation(100, 604_800_000)),
        ({"rotation_period_msgs": True, "rotation_period_ms": "60000"}, Rotation(100, 604_800_000)),
        ({"rotation_period_msgs": 1.5, "rotation_period_ms": None}, Rotation(100, 604_800_000)),
        ({"rotation_period_msgs": 2**53, "rotation_period_ms": 2**70}, Rotation(100, 604_800_000)),
    ],
)
async def test_rotation_follows_the_room(
    database: Database, room: str, content: dict[str, Any], expected: Rotation
) -> None:
    """Values that make no sense, or that no column holds, leave what was."""
    async with database.write() as connection:
        await set_rotation(connection, room, content)
    assert (await encryption(database)).rotation == expected


async def test_an_event_takes_one_place(database: Database) -> None:
    """Recorded again, it is known already."""
    event = RoomEvent(
        event_id="$1", room_id=ROOM, sender=LUCIA, type="m.reaction", origin_server_ts=1, content={}
    )
    async with database.write() as connection:
        assert await record_event(connection, event)
        assert not await record_event(connection, event)


async def test_of_a_direct_chat_its_members_are_recipients(database: Database) -> None:
    """Nobody before she is invited, nor after she left; the rotation is the chat's own."""
    at = datetime(2026, 3, 1, tzinfo=UTC)
    row = {
        "person": GARCIA,
        "nonce": "n",
        "room_id": "!chat",
        "created_at": at,
        "failures": 0,
        "retry_at": at,
        "rotation_period_msgs": 7,
        "rotation_period_ms": 70_000,
    }
    async with database.write() as connection:
        await connection.execute(insert(direct_chats).values(row))
        assert await room_encryption(connection, "!chat", reading=NOT_ATTENDING, now=at) == RoomEncryption(
            "!chat", frozenset(), Rotation(7, 70_000)
        )
        for membership, recipients in (("invite", {GARCIA}), ("join", {GARCIA}), ("leave", set())):
            await set_membership(connection, "!chat", GARCIA, membership)
            await set_membership(connection, "!chat", "@eve:hospital", membership)
            assert (
                await room_encryption(connection, "!chat", reading=NOT_ATTENDING, now=at)
            ).recipients == recipients
        assert await place_of(connection, "!chat") is None
