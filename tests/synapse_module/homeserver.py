"""What the module needs of a homeserver, without one: real events, a stand-in for ModuleApi, no reactor."""

from collections.abc import Awaitable, Callable, Mapping
from types import SimpleNamespace
from typing import Any, TypeVar

from synapse.api.room_versions import RoomVersions
from synapse.events import EventBase, make_event_from_dict
from twisted.internet.defer import ensureDeferred
from twisted.internet.task import Clock
from twisted.python.failure import Failure

T = TypeVar("T")

ROOM, OTHER_ROOM = "!consult:portal", "!other:portal"
KEEPER, ASSISTANT = "@consulta:portal", "@asistente:portal"
MARIA, PEDRO, GARCIA = "@maria:portal", "@pedro:portal", "@garcia:hospital"
CONSULT = {"type": "es.videoconsulta.consult"}
ENCRYPTED = {"algorithm": "m.megolm.v1.aes-sha2", "ciphertext": "AwgA", "session_id": "s"}

State = dict[tuple[str, str], EventBase]


def event(
    event_type: str,
    content: Mapping[str, Any],
    *,
    sender: str = MARIA,
    state_key: str | None = None,
    room_id: str = ROOM,
    **more: Any,
) -> EventBase:
    """An event as Synapse has them; a state event with a `state_key`."""
    values = {
        "type": event_type,
        "content": dict(content),
        "sender": sender,
        "room_id": room_id,
        "origin_server_ts": 1,
        "depth": 1,
        "prev_events": [],
        "auth_events": [],
        "hashes": {},
        "signatures": {},
        **more,
    }
    if state_key is not None:
        values["state_key"] = state_key
    return make_event_from_dict(values, RoomVersions.V11)


def invitation(invitee: str, *, sender: str, room_id: str = ROOM, **more: Any) -> EventBase:
    """Somebody invites somebody."""
    content = {"membership": "invite"}
    return event("m.room.member", content, sender=sender, state_key=invitee, room_id=room_id, **more)


def state_of(*events: EventBase) -> State:
    """The state that these events make."""
    return {(one.type, one.state_key): one for one in events}


def consult_state() -> State:
    """A consult room's state, as far as the module looks."""
    keeper: dict[str, Any] = {"sender": KEEPER, "state_key": ""}
    return state_of(
        event("m.room.create", CONSULT, **keeper),
        event("m.room.encryption", {"algorithm": ENCRYPTED["algorithm"]}, **keeper),
    )


def ordinary_state() -> State:
    """A room that has nothing to do with us."""
    return state_of(event("m.room.create", {}, sender=PEDRO, state_key="", room_id=OTHER_ROOM))


class Api:
    """A ModuleApi of the server `portal`, which knows two rooms, and counts who asks for their state."""

    def __init__(self) -> None:
        self.callbacks: dict[str, Callable[..., Awaitable[Any]]] = {}
        self.resources: dict[str, Any] = {}
        self.rooms = {ROOM: consult_state(), OTHER_ROOM: ordinary_state()}
        self.asked: list[str] = []
        self.rows: dict[str, int] = {}
        self.http_client = SimpleNamespace(reactor=Clock())

    def register_third_party_rules_callbacks(self, **callbacks: Any) -> None:
        """As Synapse's."""
        self.callbacks |= callbacks

    register_spam_checker_callbacks = register_third_party_rules_callbacks

    def register_web_resource(self, path: str, resource: Any) -> None:
        """As Synapse's."""
        self.resources[path] = resource

    def is_mine(self, user_id: str) -> bool:
        """As Synapse's."""
        return user_id.endswith(":portal")

    async def get_room_state(self, room_id: str, _filter: Any) -> State:
        """As Synapse's."""
        self.asked.append(room_id)
        return self.rooms.get(room_id, {})

    async def run_db_interaction(self, _name: str, function: Callable[[Any], T]) -> T:
        """As Synapse's, over `rows`: what is looked for by its id or name."""
        found: list[tuple[int]] = []

        def execute(_statement: str, values: tuple[str]) -> None:
            found[:] = [(self.rows[value],) for value in values if value in self.rows]

        return function(SimpleNamespace(execute=execute, fetchone=lambda: found[0] if found else None))


def result(work: Awaitable[T]) -> T:
    """What this gives, which has to be there without waiting."""
    results: list[Any] = []
    ensureDeferred(work).addBoth(results.append)
    assert results, "still waiting"
    if isinstance(results[0], Failure):
        results[0].raiseException()
    value: T = results[0]
    return value
