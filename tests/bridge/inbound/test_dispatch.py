"""bridge/inbound/dispatch.py: the order that holds, and what happens when a handler fails."""

import asyncio
import tracemalloc

import pytest
from sqlalchemy import update
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.inbound import dispatch
from bridge.inbound.dispatch import Dispatcher
from bridge.inbound.inbox import StoredItem, read_waiting
from bridge.inbound.items import InboxItem
from bridge.matrix.errors import HomeserverUnreachableError, MatrixError
from bridge.storage.database import Database
from bridge.storage.inbox import inbox
from tests.bridge.recorder import AT, OTHERS, Recorder, dispatching, event, left_over, message, stored
from tests.until import until


async def test_every_kind_reaches_its_handler(database: Database) -> None:
    """Each kind of item is handed over as what it is, once, and is processed then."""
    recorder = Recorder(database)
    async with dispatching(database, recorder) as dispatcher:
        dispatcher.submit(await stored(database, message("key"), *OTHERS, event("$1")))
        await dispatcher.settled()
    assert recorder.done == [
        "key",
        "changed ['@a:h'] left []",
        "counts {'@a:h': {'D': {}}} {'@a:h': {'D': []}}",
        "!r read by ['@a:h']",
        "$1",
    ]
    assert await left_over(database) == []


async def test_keys_are_done_before_events_that_came_later(database: Database) -> None:
    """A room event waits for every smaller-numbered item about keys, retries included."""
    recorder = Recorder(database)
    recorder.failures["key"] = [HomeserverUnreachableError("down")] * 2
    async with dispatching(database, recorder) as dispatcher:
        dispatcher.submit(await stored(database, message("key"), message("key2"), event("$1")))
        await dispatcher.settled()
    assert recorder.begun == ["key", "key", "key", "key2", "$1"]


async def test_a_room_is_in_order_and_holds_up_no_other(database: Database) -> None:
    """While one room's event waits, the room's next ones wait too and other rooms go on."""
    recorder = Recorder(database)
    recorder.gates["$slow"] = asyncio.Event()
    async with dispatching(database, recorder) as dispatcher:
        dispatcher.submit(await stored(database, event("$slow", "!a"), event("$2", "!a"), event("$3", "!b")))
        await until(lambda: "$3" in recorder.done)
        assert recorder.begun == ["$slow", "$3"]
        dispatcher.submit(await stored(database, message("later key"), event("$4", "!b")))
        await until(lambda: "$4" in recorder.done)
        recorder.gates["$slow"].set()
        await dispatcher.settled()
    assert recorder.done == ["$3", "later key", "$4", "$slow", "$2"]


TEMPORARY = [
    HomeserverUnreachableError("down"),
    MatrixError(status=502, errcode="M_UNKNOWN", message=""),
    MatrixError(status=429, errcode="M_LIMIT_EXCEEDED", message="", retry_after_s=0.02),
    OperationalError("x", {}, Exception("locked")),
    ConnectionRefusedError(),
]


@pytest.mark.parametrize("error", TEMPORARY, ids=lambda error: type(error).__name__)
async def test_temporary_trouble_is_tried_again_in_place(database: Database, error: Exception) -> None:
    """The same event again, before the room's next."""
    recorder = Recorder(database)
    recorder.failures["$1"] = [error, error]
    async with dispatching(database, recorder) as dispatcher:
        dispatcher.submit(await stored(database, event("$1"), event("$2")))
        await dispatcher.settled()
    assert recorder.begun == ["$1", "$1", "$1", "$2"]
    assert recorder.done == ["$1", "$2"]


async def test_an_item_that_never_works_is_given_up(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    """A handler's bug costs its own item only, which is logged without the error's words."""
    recorder = Recorder(database)
    recorder.failures["$1"] = [ValueError("me duele")]
    async with dispatching(database, recorder) as dispatcher:
        dispatcher.submit(await stored(database, event("$1"), event("$2")))
        await dispatcher.settled()
    assert recorder.begun == ["$1", "$2"]
    assert await left_over(database) == []
    assert "given up: ValueError at recorder.py" in caplog.text
    assert "me duele" not in caplog.text


async def test_what_a_dead_process_left_is_taken_up_in_order(database: Database) -> None:
    """Stored and never handed over, or handed over and not finished: the next start does it all, once."""
    first = Recorder(database)
    first.gates["$2"] = asyncio.Event()
    await stored(database, event("$1"), event("$2"), event("$3"), event("$other", "!b"))
    async with dispatching(database, first):
        await until(lambda: {"$1", "$other"} <= set(first.done))
    assert await left_over(database) == ["$2", "$3"]
    second = Recorder(database)
    async with dispatching(database, second) as dispatcher:
        await dispatcher.settled()
    assert second.done == ["$2", "$3"]


async def test_what_comes_before_the_start_is_not_done_twice(database: Database) -> None:
    """An item that was submitted early and is found in the database too is one item."""
    recorder = Recorder(database)
    dispatcher = Dispatcher(database=database, handlers=recorder, now=lambda: AT)
    dispatcher.submit(await stored(database, event("$1")))
    await stored(database, event("$2"))
    assert not dispatcher.is_running
    await dispatcher.start()
    assert dispatcher.is_running
    await dispatcher.settled()
    await dispatcher.stop()
    assert recorder.begun == ["$1", "$2"]


async def test_a_stop_lets_a_handler_finish_and_begins_no_other(database: Database) -> None:
    """What is under way is finished, what waits or sleeps before a retry stays for the next start."""
    recorder = Recorder(database)
    recorder.gates["$1"] = asyncio.Event()
    recorder.failures["$failing"] = [HomeserverUnreachableError("down")] * 9
    dispatcher = Dispatcher(database=database, handlers=recorder, now=lambda: AT, first_retry_s=60)
    await dispatcher.start()
    dispatcher.submit(await stored(database, event("$1"), event("$2"), event("$failing", "!b")))
    await until(lambda: len(recorder.begun) == 2)
    stopping = asyncio.create_task(dispatcher.stop())
    await asyncio.sleep(0)
    recorder.gates["$1"].set()
    await stopping
    assert recorder.done == ["$1"]
    assert await left_over(database) == ["$2", "$failing"]
    await dispatcher.keys_settled()  # a stopped dispatcher keeps nobody waiting


async def test_whoever_waits_for_keys_waits_for_keys_only(database: Database) -> None:
    """keys_settled ends when the messages submitted before are handled, whatever rooms do."""
    recorder = Recorder(database)
    recorder.gates["$slow"] = asyncio.Event()
    recorder.gates["key"] = asyncio.Event()
    async with dispatching(database, recorder) as dispatcher:
        dispatcher.submit(await stored(database, event("$slow"), message("key")))
        settled = asyncio.create_task(dispatcher.keys_settled())
        await until(lambda: "key" in recorder.begun)
        assert not settled.done()
        recorder.gates["key"].set()
        await settled
        assert recorder.done == ["key"]
        recorder.gates["$slow"].set()
        await dispatcher.settled()


async def test_a_room_is_busy_while_something_comes_first(database: Database) -> None:
    """Its own events, and whatever is about keys; nothing is done at once before the start and after the stop."""
    recorder = Recorder(database)
    recorder.gates |= {"$slow": asyncio.Event(), "key": asyncio.Event()}
    unstarted = Dispatcher(database=database, handlers=recorder, now=lambda: AT)
    assert unstarted.is_busy("!a")
    async with dispatching(database, recorder) as dispatcher:
        assert not dispatcher.is_busy("!a")
        dispatcher.submit(await stored(database, event("$slow", "!a")))
        assert dispatcher.is_busy("!b")  # nobody has looked yet what it is about
        await until(lambda: "$slow" in recorder.begun)
        assert (dispatcher.is_busy("!a"), dispatcher.is_busy("!b")) == (True, False)
        dispatcher.submit(await stored(database, message("key")))
        await until(lambda: "key" in recorder.begun)
        assert dispatcher.is_busy("!b")
        recorder.gates["key"].set()
        recorder.gates["$slow"].set()
        await dispatcher.settled()
        assert not dispatcher.is_busy("!a")
    assert dispatcher.is_busy("!a")


@pytest.mark.parametrize("stuck", ["$0", "key"])
async def test_what_waits_long_waits_in_the_database(database: Database, stuck: str) -> None:
    """Of a room in trouble, and of what waits for a key, only the first few are held in memory; all is in order."""
    recorder = Recorder(database)
    recorder.gates[stuck] = asyncio.Event()
    events = [f"${number}" for number in range(12)]
    others = [f"$other{number}" for number in range(3)]
    async with dispatching(database, recorder, most_held=3) as dispatcher:
        dispatcher.submit(await stored(database, message("key"), *[event(one) for one in events[:4]]))
        dispatcher.submit(await stored(database, *[event(one) for one in events[4:8]], message("key2")))
        await until(lambda: stuck in recorder.begun)
        async with database.write() as connection:  # what is not held is what the database says
            changed = {"payload": event("$6!").payload}
            await connection.execute(update(inbox).where(inbox.c.dedupe_key == "$6").values(changed))
        dispatcher.submit(await stored(database, *[event(one) for one in events[8:]]))
        dispatcher.submit(await stored(database, *[event(one, "!b") for one in others]))
        recorder.gates[stuck].set()
        await dispatcher.settled()
    of_room = [one for one in recorder.done if one[1].isdigit()]
    assert of_room == [*events[:6], "$6!", *events[7:]]
    assert [one for one in recorder.done if one in others] == others
    assert {"key", "key2"} <= set(recorder.done)
    assert len(recorder.done) == len(set(recorder.done)) == 17
    assert await left_over(database) == []


async def test_a_start_reads_no_more_than_it_holds(database: Database) -> None:
    """However much a dead process left: a thousand events, all done in their order."""
    names = [f"${number}" for number in range(1000)]
    padding = {"content": {"ciphertext": "c" * 20_000}}
    await stored(database, *[InboxItem("event", one, event(one).payload | padding) for one in names])
    recorder = Recorder(database)
    recorder.gates["$0"] = asyncio.Event()
    tracemalloc.start()
    try:
        async with dispatching(database, recorder, most_held=3):
            await until(lambda: "$0" in recorder.begun)
            _, most = tracemalloc.get_traced_memory()
            tracemalloc.stop()
            assert most < 10_000_000
            recorder.gates["$0"].set()
            await until(lambda: len(recorder.done) == 1000)
    finally:
        tracemalloc.stop()
    assert recorder.done == names


async def test_reading_what_waits_is_tried_again(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """A database that is away for a moment costs nothing but that moment."""
    failures = [OperationalError("x", {}, Exception("locked"))] * 2

    async def failing(connection: AsyncConnection, seq: int) -> StoredItem | None:
        if failures:
            raise failures.pop()
        return await read_waiting(connection, seq)

    monkeypatch.setattr(dispatch, "read_waiting", failing)
    recorder = Recorder(database)
    async with dispatching(database, recorder, most_held=1) as dispatcher:
        dispatcher.submit(await stored(database, *[event(f"${number}") for number in range(4)]))
        await dispatcher.settled()
    assert (recorder.done, failures) == (["$0", "$1", "$2", "$3"], [])
