"""bridge/at_once.py: what is handled in the transaction that stores it, and what is left to the dispatcher."""

import asyncio
from collections.abc import Collection
from typing import Any
from uuid import uuid4

import pytest

from appointments.care import CareRelationship
from bridge.e2ee.model import MEGOLM, Decrypted, EncryptedEvent
from bridge.inbox import StoredItem, store
from bridge.items import InboxItem, items_of_transaction
from bridge.live.bodies import Bodies
from bridge.live.placing import Placing
from bridge.live.recent import RecentEvents
from bridge.live.streams import Streams
from bridge.matrix.json import JsonObject
from bridge.storage.conversations import receipts, timeline
from bridge.storage.inbox import inbox
from bridge.storage.live_events import live_events
from tests.bridge.clinic import GARCIA, JUAN, LUCIA, PORTAL, Clinic
from tests.bridge.mortality import Killed
from tests.bridge.process import Process


@pytest.fixture
async def room(clinic: Clinic) -> str:
    """The consult room of Lucia and Garcia."""
    return await clinic.main.conversations.open(CareRelationship(LUCIA, GARCIA, "gp", clinic.clock(), None))


@pytest.fixture
async def other_room(clinic: Clinic) -> str:
    """That of Juan and Garcia."""
    return await clinic.main.conversations.open(CareRelationship(JUAN, GARCIA, "gp", clinic.clock(), None))


@pytest.fixture
def opened(clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> Decrypted:
    """What everything decrypts to in this test."""
    words = Decrypted("m.room.message", {"msgtype": "m.text", "body": "hola"})

    async def decrypt_within(*_: object) -> list[Decrypted]:
        return [words]

    monkeypatch.setattr(clinic.main.encryption, "decrypt_within", decrypt_within)
    return words


def event(room_id: str, event_type: str = "m.room.encrypted", **changes: Any) -> JsonObject:
    """An event of Garcia's, as it is pushed."""
    return {
        "event_id": f"${uuid4().hex}",
        "room_id": room_id,
        "sender": GARCIA,
        "type": event_type,
        "origin_server_ts": 1_772_355_600_000,
        "content": {"ciphertext": "…"},
        **changes,
    }


def unknown(room_id: str) -> JsonObject:
    """A message with a session that nobody of ours has."""
    content = {"algorithm": MEGOLM, "session_id": "S", "ciphertext": "…"}
    return event(room_id, content=content)


async def push(process: Process, *events: JsonObject, busy: Collection[str] = (), **more: Any) -> list[str]:
    """The ids of the events that are left, after one push; other items by their kind."""
    items: list[InboxItem] = items_of_transaction({"events": list(events), **more})
    async with process.database.write() as connection:
        stored = await store(connection, items, at=process.now())
        handled = await process.at_once.handle(connection, stored, is_busy=lambda room: room in busy)
    process.at_once.tell(handled)
    return [name_of(item) for item in handled.left]


def name_of(item: StoredItem) -> str:
    """Its event id, or its kind."""
    return str(item.payload.get("event_id", item.kind))


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


async def test_who_listens_is_told_with_the_commit(clinic: Clinic, room: str) -> None:
    """What happened has its places by then; while nobody listens they are given later, many at once."""
    await push(clinic.main, event(room))
    assert await clinic.rows(live_events) == []
    with (
        clinic.main.notifier.subscribe(LUCIA, with_bodies=False) as hers,
        clinic.main.notifier.subscribe(JUAN, with_bodies=False) as anothers,
    ):
        message = event(room)
        await push(clinic.main, message)
        assert (hers.bell.is_set(), anothers.bell.is_set()) == (True, False)
    told = [row for row in await clinic.rows(live_events) if row.data["message_id"] == message["event_id"]]
    assert {row.person for row in told} == {LUCIA, GARCIA}


async def test_what_was_opened_is_at_hand_for_whom_it_is_told(
    clinic: Clinic, room: str, opened: Decrypted
) -> None:
    """Once; for nobody who doesn't listen to words, and no longer than until the next push."""
    messages = [event(room) for _ in range(4)]
    with clinic.main.notifier.subscribe(LUCIA, with_bodies=False):
        await push(clinic.main, messages[0])
        assert clinic.main.recent.take(LUCIA, messages[0]["event_id"]) is None
    with clinic.main.notifier.subscribe(LUCIA, with_bodies=True):
        await push(clinic.main, messages[1])
        for expected in (opened, None):
            assert clinic.main.recent.take(LUCIA, messages[1]["event_id"]) is expected
        await push(clinic.main, messages[2])
        await push(clinic.main, messages[3])
        assert clinic.main.recent.take(LUCIA, messages[2]["event_id"]) is None


@pytest.mark.usefixtures("opened")
async def test_what_nobody_is_told_is_not_at_hand(clinic: Clinic, room: str) -> None:
    """An edit, which no stream tells, and what we sent, which was told before (white-box: what is held)."""
    main = clinic.main
    relation = {"rel_type": "m.replace", "event_id": "$first"}
    edit = event(room, content={"ciphertext": "…", "m.relates_to": relation})
    sent = event(room, sender=JUAN)
    main.recent.keep(EncryptedEvent(sent["event_id"], room, JUAN, sent["content"]), is_sent=True)
    with main.notifier.subscribe(LUCIA, with_bodies=True):
        assert await push(main, edit, sent) == []
    assert main.recent._opened == {}


@pytest.mark.usefixtures("opened")
async def test_what_the_same_push_takes_back_is_told_without_words(clinic: Clinic, room: str) -> None:
    """They were opened by then; the other message keeps its own."""
    main = clinic.main
    first, second = event(room), event(room)
    redaction = event(room, "m.room.redaction", content={"redacts": first["event_id"]})
    bodies = Bodies(matrix=main.matrix, encryption=main.encryption, recent=main.recent)
    streams = Streams(database=main.database, notifier=main.notifier, words=bodies, now=main.now)
    with main.notifier.subscribe(LUCIA, with_bodies=True):
        assert await push(main, first, second, redaction) == []
        told, _, _ = await streams.read(LUCIA, after=0, with_bodies=True)
    words = {one.data["message_id"]: one.data["body"] for one in told if one.name == "message"}
    assert words == {first["event_id"]: None, second["event_id"]: "hola"}


async def test_pushes_and_placing_get_on_with_each_other(clinic: Clinic, room: str, other_room: str) -> None:
    """At the same time, in several processes: everything is told once, and nobody waits for who waits for her."""
    processes = [clinic.process() for _ in range(4)]
    placing = Placing(database=clinic.database, portal_server=PORTAL, now=clinic.clock)

    async def write(process: Process, room_id: str) -> None:
        with process.notifier.subscribe(LUCIA, with_bodies=True):
            for _ in range(8):
                assert await push(process, event(room_id), event(other_room)) == []
                await placing.place()

    async with asyncio.timeout(60):
        await asyncio.gather(*(write(process, room) for process in processes))
    assert len(await clinic.facts("message.received")) == 64
    told = [(row.person, row.about) for row in await clinic.rows(live_events)]
    assert len(told) == len(set(told)) == 128
