"""A professional leaves: taken out of everything at once.

One transaction ends all she had and makes her rooms due; bridge/rooms/membership.py then takes her out of each, as
often as it needs. A second command, or a crash between the two, changes nothing about where that ends.
"""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from appointments import services
from appointments.events import Departed
from bridge.callers.sessions import revoke_all
from bridge.facts import Fact, append
from bridge.people.care import note_ended_care
from bridge.people.representation import note_ended_representation
from bridge.storage.reviews import review_patient, review_professional


async def depart(connection: AsyncConnection, *, professional: str, now: datetime) -> Departed:
    """End her care of others, her representation of others and her sessions now, with the facts of each.

    Care that is entered again afterwards holds.
    """
    departed = await services.depart(connection, professional=professional, now=now)
    for care in departed.care:
        await note_ended_care(connection, care)
    for representation in departed.representations:
        await note_ended_representation(connection, representation)
        await review_patient(connection, patient=representation.representation.patient, now=now)
    await review_professional(connection, professional=professional, now=now)
    await revoke_all(connection, professional, now)
    kind = "professional.departed"
    await append(
        connection,
        Fact(id=f"{kind}:{professional}:{now.isoformat()}", kind=kind, subject=professional, at=now),
    )
    return departed
