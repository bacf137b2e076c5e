"""bridge/timeline/history.py: page by page, with a bounded number of questions to the homeserver."""

from collections.abc import AsyncIterator

from bridge.messages.history_pages import HistoryPages
from bridge.messages_model import Message
from bridge.timeline.recent import RecentEvents
from tests.bridge.clinic import LUCIA, Clinic
from tests.bridge.messages.history.talking import edit, say, send
from tests.bridge.messages.history.watch import Watch


async def pages(clinic: Clinic, room_id: str, *, limit: int) -> AsyncIterator[tuple[Message, ...]]:
    """Every page, newest first."""
    before = None
    while True:
        history = await clinic.main.messages.history(
            reader=LUCIA, conversation_id=room_id, limit=limit, before=before
        )
        assert len(history.messages) <= limit
        yield history.messages
        before = history.next
        if before is None:
            return


async def test_pages_have_no_gap_and_no_overlap(clinic: Clinic, room: str) -> None:
    """Edits and other events between the messages take no place on a page."""
    for number in range(7):
        event_id = await say(clinic, room, str(number))
        if number % 3 == 0:
            await say(clinic, room, edit(event_id, f"{number}!"))
            await send(clinic, room, {}, event_type="m.reaction")
    shown = [[one.body for one in page] async for page in pages(clinic, room, limit=3)]
    assert [page for page in shown if page] == [["6!", "5", "4"], ["3!", "2", "1"], ["0!"]]


async def test_somebody_who_edits_all_day_makes_nobody_wait(clinic: Clinic, room: str, watch: Watch) -> None:
    """A page asks the homeserver a bounded number of times; it may be short, and its cursor goes on."""
    event_id = await say(clinic, room, "0")
    for number in range(40):
        await say(clinic, room, edit(event_id, str(number)))
    await say(clinic, room, "fin")
    shown = []
    watch.asked()
    async for page in pages(clinic, room, limit=2):
        shown += [one.body for one in page]
        assert 1 <= len(watch.asked()) <= 10
    assert shown == ["fin", "39"]


async def test_a_session_is_unlocked_once_for_a_page(clinic: Clinic, room: str, watch: Watch) -> None:
    """A page is decrypted at once, messages and edits together."""
    event_id = await say(clinic, room, "uno")
    await say(clinic, room, edit(event_id, "dos"))
    watch.decrypted.clear()
    main = clinic.main
    pages = HistoryPages(matrix=main.matrix, encryption=main.encryption, recent=RecentEvents())
    await pages.read(reader=LUCIA, rooms=[room], limit=50, before=None)
    assert watch.decrypted == [2]
