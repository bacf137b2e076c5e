"""A change of an appointment: what it makes impossible, in its own transaction, and what follows from its fact.

What was still to be said about the appointment before is not said any more: it leaves the ledger, and the outbox as
far as nothing of it can be under way. (What is encrypted may be in the room already: judging.py judges it when it is
sent once more.) What has to be said now is noted, for planning.py, when the fact gets its place
(bridge/live/placing.py), so no booking waits for that.
"""

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, Select, bindparam, literal, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from appointments.booking import Appointment, Status
from appointments.events import AppointmentChanged
from appointments.listing import appointments_of
from bridge.deliveries import ledger
from bridge.notices.kinds import CHANGES, CONFIRMED, REMINDER, WISHES
from bridge.storage.deliveries import deliveries
from bridge.storage.reminding import appointment_notices
from bridge.storage.sends import DELIVERY_PREFIX, sends
from bridge.storage.statements import insert_each_once, insert_once

EVENT_SUFFIX = ":event"
"""Of the send that tells programs what another one tells people."""

_TO_COME: tuple[Status, ...] = ("booked",)
_NEW = ("booked", "offered")
"""Of these nothing was ever said."""
_FAMILY = "appointment."
_ANNOUNCED = frozenset(_FAMILY + kind for kind in (*_NEW, "moved", "cancelled"))
_PAST_ONCE_SHE_CAME = (*CHANGES, CONFIRMED, REMINDER)


def _said_of_it(suffix: str) -> Select[str]:
    return select(literal(DELIVERY_PREFIX) + deliveries.c.id + literal(suffix)).where(
        deliveries.c.subject == bindparam("appointment"),
        deliveries.c.channel == "chat",
        deliveries.c.state == "cancelled",
    )


_WITHDRAW = (
    update(sends)
    .where(
        sends.c.state == "accepted",
        or_(sends.c.id.in_(_said_of_it("")), sends.c.id.in_(_said_of_it(EVENT_SUFFIX))),
    )
    .values(state="refused", sealed=None, content=None)
)


async def withdraw_untrue(connection: AsyncConnection, changed: AppointmentChanged) -> None:
    """Say no more what was true before.

    Who came still hears of a delay. An earlier time that is offered is an appointment of its own: once it is
    answered, or kept no longer, nobody is told of it any more.
    """
    if changed.kind in _NEW:
        return
    one = changed.appointment
    kinds = _PAST_ONCE_SHE_CAME if one.status == "arrived" else None
    await ledger.cancel(connection, subject=one.id, kinds=kinds, now=changed.at)
    await connection.execute(_WITHDRAW, {"appointment": one.id})


async def note_announced(connection: AsyncConnection, facts: Sequence[Row[Any]]) -> None:
    """Have said soon what is true now, by these facts. Who came and who did not is announced to nobody."""
    announced = [fact for fact in facts if fact.kind in _ANNOUNCED]
    await insert_each_once(connection, appointment_notices, [_announcement(fact) for fact in announced])


async def note_confirmed(connection: AsyncConnection, one: Appointment, *, by: str, now: datetime) -> None:
    """The professional is to hear, once, that the patient says she comes."""
    await _note(connection, one, which="confirmed", kind="confirmed", by=by, at=now)


async def note_wishes(connection: AsyncConnection, *, person: str, now: datetime) -> None:
    """She wants to be told in another way now: her reminders of what is to come are to be planned anew."""
    found = await appointments_of(connection, person=person, now=now, start=now, statuses=_TO_COME)
    for one in found:
        if one.professional == person:  # who is reminded of nothing
            continue
        await _note(connection, one, which=f"{WISHES}:{uuid.uuid4().hex}", kind=WISHES, by=person, at=now)


def _announcement(fact: Row[Any]) -> dict[str, Any]:
    return {
        "id": fact.id.removeprefix(_FAMILY),
        "appointment_id": fact.data.get("offer_id", fact.subject),
        "kind": fact.kind.removeprefix(_FAMILY),
        "by": fact.data.get("by"),
        "at": fact.at,
    }


async def _note(
    connection: AsyncConnection, one: Appointment, *, which: str, kind: str, by: str | None, at: datetime
) -> None:
    await insert_once(
        connection,
        appointment_notices,
        id=f"{which}:{one.id}:{one.version}",
        appointment_id=one.id,
        kind=kind,
        by=by,
        at=at,
    )


def delivery_id_of(send_id: str) -> str:
    """The delivery that this send of the assistant's says."""
    return send_id.removeprefix(DELIVERY_PREFIX).removesuffix(EVENT_SUFFIX)
