"""bridge/inbound/wake.py: the homeserver is made to push again, and we catch up."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from bridge.inbound.wake import Recovery, Wake
from bridge.matrix.errors import HomeserverUnreachableError, MatrixError
from bridge.matrix.json import JsonObject
from bridge.storage.database import Database
from tests.until import until

KEEPER = "@consulta:h"


@dataclass
class Homeserver:
    """Rooms of the keeper, and what was asked."""

    asked: list[str] = field(default_factory=list)
    rooms: int = 0
    gone: set[str] = field(default_factory=set)
    transactions: set[str] = field(default_factory=set)

    async def ping(self, *, appservice_id: str, transaction_id: str) -> float:
        """Note it."""
        assert transaction_id
        self.asked.append(f"ping {appservice_id}")
        return 1.0

    async def register(self, *, user_id: str) -> None:
        """Note it."""
        self.asked.append(f"register {user_id}")

    async def create_room(self, *, user_id: str, body: JsonObject) -> str:
        """Make one."""
        assert (user_id, body["preset"], body["creation_content"]["m.federate"]) == (
            KEEPER,
            "private_chat",
            False,
        )
        self.rooms += 1
        return f"!{self.rooms}"

    async def send_event(self, *, room_id: str, txn_id: str, **rest: Any) -> str:
        """Note it."""
        assert rest == {
            "user_id": KEEPER,
            "device_id": None,
            "event_type": "es.videoconsulta.wake",
            "content": {},
        }
        if room_id in self.gone:
            raise MatrixError(status=403, errcode="M_FORBIDDEN", message="")
        assert txn_id not in self.transactions
        self.transactions.add(txn_id)
        self.asked.append(f"send {room_id}")
        return "$1"


def waking(database: Database, homeserver: Any) -> Wake:
    """As after a start."""
    return Wake(database=database, client=homeserver, appservice_id="videoconsulta", keeper_id=KEEPER)


async def test_the_room_is_made_once(database: Database) -> None:
    """The first start makes the keeper's room, later ones send another event there."""
    homeserver = Homeserver()
    await waking(database, homeserver).wake()
    await waking(database, homeserver).wake()
    assert homeserver.asked == [
        "ping videoconsulta",
        f"register {KEEPER}",
        "send !1",
        "ping videoconsulta",
        "send !1",
    ]


async def test_a_lost_room_is_made_anew(database: Database) -> None:
    """When the keeper may not send there any more, there is another room."""
    homeserver = Homeserver()
    await waking(database, homeserver).wake()
    homeserver.gone = {"!1"}
    await waking(database, homeserver).wake()
    assert homeserver.asked[-1] == "send !2"
    assert homeserver.rooms == 2


@dataclass
class Steps:
    """What a recovery does, in order; it fails as often as `failures` says."""

    done: list[str] = field(default_factory=list)
    failures: list[Exception] = field(default_factory=list)

    async def wake(self) -> None:
        """Note it."""
        self.done.append("wake")
        if self.failures:
            raise self.failures.pop(0)

    async def catch_up(self) -> None:
        """Note it."""
        self.done.append("catch up")


@asynccontextmanager
async def recovering(steps: Steps) -> AsyncIterator[Recovery]:
    """A recovery at work, in a hurry."""
    recovery = Recovery(
        wake=steps.wake, catch_up=steps.catch_up, delay_s=0.02, settle_s=0, first_retry_s=0.005
    )
    recovery.start()
    try:
        yield recovery
    finally:
        await recovery.stop()


async def test_a_start_wakes_and_catches_up() -> None:
    """In this order, and nothing more until there is trouble."""
    steps = Steps()
    async with recovering(steps):
        await until(lambda: len(steps.done) == 2)
        await asyncio.sleep(0.05)
    assert steps.done == ["wake", "catch up"]


async def test_much_trouble_is_one_recovery() -> None:
    """However many pushes failed, it recovers once, after a moment; later trouble counts anew."""
    steps = Steps()
    async with recovering(steps) as recovery:
        await until(lambda: len(steps.done) == 2)
        for _ in range(5):
            recovery.trouble()
        await until(lambda: len(steps.done) == 4)
        await asyncio.sleep(0.05)
        assert len(steps.done) == 4
        recovery.trouble()
        await until(lambda: len(steps.done) == 6)


@pytest.mark.parametrize(
    "error", [HomeserverUnreachableError("down"), MatrixError(status=403, errcode="M_FORBIDDEN", message="")]
)
async def test_it_goes_on_until_the_homeserver_is_there(
    error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    """A homeserver that is down, or set up wrongly, is tried again and again, and the log says so."""
    steps = Steps(failures=[error, error])
    async with recovering(steps):
        await until(lambda: "catch up" in steps.done)
    assert steps.done == ["wake", "wake", "wake", "catch up"]
    assert f"not caught up with the homeserver yet: {type(error).__name__}" in caplog.text
