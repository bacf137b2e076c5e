"""A process that books one time over and over at once: `python -m tests.appointments.rush URL START COUNT`.

Says `ready`, waits for a line, and then says, as JSON, how many bookings had which outcome.
"""

import asyncio
import json
import os
import sys
from collections import Counter
from datetime import datetime

from appointments.errors import SlotTakenError
from bridge.notices.appointment_facts import record_appointment
from bridge.storage.database import Database
from tests.appointments.diary import MARIA, NOW, Diary


async def rush(url: str, start: datetime, count: int) -> Counter[str]:
    """So many bookings at once."""
    diary = Diary(Database(url), now=NOW)
    diary.record = record_appointment
    await diary.database.open()
    print("ready", flush=True)  # noqa: T201 - whoever started this reads it
    await asyncio.to_thread(sys.stdin.readline)
    outcomes = await asyncio.gather(*(attempt(diary, start, number) for number in range(count)))
    await diary.database.close()
    return Counter(outcomes)


async def attempt(diary: Diary, start: datetime, number: int) -> str:
    """How one booking ends."""
    try:
        await diary.book(start, name=f"{os.getpid()}-{number}", patient=MARIA)
    except SlotTakenError:
        return "taken"
    except Exception as error:  # noqa: BLE001 - whatever it is, the test wants to know
        return repr(error)
    return "booked"


if __name__ == "__main__":
    counted = asyncio.run(rush(sys.argv[1], datetime.fromisoformat(sys.argv[2]), int(sys.argv[3])))
    print(json.dumps(counted))  # noqa: T201
