"""bridge/messages/history_pages.py: a page read a moment ago is shown again only while it is what the room has."""

import asyncio
from typing import Any

import pytest

from bridge.messages.history_pages import HistoryPages
from bridge.timeline.recent import RecentEvents
from tests.bridge.clinic import JUAN, LUCIA, Clinic
from tests.bridge.messages.history.talking import bodies, edit, read_up_to, redact, say, send, shown
from tests.bridge.messages.history.watch import Watch
from tests.until import until


def parts(clinic: Clinic) -> dict[str, Any]:
    """What pages are made with."""
    main = clinic.main
    return {"matrix": main.matrix, "encryption": main.encryption, "recent": main.recent}


async def test_who_looks_again_waits_for_one_small_question(clinic: Clinic, room: str, watch: Watch) -> None:
    """Nothing is decrypted again; who has read what is as it is now."""
    first_id = await say(clinic, room, "uno")
    await say(clinic, room, "dos", sender=JUAN)
    watch.decrypted.clear()
    first = await shown(clinic, room)
    assert (watch.asked()[0], watch.decrypted) == (50, [2])
    await read_up_to(clinic, room, first_id, reader=JUAN)
    again = await shown(clinic, room)
    assert (watch.asked(), watch.decrypted) == ([1], [2])
    assert [one.body for one in again] == [one.body for one in first] == ["uno", "dos"]
    assert (first[0].status, again[0].status) == ("delivered", "read")


async def test_a_new_message_is_shown_and_decrypted_alone(clinic: Clinic, room: str, watch: Watch) -> None:
    """The others are what they were."""
    await say(clinic, room, "uno")
    await say(clinic, room, "dos")
    await shown(clinic, room)
    await say(clinic, room, "tres", sender=JUAN)
    watch.decrypted.clear()
    assert await bodies(clinic, room) == ["uno", "dos", "tres"]
    assert watch.decrypted == [1]


async def test_edits_and_redactions_are_shown_at_once(clinic: Clinic, room: str, watch: Watch) -> None:
    """Each is an event of its own; after one, the next look is a small question again where it can be."""
    first_id, second_id = await say(clinic, room, "uno"), await say(clinic, room, "dos")
    assert await bodies(clinic, room) == ["uno", "dos"]
    await say(clinic, room, edit(first_id, "UNO"))
    assert await bodies(clinic, room) == ["UNO", "dos"]
    watch.asked()
    assert await bodies(clinic, room) == ["UNO", "dos"]
    assert watch.asked() == [1]
    await redact(clinic, room, second_id)
    watch.asked()
    assert await bodies(clinic, room) == ["UNO", None]
    assert watch.asked()[:2] == [1, 50]
    assert await bodies(clinic, room) == ["UNO", None]
    assert watch.asked() == [1]
    await redact(clinic, room, first_id)
    assert await bodies(clinic, room) == [None, None]


async def test_an_edit_that_was_taken_back_is_shown_no_more(clinic: Clinic, room: str) -> None:
    """A page that was read with it shows what the message said before, then what it said at first."""
    message_id = await say(clinic, room, "uno")
    edits = [await say(clinic, room, edit(message_id, words)) for words in ("dos", "tres")]
    assert await bodies(clinic, room) == ["tres"]
    for edit_id, words in zip(reversed(edits), ("dos", "uno"), strict=True):
        await redact(clinic, room, edit_id)
        assert await bodies(clinic, room) == [words]
    (message,) = await shown(clinic, room)
    assert (message.edited_at, message.redacted) == (None, False)


async def test_what_can_not_be_read_is_tried_each_time(clinic: Clinic, room: str, watch: Watch) -> None:
    """Its key may have come meanwhile."""
    content = {"algorithm": "m.megolm.v1.aes-sha2", "session_id": "S", "ciphertext": "AAAA"}
    await say(clinic, room, "uno")
    await send(clinic, room, content, sender=JUAN)
    for _ in range(2):
        watch.decrypted.clear()
        assert [one.type for one in await shown(clinic, room)] == ["text", "undecryptable"]
        assert watch.asked()[0] == 50
        assert watch.decrypted[-1] >= 1


async def test_another_event_under_a_known_id_is_read_anew(clinic: Clinic, room: str, watch: Watch) -> None:
    """What the homeserver puts in its place is judged like anything else."""
    event_id = await say(clinic, room, "uno")
    await say(clinic, room, "dos")
    assert await bodies(clinic, room) == ["uno", "dos"]
    events = clinic.homeserver.rooms[room].events
    other = next(event for event in events if event["event_id"] == event_id)
    other["content"] = {**other["content"], "ciphertext": "AAAA"}
    await say(clinic, room, "tres")
    watch.decrypted.clear()
    assert [one.type for one in await shown(clinic, room)] == ["undecryptable", "text", "text"]
    assert sum(watch.decrypted) == 2


async def test_what_passed_here_is_opened_while_the_homeserver_is_asked(
    clinic: Clinic, room: str, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All of it at once, before the answer; a process that has seen nothing opens what is answered."""
    for body in ("uno", "dos"):
        await say(clinic, room, body)
    opened: list[int] = []
    homeserver = clinic.homeserver.messages

    async def answer_late(**question: Any) -> Any:
        await asyncio.sleep(0.05)
        opened.append(sum(watch.decrypted))
        return await homeserver(**question)

    monkeypatch.setattr(clinic.homeserver, "messages", answer_late)
    for recent, expected in ((clinic.main.recent, 2), (RecentEvents(), 0)):
        opened.clear()
        watch.decrypted.clear()
        pages = HistoryPages(**{**parts(clinic), "recent": recent})
        page = await pages.read(reader=LUCIA, rooms=[room], limit=9, before=None)
        assert (opened[0], watch.decrypted, len(page.messages)) == (expected, [2], 2)


async def test_a_process_that_expected_nothing_shows_the_states_too(clinic: Clinic, room: str) -> None:
    """It heard of none of the messages; who has read them stands in the database."""
    await say(clinic, room, "uno")
    await read_up_to(clinic, room, await say(clinic, room, "dos"), reader=JUAN)
    await say(clinic, room, "tres")
    history = await clinic.process().messages.history(
        reader=LUCIA, conversation_id=room, limit=9, before=None
    )
    assert [one.status for one in history.messages] == ["delivered", "read", "read"]


async def test_only_what_the_homeserver_has_is_shown(clinic: Clinic, room: str) -> None:
    """Whatever passed here before: what is gone there is gone, and what is another there is judged anew."""
    first_id = await say(clinic, room, "uno")
    await say(clinic, room, "dos")
    await say(clinic, room, "tres")
    events = clinic.homeserver.rooms[room].events
    first = next(event for event in events if event["event_id"] == first_id)
    first["content"] = {**first["content"], "ciphertext": "AAAA"}
    events.remove(events[-1])
    assert [one.type for one in await shown(clinic, room)] == ["undecryptable", "text"]


async def test_older_pages_are_read_each_time(clinic: Clinic, room: str, watch: Watch) -> None:
    """Only the newest is kept, for each reader her own."""
    for body in ("uno", "dos", "tres"):
        await say(clinic, room, body)
    pages = HistoryPages(**parts(clinic))
    newest = await pages.read(reader=LUCIA, rooms=[room], limit=2, before=None)
    watch.asked()
    for _ in range(2):
        older = await pages.read(reader=LUCIA, rooms=[room], limit=2, before=newest.next)
        assert len(older.messages) == 1
    assert watch.asked()[0] == 2
    await pages.read(reader=JUAN, rooms=[room], limit=2, before=None)
    assert watch.asked() == [2]


async def test_new_messages_do_not_keep_the_old_ones(clinic: Clinic, room: str, watch: Watch) -> None:
    """What was opened is opened anew after its time, however often something came after it (white-box: the time)."""
    await say(clinic, room, "uno")
    pages, ends = HistoryPages(**parts(clinic), kept_s=0.5), set()
    for body in ("dos", "tres"):
        await pages.read(reader=LUCIA, rooms=[room], limit=9, before=None)
        ends |= {kept.ends_at for kept in pages._kept.values()}
        await say(clinic, room, body)
    assert len(ends) == 1
    await until(lambda: not pages._kept)
    watch.decrypted.clear()
    await pages.read(reader=LUCIA, rooms=[room], limit=9, before=None)
    assert watch.decrypted == [3]


async def test_pages_are_let_go(clinic: Clinic, room: str) -> None:
    """After their time, and the oldest first when they are too many."""
    await say(clinic, room, "uno")
    short = HistoryPages(**parts(clinic), kept_s=0.01)
    await short.read(reader=LUCIA, rooms=[room], limit=1, before=None)
    await until(lambda: not short._kept)
    assert short._bytes == 0
    small = HistoryPages(**parts(clinic), most_bytes=20_000)
    for limit in (1, 2, 3):
        await small.read(reader=LUCIA, rooms=[room], limit=limit, before=None)
    await until(lambda: [limit for _, _, limit in small._kept] == [2, 3])  # once the answer is on its way
    assert 0 < small._bytes <= 20_000


async def test_all_that_is_on_a_page_counts(clinic: Clinic, room: str) -> None:
    """What can't be read, what the homeserver added, and any key beside the ciphertext."""
    content = {
        "algorithm": "m.megolm.v1.aes-sha2",
        "session_id": "S",
        "ciphertext": "AAAA",
        "x": "B" * 20_000,
    }
    await send(clinic, room, content, sender=JUAN)
    clinic.homeserver.rooms[room].events[-1]["unsigned"] = {"y": "C" * 20_000}
    pages = HistoryPages(**parts(clinic))
    await pages.read(reader=LUCIA, rooms=[room], limit=1, before=None)
    await until(lambda: pages._bytes >= 40_000)


async def test_a_page_that_was_replaced_weighs_nothing(clinic: Clinic, room: str) -> None:
    """Two who read the same at the same time leave one page, which counts once, and nothing when it is let go."""
    await say(clinic, room, "uno")
    weights = []
    for readers in (1, 2):
        pages = HistoryPages(**parts(clinic), kept_s=0.2)
        reading = [pages.read(reader=LUCIA, rooms=[room], limit=9, before=None) for _ in range(readers)]
        await asyncio.gather(*reading)
        await until(lambda: pages._bytes > 0)  # noqa: B023 called at once
        weights.append(pages._bytes)
        await until(lambda: not pages._kept)  # noqa: B023 called at once
        assert pages._bytes == 0
    assert weights[0] == weights[1]
