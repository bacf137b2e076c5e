"""`videoconsulta demo`, as a person and as a script would use it."""

import asyncio
import json
import signal
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from email.message import EmailMessage
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import aiohttp
import psutil
import pytest

from bridge.demo.ports import Ports
from bridge.demo.supervise import MAILS
from tests.e2e.free_ports import free_ports
from tests.e2e.guide import follow
from tests.e2e.mails import mails_in
from tests.e2e.world import eventually

pytestmark = pytest.mark.asyncio(loop_scope="session")

README = Path(__file__).parents[2] / "README.md"
_READY_S = 90
_GONE_S = 20


@dataclass
class _Demo:
    """A demo that is ready. `family` is every process of it."""

    process: asyncio.subprocess.Process
    said: list[str]
    announced: dict[str, Any]
    family: list[psutil.Process] = field(default_factory=list)

    async def end(self, number: signal.Signals) -> int:
        """Send the signal; the exit code once the whole family is gone."""
        self.process.send_signal(number)
        code = await self.process.wait()
        _, alive = await asyncio.to_thread(psutil.wait_procs, self.family, timeout=_GONE_S)
        assert alive == []
        return code


@asynccontextmanager
async def _demo(directory: Path, base: int) -> AsyncGenerator[_Demo]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bridge", "demo"),
        *("--data-dir", str(directory), "--base-port", str(base), "--no-web"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        said = await asyncio.wait_for(_until_ready(process), timeout=_READY_S)
        assert said[-1] == "ready"
        text = (directory / "demo.json").read_text(encoding="utf-8")
        family = psutil.Process(process.pid).children(recursive=True)
        yield _Demo(process=process, said=said, announced=json.loads(text), family=family)
    finally:
        if process.returncode is None:
            process.terminate()
            await process.wait()


async def _until_ready(process: asyncio.subprocess.Process) -> list[str]:
    said: list[str] = []
    assert process.stdout is not None
    async for line in process.stdout:
        said.append(line.decode().rstrip("\n"))
        if said[-1] == "ready":
            break
    return said


async def _send(demo: dict[str, Any], body: str) -> dict[str, Any]:
    message = {"recipient": demo["users"]["professional"]["user_id"], "body": body}
    async with _as_lucia(demo) as http, http.post("/api/messages/send", json=message) as response:
        assert response.status == 201, await response.text()
        sent: dict[str, Any] = await response.json()
        return sent


def _as_lucia(demo: dict[str, Any]) -> aiohttp.ClientSession:
    headers = {
        "Authorization": f"Bearer {demo['api_keys']['portal-backend']}",
        "X-Act-As": demo["users"]["portal"]["user_id"],
    }
    return aiohttp.ClientSession(demo["api_url"], headers=headers)


async def _slots(demo: dict[str, Any]) -> list[dict[str, Any]]:
    path = f"/api/professionals/{demo['users']['professional']['user_id']}/slots"
    async with _as_lucia(demo) as http, http.get(path, params={"limit": "500"}) as response:
        slots: list[dict[str, Any]] = (await response.json())["slots"]
        return slots


async def _check_mails(demo: dict[str, Any], directory: Path) -> None:
    """Somebody books: the doctor's mail is a file, with the appointment for her calendar."""
    last = (await _slots(demo))[-1]
    body = {"professional": demo["users"]["professional"]["user_id"], "start": last["start"]}
    async with _as_lucia(demo) as http, http.post("/api/appointments", json=body) as response:
        assert response.status == 201, await response.text()

    async def mails() -> list[EmailMessage]:
        return mails_in(directory, "garcia@demo.example")

    (mail,) = await eventually(mails, until=bool)
    assert [part.get_filename() for part in mail.iter_attachments()] == ["appointment.ics"]


async def _check_office_hours(demo: dict[str, Any]) -> None:
    """Monday to Friday from nine to five in Madrid, in visits of twenty minutes."""
    slots = await _slots(demo)
    days: dict[date, list[str]] = {}
    for slot in slots:
        shown = datetime.fromisoformat(slot["start"]).astimezone(ZoneInfo("Europe/Madrid"))
        days.setdefault(shown.date(), []).append(f"{shown:%H:%M}")
    assert all(day.weekday() < 5 for day in days)
    assert [f"{hour:02}:{minute:02}" for hour in range(9, 17) for minute in (0, 20, 40)] in days.values()
    assert len(days) > 15


async def _log_in(demo: dict[str, Any], who: str, home: str) -> str:
    person = demo["users"][who]
    body = {
        "type": "m.login.password",
        "identifier": {"type": "m.id.user", "user": person["user_id"]},
        "password": person["password"],
    }
    async with (
        aiohttp.ClientSession(demo[home]["client_url"]) as http,
        http.post("/_matrix/client/v3/login", json=body) as response,
    ):
        user_id: str = (await response.json())["user_id"]
        return user_id


async def _check_readme(demo: dict[str, Any], directory: Path) -> None:
    """README.md's first steps, with this demo's ports and directory."""
    text = README.read_text(encoding="utf-8")
    for written, here in (
        ("http://127.0.0.1:8080", demo["api_url"]),
        ("localhost:8448", demo["portal"]["server_name"]),
        ("localhost:9448", demo["hospital"]["server_name"]),
        ("data/demo.json", str(directory / "demo.json")),
    ):
        assert written in text
        text = text.replace(written, here)
    guide = directory / README.name
    guide.write_text(text, encoding="utf-8")
    printed = await follow(guide, {})
    assert printed.count("Buenos días, doctora") == 1


async def test_from_nothing_and_again(tmp_path: Path) -> None:
    """One command brings everything up, mails to look at too; Ctrl-C ends every process; the next start has all data.

    README.md's first steps work. Even kill -9 leaves nothing behind.
    """
    directory = tmp_path / "data"
    base = _free_base()
    async with _demo(directory, base) as demo:
        first = demo.announced
        _check_announcement(first, base)
        assert (directory / "demo.json").stat().st_mode & 0o077 == 0
        assert await _log_in(first, "patient", "portal") == first["users"]["patient"]["user_id"]
        assert await _log_in(first, "professional", "hospital") == first["users"]["professional"]["user_id"]
        sent = await _send(first, "Buenos días")
        await _check_readme(first, directory)
        await _check_office_hours(first)
        await _check_mails(first, directory / MAILS)
        assert len(demo.family) == 3
        assert await demo.end(signal.SIGINT) == 0
    async with _demo(directory, base) as demo:
        assert demo.announced == first
        again = await _send(demo.announced, "¿Sigue ahí?")
        assert again["conversation_id"] == sent["conversation_id"]
        assert any(str(directory / MAILS) in line for line in demo.said)
        assert await demo.end(signal.SIGKILL) == -signal.SIGKILL


def _free_base() -> int:
    # The five ports after a free one are free too, nearly always; where not, look again.
    while True:
        (base,) = free_ports(1)
        if base < 65_000 and not list(Ports.from_base(base).in_use()):
            return base


def _check_announcement(demo: dict[str, Any], base: int) -> None:
    assert demo["portal"] == {
        "server_name": f"localhost:{base + 1}",
        "client_url": f"http://127.0.0.1:{base}",
    }
    assert demo["hospital"] == {
        "server_name": f"localhost:{base + 3}",
        "client_url": f"http://127.0.0.1:{base + 2}",
    }
    assert demo["api_url"] == f"http://127.0.0.1:{base + 4}"
    assert demo["web_url"] == f"http://127.0.0.1:{base + 4}/"
    users = demo["users"]
    assert {key: user.get("managed") for key, user in users.items()} == {
        "patient": False,
        "patient2": False,
        "portal": True,
        "portal2": True,
        "professional": False,
        "professional2": False,
        "keeper": None,
        "assistant": None,
    }
    assert users["portal"]["user_id"] == f"@portal_lucia:localhost:{base + 1}"
    assert users["professional"]["user_id"] == f"@garcia:localhost:{base + 3}"
    assert users["keeper"]["user_id"] == f"@consulta:localhost:{base + 1}"
    assert users["assistant"]["user_id"] == f"@asistente:localhost:{base + 1}"
