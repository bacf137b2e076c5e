"""News of messages, for the ledger: from what live events tell of, whose places are a cursor that skips nothing.

Pushes to managed users too, since homeservers evaluate no push rules for our users. (Synapse leaves the users of an
application service out: BulkPushRuleEvaluator.)
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Row, bindparam, select
from sqlalchemy.ext.asyncio import AsyncConnection

from appointments.sealing import Sealer
from bridge.clock import Now
from bridge.deliveries import ledger, preferences, subscriptions
from bridge.deliveries.ledger import Delivery
from bridge.deliveries.preferences import Preferences
from bridge.live.placing import Placing, last_place
from bridge.notifications.news import enqueue_mail, enqueue_rest, mail_of, push_of, read_up_to
from bridge.people import people
from bridge.storage.conversations import timeline
from bridge.storage.database import Database
from bridge.storage.live_events import live_events
from bridge.storage.state import get_state, move_state

_CURSOR = "notifications.place"
_AT_ONCE = 500
_NEWS = (
    select(live_events)
    .where(live_events.c.place > bindparam("after"))
    .order_by(live_events.c.place)
    .limit(_AT_ONCE)
)
_KNOWN = select(timeline.c.event_id, timeline.c.sender, timeline.c.seq).where(
    timeline.c.event_id.in_(bindparam("messages", expanding=True))
)
_IS_ANY = select(live_events.c.place).where(live_events.c.place > bindparam("after")).limit(1)


class MessageNews:
    """Follows live events; its cursor moves with what it enqueues, in one transaction."""

    def __init__(self, *, database: Database, sealer: Sealer, placing: Placing, now: Now) -> None:
        self._database = database
        self._sealer = sealer
        self._placing = placing
        self._now = now

    async def look(self) -> None:
        """Everything that has happened up to now is enqueued afterwards, for who wants it."""
        await self._placing.place()
        while await self._look_at_some() == _AT_ONCE:
            pass

    async def _look_at_some(self) -> int:
        async with self._database.read() as connection:
            cursor = await get_state(connection, _CURSOR)
            if cursor is not None and not await _is_any(connection, after=int(cursor)):
                return 0
        async with self._database.write() as connection:
            cursor = await get_state(connection, _CURSOR)
            if cursor is None:  # what happened before is no news
                await move_state(connection, _CURSOR, before=None, after=str(await last_place(connection)))
                return 0
            rows = (await connection.execute(_NEWS, {"after": int(cursor)})).all()
            if not rows or not await move_state(
                connection, _CURSOR, before=cursor, after=str(rows[-1].place)
            ):
                return 0  # or another process is at it
            wanted = await preferences.get_all(
                connection, sealer=self._sealer, people={row.person for row in rows}
            )
            await self._enqueue(connection, [row for row in rows if row.event == "message"], wanted)
            await self._enqueue_rests(
                connection, [row for row in rows if row.data.get("status") == "read"], wanted
            )
        return len(rows)

    async def _enqueue_rests(
        self, connection: AsyncConnection, rows: Sequence[Row[Any]], wanted: Mapping[str, Preferences]
    ) -> None:
        """Somebody has read on in these conversations, maybe not all of it."""
        for person, room_id in sorted({(row.person, row.data["conversation_id"]) for row in rows}):
            if person in wanted and wanted[person].email:
                await enqueue_rest(
                    connection, person, room_id, delay=wanted[person].delay, sealer=self._sealer
                )

    async def _enqueue(
        self, connection: AsyncConnection, rows: Sequence[Row[Any]], wanted: Mapping[str, Preferences]
    ) -> None:
        persons = {row.person for row in rows}
        browsers = await subscriptions.ids_of(connection, await people.managed_among(connection, persons))
        known = await _known(connection, {row.data["message_id"] for row in rows})
        for row in rows:
            message = known.get(row.data["message_id"])
            # What we sent for her has no place in the room before its echo, but its fact names her.
            if row.person == (row.sender if message is None else message.sender):
                continue
            for delivery in self._pushes(row, browsers):
                await ledger.enqueue(connection, delivery, sealer=self._sealer)
            await self._mail(
                connection, row, wanted.get(row.person), place=None if message is None else message.seq
            )

    def _pushes(self, row: Row[Any], browsers: Iterable[tuple[str, str]]) -> Iterable[Delivery]:
        return [
            push_of(
                subscription_id=subscription_id,
                person=person,
                conversation_id=row.data["conversation_id"],
                message_id=row.data["message_id"],
                due_at=self._now(),
            )
            for person, subscription_id in browsers
            if person == row.person
        ]

    async def _mail(
        self, connection: AsyncConnection, row: Row[Any], wanted: Preferences | None, *, place: int | None
    ) -> None:
        if wanted is None or not wanted.email:
            return
        conversation_id = row.data["conversation_id"]
        has_read = await read_up_to(connection, row.person, conversation_id)
        if place is not None and place <= has_read:  # she was quicker than we
            return
        delivery = mail_of(
            person=row.person,
            conversation_id=conversation_id,
            read_up_to=has_read,
            due_at=row.placed_at + wanted.delay,
        )
        await enqueue_mail(connection, delivery, sealer=self._sealer)


async def seen(connection: AsyncConnection) -> int | None:
    """The last place that has been looked at; None when nobody has ever looked, to whom all of it is no news."""
    cursor = await get_state(connection, _CURSOR)
    return None if cursor is None else int(cursor)


async def _is_any(connection: AsyncConnection, *, after: int) -> bool:
    return (await connection.execute(_IS_ANY, {"after": after})).first() is not None


async def _known(connection: AsyncConnection, messages: Collection[str]) -> dict[str, Row[*tuple[Any, ...]]]:
    """Who wrote these and where they stand in their rooms, as far as the homeserver's push has told."""
    found = await connection.execute(_KNOWN, {"messages": list(messages)})
    return {row.event_id: row for row in found}
