"""What the homeserver never pushed.

Synapse keeps in memory what it has yet to push: when it dies, that is forgotten, and what it was just pushing comes
again only after another push fails. Each consult room has the keeper in it, each direct chat the assistant: what
happened in the rooms of these two, by our module's word, and no push has brought in time was missed.
"""

import logging
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Protocol

from bridge.clock import Now
from bridge.inbound import inbox
from bridge.inbound.items import InboxItem, items_of_transaction
from bridge.matrix.client import MatrixClient
from bridge.matrix.errors import HomeserverUnreachableError, MatrixError
from bridge.matrix.json import JsonObject
from bridge.matrix.module import MOST_HAPPENED, EventPlace, Happened
from bridge.retries import where
from bridge.storage.database import Database
from bridge.storage.state import get_state, set_state

log = logging.getLogger(__name__)

_IN_TIME_MS = 10_000
_TOGETHER = 50
_PLACE, _LOOKED_AT = "missed.place.{}", "missed.looked_at.{}"
_LONGEST_AWAY = inbox.KEPT_FOR - timedelta(days=1)
"""Whoever has not looked for longer can't tell what was missed from what was forgotten since."""


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
        bots: Collection[str],
        take: Callable[[Sequence[InboxItem]], Awaitable[None]],
        on_trouble: Callable[[], None],
        now: Now,
    ) -> None:
        self._database = database
        self._witness = witness
        self._client = client
        self._bots = bots
        self._take = take
        self._on_trouble = on_trouble
        self._now = now
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
        is_more = True
        while is_more:
            looked_at = self._now()
            after = await self._place(bot, now=looked_at)
            happened = await self._witness.happened(user_id=bot, after=after, age_ms=_IN_TIME_MS)
            await self._make_up_for(bot, happened.events)
            async with self._database.write(synced=False) as connection:
                await set_state(connection, _PLACE.format(bot), str(happened.place))
                await set_state(connection, _LOOKED_AT.format(bot), looked_at.isoformat())
            is_more = len(happened.events) == MOST_HAPPENED

    async def _place(self, bot: str, *, now: datetime) -> int | None:
        """Behind which the next look begins; None for now."""
        async with self._database.read() as connection:
            place = await get_state(connection, _PLACE.format(bot))
            looked_at = await get_state(connection, _LOOKED_AT.format(bot))
        if place is None or looked_at is None:
            return None
        if now - datetime.fromisoformat(looked_at) > _LONGEST_AWAY:
            log.error("nobody looked for pushes that were missed since %s: some may be lost", looked_at)
            self._on_trouble()
            return None
        return int(place)

    async def _make_up_for(self, bot: str, happened: Sequence[EventPlace]) -> None:
        async with self._database.read() as connection:
            known = await inbox.known_events(connection, [event.event_id for event in happened])
        missed = [event for event in happened if event.event_id not in known]
        for start in range(0, len(missed), _TOGETHER):  # what was taken stays so, whatever comes then
            fetched = [await self._fetched(bot, event) for event in missed[start : start + _TOGETHER]]
            items = items_of_transaction({"events": [event for event in fetched if event is not None]})
            if items:
                log.warning("%d events were never pushed to us: fetched", len(items))
                await self._take([replace(item, payload={**item.payload, "is_late": True}) for item in items])
                self._on_trouble()

    async def _fetched(self, bot: str, event: EventPlace) -> JsonObject | None:
        try:
            return await self._client.event(user_id=bot, room_id=event.room_id, event_id=event.event_id)
        except MatrixError as error:
            if error.is_temporary:
                raise
            return None  # the bot left, or may not see it: it would not be pushed either
