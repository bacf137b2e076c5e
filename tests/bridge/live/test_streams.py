"""bridge/live/streams.py: who reads on misses nothing and repeats nothing, and sees what she may see now."""

from datetime import timedelta

import pytest

from appointments.services import depart
from tests.bridge.live.ward import GARCIA, JUAN, LUCIA, NOW, OTHER_ROOM, Ward


async def test_everybody_is_told_of_her_own(ward: Ward) -> None:
    """One event for each person of the conversation, in order; nothing of other conversations."""
    await ward.say("1")
    await ward.say("2", room_id=OTHER_ROOM)
    await ward.say("3")
    assert await ward.told(LUCIA) == ["$1", "$3"]
    assert await ward.told(JUAN) == ["$2"]
    assert await ward.told(GARCIA) == ["$1", "$2", "$3"]
    assert await ward.told("@nobody:portal") == []


async def test_who_comes_back_goes_on(ward: Ward) -> None:
    """Behind the last event seen: no gap, no repeat, also in another process."""
    await ward.say("1")
    await ward.say("2")
    (first, _), _ = await ward.read(LUCIA, 0)
    await ward.say("3")
    start = await ward.process().start(first.id)
    assert not start.is_reset
    assert await ward.told(LUCIA, start.place) == ["$2", "$3"]


async def test_who_comes_first_hears_what_happens_from_now_on(ward: Ward) -> None:
    """Not what happened before, even if nobody had given it a place."""
    await ward.say("1")
    start = await ward.streams.start(None)
    await ward.say("2")
    assert await ward.told(LUCIA, start.place) == ["$2"]


async def test_words_are_read_for_whom_may_have_them(ward: Ward) -> None:
    """`body` is there with words only; what turns out to be no message is not told; nothing is stored."""
    for name in ("1", "2", "3"):
        await ward.say(name)
    ward.words.texts = {"$1": "hola", "$2": None}
    ward.words.no_messages = {"$3"}
    events, _ = await ward.read(LUCIA, 0, with_bodies=True)
    assert [(one.data["message_id"], one.data["body"]) for one in events] == [("$1", "hola"), ("$2", None)]
    events, _ = await ward.read(LUCIA, 0)
    assert all("body" not in one.data for one in events)


async def test_who_lost_her_part_is_told_nothing(ward: Ward) -> None:
    """What was placed for a professional who has left since is not told to her any more."""
    await ward.say("1")
    assert await ward.told(GARCIA) == ["$1"]
    async with ward.database.write() as connection:
        await depart(connection, professional=GARCIA, now=NOW)
    ward.now += timedelta(seconds=1)
    assert await ward.told(GARCIA) == []
    assert await ward.told(LUCIA) == ["$1"]


@pytest.mark.parametrize("last", ["", "x", "-1", "1.5", "9" * 30, "99999", "٣"])
async def test_a_cursor_that_we_never_gave_is_reset(ward: Ward, last: str) -> None:
    """Whatever a client comes back with."""
    await ward.say("1")
    assert (await ward.streams.start(last)).is_reset


async def test_a_long_absence_is_read_in_pieces(ward: Ward) -> None:
    """However much was missed, so much at once; and a quiet reader's cursor follows the others' events."""
    async with ward.database.write() as connection:
        for number in range(250):
            await ward.say_in(connection, str(number))
    place, counts = 0, []
    while True:
        events, place = await ward.read(LUCIA, place)
        counts.append(len(events))
        if not events:
            break
    assert counts == [100, 100, 50, 0]
    pieces = [
        await ward.streams.read(LUCIA, after=after, with_bodies=False) for after in (0, place - 50, place)
    ]
    assert [is_more for _, _, is_more in pieces] == [True, False, False]
    assert await ward.read(JUAN, 0) == ([], place)
