"""bridge/inbound/at_once.py: who listens is told with the commit, in words that were opened for it."""

import asyncio

import pytest

from bridge.e2ee.model import Decrypted, EncryptedEvent
from bridge.live.bodies import Bodies
from bridge.live.placing import Placing
from bridge.live.streams import Streams
from bridge.storage.live_events import live_events
from tests.bridge.clinic import GARCIA, JUAN, LUCIA, PORTAL, Clinic
from tests.bridge.inbound.at_once.pushing import event, push
from tests.bridge.process import Process


@pytest.fixture
def opened(clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> Decrypted:
    """What everything decrypts to in this test."""
    words = Decrypted("m.room.message", {"msgtype": "m.text", "body": "hola"})

    async def decrypt_within(*_: object) -> list[Decrypted]:
        return [words]

    monkeypatch.setattr(clinic.main.encryption, "decrypt_within", decrypt_within)
    return words


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
    bodies = Bodies(
        database=main.database, matrix=main.matrix, encryption=main.encryption, recent=main.recent
    )
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
