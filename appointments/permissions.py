"""Who may do what in a conversation: one table, relation x action, and the function that reads it.

What decides (appointments/services.py) asks this table; docs/permissions.md is made from it and a test walks it.
Pure data: whoever wants to know what is allowed reads it here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, get_args

from appointments.care import CareRelationship
from appointments.representation import Representation, Scope

Action = Literal["open", "send", "read", "list", "receipt"]
"""`open`: write to a person, or open the conversation with her; `send`: write into a conversation that is there;
`read` its messages; `list`: find it in the list; `receipt`: tell that it was read."""
ACTIONS: tuple[Action, ...] = get_args(Action)

Verdict = Literal["allowed", "not-in-care-team", "not-the-professional", "not-found"]
"""`not-found` tells nothing: not even that there is a conversation."""

Who = Literal["patient", "professional", "representative", "no-representative", "departed", "stranger"]
"""What somebody is to a conversation.

`representative`: acts for the patient in messages, now. `no-representative`: did so once or will, or acts for her
in other matters only. `departed`: the professional, who has left since.
"""

Period = Literal["active", "future", "ended", "none"]
"""When the care relationship of the conversation's two people is; `none`: there never was one."""


@dataclass(frozen=True, slots=True)
class Relation:
    """A row of the table: who somebody is to a conversation, and how care stands."""

    who: Who
    care: Period


_IN_CARE: Mapping[Action, Verdict] = {
    "open": "allowed",
    "send": "allowed",
    "read": "allowed",
    "list": "allowed",
    "receipt": "allowed",
}
# Nothing new, neither rooms nor messages; what was written stays readable.
_OUT_OF_CARE: Mapping[Action, Verdict] = {
    "open": "not-in-care-team",
    "send": "not-in-care-team",
    "read": "allowed",
    "list": "allowed",
    "receipt": "allowed",
}
_OUTSIDE: Mapping[Action, Verdict] = {
    "open": "not-in-care-team",
    "send": "not-found",
    "read": "not-found",
    "list": "not-found",
    "receipt": "not-found",
}

TABLE: Mapping[Relation, Mapping[Action, Verdict]] = {
    Relation("patient", "active"): _IN_CARE,
    Relation("patient", "future"): _OUT_OF_CARE,
    Relation("patient", "ended"): _OUT_OF_CARE,
    Relation("professional", "active"): _IN_CARE,
    Relation("professional", "future"): _OUT_OF_CARE,
    Relation("professional", "ended"): _OUT_OF_CARE,
    Relation("representative", "active"): _IN_CARE,
    Relation("representative", "future"): _OUT_OF_CARE,
    Relation("representative", "ended"): _OUT_OF_CARE,
    Relation("no-representative", "active"): _OUTSIDE,
    Relation("no-representative", "future"): _OUTSIDE,
    Relation("no-representative", "ended"): _OUTSIDE,
    Relation("departed", "ended"): _OUTSIDE,
    Relation("stranger", "active"): _OUTSIDE,
    Relation("stranger", "future"): _OUTSIDE,
    Relation("stranger", "ended"): _OUTSIDE,
    Relation("stranger", "none"): _OUTSIDE,
}


def decide(relation: Relation, action: Action) -> Verdict:
    """What the table says."""
    return TABLE[relation][action]


def relation_of(
    *,
    person: str,
    care: CareRelationship | None,
    representation: Representation | None,
    now: datetime,
    scope: Scope = "messages",
) -> Relation:
    """The row for this person in the conversation that `care` is about.

    `representation`: what is known of the person as a representative of its patient; it counts in this `scope`.
    """
    if care is None:
        return Relation("stranger", "none")
    period = period_of(care, now=now)
    if person == care.patient:
        return Relation("patient", period)
    if person == care.professional:
        return Relation("departed", "ended") if care.departed else Relation("professional", period)
    if representation is None:
        return Relation("stranger", period)
    acts = representation.covers(scope, now)
    return Relation("representative" if acts else "no-representative", period)


def period_of(care: CareRelationship, *, now: datetime) -> Period:
    """How a care relationship stands now."""
    if care.is_active(now):
        return "active"
    return "future" if now < care.starts and not care.departed else "ended"
