"""Who may call which operation, walked; and what an id tells: foreign and unknown ones are alike, also in time."""

import statistics
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any
from urllib.parse import quote

import aiohttp
import pytest
import pytest_asyncio

from bridge import app
from bridge.attachments.ids import Shared
from bridge.callers import apikeys
from bridge.http.server import route_table
from tests.e2e.callers import Callers
from tests.e2e.clinic import PASSWORD, Clinic
from tests.e2e.permission_walk import WALK
from tests.e2e.raw_client import logged_in

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def callers(clinic: Clinic) -> AsyncIterator[Callers]:
    """A managed patient and somebody with a client, both in care of one doctor; another's conversation."""
    patient, doctor = await clinic.pair()
    other, ana = await clinic.managed_user(), await clinic.patient()
    for one in (other, ana):
        await clinic.care(patient=one, professional=doctor)
    weak = {}
    async with app.opened(clinic.platform.settings) as gateway, gateway.database.write() as connection:
        for scope in ("care", "messages"):
            _, weak[scope] = await apikeys.create(
                connection, name=scope, scopes=[scope], expires_at=None, now=gateway.now()
            )
    names = {"patient": patient, "doctor": doctor, "other": other}
    async with AsyncExitStack() as stack:
        http = await stack.enter_async_context(aiohttp.ClientSession(clinic.platform.bridge.api_url))
        client = await stack.enter_async_context(logged_in(clinic.platform.portal, ana, PASSWORD))
        made = Callers(http, clinic.api_key, weak, client, names)
        for name, person in (("room", patient), ("foreign", other)):
            headers = {"Authorization": f"Bearer {clinic.api_key}", "X-Act-As": person}
            status, opened, _ = await made.call("POST", "/api/conversations", headers, {"with": doctor})
            assert status == 201, opened
            names[name] = opened["conversation_id"]
        for name, room, person in (("message", "room", patient), ("foreign message", "foreign", other)):
            headers = {"Authorization": f"Bearer {clinic.api_key}", "X-Act-As": person}
            body = {"conversation_id": names[room], "body": "hola"}
            status, sent, _ = await made.call("POST", "/api/messages/send", headers, body)
            assert status == 201, sent
            names[name] = sent["message_id"]
        files = (
            ("file", "room", patient),
            ("foreign file", "foreign", other),
            ("foreign sent file", "foreign", other),
        )
        for name, room, person in files:
            headers = {"Authorization": f"Bearer {clinic.api_key}", "X-Act-As": person}
            form = {"conversation_id": names[room], "file": "hola"}
            status, kept, _ = await made.call("POST", "/api/messages/upload-attachment", headers, form)
            assert status == 201, kept
            names[name] = kept["attachment_id"]
        body = {"conversation_id": names["foreign"], "attachments": [names["foreign sent file"]], "body": ""}
        status, sent, _ = await made.call("POST", "/api/messages/send", headers, body)
        assert status == 201, sent
        names["foreign shared file"] = Shared(names["foreign"], sent["message_id"]).id
        yield made


async def test_every_operation_is_walked() -> None:
    """A route that takes credentials and isn't in the walk, or is another one than the walk thinks, fails here."""
    routes = {route.operation: route for route in route_table() if route.takes_credentials}
    assert set(WALK) == set(routes)
    for operation, (method, path, _, expected) in WALK.items():
        assert routes[operation].method == method
        assert path.split("/")[:3] == routes[operation].path.split("/")[:3] or "?" in path
        assert (expected["key for nobody"] == "act-as-required") == routes[operation].acts


@pytest.mark.parametrize("operation", WALK)
async def test_who_is_let_in(callers: Callers, operation: str) -> None:
    """Each kind of credentials: refused as the table says, or not for its credentials; every deviation is listed."""
    method, path, body, expected = WALK[operation]
    scope = next(route.scope for route in route_table() if route.operation == operation)
    quoted = {name: quote(value, safe="") for name, value in callers.names.items()}
    filled = {key: value.format(**callers.names) if isinstance(value, str) else value
              for key, value in (body or {}).items()}  # fmt: skip
    deviations = []
    for who, problem in expected.items():
        headers = await callers.headers(who, scope=scope)
        status, told, _ = await callers.call(method, path.format(**quoted), headers, filled or None)
        refused = told["type"].removeprefix("/problems/") if status >= 400 else None
        if refused != problem:
            deviations.append((who, status, refused, problem))
    assert not deviations


WAYS = (
    *("read", "send", "send, invalid", "read, invalid", "open", "write to", "mark", "mark in room"),
    *("file", "sent file", "shared file", "upload", "send file"),
)

_TRIES = 3


@pytest.mark.parametrize("way", WAYS)
async def test_foreign_and_unknown_are_alike(callers: Callers, way: str) -> None:
    """Somebody else's room or file and none at all, a person out of care and nobody: one answer, in one time."""
    patient = callers.names["patient"]
    headers = {"Authorization": f"Bearer {callers.key}", "X-Act-As": patient}
    foreign, unknown = _ids(callers, way)
    own = callers.names["room"]
    own_message = f"/api/messages/{quote(callers.names['message'], safe='')}/read"

    def ask(one: str) -> Awaitable[tuple[int, Any, dict[str, str]]]:
        room = f"/api/messages/conversation/{quote(one, safe='')}"
        asked: dict[str, tuple[str, str, Any]] = {
            "read": ("GET", room, None),
            "read, invalid": ("GET", f"{room}?limit=x", None),
            "send": ("POST", "/api/messages/send", {"conversation_id": one, "body": "hola"}),
            "send, invalid": ("POST", "/api/messages/send", {"conversation_id": one, "body": ""}),
            "open": ("POST", "/api/conversations", {"with": one}),
            "write to": ("POST", "/api/messages/send", {"recipient": one, "body": "hola"}),
            "mark": ("POST", f"/api/messages/{quote(one, safe='')}/read", None),
            "mark in room": ("POST", own_message, {"conversation_id": one}),
            "upload": ("POST", "/api/messages/upload-attachment", {"conversation_id": one, "file": "hola"}),
            "send file": ("POST", "/api/messages/send", {"conversation_id": own, "attachments": [one]}),
        }
        file = ("GET", f"/api/messages/attachment/{quote(one, safe='')}", None)
        method, path, body = asked.get(way, file)
        return callers.call(method, path, headers, body)

    first = await ask(foreign)
    assert first == await ask(unknown)
    assert first[0] == {"open": 403, "write to": 403, "send file": 422}.get(way, 404)
    tries: list[list[float]] = []
    # A difference of ours is there each time, that of a busy machine is not.
    while len(tries) < _TRIES and not any(map(_alike, tries)):
        tries.append(await _medians_s(ask, foreign, unknown))
    assert any(map(_alike, tries)), tries
    assert first == await ask(foreign)  # and not 429, which anybody gets as soon


def _alike(medians_s: list[float]) -> bool:
    fast, slow = sorted(medians_s)
    return slow - fast < max(0.5 * fast, 0.003)


def _ids(callers: Callers, way: str) -> tuple[str, str]:
    if way in ("open", "write to"):
        other = callers.names["other"]
        return other, f"@portal_{'0' * 12}:{other.partition(':')[2]}"
    if way == "mark":
        foreign = callers.names["foreign message"]
        return foreign, f"${'A' * (len(foreign) - 1)}"
    if way == "shared file":
        foreign = callers.names["foreign"]
        nowhere = Shared(f"!{'A' * (len(foreign) - 1)}", f"${'A' * 43}")
        return callers.names["foreign shared file"], nowhere.id
    if way.endswith("file"):
        foreign = callers.names["foreign sent file" if way == "sent file" else "foreign file"]
        return foreign, f"a{'0' * (len(foreign) - 1)}"
    return callers.names["foreign"], f"!{'A' * (len(callers.names['foreign']) - 1)}"


async def _medians_s(ask: Callable[[str], Awaitable[object]], *ids: str, rounds: int = 60) -> list[float]:
    """How long each takes, asked in turns so that whatever else the machine does falls on all."""
    took: dict[str, list[float]] = {one: [] for one in ids}
    for _ in range(rounds):
        for one in ids:
            started = time.perf_counter()
            await ask(one)
            took[one].append(time.perf_counter() - started)
    return [statistics.median(one) for one in took.values()]
