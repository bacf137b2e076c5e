"""Mails about messages that their sender takes back."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from bridge.deliveries.claims import Claimed
from bridge.notifications import mail_sender
from bridge.notifications.mail_sender import MessageMailSender
from bridge.storage.database import Database
from tests.bridge.notifications.mail_world import World, mail_world


@pytest.fixture
async def world(database: Database, tmp_path: Path) -> AsyncIterator[World]:
    """Lucía wants mails; nothing has happened yet."""
    async with mail_world(database, tmp_path) as made:
        yield made


async def test_what_was_taken_back_brings_no_mail(world: World) -> None:
    """Sent to the wrong patient and redacted within the minutes; of two messages the one that stays is told."""
    await world.message(1)
    await world.take_back(1)
    assert await world.after(6) == 0
    assert await world.states() == ["cancelled"]
    await world.message(2)
    await world.message(3)
    await world.take_back(2)
    assert await world.after(6) == 1


@pytest.mark.parametrize("when", ["it was looked at", "it was ended"])
async def test_what_comes_while_a_mail_is_dropped_is_told(
    world: World, when: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A message was taken back, and the next comes at the moment in which its mail is found to be unwanted."""
    look, send = mail_sender.is_all_taken_back, MessageMailSender.send
    moments: list[str] = []

    async def passes(moment: str) -> None:
        moments.append(moment)
        if moment == when and moments.count(moment) == 1:
            await world.message(2)

    async def looking(*given: Any, **named: Any) -> bool:
        found = await look(*given, **named)
        if "it was looked at" not in moments:
            await passes("it was looked at")
        return found

    async def sending(sender: MessageMailSender, delivery: Claimed) -> None:
        try:
            await send(sender, delivery)
        finally:
            await passes("it was ended")

    monkeypatch.setattr(mail_sender, "is_all_taken_back", looking)
    monkeypatch.setattr(MessageMailSender, "send", sending)
    await world.message(1)
    await world.take_back(1)
    await world.after(6)
    assert await world.after(60) == 1
