"""bridge/inbound/inbound.py: what follows from what the homeserver pushes, each thing in one transaction."""

from typing import Any
from uuid import uuid4

import pytest

from appointments.care import CareRelationship
from bridge.e2ee.model import Decrypted, Rotation
from bridge.matrix.errors import HomeserverUnreachableError
from bridge.matrix.events import Receipt, RoomEvent, ToDeviceEvent
from bridge.rooms.rooms import membership_of, room_encryption
from bridge.storage.conversations import receipts, room_members, timeline
from tests.bridge.clinic import GARCIA, JUAN, KEEPER, LUCIA, Clinic
from tests.bridge.mortality import Killed

ASSISTANT = "@asistente:portal.example:8448"


@pytest.fixture
async def room(clinic: Clinic) -> str:
    """The consult room of Lucia and Garcia, of which nothing was pushed yet."""
    care = CareRelationship(LUCIA, GARCIA, "gp", clinic.clock(), None)
    return await clinic.main.conversations.open(care)


def event(room_id: str, event_type: str = "m.room.encrypted", **changes: Any) -> RoomEvent:
    """An event of Garcia's, unless something else is said."""
    made = {
        "event_id": f"${uuid4().hex}",
        "room_id": room_id,
        "sender": GARCIA,
        "type": event_type,
        "origin_server_ts": 1_772_355_600_000,
        "content": {},
    }
    return RoomEvent(**made | changes)


def member(room_id: str, user_id: str, membership: str) -> RoomEvent:
    """Somebody's membership changed."""
    return event(room_id, "m.room.member", state_key=user_id, content={"membership": membership})


async def push(clinic: Clinic, pushed: RoomEvent) -> int:
    """The homeserver pushes an event: its number in the inbox."""
    seq = await clinic.store()
    await clinic.main.inbound.room_event(seq, pushed)
    return seq


async def membership(clinic: Clinic, room_id: str, user_id: str) -> str | None:
    """What we think somebody is in the room."""
    async with clinic.database.read() as connection:
        return (await membership_of(connection, room_id, [user_id])).get(user_id)


async def test_who_joins_gets_the_keys_first(clinic: Clinic, room: str) -> None:
    """Her devices are asked for and served before her membership is on record, so that a crash repeats it."""
    shared: list[tuple[str, str, str | None]] = []

    async def share_history(room_id: str, user_id: str) -> None:
        shared.append((room_id, user_id, await membership(clinic, room_id, user_id)))

    clinic.main.encryption.share_history = share_history
    seq = await push(clinic, member(room, GARCIA, "join"))
    assert shared == [(room, GARCIA, "invite")]
    assert await membership(clinic, room, GARCIA) == "join"
    assert await clinic.is_processed(seq)


async def test_a_join_is_tried_again_when_keys_can_not_be_shared(clinic: Clinic, room: str) -> None:
    """Trouble is raised to the dispatcher; nothing is recorded, nothing is marked."""

    async def share_history(_room_id: str, _user_id: str) -> None:
        raise HomeserverUnreachableError

    clinic.main.encryption.share_history = share_history
    seq, joined = await clinic.store(), member(room, GARCIA, "join")
    with pytest.raises(HomeserverUnreachableError):
        await clinic.main.inbound.room_event(seq, joined)
    assert await membership(clinic, room, GARCIA) == "invite"
    assert not await clinic.is_processed(seq)


@pytest.mark.parametrize("left", ["leave", "ban"])
async def test_who_leaves_is_on_record(clinic: Clinic, room: str, left: str) -> None:
    """A third person who left is no recipient any more."""
    for now in ("join", left):
        await push(clinic, member(room, ASSISTANT, now))
    assert await membership(clinic, room, ASSISTANT) == left
    async with clinic.database.read() as connection:
        assert (
            await room_encryption(connection, room, reading=clinic.reading, now=clinic.clock())
        ).recipients == {LUCIA, GARCIA}


async def test_the_keeper_is_no_member_to_encrypt_for(clinic: Clinic, room: str) -> None:
    """It has no device."""
    await push(clinic, member(room, KEEPER, "join"))
    assert await membership(clinic, room, KEEPER) is None


async def test_encryption_settings_are_followed(clinic: Clinic, room: str) -> None:
    """Of the room's state only: an ordinary event of that type, which any member may send, is none."""
    content = {"algorithm": "m.megolm.v1.aes-sha2", "rotation_period_msgs": 7, "rotation_period_ms": 70_000}
    for state_key in (None, "other"):
        await push(clinic, event(room, "m.room.encryption", content=content, state_key=state_key))
        assert await rotation(clinic, room) == Rotation(100, 604_800_000)
    await push(clinic, event(room, "m.room.encryption", content=content, state_key=""))
    assert await rotation(clinic, room) == Rotation(7, 70_000)


async def rotation(clinic: Clinic, room_id: str) -> Rotation:
    """When a session of this room ends."""
    async with clinic.database.read() as connection:
        return (
            await room_encryption(connection, room_id, reading=clinic.reading, now=clinic.clock())
        ).rotation


async def test_a_message_is_a_fact_without_words(clinic: Clinic, room: str) -> None:
    """Once, however often it is pushed; it is no receipt of its sender's."""
    message = event(room, content={"ciphertext": "…"})
    for _ in range(2):
        assert await clinic.is_processed(await push(clinic, message))
    (fact,) = await clinic.facts("message.received")
    assert (fact.subject, fact.at) == (room, message.sent_at)
    assert fact.data == {"event_id": message.event_id, "sender": GARCIA}
    assert await clinic.rows(receipts) == []
    assert len(await clinic.rows(timeline)) == 1


async def test_a_calls_signalling_is_no_message(
    clinic: Clinic, room: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor when its key came late, and the dispatcher reads it instead of the push (bridge/inbound/at_once.py)."""

    async def decrypt(*_: object, **__: object) -> list[Decrypted]:
        return [Decrypted("m.call.invite", {"call_id": "1"})]

    monkeypatch.setattr(clinic.main.encryption, "decrypt", decrypt)
    await push(clinic, event(room, content={"ciphertext": "…"}))
    (place,) = await clinic.rows(timeline)
    assert not place.is_message
    assert await clinic.facts("message.received") == []


async def test_an_edit_is_no_new_message(clinic: Clinic, room: str) -> None:
    """It takes its place in the order, but nobody is told of a message."""
    content = {"m.relates_to": {"rel_type": "m.replace", "event_id": "$1"}}
    await push(clinic, event(room, content=content))
    assert await clinic.facts("message.received") == []
    (row,) = await clinic.rows(timeline)
    assert not row.is_message


async def test_other_rooms_are_ignored(clinic: Clinic, room: str) -> None:
    """Their events and receipts are done with, and leave nothing behind."""
    rows = {table: await clinic.rows(table) for table in (timeline, receipts, room_members)}
    clinic.key_server.calls.clear()
    for pushed in (event("!other"), member("!other", GARCIA, "join"), event("!other", "m.room.encryption")):
        assert await clinic.is_processed(await push(clinic, pushed))
    seq = await clinic.store("ephemeral")
    receipt = Receipt(event_id="$1", user_id=GARCIA, ts=0)
    await clinic.main.inbound.receipts(seq, "!other", [receipt])
    assert await clinic.is_processed(seq)
    assert {table: await clinic.rows(table) for table in rows} == rows
    assert clinic.key_server.calls == []
    assert room


async def test_nobody_of_ours_accepts_an_invitation(clinic: Clinic) -> None:
    """Our rooms are made by us and joined when we invite, so that nothing is lost with an invitation never pushed."""
    clinic.homeserver.calls.clear()
    for invited in (clinic.settings.keeper_id, clinic.settings.assistant_id, LUCIA):
        assert await clinic.is_processed(await push(clinic, member("!other", invited, "invite")))
    assert clinic.homeserver.calls == []


async def test_receipts_are_recorded(clinic: Clinic, room: str) -> None:
    """Several at once; one on an event that we don't know does not hide the others."""
    message = event(room, sender=LUCIA)
    await push(clinic, message)
    seq = await clinic.store("ephemeral")
    read = [
        Receipt(event_id="$unknown", user_id=JUAN, ts=0),
        Receipt(event_id=message.event_id, user_id=GARCIA, ts=1_772_355_700_000),
    ]
    await clinic.main.inbound.receipts(seq, room, read)
    assert await clinic.is_processed(seq)
    recorded = {row.user_id: row.event_id for row in await clinic.rows(receipts)}
    assert recorded == {GARCIA: message.event_id}


async def test_a_message_that_needs_a_missing_key_fetches_it(clinic: Clinic, room: str) -> None:
    """For each of our people who may read it, but not for whoever wrote it."""
    asked: list[tuple[str, str, bool]] = []

    async def decrypt(user_id: str, events: Any, *, catch_up_missing: bool) -> list[Any]:
        asked.append((user_id, events[0].event_id, catch_up_missing))
        return []

    clinic.main.encryption.decrypt = decrypt
    from_garcia, from_lucia = event(room), event(room, sender=LUCIA)
    await push(clinic, from_garcia)
    await push(clinic, from_lucia)
    assert asked == [(LUCIA, from_garcia.event_id, True)]


async def test_effects_and_mark_are_one_commit(clinic: Clinic, room: str) -> None:
    """Killed before it, nothing happened and the item is handled again; killed after it, all is done."""
    message, joined = event(room, sender=LUCIA), member(room, GARCIA, "join")
    for dies_at, survives in ((1, False), (2, True)):
        seq = await clinic.store()
        with pytest.raises(Killed):
            await clinic.process(dies_at=dies_at).inbound.room_event(seq, message)
        assert await clinic.is_processed(seq) is survives
        assert len(await clinic.rows(timeline)) == survives
    for dies_at in range(1, 40):
        seq = await clinic.store()
        try:
            await clinic.process(dies_at=dies_at).inbound.room_event(seq, joined)
        except Killed:
            is_recorded = await membership(clinic, room, GARCIA) == "join"
            assert await clinic.is_processed(seq) is is_recorded
            if is_recorded:
                break
    assert is_recorded


async def test_key_items_are_marked_when_done(clinic: Clinic) -> None:
    """Device lists and key counts are passed on first; to-device messages mark themselves."""
    lists, counts, to_device = [await clinic.store() for _ in range(3)]
    await clinic.main.inbound.device_lists(lists, [GARCIA], [])
    await clinic.main.inbound.key_counts(counts, {}, {})
    device = await clinic.main.encryption.device_of(LUCIA)
    dummy = ToDeviceEvent(
        sender=GARCIA, type="m.dummy", content={}, to_user_id=LUCIA, to_device_id=device.device_id
    )
    await clinic.main.inbound.to_device(to_device, dummy)
    assert [await clinic.is_processed(seq) for seq in (lists, counts, to_device)] == [True, True, True]


async def test_device_lists_in_trouble_are_tried_again(clinic: Clinic) -> None:
    """What could not be asked for is not marked as done."""

    async def changed(_changed: Any, _left: Any) -> None:
        raise HomeserverUnreachableError

    clinic.main.encryption.device_lists_changed = changed
    seq = await clinic.store()
    with pytest.raises(HomeserverUnreachableError):
        await clinic.main.inbound.device_lists(seq, [GARCIA], [])
    assert not await clinic.is_processed(seq)
