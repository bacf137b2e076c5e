"""Who may call which operation, walked; and what an id tells: foreign and unknown ones are alike, also in time."""

import statistics
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import aiohttp
import pytest
import pytest_asyncio

from bridge import apikeys, app
from bridge.attachments.ids import Shared
from bridge.http.server import route_table
from tests.e2e.clinic import PASSWORD, Clinic
from tests.e2e.raw_client import RawClient, logged_in

pytestmark = pytest.mark.asyncio(loop_scope="session")

Expected = Mapping[str, str | None]
"""For each kind of credentials the problem that refuses them; None: admitted."""

_NOBODY = {"nobody": "unauthorized", "garbage": "unauthorized", "made-up session": "unauthorized"}
_KEY: Expected = {
    **_NOBODY,
    "key without scope": "missing-scope",
    "key for nobody": "act-as-required",
    "key for a person with a client": "not-managed",
    "key for somebody unknown": "not-managed",
    "key": None,
}
CONTENT: Expected = _KEY | {"browser": None, "browser for another": "not-managed", "own": "not-managed"}
MEETING: Expected = CONTENT | {"own": None, "own for another": "not-managed"}
_NO_SESSION = dict.fromkeys(("browser", "browser for another", "own", "own for another"), "missing-scope")
LOGIN: Expected = _KEY | {"key without scope": None} | _NO_SESSION
CARE: Expected = dict.fromkeys(_KEY) | _NOBODY | {"key without scope": "missing-scope"} | _NO_SESSION
LOGOUT: Expected = dict.fromkeys(_KEY, "unauthorized") | {"browser": None, "own": None}

SCHEDULES: Expected = (
    dict.fromkeys(_KEY)
    | _NOBODY
    | {
        "key without scope": "missing-scope",
        "browser": "missing-scope",
        "own": "not-found",
    }
)
SEEN: Expected = MEETING | {"key for nobody": None}


def _then(expected: Expected, problem: str) -> Expected:
    """Whoever is admitted meets this problem next, which has nothing to do with credentials."""
    return {who: refused or problem for who, refused in expected.items()}


_HERS, _UNKNOWN = "/api/professionals/{doctor}", f"/api/appointments/{'0' * 32}"
_LONG_AGO = {"professional": "{doctor}", "start": "2020-01-01T00:00:00Z"}
_NONE: Expected = _then(MEETING, "not-found")

_PUSH = {
    "endpoint": "https://push.example/send/walk",
    "keys": {
        "p256dh": "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4",
        "auth": "BTBZMqHH6r4Tts7J_aSIgg",
    },
}
WALK: Mapping[str, tuple[str, str, Any, Expected]] = {
    "create_session": ("POST", "/api/session", {"ttl_s": 60}, LOGIN),
    "end_session": ("DELETE", "/api/session", None, LOGOUT),
    "send_message": ("POST", "/api/messages/send", {"recipient": "{doctor}", "body": "hola"}, CONTENT),
    "upload_attachment": (
        "POST",
        "/api/messages/upload-attachment",
        {"conversation_id": "{room}", "file": "hola"},
        CONTENT,
    ),
    "download_attachment": ("GET", "/api/messages/attachment/{file}", None, CONTENT),
    "read_conversation": ("GET", "/api/messages/conversation/{room}", None, CONTENT),
    "mark_read": ("POST", "/api/messages/{message}/read", None, CONTENT),
    "stream_events": ("GET", "/api/events", None, MEETING),
    "get_preferences": ("GET", "/api/notifications/preferences", None, MEETING),
    "put_preferences": ("PUT", "/api/notifications/preferences", {"language": "es"}, MEETING),
    "get_push_key": ("GET", "/api/notifications/push-key", None, MEETING),
    "subscribe_to_pushes": ("POST", "/api/notifications/push-subscriptions", _PUSH, MEETING),
    "unsubscribe_from_pushes": ("DELETE", "/api/notifications/push-subscriptions/nobodys", None, MEETING),
    "list_conversations": ("GET", "/api/conversations", None, MEETING),
    "open_conversation": ("POST", "/api/conversations", {"with": "{doctor}"}, MEETING),
    "put_care": ("PUT", "/api/care/{patient}/{doctor}", {"role": "gp"}, CARE),
    "end_care": ("DELETE", "/api/care/{patient}/@nadie:localhost", None, CARE),
    "get_care": ("GET", "/api/care?patient={patient}", None, CARE),
    "put_representation": (
        "PUT",
        "/api/representatives/{patient}/{other}",
        {"scopes": ["video"]},
        CARE,
    ),
    "put_schedule": ("PUT", f"{_HERS}/schedule", {"zone": "Europe/Madrid", "weekly": {}}, SCHEDULES),
    "get_schedule": ("GET", f"{_HERS}/schedule", None, SCHEDULES),
    "get_slots": ("GET", f"{_HERS}/slots", None, SEEN),
    "get_any_slots": ("GET", "/api/slots", None, MEETING),
    "list_appointments": ("GET", "/api/appointments?patient={patient}", None, SEEN),
    "book_appointment": ("POST", "/api/appointments", _LONG_AGO, _then(MEETING, "slot-not-offered")),
    "book_series": (
        "POST",
        "/api/appointment-series",
        _LONG_AGO | {"count": 2},
        _then(MEETING, "slot-taken"),
    ),
    "get_appointment": ("GET", _UNKNOWN, None, _NONE),
    "get_ics": ("GET", f"{_UNKNOWN}.ics", None, _NONE),
    "get_reasons": ("GET", f"{_UNKNOWN}/reasons", None, _then(CONTENT, "not-found")),
    "move_appointment": ("PATCH", _UNKNOWN, {"start": "2020-01-01T00:00:00Z"}, _NONE),
    "cancel_appointment": ("POST", f"{_UNKNOWN}/cancel", None, _NONE),
    "arrive_appointment": ("POST", f"{_UNKNOWN}/arrive", None, _then(SCHEDULES, "not-found")),
    "fulfil_appointment": ("POST", f"{_UNKNOWN}/fulfil", None, _then(SCHEDULES, "not-found")),
    "noshow_appointment": ("POST", f"{_UNKNOWN}/noshow", None, _then(SCHEDULES, "not-found")),
    "wait_for_earlier": ("POST", f"{_UNKNOWN}/waiting", None, _NONE),
    "get_waiting": ("GET", f"{_UNKNOWN}/waiting", None, _NONE),
    "wait_no_longer": ("DELETE", f"{_UNKNOWN}/waiting", None, _NONE),
    "accept_offer": ("POST", f"{_UNKNOWN}/waiting/accept", None, _NONE),
    "decline_offer": ("POST", f"{_UNKNOWN}/waiting/decline", None, _NONE),
    "create_feed": ("POST", "/api/calendar", None, MEETING),
    "revoke_feed": ("DELETE", "/api/calendar", None, MEETING),
    "end_representation": ("DELETE", "/api/representatives/{patient}/{other}", None, CARE),
}
"""Every operation that takes credentials: how it is called, and who is let in."""


@dataclass(frozen=True)
class Callers:
    """Everybody who calls, and where."""

    http: aiohttp.ClientSession
    key: str
    weak: Mapping[str, str]
    client: RawClient
    names: Mapping[str, str]

    async def headers(self, who: str, *, scope: str | None) -> dict[str, str]:
        """The credentials of this kind; sessions are new ones, so that ending one harms no other test."""
        patient, other = self.names["patient"], self.names["other"]
        key = {"Authorization": f"Bearer {self.key}"}
        if who == "key without scope":
            weak = self.weak["care" if scope == "messages" else "messages"]
            return {"Authorization": f"Bearer {weak}", "X-Act-As": patient}
        known: dict[str, dict[str, str]] = {
            "nobody": {},
            "garbage": {"Authorization": "Bearer vc_0123456789abcdef_x", "X-Act-As": patient},
            "made-up session": {"Authorization": f"Bearer vs_{'a' * 43}"},
            "key for nobody": key,
            "key for a person with a client": key | {"X-Act-As": self.client.user_id},
            "key for somebody unknown": key | {"X-Act-As": f"{patient.partition(':')[0]}x:localhost"},
            "key": key | {"X-Act-As": patient},
        }
        if who in known:
            return known[who]
        token = await (self._browser() if who.startswith("browser") else self._own())
        return {"Authorization": f"Bearer {token}"} | ({"X-Act-As": other} if "another" in who else {})

    async def _browser(self) -> str:
        headers = {"Authorization": f"Bearer {self.key}", "X-Act-As": self.names["patient"]}
        _, made, _ = await self.call("POST", "/api/session", headers, {"ttl_s": 60})
        return str(made["token"])

    async def _own(self) -> str:
        path = f"/user/{self.client.user_id}/openid/request_token"
        openid = (await self.client.request("POST", path, {})).body
        _, made, _ = await self.call("POST", "/api/session", {}, openid)
        return str(made["token"])

    async def call(
        self, method: str, path: str, headers: Mapping[str, str], body: Any = None
    ) -> tuple[int, Any, dict[str, str]]:
        """Status, JSON, and the headers that tell something."""
        options = {} if body is None else {"json": body}
        if body is not None and "file" in body:
            options = {"data": aiohttp.FormData(body, default_to_multipart=True)}
        async with self.http.request(method, path, headers=headers, **options) as response:
            told = {
                name: value for name, value in response.headers.items() if name.lower() not in _ALWAYS_NEW
            }
            is_json = "json" in response.headers.get("Content-Type", "")
            read = await response.json(content_type=None) if is_json else None
            return response.status, read, told


_ALWAYS_NEW = ("x-request-id", "date")


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
    slow, fast = sorted(await _medians_s(ask, foreign, unknown), reverse=True)
    assert slow - fast < max(0.5 * fast, 0.003), (slow, fast)


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
