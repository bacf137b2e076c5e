"""bridge/live: what happened has a place, whoever commits first; who reads on misses nothing and repeats nothing."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from sqlalchemy import insert

from appointments.services import depart, start_care
from bridge.database import Database
from bridge.facts import Fact, append
from bridge.live import placing
from bridge.live.notifier import Notifier
from bridge.live.placing import Placing
from bridge.live.streams import Event, Streams
from bridge.matrix.events import RoomEvent
from bridge.rooms import record_event
from bridge.storage.conversations import conversations
from tests.bridge.live.words import FakeWords

NOW = datetime(2026, 3, 1, 9, tzinfo=UTC)
LUCIA, JUAN, GARCIA = "@portal_lucia:portal", "@portal_juan:portal", "@garcia:hospital"
ROOM, OTHER_ROOM = "!lucia", "!juan"


@dataclass
class Ward:
    """Two conversations of Garcia's, and a process that tells what happens in them."""

    database: Database
    words: FakeWords = field(default_factory=FakeWords)
    now: datetime = NOW

    def __post_init__(self) -> None:
        """Start the process."""
        self.streams = self.process()
        self.notifier = self.streams.notifier

    def process(self) -> Streams:
        """A process on this database."""
        made = Placing(database=self.database, portal_server="portal", now=lambda: self.now)
        notifier = Notifier(database=self.database, placing=made)
        return Streams(database=self.database, notifier=notifier, words=self.words, now=lambda: self.now)

    async def open(self, room_id: str, patient: str) -> None:
        """A conversation of this patient and Garcia."""
        async with self.database.write() as connection:
            await start_care(
                connection,
                patient=patient,
                professional=GARCIA,
                role="gp",
                starts=NOW,
                ends=None,
                reason_sealed=None,
                now=NOW,
            )
            await connection.execute(
                insert(conversations).values(
                    id=room_id,
                    patient=patient,
                    professional=GARCIA,
                    nonce=room_id,
                    room_id=room_id,
                    created_at=NOW,
                    rotation_period_msgs=1,
                    rotation_period_ms=1,
                )
            )

    async def say(self, name: str, *, room_id: str = ROOM, sender: str = GARCIA) -> None:
        """A message was pushed to us."""
        async with self.database.write() as connection:
            await self.say_in(connection, name, room_id=room_id, sender=sender)

    async def say_in(self, connection: Any, name: str, *, room_id: str = ROOM, sender: str = GARCIA) -> None:
        """The same, in a transaction of the caller's."""
        event = RoomEvent(
            event_id=f"${name}",
            room_id=room_id,
            sender=sender,
            type="m.room.encrypted",
            origin_server_ts=0,
            content={"ciphertext": name},
        )
        await record_event(connection, event)
        await append(connection, fact("message.received", name, room_id=room_id))

    async def read(self, reader: str, after: int, *, with_bodies: bool = False) -> tuple[list[Event], int]:
        """What a stream of this reader tells next."""
        await self.notifier.current()
        return await self.streams.read(reader, after=after, with_bodies=with_bodies)

    async def told(self, reader: str, after: int = 0) -> list[str]:
        """The messages that a stream of this reader tells."""
        return [event.data["message_id"] for event in (await self.read(reader, after))[0]]


def fact(kind: str, name: str, *, room_id: str = ROOM) -> Fact:
    """Something about a message."""
    return Fact(id=f"{kind}:${name}", kind=kind, subject=room_id, at=NOW, data={"event_id": f"${name}"})


@pytest.fixture
async def ward(database: Database) -> Ward:
    """Both conversations, in which nothing was said."""
    made = Ward(database)
    await made.open(ROOM, LUCIA)
    await made.open(OTHER_ROOM, JUAN)
    return made


async def test_everybody_is_told_of_her_own(ward: Ward) -> None:
    """One event for each person of the conversation, in order; nothing of other conversations."""
    await ward.say("1")
    await ward.say("2", room_id=OTHER_ROOM)
    await ward.say("3")
    assert await ward.told(LUCIA) == ["$1", "$3"]
    assert await ward.told(JUAN) == ["$2"]
    assert await ward.told(GARCIA) == ["$1", "$2", "$3"]
    assert await ward.told("@nobody:portal") == []


async def test_who_comes_back_goes_on(ward: Ward) -> None:
    """Behind the last event seen: no gap, no repeat, also in another process."""
    await ward.say("1")
    await ward.say("2")
    (first, _), _ = await ward.read(LUCIA, 0)
    await ward.say("3")
    start = await ward.process().start(first.id)
    assert not start.is_reset
    assert await ward.told(LUCIA, start.place) == ["$2", "$3"]


async def test_who_comes_first_hears_what_happens_from_now_on(ward: Ward) -> None:
    """Not what happened before, even if nobody had given it a place."""
    await ward.say("1")
    start = await ward.streams.start(None)
    await ward.say("2")
    assert await ward.told(LUCIA, start.place) == ["$2"]


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)  # SQLite has one writer at a time
async def test_a_slower_transaction_is_not_skipped(ward: Ward) -> None:
    """The one that drew its number first commits last: the reader who has seen the other still gets it."""
    slow_has_its_number, may_commit = asyncio.Event(), asyncio.Event()

    async def slow() -> None:
        async with ward.database.write() as connection:
            await ward.say_in(connection, "slow")
            slow_has_its_number.set()
            await may_commit.wait()

    task = asyncio.create_task(slow())
    await slow_has_its_number.wait()
    await ward.say("fast")
    (seen,), place = await ward.read(LUCIA, 0)
    assert seen.data["message_id"] == "$fast"
    may_commit.set()
    await task
    for after in (place, int(seen.id)):
        assert await ward.told(LUCIA, after) == ["$slow"]


async def test_many_writers_and_readers_at_once(ward: Ward) -> None:
    """Four processes place while others write: every reader gets each event once, in one order."""
    over = asyncio.Event()

    async def write(number: int) -> None:
        for count in range(15):
            async with ward.database.write() as connection:
                await ward.say_in(connection, f"{number}-{count}")
                await asyncio.sleep(0.001 * ((number + count) % 3))

    async def follow() -> list[str]:
        streams, place, told = ward.process(), 0, []
        while True:
            is_over = over.is_set()
            await streams.notifier.current()
            events, place = await streams.read(LUCIA, after=place, with_bodies=False)
            told += [event.data["message_id"] for event in events]
            if is_over and not events:
                return told
            await asyncio.sleep(0)

    followers = [asyncio.create_task(follow()) for _ in range(4)]
    await asyncio.gather(*(write(number) for number in range(4)))
    over.set()
    told = await asyncio.gather(*followers)
    assert len(told[0]) == 60
    assert all(one == told[0] for one in told)
    assert set(told[0]) == {f"${number}-{count}" for number in range(4) for count in range(15)}


async def test_statuses_are_told(ward: Ward) -> None:
    """What a message is at first is told with it, what it becomes afterwards on its own."""
    await ward.say("1", sender=LUCIA)
    await ward.say("2", sender=GARCIA)
    async with ward.database.write() as connection:
        await append(connection, fact("message.sent", "1"))
        await append(connection, fact("message.delivered", "1"))
        await append(connection, fact("message.read", "1"))
    events, _ = await ward.read(LUCIA, 0)
    assert [(one.name, one.data["message_id"], one.data["status"]) for one in events] == [
        ("message", "$1", "sent"),
        ("message", "$2", "delivered"),
        ("status", "$1", "delivered"),
        ("status", "$1", "read"),
    ]


async def test_what_was_sent_is_told_once(ward: Ward) -> None:
    """By whichever of its two facts comes first, together or not; as what its sender makes it."""
    async with ward.database.write() as connection:
        sent = fact("message.sent", "1")
        await append(connection, replace(sent, data={**sent.data, "sender": LUCIA}))
    (told,), place = await ward.read(LUCIA, 0)
    assert (told.data["message_id"], told.data["status"]) == ("$1", "sent")
    await ward.say("1", sender=LUCIA)
    await ward.say("2", sender=LUCIA)
    async with ward.database.write() as connection:
        await append(connection, fact("message.sent", "2"))
    assert await ward.told(LUCIA, place) == ["$2"]


async def test_appointments_and_visits_are_told_to_whom_they_name(ward: Ward) -> None:
    """Ids and states only; neither the people nor anything else of the fact."""
    async with ward.database.write() as connection:
        booked = {
            "appointment_id": "a",
            "status": "booked",
            "patient": LUCIA,
            "professional": GARCIA,
            "by": LUCIA,
        }
        await append(connection, Fact("1", "appointment.booked", "a", NOW, booked))
        await append(
            connection,
            Fact("2", "visit.waiting", "c", NOW, {"call_id": "c", "status": "waiting", "audience": [GARCIA]}),
        )
        await append(connection, Fact("3", "care.started", "x", NOW, {"patient": LUCIA}))
    told = {
        who: [(one.name, one.data) for one in (await ward.read(who, 0))[0]] for who in (LUCIA, GARCIA, JUAN)
    }
    appointment = ("appointment", {"appointment_id": "a", "status": "booked"})
    assert told == {
        LUCIA: [appointment],
        GARCIA: [appointment, ("visit", {"call_id": "c", "status": "waiting"})],
        JUAN: [],
    }


async def test_words_are_read_for_whom_may_have_them(ward: Ward) -> None:
    """`body` is there with words only; what turns out to be no message is not told; nothing is stored."""
    for name in ("1", "2", "3"):
        await ward.say(name)
    ward.words.texts = {"$1": "hola", "$2": None}
    ward.words.no_messages = {"$3"}
    events, _ = await ward.read(LUCIA, 0, with_bodies=True)
    assert [(one.data["message_id"], one.data["body"]) for one in events] == [("$1", "hola"), ("$2", None)]
    events, _ = await ward.read(LUCIA, 0)
    assert all("body" not in one.data for one in events)


async def test_who_lost_her_part_is_told_nothing(ward: Ward) -> None:
    """What was placed for a professional who has left since is not told to her any more."""
    await ward.say("1")
    assert await ward.told(GARCIA) == ["$1"]
    async with ward.database.write() as connection:
        await depart(connection, professional=GARCIA, now=NOW)
    ward.now += timedelta(seconds=1)
    assert await ward.told(GARCIA) == []
    assert await ward.told(LUCIA) == ["$1"]


async def test_a_day_is_kept(ward: Ward) -> None:
    """After 24 hours an old cursor is reset, to now; places are never given twice."""
    await ward.say("1")
    await ward.say("2")
    (first, second), _ = await ward.read(LUCIA, 0)
    await prune_at(ward, NOW + timedelta(hours=23, minutes=59))
    assert not (await ward.streams.start(first.id)).is_reset
    await prune_at(ward, NOW + timedelta(hours=24))
    # She who has seen everything has missed nothing.
    assert not (await ward.streams.start(str(await ward.notifier.current()))).is_reset
    start = await ward.streams.start(first.id)
    assert start.is_reset
    await ward.say("3")
    (third,), _ = await ward.read(LUCIA, start.place)
    assert int(third.id) > int(second.id)


async def prune_at(ward: Ward, now: datetime) -> None:
    """What the job does then."""
    async with ward.database.write() as connection:
        await placing.prune(connection, now=now)


@pytest.mark.parametrize("last", ["", "x", "-1", "1.5", "9" * 30, "99999", "٣"])
async def test_a_cursor_that_we_never_gave_is_reset(ward: Ward, last: str) -> None:
    """Whatever a client comes back with."""
    await ward.say("1")
    assert (await ward.streams.start(last)).is_reset


async def test_a_long_absence_is_read_in_pieces(ward: Ward) -> None:
    """However much was missed, so much at once; and a quiet reader's cursor follows the others' events."""
    async with ward.database.write() as connection:
        for number in range(250):
            await ward.say_in(connection, str(number))
    place, counts = 0, []
    while True:
        events, place = await ward.read(LUCIA, place)
        counts.append(len(events))
        if not events:
            break
    assert counts == [100, 100, 50, 0]
    assert await ward.read(JUAN, 0) == ([], place)


async def test_the_bell_rings_for_whom_it_concerns(ward: Ward) -> None:
    """Within a moment of a commit here, of one elsewhere too; not for others; and for all at the end."""
    ward.notifier.start(registry=CollectorRegistry())
    try:
        with ward.notifier.subscribe(LUCIA) as lucia, ward.notifier.subscribe(JUAN) as juan:
            for bell in (lucia, juan):  # opening counts as news
                assert await bell.rung(within_s=5)
            await ward.say("1")
            ward.notifier.wake()
            assert await lucia.rung(within_s=5)
            await ward.say("2")
            assert await lucia.rung(within_s=5)
            assert not await juan.rung(within_s=0.05)
            await ward.notifier.stop()
            assert await juan.rung(within_s=1)
    finally:
        with suppress(asyncio.CancelledError):
            await ward.notifier.stop()
