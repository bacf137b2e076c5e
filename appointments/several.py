"""The next free slots with any of several professionals: one query for all, computed no further than is asked for."""

import heapq
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

from appointments.errors import UnknownVisitTypeError
from appointments.intervals import Interval
from appointments.schedules import VisitType
from appointments.slots import Slot, free_slots, windows
from appointments.storage import schedules
from appointments.storage.blocked_times import find_all_blocked
from appointments.storage.schedules import StoredSchedule


@dataclass(frozen=True, slots=True)
class SlotWith:
    """A free slot, and with whom."""

    professional: str
    slot: Slot


async def next_of_several(
    connection: AsyncConnection,
    *,
    professionals: Collection[str],
    now: datetime,
    visit_type: str | None = None,
    start: datetime | None = None,
    end: datetime | None = None,
    limit: int = 50,
) -> list[SlotWith]:
    """The first `limit` free slots with any of them that start in [start, end), in order; of one time all.

    By default from now to each one's horizon. Who has no schedule, or no visits of this type, offers nothing;
    raises UnknownVisitTypeError when none of the schedules has such visits.
    """
    offering = _offering(await schedules.find_several(connection, professionals), visit_type)
    horizon = max((kind.horizon for _, kind in offering), default=timedelta(0))
    since, until = max(start or now, now), min(end or now + horizon, now + horizon)
    found: list[SlotWith] = []
    for window in windows(since, until):
        found += await _within(connection, offering, window, now=now, limit=limit - len(found))
        if len(found) == limit:
            break
    return found


def _offering(
    stored: Sequence[StoredSchedule], visit_type: str | None
) -> list[tuple[StoredSchedule, VisitType]]:
    offering = []
    others: list[str] = []
    for one in stored:
        try:
            offering.append((one, one.schedule.visit_type(visit_type)))
        except UnknownVisitTypeError as error:
            others += error.known
    if others and not offering:
        raise UnknownVisitTypeError(sorted(set(others)))
    return offering


async def _within(
    connection: AsyncConnection,
    offering: Sequence[tuple[StoredSchedule, VisitType]],
    window: Interval,
    *,
    now: datetime,
    limit: int,
) -> list[SlotWith]:
    step = max(kind.step for _, kind in offering)
    around = Interval(window.start - step, window.end + step)
    blocked = await find_all_blocked(
        connection, schedule_ids=[stored.id for stored, _ in offering], window=around
    )
    slots = [_slots(stored, kind, blocked, window, now) for stored, kind in offering]
    merged = heapq.merge(*slots, key=lambda one: (one.slot.start, one.professional))
    return [one for one, _ in zip(merged, range(limit), strict=False)]


def _slots(
    stored: StoredSchedule,
    kind: VisitType,
    blocked: Mapping[int, Collection[Interval]],
    window: Interval,
    now: datetime,
) -> Iterator[SlotWith]:
    taken = blocked.get(stored.id, ())
    for slot in free_slots(stored.schedule, kind, window=window, blocked=taken, now=now):
        yield SlotWith(stored.professional, slot)
