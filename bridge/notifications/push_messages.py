"""Pushes for managed users: from what live events tell of, since homeservers evaluate no push rules for our users.

(Synapse leaves the users of an application service out: BulkPushRuleEvaluator.)
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, select
from sqlalchemy.ext.asyncio import AsyncConnection

from appointments.sealing import Sealer
from bridge import people
from bridge.clock import Now
from bridge.database import Database
from bridge.live.placing import last_place
from bridge.notifications import ledger, subscriptions
from bridge.notifications.ledger import Delivery
from bridge.storage.conversations import timeline
from bridge.storage.live_events import live_events
from bridge.storage.state import get_state, set_state

_CURSOR = "push.place"
_AT_ONCE = 500


def push_of(
    *, subscription_id: str, person: str, conversation_id: str, message_id: str, due_at: datetime
) -> Delivery:
    """What tells one browser of one message; the same message again is the same delivery."""
    return Delivery(
        id=f"push:{message_id}:{subscription_id}",
        person=person,
        channel="push",
        kind="message",
        subject=conversation_id,
        due_at=due_at,
        data={"subscription_id": subscription_id},
    )


class PushMessages:
    """Follows live events; its cursor moves with what it enqueues, in one transaction."""

    def __init__(self, *, database: Database, sealer: Sealer, now: Now) -> None:
        self._database = database
        self._sealer = sealer
        self._now = now

    async def look(self) -> None:
        """Everything that was placed up to now is enqueued afterwards, for who wants it."""
        while await self._look_at_some() == _AT_ONCE:
            pass

    async def _look_at_some(self) -> int:
        async with self._database.write() as connection:
            cursor = await get_state(connection, _CURSOR)
            if cursor is None:  # what happened before there was push is no news
                await set_state(connection, _CURSOR, str(await last_place(connection)))
                return 0
            query = select(live_events).where(live_events.c.place > int(cursor))
            rows = (await connection.execute(query.order_by(live_events.c.place).limit(_AT_ONCE))).all()
            if rows:
                await self._enqueue(connection, [row for row in rows if row.event == "message"])
                await set_state(connection, _CURSOR, str(rows[-1].place))
        return len(rows)

    async def _enqueue(self, connection: AsyncConnection, rows: Sequence[Row[Any]]) -> None:
        managed = await people.managed_among(connection, {row.person for row in rows})
        browsers = await subscriptions.ids_of(connection, managed)
        if not browsers:
            return
        query = select(timeline.c.event_id, timeline.c.sender).where(
            timeline.c.event_id.in_({row.data["message_id"] for row in rows})
        )
        senders = {row.event_id: row.sender for row in await connection.execute(query)}
        for row in rows:
            for person, subscription_id in browsers:
                if row.person != person or senders.get(row.data["message_id"]) == person:
                    continue
                delivery = push_of(
                    subscription_id=subscription_id,
                    person=person,
                    conversation_id=row.data["conversation_id"],
                    message_id=row.data["message_id"],
                    due_at=self._now(),
                )
                await ledger.enqueue(connection, delivery, sealer=self._sealer)
