"""bridge/rooms/introductions.py: what is written while she is introduced, and who is introduced beside her."""

import asyncio
from functools import partial
from typing import Any

import pytest

from bridge.e2ee.settings import EncryptionSettings
from bridge.rooms import introductions
from bridge.storage.database import Database
from tests.bridge.clinic import LOPEZ, LUCIA
from tests.bridge.e2ee.client import Client
from tests.bridge.rooms.introductions.visit import MOMENT_S, Visit, begun
from tests.bridge.rooms.membership.changes import send
from tests.bridge.trouble import hanging
from tests.until import until


@pytest.mark.parametrize("hangs", ["keys_query", "keys_claim", "send_to_device"])
@pytest.mark.parametrize("first", ["introduction", "message"])
async def test_what_is_written_meanwhile_she_gets_too(database: Database, first: str, hangs: str) -> None:
    """A session that begins while she is introduced, and one that went out without her just before."""
    encryption = EncryptionSettings(introduction_s=MOMENT_S, rotation_period_msgs=1)
    visit = Visit(database, encryption=encryption)
    await visit.begin()
    await visit.come_in()
    visit.clinic.clock.pass_by(seconds=MOMENT_S)
    works = {"introduction": visit.introduce, "message": partial(visit.say, "two")}
    with hanging(visit.clinic.key_server, hangs) as asked:
        begun_first = asyncio.create_task(works.pop(first)())
        await until(lambda: asked or begun_first.done())
        (other,) = works.values()
        begun_then = asyncio.create_task(other())
        for _ in range(100):
            await asyncio.sleep(0)
    await asyncio.gather(begun_first, begun_then)
    await visit.heal()
    assert await visit.reads() == ["hola", "hola"]


async def test_one_whose_server_hangs_keeps_nobody(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Others are served beside her, and after a while those who come later; she has her keys when it answers."""
    visit = await begun(database)
    lopez = Client.with_identity(visit.clinic.key_server, LOPEZ, "LOPEZ1")
    await lopez.log_in()
    await visit.clinic.start_care(LUCIA, LOPEZ)
    hers = (await send(visit.clinic, recipient=LOPEZ, operation_id="hers")).conversation_id
    await visit.clinic.push()
    await visit.clinic.homeserver.join(user_id=LOPEZ, room_id=hers)
    await visit.clinic.push()
    await visit.come_in()
    visit.clinic.clock.pass_by(seconds=MOMENT_S)
    monkeypatch.setattr(introductions, "_PATIENCE_S", 2)
    answering = visit.clinic.key_server.keys_query

    async def query(*, user_id: str, users: list[str]) -> Any:
        return await (asyncio.Event().wait() if LOPEZ in users else answering(user_id=user_id, users=users))

    monkeypatch.setattr(visit.clinic.key_server, "keys_query", query)
    await visit.introduce()
    await lopez.sync()
    assert await visit.reads() == ["hola"]
    assert not lopez.rooms
    monkeypatch.undo()
    await visit.heal()
    await lopez.sync()
    assert len(lopez.rooms) == 1
