"""bridge/inbound/at_once.py: what is handled in the transaction that stores it, what is left to the dispatcher."""

import pytest

from bridge.e2ee.model import Decrypted, EncryptedEvent
from bridge.storage.conversations import receipts, timeline
from bridge.storage.inbox import inbox
from bridge.timeline.recent import RecentEvents
from tests.bridge.clinic import GARCIA, LUCIA, Clinic
from tests.bridge.inbound.at_once.pushing import event, push, unknown
from tests.bridge.mortality import Killed


async def test_a_message_takes_one_commit(clinic: Clinic, room: str) -> None:
    """Stored, in its place, a fact, processed, its payload dropped; killed before the commit, nothing of that."""
    message = event(room)
    with pytest.raises(Killed):
        await push(clinic.process(dies_at=1), message)
    assert (await clinic.rows(inbox), await clinic.rows(timeline)) == ([], [])
    process = clinic.process()
    assert await push(process, message) == []
    assert process.fate.steps == 2  # before and after the one commit
    (item,), (place,) = await clinic.rows(inbox), await clinic.rows(timeline)
    assert (item.processed_at, item.payload) == (clinic.clock(), None)
    assert (place.event_id, place.is_message) == (message["event_id"], True)
    (fact,) = await clinic.facts("message.received")
    assert fact.data == {"event_id": message["event_id"], "sender": GARCIA}


async def test_a_calls_signalling_is_no_message(
    clinic: Clinic, room: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has its place in the room, and nobody is told of it: what is never shown is not unread either."""

    async def decrypt_within(*_: object) -> list[Decrypted]:
        return [Decrypted("m.call.invite", {"call_id": "1"})]

    monkeypatch.setattr(clinic.main.encryption, "decrypt_within", decrypt_within)
    assert await push(clinic.main, event(room)) == []
    (place,) = await clinic.rows(timeline)
    assert not place.is_message
    assert not await clinic.facts("message.received")


async def test_what_is_pushed_again_changes_nothing(clinic: Clinic, room: str) -> None:
    """It is known by its id."""
    message = event(room)
    for _ in range(2):
        assert await push(clinic.main, message) == []
    assert len(await clinic.rows(timeline)) == len(await clinic.facts("message.received")) == 1


async def test_who_lacks_a_key_waits_with_what_follows(clinic: Clinic, room: str, other_room: str) -> None:
    """Until it was fetched; another room's events don't wait for it."""
    first, missing, behind, elsewhere = event(room), unknown(room), event(room), event(other_room)
    left = await push(clinic.main, first, missing, behind, elsewhere)
    assert left == [missing["event_id"], behind["event_id"]]
    assert {row.event_id for row in await clinic.rows(timeline)} == {first["event_id"], elsewhere["event_id"]}
    waiting = [row.dedupe_key for row in await clinic.rows(inbox) if row.processed_at is None]
    assert waiting == [f"event:{missing['event_id']}", f"event:{behind['event_id']}"]


async def test_a_room_that_is_behind_stays_in_order(clinic: Clinic, room: str, other_room: str) -> None:
    """What the dispatcher has of it comes first."""
    late, at_once = event(room), event(other_room)
    assert await push(clinic.main, late, at_once, busy=[room]) == [late["event_id"]]


async def test_keys_come_first(clinic: Clinic, room: str) -> None:
    """Nothing is handled before what came with it about keys."""
    message = event(room)
    changed = {"changed": [GARCIA], "left": []}
    left = await push(clinic.main, message, **{"org.matrix.msc3202.device_lists": changed})
    assert left == ["device_lists", message["event_id"]]


async def test_counts_of_keys_hold_nothing_up(clinic: Clinic, room: str) -> None:
    """They are left, and say nothing about messages."""
    counts = {LUCIA: {"DEVICE": {"signed_curve25519": 5}}}
    left = await push(clinic.main, event(room), **{"org.matrix.msc3202.device_one_time_keys_count": counts})
    assert left == ["key_counts"]


async def test_what_needs_the_homeserver_is_left(clinic: Clinic, room: str) -> None:
    """Who joins is to be given keys; direct chats are the assistant's; other rooms are not ours."""
    joined = event(room, "m.room.member", state_key=GARCIA, content={"membership": "join"})
    elsewhere = event("!other:portal.example")
    assert await push(clinic.main, joined, elsewhere) == [joined["event_id"], elsewhere["event_id"]]


async def test_where_the_assistant_listens_all_is_left(clinic: Clinic, room: str) -> None:
    """It may have to answer."""
    assistant = clinic.settings.assistant.model_copy(update={"in_consult_rooms": True})
    clinic.settings = clinic.settings.model_copy(update={"assistant": assistant})
    message = event(room)
    assert await push(clinic.process(), message) == [message["event_id"]]


async def test_what_we_sent_is_no_news(clinic: Clinic, room: str) -> None:
    """Its fact is there already; it takes its place in the order."""
    message = event(room, sender=LUCIA)
    sent = EncryptedEvent(message["event_id"], room, LUCIA, message["content"])
    clinic.main.recent.keep(sent, is_sent=True)
    assert await push(clinic.main, message) == []
    assert not await clinic.facts("message.received")
    assert [row.event_id for row in await clinic.rows(timeline)] == [message["event_id"]]


def test_what_was_sent_long_ago_is_forgotten() -> None:
    """With its ciphertext: nothing grows."""
    recent = RecentEvents()
    for number in range(1000):
        recent.keep(EncryptedEvent(f"${number}", "!r", LUCIA, {}), is_sent=True)
    assert [number for number in range(1000) if recent.is_sent(f"${number}")] == list(range(744, 1000))


async def test_receipts_and_reactions_are_handled(clinic: Clinic, room: str) -> None:
    """In the order of the push."""
    message = event(room, sender=LUCIA)
    relation = {"rel_type": "m.annotation", "event_id": message["event_id"], "key": "👀"}
    reaction = event(room, "m.reaction", content={"m.relates_to": relation})
    read = {message["event_id"]: {"m.read": {GARCIA: {"ts": 1_772_355_700_000}}}}
    ephemeral = [{"type": "m.receipt", "room_id": room, "content": read}]
    assert await push(clinic.main, message, reaction, ephemeral=ephemeral) == []
    assert [row.user_id for row in await clinic.rows(receipts)] == [GARCIA]
    assert len(await clinic.facts("message.attended")) == len(await clinic.facts("message.read")) == 1
