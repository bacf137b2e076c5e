"""Who is in a consult room without taking part in it: put there with a stolen token or by a server's administrator.

Those who take part no more count once the room has been made what it should be: then they were put back.
Such a member gets no keys (bridge/rooms/rooms.py). The keeper takes them out as soon as they are seen, and the clinic
is told, since a homeserver that lets this happen needs looking at.
"""

import logging
from dataclasses import dataclass
from datetime import datetime

from prometheus_client import CollectorRegistry, Gauge
from sqlalchemy import and_, exists, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from appointments.storage.care import care_relationships, has_left
from appointments.storage.representation import representations
from appointments.storage.taking_part import NOW, represents_in_messages
from bridge.clock import Now
from bridge.rooms.rooms import PRESENT
from bridge.settings import Settings
from bridge.storage.conversations import conversations, room_members
from bridge.storage.database import Database
from bridge.storage.reviews import make_room_due

log = logging.getLogger(__name__)

# Not null where there is no next review: nothing that is null may let somebody pass.
_IS_DUE = and_(conversations.c.review_at.is_not(None), conversations.c.review_at <= NOW)
_REPRESENTS = exists().where(
    representations.c.patient == conversations.c.patient,
    representations.c.representative == room_members.c.user_id,
    or_(represents_in_messages(), _IS_DUE),
)
_HAS_LEFT = exists().where(
    care_relationships.c.patient == conversations.c.patient,
    care_relationships.c.professional == conversations.c.professional,
    has_left(),
)
_IS_PROFESSIONAL = and_(room_members.c.user_id == conversations.c.professional, or_(~_HAS_LEFT, _IS_DUE))
_STRANGERS = (
    select(room_members.c.room_id, room_members.c.user_id)
    .join(conversations, conversations.c.room_id == room_members.c.room_id)
    .where(
        room_members.c.membership.in_(PRESENT),
        room_members.c.user_id != conversations.c.patient,
        ~_IS_PROFESSIONAL,
        ~_REPRESENTS,
    )
)


@dataclass(frozen=True, slots=True)
class Stranger:
    """A member of a consult room who doesn't take part in its conversation."""

    room_id: str
    user_id: str


async def strangers(
    connection: AsyncConnection, *, bots: frozenset[str], now: datetime
) -> frozenset[Stranger]:
    """Those there are now, the bots aside."""
    rows = (await connection.execute(_STRANGERS, {"now": now})).all()
    return frozenset(Stranger(row.room_id, row.user_id) for row in rows if row.user_id not in bots)


class StrangerWatch:
    """Has strangers taken out, shows how many there are (`videoconsulta_strangers`), and logs each once."""

    def __init__(
        self, *, database: Database, settings: Settings, now: Now, registry: CollectorRegistry
    ) -> None:
        self._database = database
        self._bots = frozenset({settings.keeper_id, settings.assistant_id})
        self._now = now
        self._told: frozenset[Stranger] = frozenset()
        self._gauge = Gauge(
            "videoconsulta_strangers",
            "Members of consult rooms who don't take part in the conversation.",
            registry=registry,
        )

    async def look(self) -> None:
        """Look once; whoever is new there is taken out with the room's next review, which is due at once."""
        async with self._database.read() as connection:
            found = await strangers(connection, bots=self._bots, now=self._now())
        self._gauge.set(len(found))
        for stranger in sorted(found - self._told, key=lambda one: (one.room_id, one.user_id)):
            log.warning("%s was put into %s, and is taken out", stranger.user_id, stranger.room_id)
            async with self._database.write() as connection:
                await make_room_due(connection, room_id=stranger.room_id, now=self._now())
        self._told = found
