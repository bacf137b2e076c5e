"""Appointments on the running platform: a portal's patient, and her professional in a session of her own."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import quote, urlsplit

import aiohttp
import pytest
import pytest_asyncio
from icalendar import Calendar

from bridge.clock import utc_now
from tests.e2e.clinic import PASSWORD, Clinic
from tests.e2e.events import listening
from tests.e2e.raw_client import logged_in
from tests.e2e.world import eventually

pytestmark = pytest.mark.asyncio(loop_scope="session")

ALWAYS = [{"from": "00:00", "until": "24:00"}]
WEEK = dict.fromkeys(("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"), ALWAYS)


@dataclass(frozen=True)
class Person:
    """Somebody who calls the API with these credentials."""

    http: aiohttp.ClientSession
    user_id: str
    headers: dict[str, str]

    async def call(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """Status and what came back."""
        options = {} if body is None else {"json": body}
        async with self.http.request(method, path, headers=self.headers, **options) as response:
            is_json = "json" in response.content_type
            return response.status, await (response.json(content_type=None) if is_json else response.text())

    async def ok(self, method: str, path: str, body: Any = None) -> Any:
        """What came back, which was no refusal."""
        status, said = await self.call(method, path, body)
        assert status < 300, said
        return said

    async def slots(self, professional: str, limit: int = 5) -> list[str]:
        """The first free ones of the day after tomorrow: none of them passes while a test looks at them."""
        day = utc_now().date() + timedelta(days=2)
        path = f"/api/professionals/{quote(professional, safe='')}/slots?from={day}T00:00:00Z&limit={limit}"
        return [slot["start"] for slot in (await self.ok("GET", path))["slots"]]


@dataclass(frozen=True)
class Two:
    """A managed patient, and the professional who cares for her and has logged in at the hospital."""

    patient: Person
    professional: Person


@pytest_asyncio.fixture(loop_scope="session")
async def two(clinic: Clinic) -> AsyncIterator[Two]:
    """Both; she works around the clock in visits of twenty minutes, as she entered herself."""
    patient_id, professional_id = await clinic.pair()
    async with AsyncExitStack() as stack:
        http = await stack.enter_async_context(aiohttp.ClientSession(clinic.platform.bridge.api_url))
        client = await stack.enter_async_context(
            logged_in(clinic.platform.hospital, professional_id, PASSWORD)
        )
        openid = (await client.request("POST", f"/user/{professional_id}/openid/request_token", {})).body
        nobody = Person(http, "", {})
        token = (await nobody.ok("POST", "/api/session", openid))["token"]
        professional = Person(http, professional_id, {"Authorization": f"Bearer {token}"})
        key = {"Authorization": f"Bearer {clinic.api_key}", "X-Act-As": patient_id}
        path = f"/api/professionals/{quote(professional_id, safe='')}/schedule"
        await professional.ok("PUT", path, {"zone": "Europe/Madrid", "weekly": WEEK})
        yield Two(Person(http, patient_id, key), professional)


async def test_from_slot_to_cancellation(two: Two) -> None:
    """Booked by the patient, seen by both in list, feed and live events, moved by one, cancelled by the other."""
    patient, professional = two.patient, two.professional
    feeds = [urlsplit((await one.ok("POST", "/api/calendar"))["url"]).path for one in (patient, professional)]
    first, second, third, *_ = await patient.slots(professional.user_id)
    api = str(patient.http._base_url).rstrip("/")
    async with listening(api, patient.headers, professional.headers) as streams:
        wanted = {"professional": professional.user_id, "start": first, "reason": "dolor de espalda"}
        made = await patient.ok("POST", "/api/appointments", wanted)
        path = f"/api/appointments/{made['id']}"
        assert await professional.ok("GET", path) == made
        assert (await professional.ok("GET", "/api/appointments"))["appointments"] == [made]
        status, refused = await patient.call("POST", "/api/appointments", wanted)
        assert (status, refused["type"]) == (409, "/problems/slot-taken")
        assert [slot["start"] for slot in refused["slots"]][:2] == [second, third]
        moved = await professional.ok("PATCH", path, {"start": third, "version": made["version"]})
        assert (moved["start"], moved["version"]) == (third, 2)
        assert await patient.slots(professional.user_id, limit=2) == [first, second]
        assert [await events_in(patient.http, feed) for feed in feeds] == 2 * [[(1, "CONFIRMED")]]
        cancelled = await patient.ok("POST", f"{path}/cancel", {"reason": "estoy mejor"})
        assert cancelled["status"] == "cancelled"
        assert [await events_in(patient.http, feed) for feed in feeds] == 2 * [[(2, "CANCELLED")]]
        assert "METHOD:CANCEL" in await patient.ok("GET", f"{path}.ics")

        async def told() -> list[list[str]]:
            return [[event.data["status"] for event in one.named("appointment")] for one in streams]

        await eventually(told, until=lambda seen: seen == 2 * [["booked", "booked", "cancelled"]])
    await patient.ok("DELETE", "/api/calendar")
    async with patient.http.get(feeds[0]) as response:
        assert response.status == 404


async def events_in(http: aiohttp.ClientSession, feed: str) -> list[tuple[int, str]]:
    """SEQUENCE and STATUS of what a subscribed calendar reads, without any credentials; no words, no names."""
    async with http.get(feed) as response:
        assert (response.status, response.content_type) == (200, "text/calendar")
        text = await response.text()
    assert "dolor" not in text
    assert "@" not in text.replace("@localhost", "")
    return [
        (int(event["SEQUENCE"]), str(event["STATUS"])) for event in Calendar.from_ical(text).walk("VEVENT")
    ]


async def test_fifty_requests_for_one_time(two: Two) -> None:
    """One 201, forty-nine 409, nothing else."""
    start = (await two.patient.slots(two.professional.user_id, limit=1))[0]
    wanted = {"professional": two.professional.user_id, "start": start}
    answers = await asyncio.gather(
        *(two.patient.call("POST", "/api/appointments", wanted) for _ in range(50))
    )
    assert Counter(status for status, _ in answers) == {201: 1, 409: 49}


async def test_a_freed_time_goes_to_who_waits(two: Two, clinic: Clinic) -> None:
    """Another patient waits; what the first one gives back is offered to her, and she takes it."""
    other = await clinic.managed_user()
    await clinic.care(patient=other, professional=two.professional.user_id)
    waits = Person(two.patient.http, other, two.patient.headers | {"X-Act-As": other})
    *_, early, late = await waits.slots(two.professional.user_id, limit=12)
    wanted = {"professional": two.professional.user_id}
    first = await two.patient.ok("POST", "/api/appointments", wanted | {"start": early})
    later = await waits.ok("POST", "/api/appointments", wanted | {"start": late})
    path = f"/api/appointments/{later['id']}/waiting"
    assert (await waits.ok("POST", path))["offer"] is None
    await two.patient.ok("POST", f"/api/appointments/{first['id']}/cancel")
    assert (await waits.ok("GET", path))["offer"]["start"] == early
    taken = await waits.ok("POST", f"{path}/accept")
    assert (taken["id"], taken["start"], taken["status"]) == (later["id"], early, "booked")
