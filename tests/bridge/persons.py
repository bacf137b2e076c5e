"""People, entered for tests."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from appointments.sealing import Sealer
from bridge.people import people


async def enter_person(
    connection: AsyncConnection,
    user_id: str,
    *,
    sealer: Sealer,
    now: datetime,
    managed: bool = True,
    display_name: str | None = None,
) -> None:
    """Somebody in Madrid who speaks Spanish, by default a managed user without a name."""
    await people.add(
        connection,
        sealer=sealer,
        user_id=user_id,
        managed=managed,
        display_name=display_name,
        language="es",
        timezone="Europe/Madrid",
        now=now,
    )
