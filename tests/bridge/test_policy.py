"""bridge/policy.py: what the homeserver's module asks, over HTTP, on both databases."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from appointments.services import end_care, start_care, start_representation
from bridge.database import Database
from bridge.policy import policy_routes
from bridge.settings import PolicySettings

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
SECRET = "the module's own secret"
PATH = "/_videoconsulta/policy/v1/invite"
MARIA, PEDRO, GARCIA, LOPEZ, MADRE = "@maria:p", "@pedro:p", "@garcia:h", "@lopez:h", "@madre:p"
ASSISTANT = "@asistente:p"


@pytest.fixture
async def http(database: Database) -> AsyncIterator[TestClient[Any, Any]]:
    """The module's side: Garcia cares for Maria, whose mother speaks for her."""
    async with database.write() as connection:
        await _care(connection, patient=MARIA, professional=GARCIA)
        await start_representation(
            connection,
            patient=MARIA,
            representative=MADRE,
            scopes=frozenset({"messages"}),
            starts=NOW,
            ends=None,
            reason_sealed=None,
            now=NOW,
        )
    app = web.Application()
    policy = PolicySettings(secret=SECRET)
    app.add_routes(policy_routes(policy=policy, database=database, now=lambda: NOW))
    async with TestClient(TestServer(app), headers={"Authorization": f"Bearer {SECRET}"}) as client:
        yield client


async def _care(connection: Any, *, patient: str, professional: str, starts: datetime = NOW) -> None:
    await start_care(
        connection,
        patient=patient,
        professional=professional,
        role="gp",
        starts=starts,
        ends=None,
        reason_sealed=None,
        now=NOW,
    )


async def ask(http: TestClient[Any, Any], inviter: str, invitee: str) -> bool:
    """The answer."""
    question = {"inviter": inviter, "invitee": invitee, "room_id": "!r"}
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
        await _care(connection, patient=PEDRO, professional=GARCIA, starts=NOW + timedelta(seconds=1))
        await end_care(connection, patient=MARIA, professional=GARCIA, now=NOW)
    for one, other in ((GARCIA, PEDRO), (GARCIA, MARIA), (MADRE, GARCIA)):
        assert not await ask(http, one, other)


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
    assert policy_routes(policy=None, database=database, now=lambda: NOW) == []
