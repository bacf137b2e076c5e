"""bridge/inbound/items.py and bridge/matrix/events.py: taking a push apart, whoever wrote it."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bridge.inbound.items import InboxItem, items_of_transaction
from bridge.matrix.events import RoomEvent
from bridge.matrix.json import JsonObject, content_hash

EVENT = {
    "event_id": "$e",
    "room_id": "!r",
    "sender": "@garcia:localhost:9448",
    "type": "m.room.encrypted",
    "origin_server_ts": 1_800_000_000_000,
    "content": {"algorithm": "m.megolm.v1.aes-sha2", "ciphertext": "x"},
    "unsigned": {"age": 3},
}
MESSAGE = {
    "type": "m.room.encrypted",
    "sender": "@garcia:localhost:9448",
    "content": {"ciphertext": {}},
    "to_user_id": "@portal_lucia:localhost:8448",
    "to_device_id": "VC1",
}
RECEIPT = {
    "type": "m.receipt",
    "room_id": "!r",
    "content": {"$e": {"m.read": {"@garcia:h": {"ts": 5}}, "m.read.private": {"@maria:h": {"ts": 6}}}},
}
PUSH = {
    "events": [EVENT],
    "ephemeral": [RECEIPT, {"type": "m.typing", "room_id": "!r", "content": {"user_ids": []}}],
    "de.sorunome.msc2409.to_device": [MESSAGE],
    "org.matrix.msc3202.device_lists": {"changed": ["@garcia:h"], "left": []},
    "org.matrix.msc3202.device_one_time_keys_count": {"@portal_lucia:h": {"VC1": {}}, "@consulta:h": {}},
    "org.matrix.msc3202.device_unused_fallback_key_types": {"@portal_lucia:h": {"VC1": []}},
}


def events(**changes: Any) -> list[InboxItem]:
    """The items of a push of this one event."""
    return items_of_transaction({"events": [{**EVENT, **changes}]})


def test_each_thing_is_an_item_and_keys_come_first() -> None:
    """Everything of a push is found, what is about keys before rooms; typing is nothing to us."""
    items = items_of_transaction(PUSH)
    assert [item.kind for item in items] == ["to_device", "device_lists", "key_counts", "event", "ephemeral"]
    assert items[2].payload["counts"] == {"@portal_lucia:h": {"VC1": {}}}
    assert items[4].payload["receipts"] == [{"event_id": "$e", "user_id": "@garcia:h", "ts": 5}]


def test_a_repetition_is_recognised() -> None:
    """The same event, message or receipt has the same key; news of keys never pass for a repetition."""
    first, second = ([item.dedupe_key for item in items_of_transaction(PUSH)] for _ in range(2))
    assert [a == b for a, b in zip(first, second, strict=True)] == [True, False, False, True, True]


def test_a_message_for_two_devices_is_two() -> None:
    """The recipient is part of what makes a to-device message the same."""
    other = {**MESSAGE, "to_device_id": "VC2"}
    keys = {
        item.dedupe_key for item in items_of_transaction({"de.sorunome.msc2409.to_device": [MESSAGE, other]})
    }
    assert len(keys) == 2


def test_words_and_names_are_not_kept() -> None:
    """Of what travels in clear text only ids and states are stored; our own state is whole."""
    assert events(type="m.room.message", content={"body": "me duele"})[0].payload["content"] == {}
    assert events(type="m.room.topic", content={"topic": "salud"})[0].payload["content"] == {}
    member = events(
        type="m.room.member", state_key="@a:h", content={"membership": "join", "displayname": "L"}
    )
    assert member[0].payload["content"] == {"membership": "join"}
    assert events()[0].payload["content"] == EVENT["content"]
    ours = events(type="es.videoconsulta.visit", state_key="1", content={"state": "open"})
    assert ours[0].payload["content"] == {"state": "open"}
    assert "unsigned" not in events()[0].payload


def test_what_stands_beside_a_ciphertext_is_not_kept() -> None:
    """A client may leave words there, or anything at all; what opens the message stays, and its relation."""
    relation = {"rel_type": "m.thread", "event_id": "$1"}
    content = {
        "algorithm": "m.megolm.v1.aes-sha2",
        "ciphertext": "AwgA",
        "session_id": "S",
        "sender_key": "K",
        "device_id": "D",
        "m.relates_to": relation,
    }
    (item,) = events(content={**content, "body": "me duele", "many": [[]] * 1000})
    assert item.payload["content"] == content


@pytest.mark.parametrize("key", ["✅", "1️⃣", "👍🏽", "🇪🇸"])
def test_a_reaction_is_its_sign(key: str) -> None:
    """And what it is put on."""
    content = {"m.relates_to": {"rel_type": "m.annotation", "event_id": "$1", "key": key}}
    (item,) = events(type="m.reaction", content={**content, "shortcode": ":me_duele:"})
    assert item.payload["content"] == content


@pytest.mark.parametrize("key", ["me duele", "¡Ánimo!", "痛い", 5, None, {"a": "me duele"}])
def test_words_of_a_reaction_are_not_kept(key: object) -> None:
    """Element X lets people react with any text, and no client encrypts it."""
    relation = {"rel_type": "m.annotation", "event_id": "$1"}
    content = {"m.relates_to": {**relation, "key": key, "words": "me duele"}}
    (item,) = events(type="m.reaction", content=content)
    assert item.payload["content"] == {"m.relates_to": relation}
    (item,) = events(type="m.reaction", content={"m.relates_to": "me duele"})
    assert item.payload["content"] == {"m.relates_to": {}}


def test_to_device_kinds_without_use_are_not_kept() -> None:
    """A secret or a key sent in clear text never reaches the database."""
    for kind in ("m.room_key", "m.secret.send", "m.dummy"):
        assert items_of_transaction({"de.sorunome.msc2409.to_device": [{**MESSAGE, "type": kind}]}) == []


BAD = [
    {"event_id": "$a\x00"},
    {"event_id": "$" + "a" * 255},
    {"room_id": "r"},
    {"sender": "garcia"},
    {"type": ""},
    {"content": "x"},
    {"content": {"m.relates_to": float("nan")}},
    {"content": {"ciphertext": "\ud800"}},
    {"origin_server_ts": "now"},
    {"origin_server_ts": 2**60},
    {"state_key": 3},
]


@pytest.mark.parametrize("changes", BAD)
def test_a_bad_item_is_skipped_alone(changes: JsonObject, caplog: pytest.LogCaptureFixture) -> None:
    """What the database could not hold, or is no event, is left out; its neighbours stay; its text isn't logged."""
    changed: JsonObject = {**EVENT, "content": {"ciphertext": "geheim", **EVENT["content"]}, **changes}
    items = items_of_transaction({"events": [changed, EVENT]})
    assert [item.dedupe_key for item in items] == ["event:$e"]
    assert items[0].payload["content"] == EVENT["content"]
    assert "skipped a bad item" in caplog.text
    assert "geheim" not in caplog.text


def test_one_strange_name_hides_nobody_else() -> None:
    """In a list of users or receipts only the bad ones are left out."""
    lists = {"changed": ["no user", "@garcia:h", 3], "left": None}
    counted = items_of_transaction({"org.matrix.msc3202.device_lists": lists})
    assert counted[0].payload == {"changed": ["@garcia:h"], "left": []}
    read = {"$e": {"m.read": {"@garcia:h": {"ts": 1}, "evil\x00": {"ts": 1}, "@lopez:h": {"ts": "x"}}}}
    receipts = items_of_transaction({"ephemeral": [{**RECEIPT, "content": read}]})
    assert [one["user_id"] for one in receipts[0].payload["receipts"]] == ["@garcia:h"]


def test_a_time_beyond_the_calendar_is_bounded() -> None:
    """A homeserver may claim any time; the instant stays one that a datetime can hold."""
    assert RoomEvent.model_validate({**EVENT, "origin_server_ts": 0}).sent_at == datetime(
        1970, 1, 1, tzinfo=UTC
    )
    assert RoomEvent.model_validate({**EVENT, "origin_server_ts": 2**53 - 1}).sent_at.year == 9999


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


# The machine may be slow: neither time limit of hypothesis is a promise of ours.
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.fixed_dictionaries({}, optional={key: JSON | st.lists(JSON) for key in PUSH}))
def test_nothing_pushed_raises(body: JsonObject) -> None:
    """Whatever stands in a push, taking it apart ends, and what comes out can be stored."""
    for item in items_of_transaction(body):
        content_hash(item.payload)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.fixed_dictionaries(dict.fromkeys(EVENT, JSON)) | st.just(EVENT), st.sampled_from(list(EVENT)), JSON)
def test_no_event_raises(event: JsonObject, key: str, value: Any) -> None:
    """The same for an event with one key, or all, gone wrong."""
    for item in items_of_transaction({"events": [{**event, key: value}]}):
        content_hash(item.payload)
        RoomEvent.model_validate(item.payload)
