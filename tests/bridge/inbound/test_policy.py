"""bridge/inbound/policy.py: what the homeserver's module asks, over HTTP, on both databases."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from appointments.services import end_care, end_representation
from bridge.inbound.policy import policy_routes
from bridge.settings import AssistantSettings, PolicySettings
from bridge.storage.database import Database
from tests.appointments.relationships import enter_care, enter_representation
from tests.bridge.clinic import ASSISTANT, KEEPER, SETTINGS
from tests.bridge.consult_room import open_room

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
SECRET = "the module's own secret"
PATH = "/_videoconsulta/policy/v1/invite"
MARIA, PEDRO, GARCIA, LOPEZ, MADRE = "@maria:p", "@pedro:p", "@garcia:h", "@lopez:h", "@madre:p"
ROOM = "!consult"


@pytest.fixture
async def http(database: Database) -> AsyncIterator[TestClient[Any, Any]]:
    """The module's side: Garcia cares for Maria, whose mother speaks for her."""
    async with database.write() as connection:
        await open_room(connection, ROOM, patient=MARIA, professional=GARCIA, now=NOW)
        await enter_representation(connection, MARIA, MADRE, "messages", now=NOW)
    async with _served(database, attends=False) as client:
        yield client


@asynccontextmanager
async def _served(database: Database, *, attends: bool) -> AsyncGenerator[TestClient[Any, Any]]:
    settings = SETTINGS.model_copy(
        update={
            "policy": PolicySettings(secret=SECRET),
            "assistant": AssistantSettings(in_consult_rooms=attends),
        }
    )
    app = web.Application()
    app.add_routes(policy_routes(settings=settings, database=database, now=lambda: NOW))
    async with TestClient(TestServer(app), headers={"Authorization": f"Bearer {SECRET}"}) as client:
        yield client


async def ask(http: TestClient[Any, Any], inviter: str, invitee: str, room_id: str = "!r") -> bool:
    """The answer."""
    question = {"inviter": inviter, "invitee": invitee, "room_id": room_id}
    async with http.post(PATH, json=question) as response:
        assert response.status == 200
        answer = await response.json()
        assert answer.keys() == {"allowed"}
        allowed: bool = answer["allowed"]
        return allowed


@pytest.mark.parametrize(
    ("one", "other", "allowed"),
    [
        (MARIA, GARCIA, True),
        (MADRE, GARCIA, True),
        (MADRE, MARIA, False),
        (MARIA, LOPEZ, False),
        (MARIA, PEDRO, False),
        (PEDRO, GARCIA, False),
        (GARCIA, LOPEZ, False),
        (MARIA, ASSISTANT, False),
        ("@nadie:p", "@nadie2:p", False),
    ],
)
async def test_who_may_invite_whom(
    http: TestClient[Any, Any], one: str, other: str, *, allowed: bool
) -> None:
    """People in active care, from either side, and whoever speaks for the patient; nobody else, and no bot."""
    assert await ask(http, one, other) is allowed
    assert await ask(http, other, one) is allowed


async def test_only_while_care_lasts(http: TestClient[Any, Any], database: Database) -> None:
    """Not before it starts, not from its end on."""
    async with database.write() as connection:
        await enter_care(connection, PEDRO, GARCIA, now=NOW, starts=NOW + timedelta(seconds=1))
        await end_care(connection, patient=MARIA, professional=GARCIA, now=NOW)
    for one, other in ((GARCIA, PEDRO), (GARCIA, MARIA), (MADRE, GARCIA)):
        assert not await ask(http, one, other)


@pytest.mark.parametrize(
    ("invitee", "allowed"),
    [(MARIA, True), (GARCIA, True), (MADRE, True), (PEDRO, False), (LOPEZ, False), (ASSISTANT, False)],
)
async def test_whom_the_keeper_brings_in(http: TestClient[Any, Any], invitee: str, *, allowed: bool) -> None:
    """Whoever takes part in the room's conversation; into a room that isn't ours nobody."""
    assert await ask(http, KEEPER, invitee, ROOM) is allowed
    assert not await ask(http, KEEPER, invitee, "!another")


async def test_the_keeper_brings_in_the_assistant_where_it_may_attend(
    http: TestClient[Any, Any], database: Database
) -> None:
    """As the clinic decides."""
    assert not await ask(http, KEEPER, ASSISTANT, ROOM)
    async with _served(database, attends=True) as attending:
        assert await ask(attending, KEEPER, ASSISTANT, ROOM)
        assert not await ask(attending, KEEPER, PEDRO, ROOM)
        assert not await ask(attending, KEEPER, ASSISTANT, "!another")


async def test_the_keeper_brings_in_nobody_any_more(http: TestClient[Any, Any], database: Database) -> None:
    """Who represented the patient, and once care has ended anybody."""
    async with database.write() as connection:
        await end_representation(connection, patient=MARIA, representative=MADRE, now=NOW)
    assert not await ask(http, KEEPER, MADRE, ROOM)
    async with database.write() as connection:
        await end_care(connection, patient=MARIA, professional=GARCIA, now=NOW)
    assert not await ask(http, KEEPER, GARCIA, ROOM)


@pytest.mark.parametrize("body", [{}, [], {"inviter": MARIA}, {"inviter": 1, "invitee": 2, "room_id": 3}])
async def test_no_question_is_a_bad_request(http: TestClient[Any, Any], body: object) -> None:
    """As is what is no JSON, or too long for an id."""
    async with http.post(PATH, json=body) as response:
        assert (response.status, (await response.json())["errcode"]) == (400, "M_BAD_JSON")
    for raw in (b"{", b"\xff", b'{"inviter": "' + b"a" * 256 + b'", "invitee": "b", "room_id": "c"}'):
        async with http.post(PATH, data=raw) as response:
            assert response.status == 400


async def test_only_the_module_may_ask(http: TestClient[Any, Any]) -> None:
    """Who cares for whom is nobody else's business."""
    for authorization in ("Bearer no", SECRET):
        async with http.post(PATH, json={}, headers={"Authorization": authorization}) as response:
            assert response.status == 403


def test_without_a_secret_there_is_no_such_question(database: Database) -> None:
    """A bridge whose homeserver has no module."""
    assert policy_routes(settings=SETTINGS, database=database, now=lambda: NOW) == []
