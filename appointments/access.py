"""Who is what to whom, and whether they may: what the table of permissions says about the people at hand.

Everything here reads within the caller's transaction.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy.ext.asyncio import AsyncConnection

from appointments.care import CareRelationship
from appointments.errors import AmbiguousPatientError, NotAPartyError, NotInCareTeamError
from appointments.permissions import Action, Relation, decide, relation_of
from appointments.representation import Representation, Scope
from appointments.storage import care as cares
from appointments.storage import representation as representations

Role = Literal["patient", "professional", "representative"]


@dataclass(frozen=True, slots=True)
class Standing:
    """What somebody is in the conversation of a care relationship; `on_behalf_of` the patient she acts for."""

    person: str
    care: CareRelationship
    relation: Relation

    @property
    def on_behalf_of(self) -> str | None:
        """The patient whom this person acts for, if she is a representative."""
        return self.care.patient if self.relation.who == "representative" else None

    @property
    def other(self) -> str:
        """The person at the other end: the patient for a professional, and else the professional."""
        return self.care.patient if self.person == self.care.professional else self.care.professional

    def may(self, action: Action) -> bool:
        """Whether the table allows it."""
        return decide(self.relation, action) == "allowed"


@dataclass(frozen=True, slots=True)
class Parties:
    """Who takes part in a conversation: `members` are in its room; nobody writes unless it `is_open`.

    `former` must be in it no more. `until` is the next instant at which time alone may change any of this.
    """

    members: frozenset[str]
    former: frozenset[str]
    is_open: bool
    until: datetime | None


@dataclass(frozen=True, slots=True)
class Circle:
    """The care relationship of two people, and everybody who ever represented its patient."""

    patient: str
    professional: str
    care: CareRelationship | None
    acts: Sequence[Representation]

    def require(self, person: str, action: Action, *, now: datetime) -> CareRelationship:
        """The care relationship, if `person` may do this in its conversation.

        Raises NotAPartyError, which must look like an unknown conversation, and NotInCareTeamError.
        """
        known = next((one for one in self.acts if one.representative == person), None)
        relation = relation_of(person=person, care=self.care, representation=known, now=now)
        verdict = decide(relation, action)
        if self.care is None or verdict == "not-found":
            raise NotAPartyError(person)
        if verdict == "not-in-care-team":
            raise NotInCareTeamError(f"{self.patient} and {self.professional}")
        return self.care

    def parties(self, *, now: datetime) -> Parties:
        """Who takes part in the conversation of these two."""
        speaking = {one.representative for one in self.acts if one.covers("messages", now)}
        known = {self.patient, self.professional, *(one.representative for one in self.acts)}
        has_left = self.care is not None and self.care.departed
        members = {self.patient, *speaking} | (set() if has_left else {self.professional})
        periods = [one for one in (self.care, *self.acts) if one is not None]
        instants = [at for one in periods for at in (one.starts, one.ends) if at is not None and at > now]
        return Parties(
            members=frozenset(members),
            former=frozenset(known - members),
            is_open=self.care is not None and self.care.is_active(now),
            until=min(instants, default=None),
        )


async def circle_of(connection: AsyncConnection, *, patient: str, professional: str) -> Circle:
    """What is known about these two."""
    care = await cares.find(connection, patient=patient, professional=professional)
    acts = await representations.find_all(connection, patient=patient)
    return Circle(patient=patient, professional=professional, care=care, acts=acts)


async def require_speaker(
    connection: AsyncConnection, *, sender: str, other: str, now: datetime, on_behalf_of: str | None = None
) -> CareRelationship:
    """The care relationship in which `sender` may write to, or open a conversation with, `other`.

    The sender is its patient, its professional, or a representative of its patient; `on_behalf_of` names that
    patient where it could be several. Raises NotInCareTeamError, AmbiguousPatientError.
    """
    found = [
        one.care
        for one in await standings_of(connection, sender, now=now)
        if one.other == other and one.may("open") and on_behalf_of in (None, one.care.patient)
    ]
    own = [care for care in found if sender in (care.patient, care.professional)]
    if own or len(found) == 1:
        return (own or found)[0]
    if found:
        raise AmbiguousPatientError(sender)
    raise NotInCareTeamError(f"{sender} and {other}")


async def require_party(
    connection: AsyncConnection,
    *,
    person: str,
    patient: str,
    professional: str,
    action: Action,
    now: datetime,
) -> CareRelationship:
    """The care relationship of this conversation, if `person` may do this in it.

    Raises NotAPartyError, which must look like an unknown conversation, and NotInCareTeamError.
    """
    care = await cares.find(connection, patient=patient, professional=professional)
    known = None
    if person not in (patient, professional):
        known = await representations.find(connection, patient=patient, representative=person)
    acts = [] if known is None else [known]
    circle = Circle(patient=patient, professional=professional, care=care, acts=acts)
    return circle.require(person, action, now=now)


async def parties_of(
    connection: AsyncConnection, *, patient: str, professional: str, now: datetime
) -> Parties:
    """Who takes part in the conversation of these two now."""
    return (await circle_of(connection, patient=patient, professional=professional)).parties(now=now)


async def speaking_for(
    connection: AsyncConnection, patients: Collection[str], *, now: datetime
) -> Mapping[str, frozenset[str]]:
    """Who represents each of these patients in messages now."""
    speaking: dict[str, set[str]] = {patient: set() for patient in patients}
    for act in await representations.find_of_patients(connection, patients):
        if act.covers("messages", now):
            speaking[act.patient].add(act.representative)
    return {patient: frozenset(people) for patient, people in speaking.items()}


async def standings_of(
    connection: AsyncConnection, person: str, *, now: datetime, scope: Scope = "messages"
) -> Sequence[Standing]:
    """What this person is in each care relationship that concerns her, as patient, professional or representative.

    A representation counts in this `scope`.
    """
    acts = {one.patient: one for one in await representations.find_all(connection, representative=person)}
    found = await cares.find_of(connection, patients=[person, *acts], professional=person)
    return [_standing(person, care, acts, now, scope) for care in found]


def _standing(
    person: str, care: CareRelationship, acts: dict[str, Representation], now: datetime, scope: Scope
) -> Standing:
    known = acts.get(care.patient)
    relation = relation_of(person=person, care=care, representation=known, now=now, scope=scope)
    return Standing(person=person, care=care, relation=relation)


async def whom_can_consult(
    connection: AsyncConnection, user_id: str, now: datetime
) -> list[tuple[str, CareRelationship, str | None]]:
    """Everybody with whom this person may open a conversation now: (other person, care, on behalf of)."""
    return [
        (one.other, one.care, one.on_behalf_of)
        for one in await standings_of(connection, user_id, now=now)
        if one.may("open")
    ]


async def roles_of(connection: AsyncConnection, user_id: str, now: datetime) -> frozenset[Role]:
    """What this person is now: patient or professional in active care, representative in any matter."""
    roles: set[Role] = set()
    for one in await cares.find_of(connection, patients=[user_id], professional=user_id):
        if one.is_active(now):
            roles.add("patient" if one.patient == user_id else "professional")
    acts = await representations.find_all(connection, representative=user_id)
    if any(one.is_active(now) for one in acts):
        roles.add("representative")
    return frozenset(roles)
