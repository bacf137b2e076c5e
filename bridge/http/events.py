"""Live events as server-sent events (HTML standard, section 9.2)."""

import json
import logging
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from bridge.errors import ServiceError
from bridge.http.fields import format_instant
from bridge.http.problems import ProblemError
from bridge.http.routing import Context, Stream, StreamAnswer
from bridge.live.notifier import Subscription
from bridge.live.streams import Event, Start
from bridge.retries import is_temporary, where

EVENT_STREAM = "text/event-stream"

_log = logging.getLogger(__name__)
_HEARTBEAT_S = 15.0
_PAUSE_S = 1.0
_RETRY_MS = 1000
# A proxy that collects what it passes on would hold events back.
_HEADERS = {"Content-Type": f"{EVENT_STREAM}; charset=utf-8", "X-Accel-Buffering": "no"}


async def stream_events(context: Context) -> StreamAnswer:
    """GET /api/events."""
    return StreamAnswer(_opened(context))


@asynccontextmanager
async def _opened(context: Context) -> AsyncGenerator[Stream]:
    live = context.services.live
    # Who has a Matrix session of her own has the words there.
    with_bodies = context.caller.kind != "own"
    with (
        context.services.requests.stream(context.counted_as),
        live.notifier.subscribe(context.acting_for, with_bodies=with_bodies) as bell,
    ):
        start = await live.start(context.last_event_id)
        yield Stream(pieces=_pieces(context, bell, start), size=None, headers=_HEADERS)


async def _pieces(context: Context, bell: Subscription, start: Start) -> AsyncGenerator[bytes]:
    """What goes over the wire, until the process stops or the caller may not listen any more."""
    cursor = start.place
    # With an id and no data nothing is dispatched, but a client that is cut off now comes back with it.
    yield b"retry: %d\nid: %d\n%s\n" % (
        _RETRY_MS,
        cursor,
        b"event: reset\ndata: {}\n" if start.is_reset else b"",
    )
    told, wait_s = cursor, 0.0
    while not context.services.live.notifier.is_closing:
        is_new = await bell.rung(within_s=wait_s) if wait_s else True
        try:
            await _readmit(context)
            events, cursor, is_more = await context.services.live.read(
                context.acting_for, after=cursor, with_bodies=bell.with_bodies
            )
            bell.seen = cursor
        except (ServiceError, ProblemError):
            return
        except Exception as error:
            if not is_temporary(error):
                raise
            _log.warning("a stream waits: %s", where(error))
            wait_s = _PAUSE_S
            continue
        if events:
            yield b"".join(map(_encode, events))
            told = int(events[-1].id)
        elif not is_new:
            yield b":\n\n" if cursor == told else b":\nid: %d\n\n" % cursor
            told = cursor
        wait_s = 0.0 if is_more else _HEARTBEAT_S


async def _readmit(context: Context) -> None:
    if context.readmit is not None:
        await context.readmit()


def _encode(event: Event) -> bytes:
    data = json.dumps({**event.data, "at": format_instant(event.at)}, ensure_ascii=False)
    return f"id: {event.id}\nevent: {event.name}\ndata: {data}\n\n".encode()
