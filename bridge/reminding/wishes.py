"""How somebody wants to be told, as she says it; her reminders are planned anew where that makes others of them."""

from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from appointments.sealing import Sealer
from bridge.deliveries import preferences
from bridge.deliveries.preferences import Preferences
from bridge.notices.notices import note_wishes


async def change_preferences(
    connection: AsyncConnection, wanted: Preferences, *, sealer: Sealer, person: str, now: datetime
) -> None:
    """From now on this is what she wants."""
    before = await preferences.put(connection, wanted, sealer=sealer, person=person, now=now)
    if _of_reminders(before or Preferences()) != _of_reminders(wanted):
        await note_wishes(connection, person=person, now=now)


def _of_reminders(wanted: Preferences) -> tuple[Any, ...]:
    """What decides which reminders there are, when and on which channels (planning.py, telling.py)."""
    gets_mail = wanted.email and wanted.address is not None
    return wanted.reminders, wanted.minutes_before, wanted.quiet_hours, gets_mail, wanted.push
