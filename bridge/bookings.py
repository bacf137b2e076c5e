"""Appointments with what the bridge adds: sealed reasons, the conversation, where to join, secret feeds."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from appointments.booking import Appointment
from appointments.ical import Sender
from appointments.sealing import Sealer
from appointments.storage import calendar_feeds
from appointments.storage.appointments import find_reasons
from appointments.waiting_services import lapse_offer, lapsed_offers
from bots.i18n import Language, translate
from bridge.notices.appointment_facts import record_appointment
from bridge.settings import Settings
from bridge.storage.conversations import conversations
from bridge.storage.database import Database


@dataclass(frozen=True, slots=True)
class ShownAppointment:
    """An appointment as its people see it."""

    appointment: Appointment
    conversation_id: str | None
    join_url: str


@dataclass(frozen=True, slots=True)
class Reasons:
    """Why it was made, and why it was cancelled."""

    reason: str | None
    cancel_reason: str | None


async def shown(
    connection: AsyncConnection, found: Sequence[Appointment], *, settings: Settings
) -> list[ShownAppointment]:
    """These appointments, with their conversations where there are any."""
    patients = {one.patient for one in found}
    professionals = {one.professional for one in found}
    c = conversations.c
    rooms = await connection.execute(
        select(c.patient, c.professional, c.room_id).where(
            c.opened_at.is_not(None), c.patient.in_(patients), c.professional.in_(professionals)
        )
    )
    room_of = {(row.patient, row.professional): row.room_id for row in rooms}
    return [
        ShownAppointment(one, room_of.get((one.patient, one.professional)), join_url(settings, one.id))
        for one in found
    ]


async def pass_on_lapsed(database: Database, *, now: datetime) -> None:
    """Give every earlier time that was not answered in time to the next who waits."""
    async with database.read() as connection:
        lapsed = await lapsed_offers(connection, now=now)
    for offer in lapsed:
        async with database.write() as connection:
            await lapse_offer(connection, offer, now=now, record=record_appointment)


def calendar_sender(settings: Settings, language: Language) -> Sender:
    """Who sends calendars, in this language."""
    host = settings.homeserver.server_name.partition(":")[0]
    return Sender(
        host=host,
        organizer=f"no-reply@{host}",
        summary=translate(language, "calendar.summary"),
        calendar_name=translate(language, "calendar.name"),
    )


def join_url(settings: Settings, appointment_id: str) -> str:
    """The page on which this appointment's people meet."""
    return f"{settings.public_url}?appointment={appointment_id}"


def seal_reason(sealer: Sealer, reason: str | None, *, appointment_id: str, what: str) -> bytes | None:
    """The reason, sealed for its place; `what` is `reason` or `cancel`."""
    return None if reason is None else sealer.seal(reason.encode(), context=_context(appointment_id, what))


async def reasons_of(connection: AsyncConnection, *, sealer: Sealer, appointment_id: str) -> Reasons:
    """Both reasons of an appointment that is there."""
    opened = [
        None if sealed is None else sealer.open(sealed, context=_context(appointment_id, what)).decode()
        for what, sealed in zip(
            ("reason", "cancel"), await find_reasons(connection, appointment_id), strict=True
        )
    ]
    return Reasons(*opened)


async def make_feed(connection: AsyncConnection, *, person: str, now: datetime) -> str:
    """A new secret that opens this person's calendar feed, in place of the one before. Only its hash is kept."""
    secret = secrets.token_urlsafe(32)
    await calendar_feeds.store(connection, person, secret_sha256=_hash(secret), now=now)
    return secret


async def person_of_feed(connection: AsyncConnection, secret: str) -> str | None:
    """Whose calendar this secret opens."""
    return await calendar_feeds.find_person(connection, secret_sha256=_hash(secret))


def _hash(secret: str) -> bytes:
    # A secret has 256 random bits, so a plain hash is enough: there is nothing to guess.
    return sha256(secret.encode(errors="surrogatepass")).digest()


def _context(appointment_id: str, what: str) -> str:
    return f"appointments:{appointment_id}:{what}"
