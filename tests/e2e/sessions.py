"""People who log in with their own homeserver's OpenID token, and what they then call."""

from typing import Any

import aiohttp

from bridge.demo.homeserver import Homeserver
from tests.e2e.clinic import PASSWORD
from tests.e2e.raw_client import logged_in

SESSION, CONVERSATIONS = "/api/session", "/api/conversations"
Body = dict[str, Any]


async def openid_token(server: Homeserver, user_id: str) -> Body:
    """What this person's homeserver gives a widget: an OpenID token object."""
    async with logged_in(server, user_id, PASSWORD) as client:
        reply = await client.request("POST", f"/user/{user_id}/openid/request_token", {})
        assert reply.status == 200, reply
        return reply.body


async def call(
    http: aiohttp.ClientSession, method: str, path: str, *, token: str | None = None, body: Any = None
) -> tuple[int, Any]:
    """Status and JSON of one request."""
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    options = {} if body is None else {"json": body}
    async with http.request(method, path, headers=headers, **options) as response:
        return response.status, await response.json(content_type=None) if response.content_length else None


async def log_in(http: aiohttp.ClientSession, server: Homeserver, user_id: str) -> Body:
    """The answer to this person's OpenID token."""
    status, answer = await call(http, "POST", SESSION, body=await openid_token(server, user_id))
    assert status == 201, answer
    session: Body = answer
    return session
