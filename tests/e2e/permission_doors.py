"""The ways in: REST with a key or a session, and Matrix; what each lets a person do."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import aiohttp

from appointments.permissions import Action
from tests.e2e.clinic import Clinic
from tests.e2e.permission_cast import Cast
from tests.e2e.place import ENCRYPTED
from tests.e2e.raw_client import RawClient

Ask = Callable[[Action, str, str], Awaitable[list[str]]]
"""What a person is told who does this in a room, or with somebody: the verdicts of each way there is."""


@dataclass(frozen=True)
class World:
    """Both casts, once care and representations are what their names say."""

    clinic: Clinic
    http: aiohttp.ClientSession
    managed: Cast
    own: Cast
    clients: Mapping[str, RawClient]
    tokens: Mapping[str, str]
    markers: Mapping[str, str]

    def key(self, person: str) -> dict[str, str]:
        """The portal's back end acting for this person."""
        return {"Authorization": f"Bearer {self.clinic.api_key}", "X-Act-As": person}

    def session(self, person: str) -> dict[str, str]:
        """This person's own browser, or widget."""
        return {"Authorization": f"Bearer {self.tokens[person]}"}


async def managed_session(http: aiohttp.ClientSession, clinic: Clinic, person: str) -> str:
    """The token of a browser session that the portal's back end made for this person."""
    headers = {"Authorization": f"Bearer {clinic.api_key}", "X-Act-As": person}
    async with http.post("/api/session", json={"ttl_s": 600}, headers=headers) as response:
        assert response.status == 201, await response.text()
        return str((await response.json())["token"])


async def own_session(http: aiohttp.ClientSession, client: RawClient) -> str:
    """The token of a session made with an OpenID token of this person's homeserver."""
    openid = await client.request("POST", f"/user/{client.user_id}/openid/request_token", {})
    async with http.post("/api/session", json=openid.body) as response:
        assert response.status == 201, await response.text()
        return str((await response.json())["token"])


async def call(
    http: aiohttp.ClientSession, method: str, path: str, headers: Mapping[str, str], body: Any = None
) -> tuple[int, Any]:
    """Status and JSON."""
    options = {} if body is None else {"json": body}
    async with http.request(method, path, headers=headers, **options) as response:
        return response.status, await response.json(content_type=None) if response.status != 204 else None


def verdict(answer: tuple[int, Any]) -> str:
    """In the words of the table; whatever that has no words for is shown as it is."""
    status, body = answer
    known = {
        (403, "/problems/not-in-care-team"): "not-in-care-team",
        (404, "/problems/not-found"): "not-found",
    }
    return "allowed" if status in (200, 201) else known.get((status, body["type"]), f"{status} {body}")


def rest(world: World, headers: Mapping[str, str], *, content: bool) -> Ask:
    """The REST API with these credentials; without `content`, only what a session alone gives."""

    async def ask(action: Action, room: str, other: str) -> list[str]:
        def post(path: str, body: Any) -> Awaitable[tuple[int, Any]]:
            return call(world.http, "POST", path, headers, body)

        if action == "list":
            _, found = await call(world.http, "GET", "/api/conversations", headers)
            is_there = room in [one["conversation_id"] for one in found["conversations"]]
            return ["allowed" if is_there else "not-found"]
        if action == "open":
            answers = [await post("/api/conversations", {"with": other})]
            if content:
                answers.append(await post("/api/messages/send", {"recipient": other, "body": "hola"}))
                # The refusal comes before validation, and is the same.
                invalid = await post("/api/messages/send", {"recipient": other, "body": ""})
                answers += [invalid] if invalid[0] != 422 else []
            return [verdict(answer) for answer in answers]
        if action == "send" and content:
            body = {"conversation_id": room, "body": "hola"}
            return [verdict(await post("/api/messages/send", body))]
        if action == "read" and content:
            path = f"/api/messages/conversation/{quote(room, safe='')}"
            return [verdict(await call(world.http, "GET", path, headers))]
        return []  # no endpoint, or not with this session: test_permission_callers.py

    return ask


def matrix(world: World, client: RawClient) -> Ask:
    """A raw client. What happens in a room after somebody left it is what counts as reading it.

    Matrix knows no difference between not being in care and not being there: both are a plain no.
    """

    async def ask(action: Action, room: str, _other: str) -> list[str]:
        path, marker = f"/rooms/{quote(room)}", world.markers.get(room, "$nothing")
        if action == "send":
            return [_plain((await client.send(room, "m.room.encrypted", ENCRYPTED)).status)]
        if action == "read":
            reply = await client.request("GET", f"{path}/messages", dir="b", limit="50")
            shown = [event["event_id"] for event in reply.body.get("chunk", [])]
            event = await client.request("GET", f"{path}/event/{quote(marker, safe='')}")
            return ["allowed" if marker in shown else "no", _plain(event.status)]
        if action == "list":
            reply = await client.request("GET", "/joined_rooms")
            return ["allowed" if room in reply.body["joined_rooms"] else "no"]
        if action == "receipt":
            reply = await client.request("POST", f"{path}/receipt/m.read/{quote(marker, safe='')}", {})
            shown = reply.status == 200 and await _is_shown(world, client.user_id, room)
            return ["allowed" if shown else "no"]
        return []  # a room is opened by the keeper alone: tests/e2e/test_module.py

    return ask


async def _is_shown(world: World, reader: str, room: str) -> bool:
    """Whether the patient sees this receipt soon: a homeserver takes one of whoever left, and passes none on.

    A member's is waited for as long as a busy machine needs; who is none would have been shown as soon as others are.
    """
    patient = world.clients[world.own.patient]
    if room not in world.markers:
        return False
    members = (await patient.request("GET", f"/rooms/{quote(room)}/joined_members")).body["joined"]
    until = time.monotonic() + (30 if reader in members else 3)
    while time.monotonic() < until:
        events = (await patient.synced())["join"][room]["ephemeral"]["events"]
        if any(reader in str(event["content"]) for event in events if event["type"] == "m.receipt"):
            return True
        await asyncio.sleep(0.2)
    return False


def _plain(status: int) -> str:
    return {200: "allowed", 403: "no", 404: "no"}.get(status, str(status))


def doors(world: World, name: str) -> tuple[Cast, Callable[[str], Ask]]:
    """Who goes through this door, and how."""
    return {
        "key": (world.managed, lambda one: rest(world, world.key(one), content=True)),
        "browser": (world.managed, lambda one: rest(world, world.session(one), content=True)),
        "own": (world.own, lambda one: rest(world, world.session(one), content=False)),
        "matrix": (world.own, lambda one: matrix(world, world.clients[one])),
    }[name]
