"""What a homeserver pushes, taken apart: one inbox item for each thing, the bad ones left out.

Payloads hold ciphertext, ids and states, never words or names of people: of an event that is not encrypted,
only what we act on is kept (the homeserver keeps the rest).
"""

import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from bridge.matrix.events import DeviceLists, KeyCounts, Receipts, RoomEvent, ToDeviceEvent, public_receipts
from bridge.matrix.json import JsonObject, content_hash

log = logging.getLogger(__name__)

EVENT, TO_DEVICE, EPHEMERAL, DEVICE_LISTS, KEY_COUNTS = (
    "event",
    "to_device",
    "ephemeral",
    "device_lists",
    "key_counts",
)

COUNTS, UNUSED_FALLBACK = (
    "org.matrix.msc3202.device_one_time_keys_count",
    "org.matrix.msc3202.device_unused_fallback_key_types",
)
"""What a push says of our devices' keys, by user."""

_KEPT_WHOLE = {
    "m.room.create",
    "m.room.encryption",
    "m.room.power_levels",
    "m.room.join_rules",
    "m.room.history_visibility",
}
_KEPT_KEYS = {
    "m.room.encrypted": ("algorithm", "ciphertext", "session_id", "sender_key", "device_id", "m.relates_to"),
    "m.room.member": ("membership",),
    "m.room.redaction": ("redacts",),
    "m.room.tombstone": ("replacement_room",),
}
_KEPT_OF_REACTION = ("rel_type", "event_id", "key")
_OURS = "es.videoconsulta."
_TO_DEVICE_KEPT = {"m.room.encrypted", "m.room_key.withheld", "m.room_key_request"}


@dataclass(frozen=True, slots=True)
class InboxItem:
    """One thing to store. `dedupe_key` is the same whenever the same thing is pushed again."""

    kind: str
    dedupe_key: str
    payload: JsonObject


def items_of_transaction(body: JsonObject) -> list[InboxItem]:
    """The items of one push (application service API, section 2.2, with MSC2409, MSC3202 and MSC4203).

    What is about keys stands first, so that it has the smaller numbers.
    """
    to_device = _list(body.get("de.sorunome.msc2409.to_device"))
    return [
        *_each(to_device_item, to_device),
        *device_lists_items(body.get("org.matrix.msc3202.device_lists")),
        *key_counts_items(
            body.get(COUNTS),
            body.get(UNUSED_FALLBACK),
        ),
        *_each(event_item, _list(body.get("events"))),
        *_each(receipts_item, _list(body.get("ephemeral"))),
    ]


def event_item(raw: JsonObject) -> InboxItem | None:
    """A room event without people's words."""
    event = RoomEvent.model_validate(raw)
    payload = event.model_dump(exclude={"content", "is_late"})
    payload["content"] = _without_words(event.type, event.content)
    content_hash(payload)  # refuses what the database would
    return InboxItem(kind=EVENT, dedupe_key=event_key(event.event_id), payload=payload)


def event_key(event_id: str) -> str:
    """An event's `dedupe_key`."""
    return f"event:{event_id}"


def to_device_item(raw: JsonObject) -> InboxItem | None:
    """A message to one of our devices; None for kinds that we have no use for."""
    message = ToDeviceEvent.model_validate(raw)
    if message.type not in _TO_DEVICE_KEPT:
        return None
    payload = message.model_dump()
    return InboxItem(kind=TO_DEVICE, dedupe_key=f"to_device:{content_hash(payload)}", payload=payload)


def receipts_item(raw: JsonObject) -> InboxItem | None:
    """The public read receipts of a room; None for typing, presence and private receipts."""
    if raw.get("type") != "m.receipt":
        return None
    receipts = public_receipts(raw.get("content") or {})
    if not receipts:
        return None
    payload = Receipts.model_validate({"room_id": raw.get("room_id"), "receipts": receipts}).model_dump()
    return InboxItem(kind=EPHEMERAL, dedupe_key=f"ephemeral:{content_hash(payload)}", payload=payload)


def device_lists_items(raw: Any) -> list[InboxItem]:
    """Changed device lists. Never taken for a repetition: looking again is harmless, missing one is not."""
    return _snapshot(DEVICE_LISTS, DeviceLists, raw)


def key_counts_items(counts: Any, unused_fallback: Any) -> list[InboxItem]:
    """Counts of one-time keys and unused fallback keys. Not a repetition either: the last one counts."""
    # Users without devices are listed too.
    raw = {"counts": _nonempty(counts), "unused_fallback": _nonempty(unused_fallback)}
    return _snapshot(KEY_COUNTS, KeyCounts, raw)


def _snapshot(kind: str, model: type[DeviceLists | KeyCounts], raw: Any) -> list[InboxItem]:
    def item(raw: JsonObject) -> InboxItem | None:
        payload = model.model_validate(raw).model_dump()
        content_hash(payload)
        return InboxItem(kind=kind, dedupe_key=f"{kind}:{uuid4()}", payload=payload)

    return list(_each(item, [raw] if isinstance(raw, dict) and any(raw.values()) else []))


def _each(parse: Callable[[JsonObject], InboxItem | None], raw: Iterable[Any]) -> Iterator[InboxItem]:
    for one in raw:
        try:
            item = parse(one)
        except (ValueError, TypeError, AttributeError, RecursionError) as error:
            # Neither the thing nor what is wrong with it is logged: both may quote people.
            log.warning("skipped a bad item: %s %s", parse.__name__, type(error).__name__)
        else:
            if item is not None:
                yield item


def _without_words(event_type: str, content: JsonObject) -> JsonObject:
    if event_type in _KEPT_WHOLE or event_type.startswith(_OURS):
        return content
    if event_type == "m.reaction":
        return {"m.relates_to": _reaction(content.get("m.relates_to"))}
    return _only(content, _KEPT_KEYS.get(event_type, ()))


def _reaction(relation: Any) -> JsonObject:
    """A reaction's sign and what it is put on. Some clients let people react with any text: words are no sign."""
    kept = _only(relation if isinstance(relation, dict) else {}, _KEPT_OF_REACTION)
    key = kept.get("key")
    is_sign = isinstance(key, str) and not any(character.isalpha() for character in key)
    return kept if is_sign else _only(kept, ("rel_type", "event_id"))


def _only(content: JsonObject, keys: Iterable[str]) -> JsonObject:
    return {key: content[key] for key in keys if key in content}


def _list(raw: Any) -> list[Any]:
    return raw if isinstance(raw, list) else []


def _nonempty(raw: Any) -> JsonObject:
    return {user: devices for user, devices in raw.items() if devices} if isinstance(raw, dict) else {}
