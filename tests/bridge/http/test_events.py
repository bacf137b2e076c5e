"""Live events over HTTP: the wire format, who hears what, and when a stream ends."""

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import ClientResponse
from prometheus_client import CollectorRegistry
from sqlalchemy import insert

from bridge.callers import apikeys, sessions
from bridge.facts import Fact, append
from bridge.http import events as wire
from bridge.matrix.errors import HomeserverUnreachableError
from bridge.storage.conversations import conversations
from tests.bridge.http.api import GARCIA, LUCIA, NOW
from tests.until import until

ROOM = "!room"


@dataclass
class Block:
    """What stands between two empty lines."""

    id: str | None = None
    event: str | None = None
    data: Any = None
    comment: bool = False


async def block(response: ClientResponse) -> Block:
    """The next one. Raises EOFError at the end."""
    read = Block()
    while (line := (await response.content.readline()).decode()) != "\n":
        if not line:
            raise EOFError
        name, _, value = line.rstrip("\n").partition(":")
        if name == "id":
            read.id = value.strip()
        elif name == "event":
            read.event = value.strip()
        elif name == "data":
            read.data = json.loads(value)
        read.comment = read.comment or not name
    return read


@asynccontextmanager
async def stream(api, headers: dict[str, str] | None = None) -> AsyncGenerator[ClientResponse]:
    """An open stream of which nothing was read."""
    async with asyncio.timeout(10):
        async with api.client.get("/api/events", headers=headers or api.headers()) as response:
            assert response.status == 200, await response.text()
            yield response


async def say(api, name: str) -> None:
    """A message of the doctor's was pushed to us."""
    async with api.services.database.write() as connection:
        fact = Fact(f"message.received:${name}", "message.received", ROOM, NOW, {"event_id": f"${name}"})
        await append(connection, fact)
    api.services.live.notifier.wake()


@pytest.fixture
async def ward(api) -> AsyncGenerator[Any]:
    """The conversation of Lucía and her doctor, and a notifier that runs."""
    async with api.services.database.write() as connection:
        row = dict.fromkeys(("id", "nonce", "room_id"), ROOM) | {
            "patient": LUCIA,
            "professional": GARCIA,
            "created_at": NOW,
            "rotation_period_msgs": 1,
            "rotation_period_ms": 1,
        }
        await connection.execute(insert(conversations).values(row))
    api.services.live.notifier.start(registry=CollectorRegistry())
    yield api
    await api.services.live.notifier.stop()


async def test_an_event_on_the_wire(ward) -> None:
    """An id to come back with at once, then each event with id, name, data; nothing is cached or collected."""
    ward.words.texts = {"$1": "línea\notra"}
    async with stream(ward) as response:
        first = await block(response)
        assert (first.id is not None, first.event) == (True, None)
        assert ward.services.live.notifier.wants_bodies(LUCIA)
        await say(ward, "1")
        told = await block(response)
        assert (told.event, told.data) == (
            "message",
            {
                "conversation_id": ROOM,
                "message_id": "$1",
                "status": "sent",
                "body": "línea\notra",
                "at": "2026-11-23T09:00:00.123Z",
            },
        )
        assert int(told.id) > int(first.id)
        assert response.headers["Content-Type"] == "text/event-stream; charset=utf-8"
        assert response.headers["Cache-Control"] == "no-store"
        assert response.headers["X-Accel-Buffering"] == "no"
        assert response.headers["X-Content-Type-Options"] == "nosniff"


async def test_a_client_that_comes_back_goes_on(ward) -> None:
    """With Last-Event-ID: also when it was cut off before any event."""
    async with stream(ward) as response:
        last = (await block(response)).id
    for name in ("1", "2"):
        await say(ward, name)
    async with stream(ward, ward.headers(**{"Last-Event-ID": last})) as response:
        assert (await block(response)).id == last
        first, second = await block(response), await block(response)
        assert [first.data["message_id"], second.data["message_id"]] == ["$1", "$2"]
    async with stream(ward, ward.headers(**{"Last-Event-ID": first.id})) as response:
        await block(response)
        assert await block(response) == second


async def test_who_comes_too_late_is_told_so(ward) -> None:
    """One `reset`, with the place from which it goes on."""
    async with stream(ward, ward.headers(**{"Last-Event-ID": "12345"})) as response:
        reset = await block(response)
        assert (reset.event, reset.data) == ("reset", {})
        await say(ward, "1")
        assert (await block(response)).event == "message"


async def test_a_quiet_stream_has_a_heartbeat(ward, monkeypatch: pytest.MonkeyPatch) -> None:
    """A comment; with the new place when others' events have passed by meanwhile."""
    monkeypatch.setattr(wire, "_HEARTBEAT_S", 0.05)
    async with stream(ward) as response:
        await block(response)
        assert await block(response) == Block(comment=True)
        async with ward.services.database.write() as connection:
            await append(
                connection, Fact("1", "visit.open", "c", NOW, {"call_id": "c", "audience": [GARCIA]})
            )
        ward.services.live.notifier.wake()
        while (beat := await block(response)).id is None:
            assert beat == Block(comment=True)
        assert beat.event is None


async def test_a_session_of_her_own_client_hears_no_words(ward) -> None:
    """Ids and states: the words are in her client."""
    ward.words.failure = RuntimeError("nobody is to read anything")
    async with ward.services.database.write() as connection:
        made = await sessions.create_own(
            connection, user_id=GARCIA, openid_token="x", ttl=timedelta(hours=1), now=NOW
        )
    async with stream(ward, {"Authorization": f"Bearer {made.token}"}) as response:
        await block(response)
        await say(ward, "1")
        told = await block(response)
        assert (told.event, told.data["message_id"], "body" in told.data) == ("message", "$1", False)
        assert not ward.services.live.notifier.wants_bodies(GARCIA)


async def test_a_revoked_key_ends_the_stream(ward) -> None:
    """Before anything more is told."""
    async with ward.services.database.write() as connection:
        key, token = await apikeys.create(connection, name="x", scopes=["messages"], expires_at=None, now=NOW)
    async with stream(ward, {"Authorization": f"Bearer {token}", "X-Act-As": LUCIA}) as response:
        await block(response)
        async with ward.services.database.write() as connection:
            await apikeys.revoke(connection, key_id=key.id, now=NOW)
        await say(ward, "1")
        with pytest.raises(EOFError):
            await block(response)


async def test_trouble_delays_and_loses_nothing(ward, monkeypatch: pytest.MonkeyPatch) -> None:
    """While the homeserver doesn't answer, the stream waits and then tells."""
    monkeypatch.setattr(wire, "_PAUSE_S", 0.02)
    async with stream(ward) as response:
        await block(response)
        ward.words.failure = HomeserverUnreachableError()
        await say(ward, "1")
        await until(lambda: ward.words.failed > 1)
        ward.words.failure = None
        assert (await block(response)).data["message_id"] == "$1"


async def test_the_end_of_the_process_ends_streams(ward) -> None:
    """At once, and cleanly: the client comes again."""
    async with stream(ward) as response:
        await block(response)
        await ward.services.live.notifier.stop()
        with pytest.raises(EOFError):
            await block(response)


async def test_a_stream_that_is_left_is_forgotten(ward, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the next heartbeat at the latest."""
    monkeypatch.setattr(wire, "_HEARTBEAT_S", 0.02)
    async with stream(ward) as response:
        await block(response)
        assert ward.services.live.notifier.open_streams == 1
    await until(lambda: not ward.services.live.notifier.open_streams)


async def test_who_may_not_listen_gets_a_problem(ward) -> None:
    """Refusals are documents as everywhere."""
    for headers, status in (
        ({}, 401),
        (ward.headers(key="care"), 403),
        (ward.headers(act_as=None), 400),
        (ward.headers(act_as="@maria:p"), 403),
    ):
        response = await ward.call("GET", "/api/events", headers=headers)
        assert (response.status, response.content_type) == (status, "application/problem+json")
