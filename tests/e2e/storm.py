"""kill -9 at random moments, while people write, send files, read, and are told by e-mail that something waits."""

import asyncio
import io
import random
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import aiohttp

from bridge.demo.platform import LocalPlatform
from bridge.demo.supervise import MAILS
from tests.e2e.element import ElementClient
from tests.e2e.fault_proxy import FaultProxy
from tests.e2e.mails import mails_to
from tests.e2e.world import Answer, Api, eventually

_EVERY_FILE = 4
_PATIENCE_S = 6.0
_ORDER = ("sent", "delivered", "read")


@dataclass(frozen=True)
class Waiting:
    """A second patient of the doctor's, who only reads, and is told by e-mail when there is something to read."""

    api: Api
    room: str
    address: str


@dataclass
class Storm:
    """The platform, the faults it will suffer, and what was done meanwhile; `files` by caption, with their hashes."""

    servers: LocalPlatform
    proxy: FaultProxy
    messages: int
    kills: int
    pace_s: float
    chance: random.Random
    directory: Path
    over: asyncio.Event = field(default_factory=asyncio.Event)
    from_patient: list[str] = field(default_factory=list)
    from_doctor: list[str] = field(default_factory=list)
    uploads: dict[str, tuple[str, str]] = field(default_factory=dict)
    files_of_doctor: dict[str, str] = field(default_factory=dict)
    statuses: dict[str, str] = field(default_factory=dict)
    marked: list[str] = field(default_factory=list)
    unanswered: dict[str, int] = field(default_factory=lambda: {"send": 0, "upload": 0, "mark": 0})

    async def rage(self) -> None:
        """Kill the bridge at random moments, and just when a mail was taken; the homeserver too, now and then."""
        for number in range(self.kills):
            await asyncio.sleep(self.chance.uniform(0.3, 2.5))
            if number % 4 == 3:
                await self._a_mail()
                await asyncio.sleep(self.chance.uniform(0, 0.01))
            await self.servers.bridge.kill()
            if number % 5 == 2:
                await self._another_homeserver()
            await self.servers.bridge.start()
            await self.servers.bridge.wait_ready()
            if number % 5 == 0:
                self.proxy.fail("refuse")
                await asyncio.sleep(self.chance.uniform(1, 3))
                self.proxy.heal()
            if number % 5 == 1:
                self.proxy.fail("forget", times=3)
        self.over.set()

    async def _another_homeserver(self) -> None:
        portal = self.servers.portal
        await self.chance.choice([portal.stop, portal.kill])()
        await portal.start()
        await portal.wait_ready()

    async def _a_mail(self) -> None:
        directory = self.servers.config.parent / MAILS
        before = len(list(directory.glob("*.eml")))
        with suppress(TimeoutError):
            async with asyncio.timeout(_PATIENCE_S):
                while len(list(directory.glob("*.eml"))) == before:  # noqa: ASYNC110 files tell nobody
                    await asyncio.sleep(0.002)

    async def patient_writes(self, api: Api, room: str) -> None:
        """Send over REST as a careful integrator does: with a key, again until there is an answer."""
        while self._goes_on(self.from_patient):
            body = f"paciente {len(self.from_patient)}"
            message = {"conversation_id": room, "body": body}
            if len(self.from_patient) % _EVERY_FILE == 1:
                message |= {"attachments": [await self._upload(api, room, body)]}
            await self._insist("send", partial(api.request, "POST", "/api/messages/send", json=message))
            self.from_patient.append(body)
            await self._look(api, room)
            await asyncio.sleep(self.chance.uniform(0, 2 * self.pace_s))

    async def doctor_writes(self, element: ElementClient, room: str) -> None:
        """Send and read with an independent client, which knows nothing of the storm."""
        while self._goes_on(self.from_doctor):
            number = len(self.from_doctor)
            body = f"médica {number}"
            if number % _EVERY_FILE == 1:
                file = self.directory / f"{number}.pdf"
                file.write_bytes(b"%PDF-" + self.chance.randbytes(self.chance.randrange(200_000)))
                self.files_of_doctor[body] = sha256(file.read_bytes()).hexdigest()
                await element.send_file(room, file, mime_type="application/pdf", caption=body)
            else:
                await element.send_text(room, body)
            self.from_doctor.append(body)
            if number % 10 == 8:
                await element.rotate(room)
            if number % 3 == 2:
                (last,) = await element.timeline(room, limit=1)
                await element.read_receipt(room, last.event_id)
            await asyncio.sleep(self.chance.uniform(0, 2 * self.pace_s))

    async def news_comes(self, element: ElementClient, waiting: Waiting) -> None:
        """The doctor writes; the other patient is told by e-mail, if nobody was killed with it in hand, and reads."""
        while not self.over.is_set():
            told = await self._mails(waiting)
            message_id = await element.send_text(waiting.room, f"aviso {len(self.marked)}")
            with suppress(AssertionError):
                await eventually(
                    partial(self._mails, waiting),
                    until=lambda now, told=told: now > told,
                    within_s=_PATIENCE_S,
                )
            path = f"/api/messages/{quote(message_id, safe='')}/read"
            there = {"conversation_id": waiting.room}
            await self._insist("mark", partial(waiting.api.request, "POST", path, json=there))
            self.marked.append(message_id)

    async def _mails(self, waiting: Waiting) -> int:
        return len(mails_to(self.servers, waiting.address))

    async def _upload(self, api: Api, room: str, caption: str) -> str:
        file = b"%PDF-" + self.chance.randbytes(self.chance.randrange(2_000_000))

        def upload(**options: Any) -> Awaitable[Answer]:
            form = aiohttp.FormData()
            form.add_field("conversation_id", room)
            form.add_field("file", io.BytesIO(file), filename="informe.pdf")
            return api.request("POST", "/api/messages/upload-attachment", data=form, **options)

        answer = await self._insist("upload", upload)
        self.uploads[caption] = (answer.body["attachment_id"], sha256(file).hexdigest())
        return str(answer.body["attachment_id"])

    async def _insist(self, what: str, ask: Callable[..., Awaitable[Answer]]) -> Answer:
        headers = {"Idempotency-Key": str(uuid4())}

        async def once() -> Answer | None:
            with suppress(aiohttp.ClientError):
                answer = await ask(headers=headers)
                # 404: the doctor's message is still on its way to us.
                assert answer.status in (200, 201, 409, 503) or (what, answer.status) == ("mark", 404), answer
                if answer.status in (200, 201):
                    return answer
            self.unanswered[what] += 1
            return None

        answer = await eventually(once, until=lambda it: it is not None, within_s=60)
        assert answer is not None
        return answer

    async def _look(self, api: Api, room: str) -> None:
        """What became of her last messages: never less than before."""
        with suppress(aiohttp.ClientError):
            path = f"/api/messages/conversation/{quote(room, safe='')}"
            answer = await api.request("GET", path, params={"limit": "20"})
            for one in answer.body.get("messages", []):
                if one["sender"] == api.acting_for:
                    before = self.statuses.get(one["message_id"], "sent")
                    assert _ORDER.index(one["status"]) >= _ORDER.index(before), one["message_id"]
                    self.statuses[one["message_id"]] = one["status"]

    def _goes_on(self, written: list[str]) -> bool:
        return not self.over.is_set() or len(written) < self.messages // 2
