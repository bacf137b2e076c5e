"""Answers that are sent while they are made."""

import asyncio
import logging

from aiohttp import web

from bridge.http.headers import REQUEST_ID, secure
from bridge.http.routing import Stream, StreamAnswer
from bridge.logs import request_id

_log = logging.getLogger("bridge.http")

_PATIENCE_S = 60
"""Who takes nothing for so long is gone: what waits for her must not pile up."""


async def streamed(request: web.Request, answer: StreamAnswer) -> web.StreamResponse:
    """Send it. Raises what opening it, or making its first piece, raises; later the connection is broken off."""
    async with answer.opened as stream:
        first = await anext(stream.pieces, b"")
        response = web.StreamResponse(status=stream.status, headers=dict(stream.headers))
        response.content_length = stream.size
        response.headers[REQUEST_ID] = request_id.get() or ""
        secure(response)
        await response.prepare(request)
        if request.method != "HEAD":
            await _send(request, response, first, stream)
        return response


async def _send(request: web.Request, response: web.StreamResponse, first: bytes, stream: Stream) -> None:
    try:
        await _write(response, first)
        async for piece in stream.pieces:
            await _write(response, piece)
        await response.write_eof()
    except Exception as error:  # noqa: BLE001 - the status has been sent: only the connection can still say no
        if not isinstance(error, ConnectionError):  # that is: whoever listened has left
            _log.warning("an answer was broken off: %s", type(error).__name__)
        if request.transport is not None:
            request.transport.abort()


async def _write(response: web.StreamResponse, piece: bytes) -> None:
    async with asyncio.timeout(_PATIENCE_S):
        await response.write(piece)
