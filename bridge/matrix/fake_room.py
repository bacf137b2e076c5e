"""A room in memory: the part of the fake homeserver (fake.py) that knows what the events of a room make of it."""

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass, field

from bridge.matrix.json import JsonObject

_JOIN_RULE = {"private_chat": "invite"}


@dataclass
class FakeRoom:
    """A room: every event in its order; the last of each type and state key is its state."""

    room_id: str
    creator: str
    events: list[JsonObject] = field(default_factory=list)
    receipts: dict[str, str] = field(default_factory=dict)

    def state(self) -> dict[tuple[str, str], JsonObject]:
        """The current state by type and state key."""
        return {(event["type"], event["state_key"]): event for event in self.events if "state_key" in event}

    def membership(self, user_id: str) -> str | None:
        """What this user is in the room."""
        event = self.state().get(("m.room.member", user_id))
        return None if event is None else str(event["content"]["membership"])

    def may(self, user_id: str, action: str) -> bool:
        """Whether the user's power level suffices; a creator's always does (room version 12)."""
        levels = self.state()[("m.room.power_levels", "")]["content"]
        level = levels.get("users", {}).get(user_id, levels.get("users_default", 0))
        return user_id == self.creator or level >= levels.get(action, 50)

    def relate(self, event: JsonObject) -> JsonObject:
        """The event as it is served: with its sender's last edit (client-server API, section 11.6.2)."""
        served = deepcopy(event)
        edits = [one for one in self.events if _edits(one, event)]
        if edits and "redacted_because" not in event["unsigned"]:
            served["unsigned"]["m.relations"] = {"m.replace": deepcopy(edits[-1])}
        return served

    def read(self, user_id: str, event_id: str) -> None:
        """Move somebody's receipt forward."""
        order = [event["event_id"] for event in self.events]
        last = self.receipts.get(user_id, order[0])
        if order.index(event_id) >= order.index(last):
            self.receipts[user_id] = event_id

    def redact(self, redaction: JsonObject) -> None:
        """Empty the event that this one takes back (client-server API, section 10.2)."""
        for event in self.events:
            if event["event_id"] == redaction["content"]["redacts"]:
                event["content"] = {}
                event["unsigned"] = {"redacted_because": deepcopy(redaction)}


def first_state(creator: str, body: JsonObject) -> Iterator[tuple[str, str, JsonObject]]:
    """The events of a new room, in the order of the specification (client-server API, section 10.1.1)."""
    levels = {"users_default": 0, "events_default": 0, "invite": 0}
    yield "m.room.create", "", {"room_version": body["room_version"], **body.get("creation_content", {})}
    yield "m.room.member", creator, {"membership": "join"}
    yield "m.room.power_levels", "", levels | body.get("power_level_content_override", {})
    yield "m.room.join_rules", "", {"join_rule": _JOIN_RULE[body["preset"]]}
    for event in body.get("initial_state", []):
        yield event["type"], event.get("state_key", ""), event["content"]


def _edits(event: JsonObject, original: JsonObject) -> bool:
    relation = event["content"].get("m.relates_to")
    return (
        isinstance(relation, dict)
        and relation.get("rel_type") == "m.replace"
        and relation.get("event_id") == original["event_id"]
        and event["sender"] == original["sender"]
        and event["type"] == original["type"]
    )
