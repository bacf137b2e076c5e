"""Booking in the assistant's chat with an independent encrypted client: book, be reminded, move, cancel."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import aiohttp
import pytest
from icalendar import Calendar
from prometheus_client import CollectorRegistry

from bridge import app
from bridge.demo.bridge_process import BridgeProcess
from bridge.notifications.courier import Courier
from bridge.reminders import chat_sender, judging_of, planning_of
from tests.e2e.clinic import PASSWORD, Clinic
from tests.e2e.element import ElementClient, Message
from tests.e2e.office_hours import MADRID, office_hours
from tests.e2e.raw_client import logged_in
from tests.e2e.world import eventually

pytestmark = pytest.mark.asyncio(loop_scope="session")
Call = Callable[..., Awaitable[Any]]


async def beat(clinic: Clinic, now: datetime) -> None:
    """What the scheduler does at this instant, in a process of its own on the same database and homeserver."""
    async with app.opened(clinic.platform.settings, now=lambda: now) as gateway:
        await planning_of(gateway).plan()
        courier = Courier(
            database=gateway.database,
            sealer=gateway.sealer,
            senders={"chat": chat_sender(gateway, judging=judging_of(gateway))},
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

    async def texts(self) -> list[Message]:
        """What of that is for people: the events for programs come when they come."""
        return [one for one in await self.said() if one.type == "m.room.message"]

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


@dataclass(frozen=True)
class Visitor:
    """A patient in an independent encrypted client and over REST, and her calendar's feed."""

    clinic: Clinic
    chat: Chat
    http: aiohttp.ClientSession
    call: Call
    professional: str

    async def say(self, text: str, **options: Any) -> str:
        """The answer to this; the message is the last one then."""
        said = len(await self.chat.texts())
        await self.chat.element.send_text(self.chat.room, text, **options)
        answered = await eventually(self.chat.texts, until=lambda all_of: len(all_of) > said)
        return str(answered[-1].body)

    async def listed(self) -> list[dict[str, Any]]:
        """What REST says that she has."""
        page = await self.call("GET", "/api/appointments?status=booked")
        assert page["next"] is None
        found: list[dict[str, Any]] = page["appointments"]
        return found


@asynccontextmanager
async def visiting(clinic: Clinic) -> AsyncGenerator[Visitor]:
    """As a new user: she has just accepted the assistant's invitation, and logged in to the portal's page."""
    patient, professional = await clinic.patient(), await clinic.professional("Dra. Vega")
    await clinic.care(patient=patient, professional=professional)
    await office_hours(clinic, professional)
    portal, name = clinic.platform.portal, patient[1:].partition(":")[0]
    async with (
        ElementClient() as element,
        logged_in(portal, patient, PASSWORD) as raw,
        aiohttp.ClientSession(clinic.platform.bridge.api_url) as http,
    ):
        await element.login(portal.client_url, name, PASSWORD)
        assistant = clinic.platform.settings.assistant_id
        invitation = await element.wait_for_invite(inviter=assistant)
        await element.join(invitation.room_id)
        chat = Chat(element, invitation.room_id, assistant)
        await chat.hear("112")
        yield Visitor(clinic, chat, http, await session(http, raw, patient), professional)


async def test_booked_both_ways_reminded_moved_by_answering_and_cancelled(
    clinic: Clinic, bridge: BridgeProcess
) -> None:
    """The same appointments in the chat, over REST and in the calendar's feed, at every step, a kill among them."""
    assert bridge.is_running
    async with visiting(clinic) as patient:
        chat, http = patient.chat, patient.http
        path = f"/api/professionals/{quote(patient.professional, safe='')}/slots"
        day = datetime.now(MADRID).date() + timedelta(days=3)
        *_, wanted = (await patient.call("GET", f"{path}?to={day}T15:00:00Z&from={day}T09:00:00Z&limit=3"))[
            "slots"
        ]
        body = {"professional": patient.professional, "start": wanted["start"]}
        over_rest = await patient.call("POST", "/api/appointments", body)

        await chat.element.send_text(chat.room, "!cita mañana a las 12")
        offered = await chat.hear("Están libres")
        assert "12:00" in str(offered.body).splitlines()[1]
        await chat.element.react(chat.room, offered.event_id, "1️⃣")
        await chat.hear("Cita reservada")
        booked, second = await patient.listed()
        assert second == over_rest | {"conversation_id": second["conversation_id"]}
        start, third = datetime.fromisoformat(booked["start"]), datetime.fromisoformat(second["start"])
        assert start.astimezone(MADRID).strftime("%H:%M") == "12:00"
        lines = (await patient.say("!citas")).splitlines()[1:3]
        assert [f"{at.astimezone(MADRID):%H:%M} — " in line
                for at, line in zip((start, third), lines, strict=True)] == [True, True]  # fmt: skip
        feed = (await patient.call("POST", "/api/calendar"))["url"]
        assert await feed_times(http, feed) == [("CONFIRMED", start), ("CONFIRMED", third)]
        assert {event["uid"] for event in await chat.events(2)} == {booked["id"], second["id"]}

        # Booked in the morning, there is one a day before too; two hours before nothing of it is left.
        await beat(clinic, max(start - timedelta(hours=24), datetime.now(UTC)))
        await beat(clinic, start - timedelta(hours=2, seconds=1))
        assert not [one for one in await chat.said() if "Faltan 2 horas" in str(one.body)]
        await beat(clinic, start - timedelta(hours=2))
        reminder = await chat.hear("Faltan 2 horas")
        others = await patient.say("pasado mañana a las 16", reply_to=reminder.event_id)
        assert "16:00" in others
        assert "Cita cambiada" in await patient.say("1")
        moved, _ = await patient.listed()
        later = datetime.fromisoformat(moved["start"])
        assert (moved["id"], later.astimezone(MADRID).strftime("%H:%M")) == (booked["id"], "16:00")
        assert await feed_times(http, feed) == [("CONFIRMED", later), ("CONFIRMED", third)]

        await beat(clinic, start - timedelta(minutes=10))  # of the old time: nothing
        assert not [one for one in await chat.said() if "Faltan 10 minutos" in str(one.body)]
        assert "¿Cuál?" in await patient.say("!cita cancelar")
        assert "No se puede deshacer" in await patient.say("1")
        await bridge.kill()
        await bridge.start()
        await bridge.wait_ready()
        assert "Cita cancelada" in await patient.say("sí")
        assert [one["id"] for one in await patient.listed()] == [second["id"]]
        assert await feed_times(http, feed) == [("CANCELLED", later), ("CONFIRMED", third)]
        statuses = [one["status"] for one in await chat.events(4)]
        assert statuses == ["CONFIRMED", "CONFIRMED", "CONFIRMED", "CANCELLED"]
        await take_something_earlier(patient, second)


async def take_something_earlier(patient: Visitor, known: dict[str, Any]) -> None:
    """She waits; what another patient gives back is offered to her in the chat, and a reaction takes it."""
    assert "Espera algo antes" in await patient.say("!cita antes")
    other = await patient.clinic.managed_user()
    await patient.clinic.care(patient=other, professional=patient.professional)
    headers = {"Authorization": f"Bearer {patient.clinic.api_key}", "X-Act-As": other}
    earlier = datetime.fromisoformat(known["start"]) - timedelta(hours=1)
    body = {"professional": patient.professional, "start": earlier.isoformat()}
    async with patient.http.post("/api/appointments", json=body, headers=headers) as response:
        path = f"/api/appointments/{(await response.json())['id']}/cancel"
    async with patient.http.post(path, headers=headers) as response:
        assert response.status == 200
    offered = await patient.chat.hear("Ha quedado libre algo antes")
    assert f"{earlier.astimezone(MADRID):%H:%M} — " in str(offered.body)
    await patient.chat.element.react(patient.chat.room, offered.event_id, "✅")
    await eventually(patient.chat.said, until=lambda said: "Cita cambiada" in str(said[-1].body))
    (taken,) = await patient.listed()
    assert (taken["id"], datetime.fromisoformat(taken["start"])) == (known["id"], earlier)


async def session(http: aiohttp.ClientSession, raw: Any, user_id: str) -> Call:
    """The REST API with a session of this person's."""
    openid = (await raw.request("POST", f"/user/{user_id}/openid/request_token", {})).body
    async with http.post("/api/session", json=openid) as response:
        token = (await response.json())["token"]

    async def call(method: str, path: str, body: Any = None) -> Any:
        said = {"json": body or {}} if method == "POST" else {}
        headers = {"Authorization": f"Bearer {token}"}
        async with http.request(method, path, headers=headers, **said) as response:
            assert response.status < 300, await response.text()
            return await response.json()

    return call


async def feed_times(http: aiohttp.ClientSession, url: str) -> list[tuple[str, datetime]]:
    """State and start of what is in the feed, by start."""
    async with http.get(url) as response:
        assert response.status == 200, await response.text()
        calendar = Calendar.from_ical(await response.read())
    found = [(str(one["STATUS"]), one["DTSTART"].dt) for one in calendar.walk("VEVENT")]
    return sorted(found, key=lambda one: one[1])
