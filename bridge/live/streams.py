"""One person's events from a place on, as she may see them now.

A stream is a cursor and a bell: what it tells is read from the database when it is told, so a slow client holds
nothing in memory, and one that comes back with its last id goes on behind it, in whatever process.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Protocol

from sqlalchemy import Row, bindparam, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.clock import Now
from bridge.live.bodies import Body
from bridge.live.notifier import Notifier
from bridge.live.placing import forgotten_up_to, last_place
from bridge.rooms.reading_rights import may_read
from bridge.storage.database import Database
from bridge.storage.live_events import live_events

_AT_ONCE = 100
_ID = re.compile(r"[0-9]{1,18}")

_NEXT = (
    select(live_events)
    .where(live_events.c.person == bindparam("reader"), live_events.c.place > bindparam("after"))
    .order_by(live_events.c.place)
    .limit(_AT_ONCE)
)


class Words(Protocol):
    """Reads what messages say (bridge/live/bodies.py)."""

    async def read(self, reader: str, messages: Sequence[tuple[str, str]]) -> list[Body]:
        """The words of each of these messages, by conversation and message id."""


@dataclass(frozen=True, slots=True)
class Event:
    """One event as it is told; `id` is what a client comes back with."""

    id: str
    name: str
    data: dict[str, Any]
    at: datetime


@dataclass(frozen=True, slots=True)
class Start:
    """Where a stream begins; `is_reset` when what the client has missed is not kept any more."""

    place: int
    is_reset: bool


class Streams:
    """Reads for streams."""

    def __init__(self, *, database: Database, notifier: Notifier, words: Words, now: Now) -> None:
        self._database = database
        self.notifier = notifier
        self._words = words
        self._now = now

    async def start(self, last_event_id: str | None) -> Start:
        """Behind the last event that the client has seen, or now."""
        current = await self.notifier.current()
        if last_event_id is None:
            return Start(current, is_reset=False)
        async with self._database.read() as connection:
            forgotten = await forgotten_up_to(connection)
        place = int(last_event_id) if _ID.fullmatch(last_event_id) else -1
        if not forgotten <= place <= current:
            return Start(current, is_reset=True)
        return Start(place, is_reset=False)

    async def read(self, reader: str, *, after: int, with_bodies: bool) -> tuple[list[Event], int, bool]:
        """What this person may be told next, the place up to which that is all, and whether there may be more.

        `with_bodies`: messages with their words. Raises MatrixError and HomeserverUnreachableError.
        """
        async with self._database.read() as connection:
            next_ones = {"reader": reader, "after": after}
            rows = (await connection.execute(_NEXT, next_ones)).all()
            if not rows:
                last = await last_place(connection)  # up to there everything is committed
                rows = (await connection.execute(_NEXT, next_ones)).all()
            if not rows:
                return [], max(after, last), False
            visible = await self._visible(connection, reader, rows)
        events = [
            Event(str(row.place), row.event, dict(row.data), row.at)
            for row in rows
            if row.data.get("conversation_id") in visible
        ]
        told = await self._with_bodies(reader, events) if with_bodies else events
        return told, rows[-1].place, len(rows) == _AT_ONCE

    async def _visible(
        self, connection: AsyncConnection, reader: str, rows: Sequence[Row[Any]]
    ) -> set[str | None]:
        """The conversations that the reader may read now; events of none are hers by being addressed to her."""
        rooms = {row.data["conversation_id"] for row in rows if "conversation_id" in row.data}
        now = self._now()
        return {
            None,
            *[room for room in rooms if await may_read(connection, reader=reader, room_id=room, now=now)],
        }

    async def _with_bodies(self, reader: str, events: list[Event]) -> list[Event]:
        messages = [event for event in events if event.name == "message"]
        wanted = [(event.data["conversation_id"], event.data["message_id"]) for event in messages]
        bodies = await self._words.read(reader, wanted) if wanted else []
        by_id = {event.id: body for event, body in zip(messages, bodies, strict=True)}
        told = []
        for event in events:
            body = by_id.get(event.id)
            if body is None:
                told.append(event)
            elif body.is_message:
                told.append(replace(event, data={**event.data, "body": body.text}))
        return told
