"""Who is told of an appointment and by which channels, and the rows that this makes in the ledger."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from appointments.booking import Appointment
from appointments.quiet_hours import QuietHours
from appointments.sealing import Sealer
from appointments.storage import representation as representations
from bridge.deliveries import ledger, preferences, subscriptions
from bridge.deliveries.ledger import Channel, Delivery
from bridge.deliveries.preferences import Preferences
from bridge.notices.settings import ReminderSettings
from bridge.people.people import zone_of


@dataclass(frozen=True, slots=True)
class Told:
    """Who is told of which appointment, and how."""

    appointment: Appointment
    person: str
    wanted: Preferences
    channels: tuple[Channel, ...]


async def concerned(connection: AsyncConnection, appointment: Appointment, *, now: datetime) -> Sequence[str]:
    """Who hears of it: the patient, who acts for her in appointments, the professional."""
    acts = await representations.find_all(connection, patient=appointment.patient)
    acting = [one.representative for one in acts if one.covers("appointments", now)]
    return [appointment.patient, *acting, appointment.professional]


async def told(connection: AsyncConnection, appointment: Appointment, *, person: str, sealer: Sealer) -> Told:
    """By the chat everybody (who has none of her own is left out there), by mail and push who wants it."""
    wanted = await preferences.get(connection, sealer=sealer, person=person) or Preferences()
    channels: list[Channel] = ["chat"]
    if wanted.email and wanted.address is not None:
        channels.append("email")
    if wanted.push and await subscriptions.ids_of(connection, [person]):
        channels.append("push")
    return Told(appointment, person, wanted, tuple(channels))


async def quiet_hours_of(
    connection: AsyncConnection, person: str, wanted: Preferences, *, settings: ReminderSettings
) -> QuietHours | None:
    """When she is reminded of nothing: her own choice is above the clinic's."""
    if wanted.quiet_hours is not None:
        return wanted.quiet_hours
    return settings.quiet_hours_in(await zone_of(connection, person))


async def enter(
    connection: AsyncConnection,
    one: Told,
    *,
    which: str,
    kind: str,
    due_at: datetime,
    sealer: Sealer,
    **data: Any,
) -> None:
    """One row for each channel, with an id made of `which`, the appointment as it is, the person: once."""
    appointment = one.appointment
    for channel in one.channels:
        delivery = Delivery(
            id=f"{which}:{appointment.id}:{appointment.version}:{one.person}:{channel}",
            person=one.person,
            channel=channel,
            kind=kind,
            subject=appointment.id,
            due_at=due_at,
            data={"version": appointment.version, **data},
        )
        await ledger.enqueue(connection, delivery, sealer=sealer)
