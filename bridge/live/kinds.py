"""Which facts people are told of, as which event, and whom each concerns.

A kind of fact is one line of KINDS, or a family of them one line of FAMILIES. Its data may hold the ids that an event
shows; `at` is the fact's own.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, get_args

from sqlalchemy import Row, bindparam, select
from sqlalchemy.ext.asyncio import AsyncConnection

from appointments.access import speaking_for
from bots.consult import server_of
from bridge.storage.conversations import conversations, timeline

EventName = Literal["message", "status", "visit", "appointment"]
EVENT_NAMES: tuple[EventName, ...] = get_args(EventName)

Whom = Literal["conversation", "named"]
"""`conversation`: who takes part in that of the room which is the fact's subject; `named`: the people in its data,
under `patient` and `professional`, or in a list under `audience`."""


@dataclass(frozen=True, slots=True)
class Kind:
    """How facts of a kind are told; `again`: each of them, where else people are told once of a message."""

    event: EventName
    whom: Whom
    status: str | None = None
    again: bool = False


KINDS: Mapping[str, Kind] = {
    # Whichever comes first: what we sent ourselves is told before the homeserver's echo of it.
    "message.sent": Kind("message", "conversation"),
    "message.received": Kind("message", "conversation"),
    "message.delivered": Kind("status", "conversation", status="delivered"),
    "message.read": Kind("status", "conversation", status="read"),
    "message.attended": Kind("status", "conversation", status="attended"),
    "message.edited": Kind("status", "conversation", status="edited", again=True),
    "message.redacted": Kind("status", "conversation", status="redacted"),
}
FAMILIES: Mapping[str, Kind] = {
    "appointment": Kind("appointment", "named"),
    "visit": Kind("visit", "named"),
}
_PAIRS = select(conversations.c.room_id, conversations.c.patient, conversations.c.professional).where(
    conversations.c.room_id.in_(bindparam("rooms", expanding=True))
)
_SENDERS = select(timeline.c.event_id, timeline.c.sender).where(
    timeline.c.event_id.in_(bindparam("events", expanding=True))
)
_SHOWN = ("conversation_id", "call_id", "appointment_id", "status")


@dataclass(frozen=True, slots=True)
class Told:
    """One event for one person, without words; she is told once of what it is `about`."""

    person: str
    about: str
    event: EventName
    data: dict[str, Any]
    at: datetime
    sender: str | None = None


def kind_of(fact_kind: str) -> Kind | None:
    """How facts of this kind are told; None when nobody is told."""
    return KINDS.get(fact_kind) or FAMILIES.get(fact_kind.partition(".")[0])


async def tell(
    connection: AsyncConnection, facts: Sequence[Row[Any]], *, portal_server: str, now: datetime
) -> list[Told]:
    """The events of these facts, in their order."""
    rooms = await _rooms_of(connection, facts, portal_server=portal_server, now=now)
    return [told for fact in facts for told in _events_of(fact, rooms)]


@dataclass(frozen=True, slots=True)
class _Rooms:
    """The conversations that facts are about: who takes part in each, and who wrote which message."""

    people: Mapping[str, frozenset[str]]
    senders: Mapping[str, str]
    portal_server: str

    def first_status(self, room_id: str, sender: str | None) -> str:
        """What a message is as soon as the portal has it; what follows is told as a status."""
        recipients = self.people[room_id] - {sender}
        is_home = all(server_of(one) == self.portal_server for one in recipients)
        return "delivered" if is_home else "sent"


def _events_of(fact: Row[Any], rooms: _Rooms) -> Iterable[Told]:
    kind = kind_of(fact.kind)
    if kind is None:
        return []
    if kind.whom == "named":
        shown = {name: fact.data[name] for name in _SHOWN if fact.data.get(name) is not None}
        return [Told(person, fact.id, kind.event, shown, fact.at) for person in sorted(_named(fact.data))]
    event_id = fact.data["event_id"]
    people = rooms.people.get(fact.subject, frozenset())
    if not people:
        return []
    sender = fact.data.get("sender") or rooms.senders.get(event_id)
    status = kind.status or rooms.first_status(fact.subject, sender)
    about = fact.id if kind.again else f"{kind.event}:{status if kind.status else ''}:{event_id}"
    shown = {"conversation_id": fact.subject, "message_id": event_id, "status": status}
    return [Told(person, about, kind.event, shown, fact.at, sender) for person in sorted(people)]


def _named(data: Mapping[str, Any]) -> Collection[str]:
    people = [*data.get("audience", ()), data.get("patient"), data.get("professional")]
    return {person for person in people if isinstance(person, str)}


async def _rooms_of(
    connection: AsyncConnection, facts: Sequence[Row[Any]], *, portal_server: str, now: datetime
) -> _Rooms:
    of_rooms = [
        fact for fact in facts if (kind := kind_of(fact.kind)) is not None and kind.whom == "conversation"
    ]
    if not of_rooms:
        return _Rooms({}, {}, portal_server)
    rooms = list({fact.subject for fact in of_rooms})
    found = (await connection.execute(_PAIRS, {"rooms": rooms})).all()
    speaking = await speaking_for(connection, {row.patient for row in found}, now=now)
    people = {row.room_id: speaking[row.patient] | {row.patient, row.professional} for row in found}
    unsigned = {fact.data["event_id"] for fact in of_rooms if "sender" not in fact.data}
    return _Rooms(people, await _senders(connection, unsigned), portal_server)


async def _senders(connection: AsyncConnection, event_ids: Collection[str]) -> dict[str, str]:
    if not event_ids:
        return {}
    found = await connection.execute(_SENDERS, {"events": list(event_ids)})
    return {row.event_id: row.sender for row in found}
