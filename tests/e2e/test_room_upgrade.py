"""`videoconsulta conversation upgrade` beside a running bridge: both write on, and nothing of before is lost."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import aiohttp
import pytest
from sqlalchemy import select

from bridge import app
from bridge.app import Platform
from bridge.demo.bridge_process import BridgeProcess
from bridge.demo.platform import LocalPlatform
from bridge.storage.conversations import room_upgrades
from tests.e2e.element import ElementClient, Room
from tests.e2e.joining import answer_arrives, joined
from tests.e2e.world import Pair, eventually, pair

pytestmark = pytest.mark.asyncio(loop_scope="session")

VERSION = "org.matrix.hydra.11"
"""Another one that Synapse knows and in which creators outrank everybody; rooms are made in version 12."""


async def start_upgrade(servers: LocalPlatform, *arguments: str) -> asyncio.subprocess.Process:
    """The command, running."""
    command = (sys.executable, "-m", "bridge", "conversation", "upgrade", "--room-version", VERSION)
    pipe = asyncio.subprocess.PIPE
    return await asyncio.create_subprocess_exec(
        *command, *arguments, "--config", str(servers.config), stdout=pipe, stderr=pipe
    )


async def upgrade(servers: LocalPlatform, *arguments: str) -> tuple[int | None, str, str]:
    """How it ends, and what it says."""
    process = await start_upgrade(servers, *arguments)
    said, complained = await process.communicate()
    return process.returncode, said.decode(), complained.decode()


async def room_of(element: ElementClient, room_id: str) -> Room:
    """The room as the client has it."""
    return next(room for room in await element.rooms() if room.room_id == room_id)


async def test_both_write_on_in_a_new_room(servers: LocalPlatform, bridge: BridgeProcess) -> None:
    """The doctor is invited, follows and answers; the patient's id, history, cursors and file ids stay."""
    assert bridge.is_running
    async with pair(servers) as people, ElementClient() as element:
        first = await people.api.send("¿Puedo dejar la dieta?", recipient=people.professional)
        room = first["conversation_id"]
        await joined(element, servers, people, room)
        await element.wait_for_message(room, event_id=first["message_id"])
        await element.send_text(room, "Sí.")
        await answer_arrives(people, room, "Sí.")
        file = await upload(people, room)

        code, said, complained = await upgrade(servers, room)
        assert (code, complained) == (0, "")
        new = said.split()[-1]
        assert said == f"1 of 1: {room} goes on in {new}\n"
        invitation = await element.wait_for_invite(room_id=new)
        assert invitation.inviter == servers.settings.keeper_id
        await eventually(lambda: room_of(element, room), until=lambda it: it.replacement == new)
        followed = await element.join(new)
        assert (followed.predecessor, followed.encrypted, followed.is_listed) == (room, True, True)
        assert not (await room_of(element, room)).is_listed

        second = {"conversation_id": room, "body": "Gracias.", "attachments": [file]}
        answer = await people.api.request("POST", "/api/messages/send", json=second)
        assert (answer.status, answer.body["conversation_id"]) == (201, room)
        shown = await element.wait_for_message(new, event_id=answer.body["message_id"])
        assert shown.is_trusted
        await element.send_text(new, "De nada.")
        await answer_arrives(people, room, "De nada.")
        for asked in (room, new):
            history = await people.api.history(asked, page=2)
            assert [one["body"] for one in history] == [
                "De nada.",
                "Gracias.",
                "Sí.",
                "¿Puedo dejar la dieta?",
            ]
            assert {one["conversation_id"] for one in history} == {room}
        assert b"".join([piece async for piece in downloaded(people, file)]) == PDF
        with pytest.raises(Exception, match="M_FORBIDDEN"):
            await element.send_text(room, "¿Hay alguien?")

        code, said, _ = await upgrade(servers, room)
        assert (code, said) == (0, f"1 of 1: {room} was moved before\n")


PDF = b"%PDF-1.7\n" + b"informe " * 2000


async def upload(people: Pair, room: str) -> str:
    """A file for this conversation: its id."""
    form = aiohttp.FormData()
    form.add_field("conversation_id", room)
    form.add_field("file", PDF, filename="informe.pdf", content_type="application/pdf")
    answer = await people.api.request("POST", "/api/messages/upload-attachment", data=form)
    assert answer.status == 201, answer
    attachment_id: str = answer.body["attachment_id"]
    return attachment_id


def downloaded(people: Pair, attachment_id: str) -> AsyncIterator[bytes]:
    """The file."""
    return people.api.download(f"/api/messages/attachment/{attachment_id}")


async def test_killed_wherever_and_run_again(servers: LocalPlatform, bridge: BridgeProcess) -> None:
    """Each conversation ends in one new room, though the patient writes meanwhile; nothing is lost or doubled."""
    assert bridge.is_running
    async with pair(servers) as people, ElementClient() as element:
        first = await people.api.send("0", recipient=people.professional)
        room = first["conversation_id"]
        await joined(element, servers, people, room)
        written = ["0"]

        async def write() -> None:
            for number in range(1, 25):
                sent: dict[str, Any] = await people.api.send(str(number), conversation_id=room)
                assert sent["conversation_id"] == room
                written.append(str(number))

        writing = asyncio.create_task(write())
        async with app.opened(servers.settings) as gateway:
            for step in ("begun_at", "room_id", "moved_at"):
                process = await start_upgrade(servers, room)
                await eventually(lambda: is_done(gateway, room, step), until=bool)  # noqa: B023 called at once
                with suppress(ProcessLookupError):
                    process.kill()
                await process.communicate()
        code, _, complained = await upgrade(servers, room)
        assert (code, complained) == (0, "")
        await writing
        (new,) = [one for one in await element.rooms() if one.inviter == servers.settings.keeper_id]
        assert new.predecessor == room
        await element.join(new.room_id)
        await people.api.send("end", conversation_id=room)
        await element.wait_for_message(new.room_id, body="end")
        history = await people.api.history(room)
        assert [one["body"] for one in reversed(history)] == [*written, "end"]


async def is_done(gateway: Platform, room: str, step: str) -> bool:
    """Whether the command has come so far with this conversation."""
    column = room_upgrades.c[step]
    query = select(column).where(room_upgrades.c.conversation_id == room, column.is_not(None))
    async with gateway.database.read() as connection:
        return (await connection.execute(query)).first() is not None
