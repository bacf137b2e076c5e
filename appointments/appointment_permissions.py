"""Who may do what with the appointments of two people: one table, relation x action (see permissions.py).

`representative` is here who acts for the patient in appointments, now.
"""

from collections.abc import Mapping
from typing import Literal, get_args

from appointments.permissions import TABLE, Relation, Verdict

AppointmentAction = Literal["slots", "book", "see", "reason", "move", "cancel", "attend"]
"""`slots`: see what is free; `book` it; `see` an appointment; read its `reason`; `move` and `cancel` it;
`attend`: say that somebody came, was seen, or did not come."""
APPOINTMENT_ACTIONS: tuple[AppointmentAction, ...] = get_args(AppointmentAction)

_IN_CARE: Mapping[AppointmentAction, Verdict] = {
    **dict.fromkeys(APPOINTMENT_ACTIONS, "allowed"),
    "attend": "not-the-professional",
}
# Nothing new; what was booked is still seen, and can be given back.
_OUT_OF_CARE: Mapping[AppointmentAction, Verdict] = {
    "slots": "not-in-care-team",
    "book": "not-in-care-team",
    "see": "allowed",
    "reason": "allowed",
    "move": "not-in-care-team",
    "cancel": "allowed",
    "attend": "not-the-professional",
}
_OUTSIDE: Mapping[AppointmentAction, Verdict] = {
    "slots": "not-in-care-team",
    "book": "not-in-care-team",
    "see": "not-found",
    "reason": "not-found",
    "move": "not-found",
    "cancel": "not-found",
    "attend": "not-found",
}
# What a visit has come to may be written down after care has ended.
_THE_PROFESSIONALS: Mapping[AppointmentAction, Verdict] = {"attend": "allowed"}
_PARTIES = frozenset({"patient", "professional", "representative"})


def _verdicts(relation: Relation) -> Mapping[AppointmentAction, Verdict]:
    if relation.who not in _PARTIES:
        return _OUTSIDE
    row = _IN_CARE if relation.care == "active" else _OUT_OF_CARE
    return {**row, **_THE_PROFESSIONALS} if relation.who == "professional" else row


APPOINTMENT_TABLE: Mapping[Relation, Mapping[AppointmentAction, Verdict]] = {
    relation: _verdicts(relation) for relation in TABLE
}
