"""Who is in a consult room without taking part in it: put there with a stolen token or by a server's administrator.

Such a member gets no keys (bridge/rooms.py). The keeper takes them out as soon as they are seen, and the clinic
is told, since a homeserver that lets this happen needs looking at.
"""

import logging
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Gauge
from sqlalchemy import and_, exists, select
from sqlalchemy.ext.asyncio import AsyncConnection

from appointments.storage.representation import representations
from bridge.clock import Now
from bridge.database import Database
from bridge.reviews import make_room_due
from bridge.rooms import PRESENT
from bridge.settings import Settings
from bridge.storage.conversations import conversations, room_members

log = logging.getLogger(__name__)

_REPRESENTS = exists().where(
    and_(
        representations.c.patient == conversations.c.patient,
        representations.c.representative == room_members.c.user_id,
    )
)
_STRANGERS = (
    select(room_members.c.room_id, room_members.c.user_id)
    .join(conversations, conversations.c.room_id == room_members.c.room_id)
    .where(
        room_members.c.membership.in_(PRESENT),
        room_members.c.user_id != conversations.c.patient,
        room_members.c.user_id != conversations.c.professional,
        ~_REPRESENTS,
    )
)


@dataclass(frozen=True, slots=True)
class Stranger:
    """A member of a consult room who never took part in its conversation."""

    room_id: str
    user_id: str


async def strangers(connection: AsyncConnection, *, bots: frozenset[str]) -> frozenset[Stranger]:
    """Those there are now, the bots aside."""
    rows = (await connection.execute(_STRANGERS)).all()
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
            "Members of consult rooms who never took part in the conversation.",
            registry=registry,
        )

    async def look(self) -> None:
        """Look once; whoever is new there is taken out with the room's next review, which is due at once."""
        async with self._database.read() as connection:
            found = await strangers(connection, bots=self._bots)
        self._gauge.set(len(found))
        for stranger in sorted(found - self._told, key=lambda one: (one.room_id, one.user_id)):
            log.warning("%s was put into %s, and is taken out", stranger.user_id, stranger.room_id)
            async with self._database.write() as connection:
                await make_room_due(connection, room_id=stranger.room_id, now=self._now())
        self._told = found
