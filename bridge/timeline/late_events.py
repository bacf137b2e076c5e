"""Events that got their places late, and so stand behind some that followed them in the room (inbound/missed.py)."""

from datetime import datetime
from itertools import takewhile

from sqlalchemy import bindparam, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.storage.conversations import timeline

_behind = timeline.alias("behind")

IS_BEFORE_LATE = (
    select(_behind.c.seq)
    .where(_behind.c.is_late, _behind.c.room_id == timeline.c.room_id, _behind.c.seq > timeline.c.seq)
    .exists()
    .label("is_before_late")
)
"""Whether a late event stands anywhere behind the event of a `select` from the timeline."""

_BEHIND = (
    select(timeline.c.seq, timeline.c.sent_at, timeline.c.is_late)
    .where(
        timeline.c.room_id == bindparam("room_id"), timeline.c.seq > bindparam("seq"), timeline.c.is_message
    )
    .order_by(timeline.c.seq)
)


async def reach(connection: AsyncConnection, *, room_id: str, seq: int, sent_at: datetime) -> int:
    """Up to which place a receipt on the event at `seq` goes: over the late messages right behind it.

    That is, those which were sent before it, as far as the servers' clocks say. What is no message doesn't count.
    """
    rows = (await connection.execute(_BEHIND, {"room_id": room_id, "seq": seq})).all()
    covered = [row.seq for row in takewhile(lambda row: row.is_late and row.sent_at <= sent_at, rows)]
    return covered[-1] if covered else seq
