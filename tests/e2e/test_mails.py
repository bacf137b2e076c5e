"""Mails about messages through a running `serve`: from a doctor's Matrix client to a mail server, over real TLS."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import aiohttp
import pytest
from sqlalchemy import func, select, update

from bridge import app
from bridge.demo.bridge_process import BridgeProcess
from bridge.demo.platform import LocalPlatform
from bridge.storage.deliveries import deliveries
from bridge.storage.live_events import live_events
from bridge.storage.state import get_state
from tests.e2e.element import ElementClient
from tests.e2e.mails import mails_to
from tests.e2e.world import PASSWORD, Pair, eventually, pair

pytestmark = pytest.mark.asyncio(loop_scope="session")

_c = deliveries.c


@dataclass(frozen=True)
class Correspondence:
    """A managed patient who wants mails, and her doctor, who writes from a Matrix client."""

    servers: LocalPlatform
    gateway: app.Platform
    people: Pair
    element: ElementClient
    room: str
    address: str

    async def wants(self, *, quiet_hours: Any = None) -> None:
        """The patient says that she wants mails, at once."""
        wanted = {
            "email": {"address": self.address, "enabled": True},
            "delay_minutes": 0,
            "quiet_hours": quiet_hours,
        }
        answer = await self.people.api.request("PUT", "/api/notifications/preferences", json=wanted)
        assert answer.status == 200, answer

    async def write(self, body: str) -> str:
        """The doctor writes: the message's id, once the ledger has heard of it."""
        event_id = await self.element.send_text(self.room, body)
        await eventually(self._has_heard, until=lambda heard: event_id in heard)
        return event_id

    async def read(self, message_id: str) -> None:
        """The patient reads up to this message."""
        answer = await self.people.api.request("POST", f"/api/messages/{message_id}/read", json={})
        assert answer.status < 300, answer

    async def mails(self, count: int) -> list[Any]:
        """The patient's mails, once there are so many and the ledger has nothing left to tell her."""

        async def left() -> list[str]:
            async with self.gateway.database.read() as connection:
                query = select(_c.id).where(
                    _c.person == self.people.patient, _c.state.in_(["pending", "failed"])
                )
                return list((await connection.execute(query)).scalars())

        await eventually(left, until=lambda ids: not ids)
        found = mails_to(self.servers, self.address)
        assert len(found) == count
        return found

    async def waiting(self) -> Any:
        """When her next mail is due, once its time was put off."""

        async def due() -> datetime | None:
            async with self.gateway.database.read() as connection:
                query = select(func.max(_c.due_at)).where(
                    _c.person == self.people.patient, _c.state == "pending", _c.claim.is_(None)
                )
                found: datetime | None = await connection.scalar(query)
                return found

        soon = datetime.now(UTC) + timedelta(minutes=20)
        return await eventually(due, until=lambda at: at is not None and at > soon)

    async def make_due(self) -> None:
        """The time of what waits has come (white-box: in the ledger)."""
        async with self.gateway.database.write() as connection:
            hers = update(deliveries).where(_c.person == self.people.patient, _c.state == "pending")
            await connection.execute(hers.values(due_at=datetime.now(UTC)))

    async def _has_heard(self) -> set[str]:
        async with self.gateway.database.read() as connection:
            place = int(await get_state(connection, "notifications.place") or 0)
            query = select(live_events).where(
                live_events.c.person == self.people.patient, live_events.c.place <= place
            )
            return {row.data.get("message_id") for row in await connection.execute(query)}


@asynccontextmanager
async def correspondence(servers: LocalPlatform) -> AsyncGenerator[Correspondence]:
    """Both in their room; nothing is unread."""
    async with (
        pair(servers) as people,
        ElementClient() as element,
        app.opened(servers.settings) as gateway,
    ):
        room = (await people.api.send("Buenos días", recipient=people.professional))["conversation_id"]
        await element.login(servers.hospital.client_url, people.professional_name, PASSWORD)
        await element.wait_for_invite(room_id=room)
        await element.join(room)
        await element.wait_for_message(room, body="Buenos días")
        address = f"{uuid4().hex[:12]}@example.org"
        made = Correspondence(servers, gateway, people, element, room, address)
        await made.wants()
        yield made


async def test_from_unread_to_unsubscribed(servers: LocalPlatform, bridge: BridgeProcess) -> None:
    """Unread: one mail, neutral and with a link. Read: the next one tells anew. One click: no more."""
    assert bridge.is_running
    async with correspondence(servers) as they:
        secret = f"resultado-{uuid4()}"
        await they.write(secret)
        (mail,) = await they.mails(1)
        assert mail["Subject"] == "Hay algo nuevo para usted"
        assert servers.settings.public_url in mail.get_body(("plain",)).get_content()
        for word in (secret, they.room, they.people.patient, they.people.professional, "prueba"):
            assert word not in mail.as_string()
        again = await they.write("otra cosa")
        await they.mails(1)
        await they.read(again)
        last = await they.write("y otra más")
        mails = await they.mails(2)
        assert len({one["Message-ID"] for one in mails}) == 2

        link = str(mails[1]["List-Unsubscribe"]).strip("<>")
        async with (
            aiohttp.ClientSession() as http,
            http.post(link, data={"List-Unsubscribe": "One-Click"}) as page,
        ):
            assert page.status == 200
        await they.read(last)
        await they.write("después de darse de baja")
        await they.mails(2)


async def test_quiet_hours_and_reading_before(servers: LocalPlatform, bridge: BridgeProcess) -> None:
    """In her quiet hours nothing comes; when they end, what she has read is not told, and what she has not is."""
    assert bridge.is_running
    now = datetime.now(UTC)
    quiet = {
        "start": (now - timedelta(hours=1)).strftime("%H:%M"),
        "end": (now + timedelta(hours=2)).strftime("%H:%M"),
        "timezone": "UTC",
    }
    async with correspondence(servers) as they:
        for has_read in (True, False):
            await they.wants(quiet_hours=quiet)
            written = await they.write("de noche")
            ends = now + timedelta(hours=2)
            assert await they.waiting() == ends.replace(second=0, microsecond=0)
            assert mails_to(servers, they.address) == []
            if has_read:
                await they.read(written)
            await they.wants()
            await they.make_due()
            await they.mails(0 if has_read else 1)
