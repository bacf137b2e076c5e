"""bridge/live/notifier.py: who is rung for what is new."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest
from prometheus_client import CollectorRegistry

from bridge.facts import Fact, append
from bridge.live.notifier import Notifier
from bridge.live.placing import Placing
from bridge.storage.database import Database
from tests.bridge.live.ward import JUAN, LUCIA, NOW, Ward


@pytest.fixture
async def notifier(database: Database) -> AsyncIterator[Notifier]:
    """One at work."""
    made = Notifier(
        database=database, placing=Placing(database=database, portal_server="portal", now=lambda: NOW)
    )
    made.start(registry=CollectorRegistry())
    yield made
    await made.stop()


async def happen(database: Database, name: str, *people: str) -> None:
    """Something that these people are told of."""
    async with database.write() as connection:
        await append(connection, Fact(name, "visit.test", name, NOW, {"audience": list(people)}))


async def test_who_has_read_it_is_not_rung_for_it_again(database: Database, notifier: Notifier) -> None:
    """A stream that was rung at once has read on by the time the notifier looks."""
    with (
        notifier.subscribe(LUCIA, with_bodies=False) as behind,
        notifier.subscribe(LUCIA, with_bodies=False) as ahead,
    ):
        for bell in (behind, ahead):
            assert await bell.rung(within_s=5)  # what was there before they came
        ahead.seen = await notifier.current() + 1
        await happen(database, "one", LUCIA)
        notifier.wake()
        assert await behind.rung(within_s=5)
        assert not ahead.bell.is_set()
        await happen(database, "two", LUCIA)
        notifier.wake()
        assert await ahead.rung(within_s=5)


async def test_only_who_is_concerned_is_rung(notifier: Notifier) -> None:
    """Each of her streams."""
    with (
        notifier.subscribe(LUCIA, with_bodies=False) as first,
        notifier.subscribe(LUCIA, with_bodies=False) as second,
        notifier.subscribe(JUAN, with_bodies=False) as anothers,
    ):
        for bell in (first, second, anothers):
            assert await bell.rung(within_s=5)
        notifier.ring([LUCIA])
        await asyncio.sleep(0)
        assert [bell.bell.is_set() for bell in (first, second, anothers)] == [True, True, False]


async def test_words_are_for_who_has_a_stream_with_words(notifier: Notifier) -> None:
    """One of several is enough, until it ends."""
    with notifier.subscribe(LUCIA, with_bodies=False):
        assert not notifier.wants_bodies(LUCIA)
        with notifier.subscribe(LUCIA, with_bodies=True):
            assert [notifier.wants_bodies(one) for one in (LUCIA, JUAN)] == [True, False]
        assert not notifier.wants_bodies(LUCIA)


async def test_the_bell_rings_for_whom_it_concerns(ward: Ward) -> None:
    """Within a moment of a commit here, of one elsewhere too; not for others; and for all at the end."""
    ward.notifier.start(registry=CollectorRegistry())
    try:
        with (
            ward.notifier.subscribe(LUCIA, with_bodies=False) as lucia,
            ward.notifier.subscribe(JUAN, with_bodies=False) as juan,
        ):
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
