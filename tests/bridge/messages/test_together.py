"""bridge/messages/together.py: two things at the same time, and nothing left behind."""

import asyncio

import pytest

from bridge.errors import BadCursorError
from bridge.messages.together import together
from tests.bridge.clinic import Clinic
from tests.bridge.messages.writing import read
from tests.bridge.upgrading.ward import opened


async def give(what: str) -> str:
    """This, a little later."""
    await asyncio.sleep(0)
    return what


async def fail() -> str:
    """At once."""
    raise BadCursorError


@pytest.mark.parametrize("is_first", [True, False])
async def test_the_other_ends_with_it(*, is_first: bool) -> None:
    """Whoever fails first is who is told of; by then the other was cancelled and has tidied up."""
    assert await together(give("a"), give("b")) == ("a", "b")
    tidied = asyncio.Event()

    async def hang() -> str:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            tidied.set()
        return ""

    async def late() -> str:
        await asyncio.sleep(0)
        return await fail()

    with pytest.raises(BadCursorError):
        await (together(late(), hang()) if is_first else together(hang(), late()))
    assert tidied.is_set()


async def test_a_refused_cursor_leaves_nothing_running(clinic: Clinic) -> None:
    """What was being read beside the page held a connection when the loop ended."""
    room = await opened(clinic)
    with pytest.raises(BadCursorError):
        await read(clinic, room, before="7@t1")
    assert asyncio.all_tasks() == {asyncio.current_task()}
