"""A Matrix client that knows nothing but HTTP, and so sends whatever it is told to."""

import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import aiohttp

from bridge.demo.homeserver import Homeserver
from bridge.settings import Settings

_API = "/_matrix/client/v3"


@dataclass(frozen=True)
class Reply:
    """What the homeserver said."""

    status: int
    body: dict[str, Any]

    @property
    def is_refusal(self) -> bool:
        """Whether it was a clear no."""
        return self.status == 403 and self.body["errcode"] == "M_FORBIDDEN"


@dataclass(frozen=True)
class RawClient:
    """One person, logged in; nothing here raises for what the homeserver refuses."""

    user_id: str
    http: aiohttp.ClientSession
    query: dict[str, str]

    async def request(
        self, method: str, path: str, body: object = None, *, api: str = _API, **query: str
    ) -> Reply:
        """Any request; `path` goes behind /_matrix/client/v3."""
        options: dict[str, Any] = {} if body is None else {"json": body}
        async with self.http.request(
            method, f"{api}{path}", params={**self.query, **query}, **options
        ) as response:
            return Reply(response.status, await response.json(content_type=None))

    async def send(self, room_id: str, event_type: str, content: dict[str, Any]) -> Reply:
        """Send an event as it is."""
        path = f"/rooms/{quote(room_id)}/send/{quote(event_type)}/{uuid4().hex}"
        return await self.request("PUT", path, content)

    async def put_state(
        self, room_id: str, event_type: str, content: dict[str, Any], *, state_key: str = ""
    ) -> Reply:
        """Set state."""
        path = f"/rooms/{quote(room_id)}/state/{quote(event_type)}/{quote(state_key)}"
        return await self.request("PUT", path, content)

    async def redact(self, room_id: str, event_id: str) -> Reply:
        """Redact an event."""
        path = f"/rooms/{quote(room_id)}/redact/{quote(event_id, safe='')}/{uuid4().hex}"
        return await self.request("PUT", path, {})

    async def invite(self, room_id: str, user_id: str) -> Reply:
        """Invite somebody."""
        return await self.request("POST", f"/rooms/{quote(room_id)}/invite", {"user_id": user_id})

    async def join(self, room_id: str) -> Reply:
        """Join."""
        return await self.request("POST", f"/join/{quote(room_id)}", {})

    async def create_room(self, **body: Any) -> Reply:
        """Make a room."""
        return await self.request("POST", "/createRoom", body)

    async def event_ids(self, room_id: str) -> list[str]:
        """The room's last events that this person is shown, newest first."""
        reply = await self.request("GET", f"/rooms/{quote(room_id)}/messages", dir="b", limit="50")
        assert reply.status == 200, reply
        return [event["event_id"] for event in reply.body["chunk"]]

    async def synced(self) -> dict[str, Any]:
        """What a first sync shows of all rooms, as they are now."""
        # The homeserver answers a repeated request from a cache for two minutes: a new key asks anew.
        asked = json.dumps({"es.videoconsulta.request": uuid4().hex})
        reply = await self.request("GET", "/sync", timeout="0", filter=asked)
        assert reply.status == 200, reply
        rooms: dict[str, Any] = reply.body.get("rooms", {})
        return rooms


@asynccontextmanager
async def logged_in(server: Homeserver, user_id: str, password: str) -> AsyncGenerator[RawClient]:
    """This person's client at their homeserver."""
    async with aiohttp.ClientSession(server.client_url) as http:
        body = {
            "type": "m.login.password",
            "identifier": {"type": "m.id.user", "user": user_id},
            "password": password,
        }
        async with http.post(f"{_API}/login", json=body) as response:
            token = (await response.json())["access_token"]
        http.headers["Authorization"] = f"Bearer {token}"
        yield RawClient(user_id, http, {})


@asynccontextmanager
async def masquerading(settings: Settings, user_id: str) -> AsyncGenerator[RawClient]:
    """What somebody with the application service's token could do as one of its users."""
    headers = {"Authorization": f"Bearer {settings.appservice.as_token.get_secret_value()}"}
    async with aiohttp.ClientSession(settings.homeserver.url, headers=headers) as http:
        yield RawClient(user_id, http, {"user_id": user_id})
