"""Whether somebody may do something with the appointments of two people: what the table says about them now."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from appointments.access import standings_of
from appointments.appointment_permissions import APPOINTMENT_TABLE, AppointmentAction
from appointments.booking import Appointment
from appointments.care import CareRelationship
from appointments.errors import NoAppointmentError, NotInCareTeamError, NotTheProfessionalError
from appointments.permissions import relation_of
from appointments.representation import Representation
from appointments.storage import care as cares
from appointments.storage import representation as representations


async def require_allowed(
    connection: AsyncConnection,
    *,
    person: str,
    patient: str,
    professional: str,
    action: AppointmentAction,
    now: datetime,
) -> None:
    """That `person` may do this with the appointments of these two.

    Raises NoAppointmentError, NotInCareTeamError, NotTheProfessionalError.
    """
    care = await cares.find(connection, patient=patient, professional=professional)
    known = None
    if person not in (patient, professional):
        known = await representations.find(connection, patient=patient, representative=person)
    require_by_table(person=person, care=care, representation=known, action=action, now=now)


def require_by_table(
    *,
    person: str,
    care: CareRelationship | None,
    representation: Representation | None,
    action: AppointmentAction,
    now: datetime,
) -> None:
    """The same, by what is known of the two people of `care`, and of `person` as a representative."""
    relation = relation_of(
        person=person, care=care, representation=representation, now=now, scope="appointments"
    )
    verdict = APPOINTMENT_TABLE[relation][action]
    if verdict == "not-found":
        raise NoAppointmentError(person)
    if verdict == "not-in-care-team":
        raise NotInCareTeamError(person)
    if verdict == "not-the-professional":
        raise NotTheProfessionalError(person)


async def require_allowed_on(
    connection: AsyncConnection,
    appointment: Appointment,
    *,
    person: str,
    action: AppointmentAction,
    now: datetime,
) -> None:
    """The same, about this appointment."""
    await require_allowed(
        connection,
        person=person,
        patient=appointment.patient,
        professional=appointment.professional,
        action=action,
        now=now,
    )


async def pairs_seen_by(connection: AsyncConnection, person: str, *, now: datetime) -> set[tuple[str, str]]:
    """Every patient and professional whose appointments this person may see."""
    standings = await standings_of(connection, person, now=now, scope="appointments")
    return {
        (one.care.patient, one.care.professional)
        for one in standings
        if APPOINTMENT_TABLE[one.relation]["see"] == "allowed"
    }


async def require_slots_shown(
    connection: AsyncConnection, *, person: str, professional: str, now: datetime
) -> None:
    """That this person may see what is free with this professional, for whomever. Raises NotInCareTeamError."""
    if professional not in {person, *await whose_slots(connection, person, now=now)}:
        raise NotInCareTeamError(f"{person} and {professional}")


async def whose_slots(connection: AsyncConnection, person: str, *, now: datetime) -> set[str]:
    """The professionals of whom this person may see what is free: hers, those of whom she represents, herself."""
    standings = await standings_of(connection, person, now=now, scope="appointments")
    return {
        one.care.professional for one in standings if APPOINTMENT_TABLE[one.relation]["slots"] == "allowed"
    }
