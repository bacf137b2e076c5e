"""An older copy of our database, put back: what `videoconsulta device renew` makes good."""

import asyncio
import shutil
import sqlite3
import sys
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest
import pytest_asyncio

from bridge.clock import utc_now
from bridge.demo.platform import LocalPlatform, make_platform
from bridge.demo.ports import Ports
from bridge.migrations import upgrade_database
from tests.e2e.element import ElementClient
from tests.e2e.free_ports import free_ports
from tests.e2e.ratchets import uses_of_indexes
from tests.e2e.world import PASSWORD, eventually, pair

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest_asyncio.fixture(loop_scope="session")
async def platform(tmp_path: Path) -> AsyncIterator[LocalPlatform]:
    """One of its own, running: everybody on it gets another device."""
    made = make_platform(tmp_path, ports=Ports(*free_ports(5)), now=utc_now())
    try:
        await asyncio.gather(made.start_homeservers(), upgrade_database(made.settings.database))
        await made.bridge.start()
        await made.bridge.wait_ready()
        yield made
    finally:
        await made.stop()


def copied(database: Path, copy: Path) -> None:
    """A copy as `sqlite3 .backup` makes it, while the bridge is at work."""
    with closing(sqlite3.connect(database)) as source, closing(sqlite3.connect(copy)) as target:
        source.backup(target)


def put_back(copy: Path, database: Path) -> None:
    """The copy in the place of the database, which nobody has open."""
    for left in database.parent.glob(f"{database.name}*"):
        left.unlink()
    shutil.copyfile(copy, database)


async def renew(config: Path, *, expected: int = 0) -> str:
    """What the command says when it ends with this code."""
    command = (sys.executable, "-m", "bridge", "device", "renew", "--config", str(config))
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*command, stdout=pipe, stderr=asyncio.subprocess.STDOUT)
    said, _ = await process.communicate()
    assert process.returncode == expected, said
    return said.decode()


async def test_people_go_on_after_an_older_copy(platform: LocalPlatform, tmp_path: Path) -> None:
    """Both write on, without a shield, and no step of a ratchet is taken twice; what was readable still is.

    Beside a running bridge the command is refused.
    """
    database, copy = Path(platform.settings.database.removeprefix("sqlite:///")), tmp_path / "copy.db"
    async with pair(platform) as people, ElementClient() as element:
        first = await people.api.send("antes", recipient=people.professional)
        room = first["conversation_id"]
        await element.login(platform.hospital.client_url, people.professional_name, PASSWORD)
        await element.wait_for_invite(room_id=room)
        await element.join(room)
        await element.wait_for_message(room, body="antes")
        await element.send_text(room, "respuesta")
        await eventually(lambda: people.api.history(room), until=lambda read: read[0]["body"] == "respuesta")
        copied(database, copy)
        for number in range(3):
            await people.api.send(f"después {number}", recipient=people.professional)
        assert (await element.wait_for_message(room, body="después 2")).is_trusted
        before = await element.verification_state(people.patient)

        assert "the bridge is running" in await renew(platform.config, expected=1)
        await platform.bridge.stop()
        put_back(copy, database)
        said = await renew(platform.config)
        assert f"{people.patient} has another device" in said
        await platform.bridge.start()
        await platform.bridge.wait_ready()

        await people.api.send("otra vez", recipient=people.professional)
        assert (await element.wait_for_message(room, body="otra vez")).is_trusted
        await element.rotate(room)  # so that she has to reach the new device
        await element.send_text(room, "aquí sigo")
        history = await eventually(
            lambda: people.api.history(room), until=lambda read: read[0]["body"] == "aquí sigo"
        )
        assert [message["body"] for message in history][:2] == ["aquí sigo", "otra vez"]
        assert [message["body"] for message in history][-2:] == ["respuesta", "antes"]
        assert await element.verification_state(people.patient) == before
    assert max((await uses_of_indexes(platform.settings, room, sender=people.patient)).values()) == 1
