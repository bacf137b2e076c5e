"""What the homeserver never pushed.

Synapse keeps in memory what it has yet to push: when it dies, that is forgotten, and what it was just pushing comes
again only after another push fails. Each consult room has the keeper in it, each direct chat the assistant: what
happened in the rooms of these two, by our module's word, and no push has brought in time was missed.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Sequence
from contextlib import suppress
from typing import Protocol

from bridge import inbox, receipts
from bridge.database import Database
from bridge.dispatch import Dispatcher
from bridge.items import InboxItem, items_of_transaction
from bridge.matrix.client import MatrixClient
from bridge.matrix.errors import HomeserverUnreachableError, MatrixError
from bridge.matrix.json import JsonObject
from bridge.matrix.module import EventPlace, Happened
from bridge.retries import where
from bridge.storage.state import get_state, set_state

log = logging.getLogger(__name__)

_IN_TIME_MS = 10_000
_SETTLE_S = 10.0


class Witness(Protocol):
    """Who knows what happened in somebody's rooms."""

    async def happened(self, *, user_id: str, after: int | None, age_ms: int) -> Happened:
        """See bridge/matrix/module.py."""


class MissedEvents:
    """Looks again and again; `take` is given what was missed, as if it had been pushed.

    `on_trouble` is called when the homeserver has thrown something away, or was away and may have.
    """

    def __init__(
        self,
        *,
        database: Database,
        witness: Witness,
        client: MatrixClient,
        dispatcher: Dispatcher,
        bots: Collection[str],
        take: Callable[[Sequence[InboxItem]], Awaitable[None]],
        on_trouble: Callable[[], None],
    ) -> None:
        self._database = database
        self._witness = witness
        self._client = client
        self._dispatcher = dispatcher
        self._bots = bots
        self._take = take
        self._on_trouble = on_trouble
        self._was_away = False

    async def look(self) -> None:
        """Take what was missed since the last look. What a crash leaves undone, the next process looks at again."""
        try:
            for bot in self._bots:
                await self._look(bot)
        except (HomeserverUnreachableError, MatrixError) as error:
            log.warning("whether a push was missed can't be seen now: %s", where(error))
            self._was_away = True
            return
        if self._was_away:
            self._was_away = False
            self._on_trouble()

    async def _look(self, bot: str) -> None:
        async with self._database.read() as connection:
            kept = await get_state(connection, _place_of(bot))
        after = None if kept is None else int(kept)
        happened = await self._witness.happened(user_id=bot, after=after, age_ms=_IN_TIME_MS)
        if happened.place == after:
            return
        async with self._database.read() as connection:
            known = await inbox.known_events(connection, [event.event_id for event in happened.events])
        missed = [event for event in happened.events if event.event_id not in known]
        if missed:
            await self._make_up_for(bot, missed)
        async with self._database.write(synced=False) as connection:
            await set_state(connection, _place_of(bot), str(happened.place))

    async def _make_up_for(self, bot: str, missed: Sequence[EventPlace]) -> None:
        fetched = [await self._fetched(bot, event) for event in missed]
        items = items_of_transaction({"events": [event for event in fetched if event is not None]})
        if not items:
            return
        log.warning("%d events were never pushed to us: fetched", len(items))
        await self._take(items)
        with suppress(TimeoutError):
            async with asyncio.timeout(_SETTLE_S):
                await self._dispatcher.settled()
        async with self._database.write() as connection:
            await receipts.reach_over_late(connection, [item.payload["event_id"] for item in items])
        self._on_trouble()

    async def _fetched(self, bot: str, event: EventPlace) -> JsonObject | None:
        try:
            return await self._client.event(user_id=bot, room_id=event.room_id, event_id=event.event_id)
        except MatrixError as error:
            if error.is_temporary:
                raise
            return None  # the bot left, or may not see it: it would not be pushed either


def _place_of(bot: str) -> str:
    return f"missed.place.{bot}"
