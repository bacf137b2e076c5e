"""What of a schedule is blocked by appointments, buffers and holds too."""

from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy import bindparam, select
from sqlalchemy.ext.asyncio import AsyncConnection

from appointments.booking import HOLDING
from appointments.intervals import Interval
from appointments.schedules import LONGEST_BLOCK
from appointments.storage.appointments import appointments

_c = appointments.c
_BLOCKED = (
    select(_c.blocked_from, _c.blocked_until)
    .where(
        _c.schedule_id == bindparam("schedule_id"),
        _c.status.in_(HOLDING),
        _c.blocked_from < bindparam("until"),
        _c.blocked_from > bindparam("earliest"),
        _c.blocked_until > bindparam("since"),
    )
    .order_by(_c.blocked_from)
)
_BLOCKED_BESIDES = _BLOCKED.where(_c.id.not_in(bindparam("besides", expanding=True)))
_ALL_BLOCKED = (
    select(_c.schedule_id, _c.blocked_from, _c.blocked_until)
    .where(
        _c.schedule_id.in_(bindparam("schedule_ids", expanding=True)),
        _c.status.in_(HOLDING),
        _c.blocked_from < bindparam("until"),
        _c.blocked_from > bindparam("earliest"),
        _c.blocked_until > bindparam("since"),
    )
    .order_by(_c.schedule_id, _c.blocked_from)
)


async def find_blocked(
    connection: AsyncConnection, *, schedule_id: int, window: Interval, besides: Collection[str] = ()
) -> list[Interval]:
    """What is blocked on this schedule and overlaps the window, but for the appointments `besides`."""
    asked: dict[str, Any] = {
        "schedule_id": schedule_id,
        "since": window.start,
        "until": window.end,
        "earliest": window.start - LONGEST_BLOCK,
    }
    if besides:
        rows = await connection.execute(_BLOCKED_BESIDES, asked | {"besides": list(besides)})
    else:
        rows = await connection.execute(_BLOCKED, asked)
    return [Interval(row.blocked_from, row.blocked_until) for row in rows]


async def find_all_blocked(
    connection: AsyncConnection, *, schedule_ids: Collection[int], window: Interval
) -> Mapping[int, list[Interval]]:
    """The same for each of several schedules, where there is anything."""
    rows = await connection.execute(
        _ALL_BLOCKED,
        {
            "schedule_ids": list(schedule_ids),
            "since": window.start,
            "until": window.end,
            "earliest": window.start - LONGEST_BLOCK,
        },
    )
    blocked: dict[int, list[Interval]] = {}
    for row in rows:
        blocked.setdefault(row.schedule_id, []).append(Interval(row.blocked_from, row.blocked_until))
    return blocked
