"""Booking in the assistant's chat with an independent encrypted client: book, be reminded, move, cancel."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import aiohttp
import pytest
from icalendar import Calendar
from prometheus_client import CollectorRegistry

from appointments.schedule_services import put_schedule
from appointments.schedules import Hours, Schedule, VisitType
from bridge import app
from bridge.demo.bridge_process import BridgeProcess
from bridge.notifications.courier import Courier
from bridge.reminding.opening import chat_sender, planning_of
from tests.e2e.clinic import PASSWORD, Clinic
from tests.e2e.element import ElementClient, Message
from tests.e2e.raw_client import logged_in
from tests.e2e.world import eventually

pytestmark = pytest.mark.asyncio(loop_scope="session")

MADRID = ZoneInfo("Europe/Madrid")
Call = Callable[..., Awaitable[Any]]


async def office_hours(clinic: Clinic, professional: str) -> None:
    """From nine to nine, every day."""
    hours = {day: (Hours(time(9), time(21)),) for day in range(7)}
    visit = VisitType(name="visit", length=timedelta(minutes=20))
    schedule = Schedule(zone=MADRID.key, weekly=hours, exceptions={}, visit_types=(visit,))
    async with app.opened(clinic.platform.settings) as gateway, gateway.database.write() as connection:
        await put_schedule(connection, professional=professional, schedule=schedule, now=gateway.now())


async def beat(clinic: Clinic, now: datetime) -> None:
    """What the scheduler does at this instant, in a process of its own on the same database and homeserver."""
    async with app.opened(clinic.platform.settings, now=lambda: now) as gateway:
        await planning_of(gateway).plan()
        courier = Courier(
            database=gateway.database,
            sealer=gateway.sealer,
            senders={"chat": chat_sender(gateway)},
            now=gateway.now,
            registry=CollectorRegistry(),
        )
        await courier.deliver_due("chat")


class Chat:
    """A patient's chat with the assistant."""

    def __init__(self, element: ElementClient, room: str, assistant: str) -> None:
        self.element = element
        self.room = room
        self._assistant = assistant

    async def said(self) -> list[Message]:
        """What the assistant said, oldest first."""
        timeline = await self.element.timeline(self.room, paginate=True)
        return [one for one in timeline if one.sender == self._assistant]

    async def hear(self, words: str) -> Message:
        """Its message with these words, once it is there; there is one only."""

        async def found() -> list[Message]:
            return [one for one in await self.said() if words in str(one.body)]

        seen = await eventually(found, until=lambda all_of: len(all_of) > 0)
        await asyncio.sleep(0.3)  # a repetition would come now
        assert len(await found()) == 1, [one.body for one in await self.said()]
        assert seen[0].is_trusted
        return seen[0]

    async def events(self, count: int) -> list[dict[str, Any]]:
        """The appointment events for programs."""

        async def found() -> list[dict[str, Any]]:
            return [one.content for one in await self.said() if one.type == "es.videoconsulta.appointment"]

        return await eventually(found, until=lambda all_of: len(all_of) >= count)


async def test_booked_by_number_reminded_moved_by_answering_and_cancelled(
    clinic: Clinic, bridge: BridgeProcess
) -> None:
    """The same appointment in the chat, over REST and in the calendar feed, at every step."""
    assert bridge.is_running
    patient, professional = await clinic.patient(), await clinic.professional("Dra. Vega")
    await clinic.care(patient=patient, professional=professional)
    await office_hours(clinic, professional)
    portal, name = clinic.platform.portal, patient[1:].partition(":")[0]
    async with (
        ElementClient() as element,
        logged_in(portal, patient, PASSWORD) as raw,
        aiohttp.ClientSession(clinic.platform.bridge.api_url) as http,
    ):
        call = await session(http, raw, patient)
        await element.login(portal.client_url, name, PASSWORD)
        assistant = clinic.platform.settings.assistant_id
        invitation = await element.wait_for_invite(inviter=assistant)
        await element.join(invitation.room_id)
        chat = Chat(element, invitation.room_id, assistant)
        await chat.hear("112")

        await element.send_text(chat.room, "!cita mañana a las 12")
        offered = await chat.hear("Están libres")
        assert "12:00" in str(offered.body).splitlines()[1]
        await element.react(chat.room, offered.event_id, "1️⃣")
        await chat.hear("Cita reservada")
        (booked,) = (await call("GET", "/api/appointments"))["appointments"]
        start = datetime.fromisoformat(booked["start"])
        assert start.astimezone(MADRID).strftime("%H:%M") == "12:00"
        feed = (await call("POST", "/api/calendar"))["url"]
        assert await feed_times(http, feed) == [("CONFIRMED", start)]
        (event,) = await chat.events(1)
        assert (event["uid"], event["status"]) == (booked["id"], "CONFIRMED")

        await beat(clinic, start - timedelta(hours=2, seconds=1))
        assert not [one for one in await chat.said() if "Faltan 2 horas" in str(one.body)]
        await beat(clinic, start - timedelta(hours=2))
        reminder = await chat.hear("Faltan 2 horas")
        await element.send_text(chat.room, "pasado mañana a las 16", reply_to=reminder.event_id)
        await eventually(chat.said, until=lambda said: "16:00" in str(said[-1].body))
        await element.send_text(chat.room, "1")
        await chat.hear("Cita cambiada")
        (moved,) = (await call("GET", "/api/appointments"))["appointments"]
        later = datetime.fromisoformat(moved["start"])
        assert (moved["id"], later.astimezone(MADRID).strftime("%H:%M")) == (booked["id"], "16:00")
        assert await feed_times(http, feed) == [("CONFIRMED", later)]

        await beat(clinic, start - timedelta(minutes=10))  # of the old time: nothing
        assert not [one for one in await chat.said() if "Faltan 10 minutos" in str(one.body)]
        await element.send_text(chat.room, "!cita cancelar")
        await chat.hear("No se puede deshacer")
        await element.send_text(chat.room, "sí")
        await chat.hear("Cita cancelada")
        assert [status for status, _ in await feed_times(http, feed)] == ["CANCELLED"]
        assert [one["status"] for one in await chat.events(3)] == ["CONFIRMED", "CONFIRMED", "CANCELLED"]


async def session(http: aiohttp.ClientSession, raw: Any, user_id: str) -> Call:
    """The REST API with a session of this person's."""
    openid = (await raw.request("POST", f"/user/{user_id}/openid/request_token", {})).body
    async with http.post("/api/session", json=openid) as response:
        token = (await response.json())["token"]

    async def call(method: str, path: str) -> Any:
        async with http.request(
            method, path, headers={"Authorization": f"Bearer {token}"}, json={} if method == "POST" else None
        ) as response:
            assert response.status < 300, await response.text()
            return await response.json()

    return call


async def feed_times(http: aiohttp.ClientSession, url: str) -> list[tuple[str, datetime]]:
    """State and start of what is in the feed."""
    async with http.get(url) as response:
        assert response.status == 200, await response.text()
        calendar = Calendar.from_ical(await response.read())
    return [(str(one["STATUS"]), one["DTSTART"].dt) for one in calendar.walk("VEVENT")]
