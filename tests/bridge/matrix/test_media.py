"""bridge/matrix/media.py: how long a homeserver may take."""

import asyncio
from collections.abc import AsyncIterator

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from bridge.matrix.errors import HomeserverUnreachableError
from bridge.matrix.media import MediaClient
from tests.bridge.matrix.stuck_homeserver import stuck_homeserver

OWNER = "@portal_lucia:portal"
PIECE = bytes(1024 * 1024)


async def pieces(*, count: int, after_s: float = 0) -> AsyncIterator[bytes]:
    """So many, each after a while."""
    for _ in range(count):
        await asyncio.sleep(after_s)
        yield PIECE


async def test_a_homeserver_that_stops_reading_is_unreachable() -> None:
    """When the patience is over, and not never."""
    async with asyncio.timeout(20), stuck_homeserver() as address, aiohttp.ClientSession() as http:
        media = MediaClient(base_url=address, as_token="secret", http=http, patience_s=0.3)
        with pytest.raises(HomeserverUnreachableError):
            await media.upload(user_id=OWNER, size=32 * len(PIECE), pieces=pieces(count=32))


async def test_a_slow_sender_is_no_stuck_homeserver() -> None:
    """The patience is with who holds a piece: how long the next one takes is nobody's fault there."""

    async def keep(request: web.Request) -> web.Response:
        async for _ in request.content.iter_any():
            pass
        return web.json_response({"content_uri": "mxc://portal/abc"})

    app = web.Application()
    app.router.add_post("/_matrix/media/v3/upload", keep)
    async with asyncio.timeout(20), TestServer(app) as server, aiohttp.ClientSession() as http:
        media = MediaClient(
            base_url=str(server.make_url("")).rstrip("/"), as_token="secret", http=http, patience_s=0.3
        )
        url = await media.upload(user_id=OWNER, size=3 * len(PIECE), pieces=pieces(count=3, after_s=0.5))
    assert url == "mxc://portal/abc"
