"""A few values of the bridge itself that outlive the process."""

from sqlalchemy import Column, Table, Text, bindparam, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from appointments.storage.schema import metadata
from bridge.storage.statements import insert_once, upsert

bridge_state = Table(
    "bridge_state",
    metadata,
    Column("key", Text, primary_key=True),
    Column("value", Text, nullable=False),
)


_GET = select(bridge_state.c.value).where(bridge_state.c.key == bindparam("one"))
_MOVE = (
    update(bridge_state)
    .where(bridge_state.c.key == bindparam("one"), bridge_state.c.value == bindparam("before"))
    .values(value=bindparam("after"))
)


async def get_state(connection: AsyncConnection, key: str) -> str | None:
    """The value kept under this key, if there is one."""
    value: str | None = (await connection.execute(_GET, {"one": key})).scalar_one_or_none()
    return value


async def set_state(connection: AsyncConnection, key: str, value: str) -> None:
    """Keep this value under this key."""
    await upsert(connection, bridge_state, key={"key": key}, values={"value": value})


async def move_state(connection: AsyncConnection, key: str, *, before: str | None, after: str) -> bool:
    """Keep `after` where `before` (None: nothing) was kept; False when that is not so any more.

    Of transactions that move the same, one does; the others wait for its end and don't.
    """
    if before is None:
        return await insert_once(connection, bridge_state, key=key, value=after)
    moved = await connection.execute(_MOVE, {"one": key, "before": before, "after": after})
    return moved.rowcount == 1
