"""García's schedule and bookings in it, over HTTP."""

from typing import Any

from tests.bridge.http.api import GARCIA

ALL = "/api/appointments"
SCHEDULE, SLOTS = f"/api/professionals/{GARCIA}/schedule", f"/api/professionals/{GARCIA}/slots"
HOURS = [{"from": "09:00", "until": "17:00"}]
WEEK = dict.fromkeys(("monday", "tuesday", "wednesday", "thursday", "friday"), HOURS)
FIRST, SECOND = "2026-11-23T09:20:00.000Z", "2026-11-23T09:40:00.000Z"


async def put_schedule(api, **changes: Any):
    """García works from nine to five."""
    body = {"zone": "Europe/Madrid", "weekly": WEEK, **changes}
    return await api.call("PUT", SCHEDULE, json=body, headers=api.headers(act_as=None))


async def book(api, start: str = FIRST, *, status: int = 201, headers=None, **more: Any) -> dict:
    """The answer to a booking, by default Lucía's."""
    body = {"professional": GARCIA, "start": start, **more}
    response = await api.call("POST", ALL, json=body, headers=headers or api.headers())
    answer = await response.json(content_type=None)
    assert response.status == status, answer
    return answer


async def starts(api, headers=None, query: str = "limit=3") -> list[str]:
    """What is free."""
    response = await api.call("GET", f"{SLOTS}?{query}", headers=headers or api.headers())
    assert response.status == 200
    return [slot["start"] for slot in (await response.json())["slots"]]
