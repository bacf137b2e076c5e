"""Mails about unread messages that are due, one for each of many people."""

from datetime import datetime

from appointments.sealing import Sealer
from bridge.deliveries import ledger, preferences
from bridge.deliveries.preferences import Preferences
from bridge.notifications.news import mail_of
from bridge.storage.database import Database
from tests.bridge.consult_room import open_room


async def enqueue_mails(database: Database, *, people: int, sealer: Sealer, now: datetime) -> None:
    """So many people have a message each, want mails, and are to be told now."""
    async with database.write() as connection:
        for number in range(people):
            person = f"@portal_{number}:p"
            wanted = Preferences(address=f"{number}@example.org", email=True)
            await preferences.put(connection, wanted, sealer=sealer, person=person, now=now)
            due = mail_of(person=person, conversation_id=f"!room{number}", read_up_to=0, due_at=now)
            await ledger.enqueue(connection, due, sealer=sealer)
            await open_room(connection, due.subject, patient=person, professional="@garcia:h", now=now)
