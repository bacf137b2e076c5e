"""bridge/states/receipts.py: who has read up to where."""

from datetime import UTC, datetime, timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from bridge.matrix.events import RoomEvent
from bridge.messages_model import ReadBy
from bridge.rooms.rooms import record_event
from bridge.states.receipts import prune, read_states, record_receipt, settle_early_receipts
from bridge.storage.conversations import early_receipts
from bridge.storage.database import Database

AT = datetime(2026, 3, 1, 9, tzinfo=UTC)
ROOM, OTHER_ROOM = "!consult", "!other"
LUCIA, GARCIA = "@portal_lucia:portal", "@garcia:hospital"
EVENTS = ("$1", "$2", "$3", "$4")


async def fill(database: Database, room_id: str = ROOM, events: tuple[str, ...] = EVENTS) -> None:
    """Events in a room, in their order."""
    async with database.write() as connection:
        for event_id in events:
            event = RoomEvent(
                event_id=event_id,
                room_id=room_id,
                sender=LUCIA,
                type="m.room.encrypted",
                origin_server_ts=0,
                content={},
            )
            await record_event(connection, event)


async def read(
    database: Database, event_id: str, *, room_id: str = ROOM, user_id: str = GARCIA, at: datetime = AT
) -> None:
    """Somebody's receipt."""
    async with database.write() as connection:
        await record_receipt(connection, room_id=room_id, user_id=user_id, event_id=event_id, at=at)


async def readers(database: Database, room_id: str = ROOM) -> list[list[str]]:
    """Who of Lucia and Garcia has read each of the events."""
    async with database.read() as connection:
        states = await read_states(connection, room_id, EVENTS)
    people = (LUCIA, GARCIA)
    return [[one.user_id for one in states.read_by(event_id, people=people)] for event_id in EVENTS]


async def test_a_receipt_covers_the_events_up_to_its_own(database: Database) -> None:
    """Those before it and itself, none after."""
    await fill(database)
    await read(database, "$2")
    assert await readers(database) == [[GARCIA], [GARCIA], [], []]


async def test_each_reader_has_one_receipt(database: Database) -> None:
    """With the time that it says; the earlier reader first."""
    await fill(database)
    await read(database, "$1", at=AT + timedelta(minutes=1))
    await read(database, "$4", user_id=LUCIA, at=AT)
    async with database.read() as connection:
        states = await read_states(connection, ROOM, EVENTS)
    assert states.read_by("$1", people={LUCIA, GARCIA}) == (
        ReadBy(LUCIA, AT),
        ReadBy(GARCIA, AT + timedelta(minutes=1)),
    )
    assert states.read_by("$1", people={GARCIA}) == (ReadBy(GARCIA, AT + timedelta(minutes=1)),)


async def test_an_unknown_event_moves_nothing(database: Database) -> None:
    """Never heard of, or one of another room: nobody reads ahead in a room through another one's events."""
    await fill(database)
    await fill(database, OTHER_ROOM, ("$elsewhere",))
    for event_id in ("$unknown", "$elsewhere"):
        await read(database, event_id)
    assert await readers(database) == [[], [], [], []]
    async with database.read() as connection:
        states = await read_states(connection, ROOM, EVENTS)
    assert states.read_by("$unknown", people={GARCIA}) == ()


async def test_rooms_have_receipts_of_their_own(database: Database) -> None:
    """Read in one room is not read in another."""
    await fill(database)
    await fill(database, OTHER_ROOM, ("$elsewhere",))
    await read(database, "$elsewhere", room_id=OTHER_ROOM)
    assert await readers(database) == [[], [], [], []]


async def test_the_same_receipt_again_changes_nothing(database: Database) -> None:
    """Not even its time: she read when she first said so."""
    await fill(database)
    await read(database, "$2", at=AT)
    await read(database, "$2", at=AT + timedelta(hours=1))
    async with database.read() as connection:
        states = await read_states(connection, ROOM, EVENTS)
    assert states.read_by("$2", people={GARCIA}) == (ReadBy(GARCIA, AT),)


async def test_what_is_no_message_is_known_as_such(database: Database) -> None:
    """An event that we don't know may be a message."""
    async with database.write() as connection:
        for event_id, content in (
            ("$1", {"ciphertext": "…"}),
            ("$2", {"m.relates_to": {"rel_type": "m.replace", "event_id": "$1"}}),
        ):
            event = RoomEvent(
                event_id=event_id,
                room_id=ROOM,
                sender=LUCIA,
                type="m.room.encrypted",
                origin_server_ts=0,
                content=content,
            )
            await record_event(connection, event)
    async with database.read() as connection:
        states = await read_states(connection, ROOM, EVENTS)
    assert [states.is_message(event_id) for event_id in ("$1", "$2", "$3")] == [True, False, True]


@given(st.lists(st.sampled_from([*EVENTS, "$unknown"]), max_size=8))
@settings(
    max_examples=20,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
async def test_a_receipt_moves_only_forward(database: Database, told: list[str]) -> None:
    """Whatever order receipts arrive in, the furthest known one holds."""
    await fill(database)
    user_id = f"@reader{hash(tuple(told))}:hospital"
    for event_id in told:
        await read(database, event_id, user_id=user_id)
    async with database.read() as connection:
        states = await read_states(connection, ROOM, EVENTS)
    furthest = max((EVENTS.index(event_id) for event_id in told if event_id in EVENTS), default=-1)
    is_read = [bool(states.read_by(event_id, people={user_id})) for event_id in EVENTS]
    assert is_read == [place <= furthest for place in range(len(EVENTS))]


async def test_a_receipt_whose_event_never_comes_is_forgotten(database: Database) -> None:
    """After a week, and not before."""
    await read(database, "$never", at=AT)
    for days, kept in ((6, 1), (7, 0)):
        async with database.write() as connection:
            await prune(connection, now=AT + timedelta(days=days))
            assert len((await connection.execute(select(early_receipts))).all()) == kept


async def test_a_receipt_may_come_before_its_event(database: Database) -> None:
    """It counts once the event has its place; of several that wait the latest does; another room's never."""
    await fill(database, events=("$1", "$2"))
    await read(database, "$4", at=AT + timedelta(minutes=2))
    await read(database, "$3", at=AT)
    await read(database, "$4", room_id=OTHER_ROOM, user_id=LUCIA)
    await settle_early_receipts(database)
    assert await readers(database) == [[], [], [], []]
    await fill(database, events=("$3", "$4"))
    await settle_early_receipts(database)
    assert await readers(database) == [[GARCIA], [GARCIA], [GARCIA], [GARCIA]]
