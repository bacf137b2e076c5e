"""Inboxes of devices at a homeserver, and who is handed what was in them."""

from collections import defaultdict
from dataclasses import dataclass, field

from bridge.inbound.inbox import StoredItem
from bridge.matrix.errors import HomeserverUnreachableError
from bridge.matrix.json import JsonObject

LUCIA, JUAN = ("@portal_lucia:h", "VC1"), ("@portal_juan:h", "VC2")
PAGE = 2


def message(name: str) -> JsonObject:
    """A to-device message as /sync shows it."""
    return {"type": "m.room.encrypted", "sender": "@garcia:h", "content": {"name": name}}


@dataclass
class Homeserver:
    """Device inboxes with /sync: pages of two, deleted when the next request acknowledges them.

    Like Synapse it answers the same request again from a cache.
    """

    inboxes: defaultdict[str, list[tuple[int, JsonObject]]] = field(default_factory=lambda: defaultdict(list))
    position: int = 0
    failures: dict[str, Exception] = field(default_factory=dict)
    asked: list[tuple[str, str | None]] = field(default_factory=list)
    cache: dict[str, JsonObject] = field(default_factory=dict)
    extra: JsonObject = field(default_factory=dict)
    breaks_between_pages: bool = False

    def deliver(self, device: tuple[str, str], name: str) -> None:
        """Put a message into a device's inbox."""
        self.position += 1
        self.inboxes[device[1]].append((self.position, message(name)))

    async def sync(
        self, *, user_id: str, device_id: str, since: str | None, sync_filter: JsonObject, timeout_ms: int
    ) -> JsonObject:
        """GET /sync."""
        assert timeout_ms == 0
        self.asked.append((device_id, since))
        if device_id in self.failures:
            raise self.failures[device_id]
        if self.breaks_between_pages and since is not None:
            raise HomeserverUnreachableError("gone in between")
        key = repr((user_id, device_id, since, sync_filter))
        if key not in self.cache:
            self.cache[key] = self._answer(device_id, int(since or 0))
        return self.cache[key]

    def _answer(self, device_id: str, since: int) -> JsonObject:
        left = [(position, one) for position, one in self.inboxes[device_id] if position > since]
        self.inboxes[device_id] = left
        page = left[:PAGE]
        reached = page[-1][0] if len(left) > PAGE else self.position
        return {
            "next_batch": str(reached),
            "to_device": {"events": [one for _, one in page]},
            "device_one_time_keys_count": {"signed_curve25519": 50},
            "device_unused_fallback_key_types": ["signed_curve25519"],
            **self.extra,
        }


@dataclass
class Dispatcher:
    """Takes the dispatcher's place."""

    submitted: list[StoredItem] = field(default_factory=list)
    settled_after: list[int] = field(default_factory=list)

    def submit(self, items: list[StoredItem]) -> None:
        """Note them."""
        self.submitted.extend(items)

    async def keys_settled(self) -> None:
        """Note when."""
        self.settled_after.append(len(self.submitted))

    def names(self) -> list[tuple[str, str]]:
        """For which device which message came."""
        found = [item.payload for item in self.submitted if item.kind == "to_device"]
        return [(one["to_device_id"], one["content"]["name"]) for one in found]
