"""bridge/inbound/catchup.py: what a failed push threw away is fetched, once, and not lost in between."""

from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import select, update

from bridge.e2ee import tracking
from bridge.inbound.catchup import CatchUp
from bridge.inbound.inbox import store, waiting
from bridge.inbound.items import items_of_transaction
from bridge.matrix.errors import HomeserverUnreachableError, MatrixError
from bridge.storage.catch_up import catch_up
from bridge.storage.database import Database
from bridge.storage.e2ee import tracked_users
from tests.bridge.inboxes import JUAN, LUCIA, Dispatcher, Homeserver, message

AT = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)


@pytest.fixture
def homeserver() -> Homeserver:
    """A homeserver."""
    return Homeserver()


@pytest.fixture
def dispatcher() -> Dispatcher:
    """What was handed over."""
    return Dispatcher()


@pytest.fixture
def unknown() -> list[tuple[str, str]]:
    """The devices that turned out to be unknown to the homeserver."""
    return []


@pytest.fixture
def catching(
    database: Database,
    homeserver: Homeserver,
    dispatcher: Dispatcher,
    unknown: list[tuple[str, str]],
) -> CatchUp:
    """Catching up with that homeserver."""
    client: Any = homeserver
    taker: Any = dispatcher

    async def republish(user_id: str, device_id: str) -> None:
        unknown.append((user_id, device_id))

    return CatchUp(database=database, client=client, dispatcher=taker, republish=republish, now=lambda: AT)


async def kept(database: Database) -> dict[str, tuple[str, datetime | None]]:
    """How far each device has read."""
    async with database.read() as connection:
        rows = await connection.execute(select(catch_up.c.device_id, catch_up.c.since, catch_up.c.emptied_at))
        return {device_id: (since, emptied_at) for device_id, since, emptied_at in rows}


async def test_everything_that_waits_is_fetched(
    catching: CatchUp, homeserver: Homeserver, dispatcher: Dispatcher, database: Database
) -> None:
    """Page after page, in order, until the inbox is empty there too; then it waits for the handlers."""
    for name in ("one", "two", "three"):
        homeserver.deliver(LUCIA, name)
    await catching.catch_up(*LUCIA)
    assert dispatcher.names() == [("VC1", "one"), ("VC1", "two"), ("VC1", "three")]
    assert dispatcher.settled_after == [len(dispatcher.submitted)]
    assert homeserver.inboxes["VC1"] == []
    assert await kept(database) == {"VC1": ("3", AT)}
    async with database.read() as connection:
        assert await waiting(connection) == dispatcher.submitted


async def test_the_next_time_goes_on_from_there(
    catching: CatchUp, homeserver: Homeserver, dispatcher: Dispatcher
) -> None:
    """Nothing is fetched twice, one request is enough when nothing waits, and the cache is not believed."""
    homeserver.deliver(LUCIA, "one")
    await catching.catch_up(*LUCIA)
    await catching.catch_up(*LUCIA)
    homeserver.deliver(LUCIA, "two")
    await catching.catch_up(*LUCIA)
    assert [since for _, since in homeserver.asked] == [None, "1", "1", "1", "2"]
    assert dispatcher.names() == [("VC1", "one"), ("VC1", "two")]


async def test_what_was_pushed_is_not_taken_again(
    catching: CatchUp, homeserver: Homeserver, dispatcher: Dispatcher, database: Database
) -> None:
    """A message that came with a push and waits in the inbox too is one item."""
    homeserver.deliver(LUCIA, "pushed")
    pushed = {**message("pushed"), "to_user_id": LUCIA[0], "to_device_id": LUCIA[1]}
    async with database.write() as connection:
        await store(connection, items_of_transaction({"de.sorunome.msc2409.to_device": [pushed]}), at=AT)
    await catching.catch_up(*LUCIA)
    assert dispatcher.names() == []


async def test_many_devices_are_asked_together(
    catching: CatchUp, homeserver: Homeserver, dispatcher: Dispatcher, database: Database
) -> None:
    """All of them are asked; what they say about keys is one item for many devices."""
    devices = [(f"@portal_{number}:h", f"D{number}") for number in range(70)]
    for device in devices:
        homeserver.deliver(device, device[1])
    await catching.catch_up_all(devices)
    assert sorted(dispatcher.names()) == sorted((device_id, device_id) for _, device_id in devices)
    assert len(await kept(database)) == 70
    counts = [item.payload["counts"] for item in dispatcher.submitted if item.kind == "key_counts"]
    assert len(counts) == 4  # two groups, asked twice
    assert counts[0]["@portal_0:h"] == {"D0": {"signed_curve25519": 50}}


async def test_receipts_and_device_lists_come_along(
    catching: CatchUp, homeserver: Homeserver, dispatcher: Dispatcher
) -> None:
    """They are thrown away with a failed push as well.

    Whom one of our users shares no room with any more, another may: she is asked for, not forgotten.
    """
    receipt = {"type": "m.receipt", "content": {"$1": {"m.read": {"@garcia:h": {"ts": 5}}}}}
    homeserver.extra = {
        "device_lists": {"changed": ["@garcia:h"], "left": ["@lopez:h", "@garcia:h"]},
        "rooms": {"join": {"!r": {"ephemeral": {"events": [receipt]}}}},
    }
    await catching.catch_up_all([LUCIA, JUAN])
    payloads = {item.kind: item.payload for item in dispatcher.submitted}
    assert payloads["device_lists"] == {"changed": ["@garcia:h", "@lopez:h"], "left": []}
    assert payloads["ephemeral"]["room_id"] == "!r"
    assert [item.kind for item in dispatcher.submitted].count("ephemeral") == 1


async def test_one_device_in_trouble_costs_the_others_nothing(
    catching: CatchUp,
    homeserver: Homeserver,
    dispatcher: Dispatcher,
    database: Database,
    unknown: list[tuple[str, str]],
) -> None:
    """Temporary trouble is raised once the others are stored; a device that is gone is to be made again."""
    homeserver.deliver(LUCIA, "one")
    homeserver.failures["VC2"] = HomeserverUnreachableError("down")
    with pytest.raises(HomeserverUnreachableError):
        await catching.catch_up_all([JUAN, LUCIA])
    assert dispatcher.names() == [("VC1", "one")]
    homeserver.failures = {"VC1": MatrixError(status=400, errcode="M_UNKNOWN_DEVICE", message="")}
    await catching.catch_up_all([JUAN, LUCIA])
    assert set(await kept(database)) == {"VC2"}
    assert unknown == [LUCIA]


async def test_an_inbox_counts_as_empty_only_when_it_was(
    catching: CatchUp, homeserver: Homeserver, database: Database
) -> None:
    """After a crash between two pages the device is known as far as it read, and not as emptied."""
    for name in ("one", "two", "three"):
        homeserver.deliver(LUCIA, name)
    homeserver.breaks_between_pages = True
    with pytest.raises(HomeserverUnreachableError):
        await catching.catch_up(*LUCIA)
    assert await kept(database) == {"VC1": ("2", None)}
    homeserver.breaks_between_pages = False
    await catching.catch_up(*LUCIA)
    assert (await kept(database))["VC1"] == ("3", AT)


async def behind(database: Database) -> list[str]:
    """The followed users for whose devices we are going to ask."""
    async with database.read() as connection:
        return await tracking.users_behind(connection)


async def follow(database: Database, *users: str) -> None:
    """Follow these users, being up to date about them."""
    async with database.write() as connection:
        await tracking.follow(connection, users)
        await connection.execute(update(tracked_users).values(fetched=tracked_users.c.generation))


async def test_what_changed_before_the_first_token_is_asked_for(
    catching: CatchUp, database: Database
) -> None:
    """Without a token the homeserver tells of no changed devices: everybody's may have changed."""
    await follow(database, "@garcia:h", "@lopez:h")
    await catching.catch_up_all([LUCIA])
    assert sorted(await behind(database)) == ["@garcia:h", "@lopez:h"]
    await follow(database)
    await catching.catch_up_all([LUCIA])
    assert await behind(database) == []


async def test_a_new_device_hears_of_changes_from_its_beginning(
    catching: CatchUp, homeserver: Homeserver, dispatcher: Dispatcher, database: Database
) -> None:
    """It gets its token when it is made, and so has missed nothing; once is enough."""
    await follow(database, "@garcia:h")
    for _ in range(2):
        await catching.begin(*LUCIA)
    assert homeserver.asked == [("VC1", None)]
    assert await kept(database) == {"VC1": ("0", AT)}
    assert await behind(database) == []
    assert dispatcher.settled_after == []


async def test_what_waits_for_a_new_device_is_left_to_catching_up(
    catching: CatchUp, homeserver: Homeserver, dispatcher: Dispatcher, database: Database
) -> None:
    """Whoever makes devices may not be the process that handles what comes for them."""
    homeserver.deliver(LUCIA, "early")
    await catching.begin(*LUCIA)
    assert (await kept(database), dispatcher.submitted) == ({}, [])
    await catching.catch_up(*LUCIA)
    assert dispatcher.names() == [("VC1", "early")]
