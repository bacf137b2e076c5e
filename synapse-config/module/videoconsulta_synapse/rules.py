"""What may be in a consult room. Pure: an event goes in, the reason why it may not be there comes out."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol

CONSULT = "es.videoconsulta.consult"
"""The `type` in the content of a consult room's `m.room.create`."""

MEGOLM = "m.megolm.v1.aes-sha2"

CLEAR_TEXT = frozenset({"m.reaction", "m.room.redaction", "org.matrix.dummy_event"})
"""Message-like events that clients don't encrypt in encrypted rooms. Everything else travels encrypted."""

_CREATE = ("m.room.create", "")
_Content = Mapping[str, Any]


class Event(Protocol):
    """What the rules need of Synapse's EventBase."""

    @property
    def type(self) -> str:
        """Its type."""

    @property
    def sender(self) -> str:
        """Who sent it."""

    @property
    def content(self) -> _Content:
        """Whatever the sender liked."""

    @property
    def event_id(self) -> str:
        """Its id."""

    @property
    def redacts(self) -> str | None:
        """The id of the event that it redacts."""

    def is_state(self) -> bool:
        """Whether it is a state event."""


_State = Mapping[tuple[str, str], Event]


def _nothing(_content: _Content) -> bool:
    return False


# What a state event has to say, and what to tell somebody whose event says something else.
_STATE: dict[str, tuple[Callable[[_Content], bool], str]] = {
    "m.room.encryption": (
        lambda content: content.get("algorithm") == MEGOLM,
        "A consult room stays encrypted (Megolm)",
    ),
    "m.room.join_rules": (
        lambda content: content.get("join_rule") == "invite",
        "A consult room is joined by invitation only",
    ),
    "m.room.guest_access": (
        lambda content: content.get("guest_access") == "forbidden",
        "A consult room takes no guests",
    ),
    "m.room.history_visibility": (
        lambda content: content.get("history_visibility") in ("shared", "invited", "joined"),
        "A consult room is read by its members only",
    ),
    "m.room.third_party_invite": (_nothing, "Nobody is invited to a consult room by e-mail or telephone"),
    "m.room.canonical_alias": (_nothing, "A consult room has no public address"),
    "m.room.aliases": (_nothing, "A consult room has no public address"),
}


def is_consult(event: Event, state: _State) -> bool:
    """Whether the event is one of a consult room with this state before it."""
    create = event if event.type == _CREATE[0] else state.get(_CREATE)
    return create is not None and create.content.get("type") == CONSULT


def is_invitation(event: Event) -> bool:
    """Whether it invites somebody."""
    return event.type == "m.room.member" and event.content.get("membership") == "invite"


def why_refused(event: Event, *, keeper: str, state: _State | None = None) -> str | None:
    """The reason why this event may not be in a consult room, for whoever sends it; None when it may.

    `state` is the room's before the event, where that is known.
    """
    if event.is_state():
        return _why_state_refused(event, keeper=keeper)
    if event.type == "m.room.encrypted":
        return None if _is_megolm(event.content) else "This event is not encrypted with Megolm"
    if event.type == "m.room.redaction" and state is not None and _redacts_a_rule(event, state):
        return "What keeps a consult room closed can't be removed"
    if event.type in CLEAR_TEXT:
        return None
    return "In a consult room this has to be encrypted"


def _why_state_refused(event: Event, *, keeper: str) -> str | None:
    if event.type == _CREATE[0] and event.sender != keeper:
        return "Consult rooms are made by the portal"
    if is_invitation(event) and event.sender != keeper:
        return "Only the portal invites people to a consult room"
    is_allowed, reason = _STATE.get(event.type, (None, None))
    return reason if is_allowed is not None and not is_allowed(event.content) else None


def _is_megolm(content: _Content) -> bool:
    return content.get("algorithm") == MEGOLM and isinstance(content.get("ciphertext"), str)


def _redacts_a_rule(event: Event, state: _State) -> bool:
    rules = (state.get((event_type, "")) for event_type in _STATE)
    return event.redacts in {rule.event_id for rule in rules if rule is not None}


def why_room_refused(request: Mapping[str, Any], *, keeper: str, creator: str) -> str | None:
    """The reason why no consult room can be made of this `createRoom` body; None when it can, or is for another room.

    It has to be encrypted from its first events: Synapse makes these together, so that none knows of the others.
    """
    if _mapping(request.get("creation_content")).get("type") != CONSULT:
        return None
    if creator != keeper:
        return "Consult rooms are made by the portal"
    encryption = (
        _mapping(event.get("content"))
        for event in _mappings(request.get("initial_state"))
        if event.get("type") == "m.room.encryption" and event.get("state_key", "") == ""
    )
    if not any(content.get("algorithm") == MEGOLM for content in encryption):
        return "A consult room is encrypted (Megolm) from the start: initial_state lacks m.room.encryption"
    if request.get("visibility", "private") != "private" or "room_alias_name" in request:
        return "A consult room is in no directory and has no public address"
    return None


def invites_to_consult(stripped_state: object) -> bool:
    """Whether an invitation's `invite_room_state` says that it is one to a consult room."""
    return any(
        event.get("type") == _CREATE[0] and _mapping(event.get("content")).get("type") == CONSULT
        for event in _mappings(stripped_state)
    )


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _mappings(value: object) -> Iterable[Mapping[str, Any]]:
    return map(_mapping, value) if isinstance(value, list | tuple) else ()
