"""docs/permissions.md, made from the table that decides (appointments/permissions.py) and from the route table."""

# ruff: noqa: INP001 beside a script

from collections.abc import Iterable, Sequence

from appointments.appointment_permissions import APPOINTMENT_ACTIONS, APPOINTMENT_TABLE, AppointmentAction
from appointments.permissions import ACTIONS, TABLE, Action, Verdict, Who
from bridge.http.routing import Route

_INTRODUCTION = """\
# Who may do what

Made by `make docs` from `appointments/permissions.py`, the very table that the code asks, and from the route table
of the API. A test walks all of it against running servers.

## People and conversations

A conversation belongs to a care relationship: one patient, one professional. Care is *active* in [from, until),
*future* before, *ended* after. Once it has ended the room's levels let nobody write but the keeper, who has no keys:
that binds people on other servers too.

"""
_WHO: dict[Who, str] = {
    "patient": "the patient",
    "professional": "the professional",
    "representative": "a representative of the patient, scope `messages`, active now",
    "no-representative": "a representative before or after her time, or without the scope `messages`",
    "departed": "the professional, who has left since (`videoconsulta care leave`)",
    "stranger": "anybody else, existing or not",
}
_ACTIONS: dict[Action, str] = {
    "open": "open, write to the person",
    "send": "write in the conversation",
    "read": "read it",
    "list": "find it in the list",
    "receipt": "say it was read",
}
_VERDICTS: dict[Verdict, str] = {
    "allowed": "yes",
    "not-in-care-team": "403 `not-in-care-team`",
    "not-the-professional": "403 `not-the-professional`",
    "not-found": "404 `not-found`",
}
_APPOINTMENT_ACTIONS: dict[AppointmentAction, str] = {
    "slots": "see what is free",
    "book": "book",
    "see": "see an appointment",
    "reason": "read its reasons",
    "move": "move it, wait for an earlier time",
    "cancel": "cancel it",
    "attend": "say who came",
}
_APPOINTMENTS = """
In the list, `not-found` means that the conversation is not in it. An identity that changed stops writing for
everybody who may: 409 `identity-changed`.

## People and appointments

Here a representative is one with the scope `appointments`. Reasons are words of people: a session made from an OpenID
token gives them to nobody. Schedules are kept by the professional's own session, for herself, and by integrators; a
key that acts for nobody (no `X-Act-As`) sees what is free and lists the appointments of any patient or professional.
Who came and who did not is said by the professional's own session, and by integrators, of any appointment.

"""
_CALLERS = """

## Callers and operations

A *managed* user is one whose account the bridge holds; only for such a user can an integrator act (`X-Act-As`), and
only while the key's scope allows. A session speaks for its own person: one made by a key has the key's scopes, one
made from a Matrix OpenID token never gives content. An access token of the portal's identity provider, where there is
one, is like a session of the person whom it names: a managed user's has the scopes of the settings.

"""


def page(routes: Iterable[Route]) -> str:
    """The whole document, in Markdown."""
    return _INTRODUCTION + _people() + _APPOINTMENTS + _appointments() + _CALLERS + _operations(routes)


def _people() -> str:
    rows = [
        [_WHO[relation.who], relation.care, *(_VERDICTS[verdicts[action]] for action in ACTIONS)]
        for relation, verdicts in TABLE.items()
    ]
    return _table(["who", "care", *(_ACTIONS[action] for action in ACTIONS)], rows)


def _appointments() -> str:
    rows = [
        [
            _WHO[relation.who].replace("`messages`", "`appointments`"),
            relation.care,
            *(_VERDICTS[verdicts[action]] for action in APPOINTMENT_ACTIONS),
        ]
        for relation, verdicts in APPOINTMENT_TABLE.items()
    ]
    return _table(["who", "care", *(_APPOINTMENT_ACTIONS[action] for action in APPOINTMENT_ACTIONS)], rows)


def _operations(routes: Iterable[Route]) -> str:
    rows = [
        [
            f"`{route.method} {route.path}`",
            "—" if route.scope is None else f"`{route.scope}`",
            "yes" if route.acts else "may have it" if route.may_act else "—",
            ", ".join(sorted(route.sessions)) or "—",
            "—" if route.needs_credentials else "yes",
        ]
        for route in routes
        if route.documented
    ]
    return _table(["operation", "API key with scope", "needs `X-Act-As`", "sessions", "anybody"], rows)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)
