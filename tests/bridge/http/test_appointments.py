"""Appointments over HTTP: booked, moved and cancelled, what comes back, and what a refusal says."""

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import select

from bridge.storage.conversations import conversations
from bridge.storage.facts import facts
from bridge.storage.reminding import appointment_notices
from tests.bridge.http.api import GARCIA, LUCIA, NOW
from tests.bridge.http.diary import ALL, FIRST, SECOND, book, starts
from tests.bridge.http.problems import problem

SERIES = "/api/appointment-series"
PUSH_KEYS = {
    "p256dh": "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4",
    "auth": "BTBZMqHH6r4Tts7J_aSIgg",
}
EARLY = {"reminders": {"minutes_before": [30]}}


async def test_an_appointment_from_slot_to_cancellation(open_clinic) -> None:
    """What is offered is booked, seen, moved, cancelled, and offered again."""
    api = open_clinic
    assert await starts(api) == [FIRST, SECOND, "2026-11-23T10:00:00.000Z"]
    made = await book(api, reason="dolor de espalda")
    assert made == {
        "id": made["id"],
        "professional": GARCIA,
        "patient": LUCIA,
        "start": FIRST,
        "end": SECOND,
        "status": "booked",
        "visit_type": "visit",
        "conversation_id": None,
        "call_id": None,
        "join_url": f"http://127.0.0.1:8080/?appointment={made['id']}",
        "version": 1,
    }
    assert await starts(api, query="limit=1") == [SECOND]
    path = f"{ALL}/{made['id']}"
    assert await (await api.call("GET", path)).json() == made
    moved = await (await api.call("PATCH", path, json={"start": "2026-11-24T10:00:00+01:00"})).json()
    assert moved == made | {
        "start": "2026-11-24T09:00:00.000Z",
        "end": "2026-11-24T09:20:00.000Z",
        "version": 2,
    }
    assert (await (await api.call("GET", ALL)).json())["appointments"] == [moved]
    for body in ({"json": {"reason": "ya no hace falta"}}, {}):
        response = await api.call("POST", f"{path}/cancel", **body)
        assert await response.json() == moved | {"status": "cancelled", "version": 3}
    assert (await starts(api))[0] == FIRST
    async with api.services.database.read() as connection:
        kinds = (await connection.scalars(select(facts.c.kind).order_by(facts.c.seq))).all()
    assert kinds == ["appointment.booked", "appointment.moved", "appointment.cancelled"]


async def test_a_taken_time_is_a_409_with_the_next_free_ones(open_clinic) -> None:
    """From the time that was asked for on."""
    await book(open_clinic, SECOND)
    refused = await book(open_clinic, SECOND, status=409)
    assert refused["type"] == "/problems/slot-taken"
    assert [slot["start"] for slot in refused["slots"]] == [
        f"2026-11-23T{time}:00.000Z" for time in ("10:00", "10:20", "10:40", "11:00", "11:20")
    ]
    other = await book(open_clinic, FIRST)
    response = await open_clinic.call("PATCH", f"{ALL}/{other['id']}", json={"start": SECOND})
    assert await problem(response) == (409, "/problems/slot-taken")
    # One's own time is free for oneself.
    assert (await response.json(content_type=None))["slots"][0]["start"] == "2026-11-23T10:00:00.000Z"


@pytest.mark.parametrize(
    ("start", "word"),
    [
        ("2026-11-23T09:00:00Z", "past"),
        ("2027-11-23T09:00:00Z", "far"),
        ("2026-11-24T09:01:00Z", "starts"),
        ("2026-11-28T09:00:00Z", "starts"),
    ],
)
async def test_a_time_that_is_not_offered_is_a_422_with_the_next_free_ones(open_clinic, start, word) -> None:
    """The detail says why."""
    headers = open_clinic.headers(**{"Accept-Language": "en"})
    refused = await book(open_clinic, start, status=422, headers=headers)
    assert refused["type"] == "/problems/slot-not-offered"
    assert word in refused["detail"]
    assert len(refused["slots"]) == 5


async def test_at_once_one_wins(open_clinic) -> None:
    """Thirty requests for one time: one 201, twenty-nine 409."""
    body = {"professional": GARCIA, "start": FIRST}
    answers = await asyncio.gather(*(open_clinic.call("POST", ALL, json=body) for _ in range(30)))
    assert sorted(answer.status for answer in answers) == [201] + 29 * [409]


async def test_a_repeated_request_books_once(open_clinic) -> None:
    """With the same Idempotency-Key the first answer comes again."""
    headers = open_clinic.headers(**{"Idempotency-Key": "k"})
    assert await book(open_clinic, headers=headers) == await book(open_clinic, headers=headers)
    assert (await starts(open_clinic))[0] == SECOND


async def test_the_conversation_is_named_when_there_is_one(open_clinic) -> None:
    """Once it is open."""
    api = open_clinic
    made = await book(api)
    async with api.services.database.write() as connection:
        await connection.execute(
            conversations.insert().values(
                id="c",
                patient=LUCIA,
                professional=GARCIA,
                nonce="n",
                room_id="!room:p",
                created_at=NOW,
                opened_at=NOW,
                rotation_period_msgs=1,
                rotation_period_ms=1,
            )
        )
    found = await (await api.call("GET", f"{ALL}/{made['id']}")).json()
    assert found == made | {"conversation_id": "!room:p"}


async def test_who_knows_an_old_version_is_told(open_clinic) -> None:
    """409, and nothing changes."""
    path = f"{ALL}/{(await book(open_clinic))['id']}"
    assert (await open_clinic.call("PATCH", path, json={"start": SECOND, "version": 1})).status == 200
    for method, end, body in (
        ("PATCH", "", {"start": FIRST, "version": 1}),
        ("POST", "/cancel", {"version": 1}),
    ):
        response = await open_clinic.call(method, path + end, json=body)
        assert await problem(response) == (409, "/problems/version-changed")


async def test_its_time_has_come(open_clinic) -> None:
    """409 too-late; a cancelled one is moved no more: 409 appointment-state."""
    first, second = await book(open_clinic), await book(open_clinic, "2026-11-24T09:00:00Z")
    open_clinic.now += timedelta(minutes=45)
    response = await open_clinic.call("POST", f"{ALL}/{first['id']}/cancel")
    assert await problem(response) == (409, "/problems/too-late")
    await open_clinic.call("POST", f"{ALL}/{second['id']}/cancel")
    response = await open_clinic.call("PATCH", f"{ALL}/{second['id']}", json={"start": SECOND})
    assert await problem(response) == (409, "/problems/appointment-state")


async def test_a_series_is_booked_whole_or_not_at_all(open_clinic) -> None:
    """Its conflicts are named; one occurrence is moved or cancelled like any appointment."""
    api = open_clinic
    body = {"professional": GARCIA, "start": "2026-11-24T10:00:00+01:00", "count": 6}
    taken = await book(api, "2026-12-08T10:00:00+01:00")
    response = await api.call("POST", SERIES, json=body)
    assert await problem(response) == (409, "/problems/slot-taken")
    assert (await response.json(content_type=None))["conflicts"] == ["2026-12-08T09:00:00.000Z"]
    assert len((await (await api.call("GET", ALL)).json())["appointments"]) == 1
    await api.call("POST", f"{ALL}/{taken['id']}/cancel")
    headers = api.headers(**{"Idempotency-Key": "s"})
    made = [await (await api.call("POST", SERIES, json=body, headers=headers)).json() for _ in range(2)]
    assert made[0] == made[1]
    booked = made[0]["appointments"]
    assert [one["start"][:10] for one in booked] == [
        "2026-11-24",
        "2026-12-01",
        "2026-12-08",
        "2026-12-15",
        "2026-12-22",
        "2026-12-29",
    ]
    assert (await api.call("POST", f"{ALL}/{booked[1]['id']}/cancel")).status == 200
    assert (await api.call("PATCH", f"{ALL}/{booked[2]['id']}", json={"start": FIRST})).status == 200


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"professional": GARCIA},
        {"professional": GARCIA, "start": "2026-11-23T09:20:00"},
        {"professional": GARCIA, "start": FIRST, "extra": 1},
        {"professional": GARCIA, "start": FIRST, "patient": "lucia"},
        {"professional": GARCIA, "start": FIRST, "visit_type": "UPPER"},
        {"professional": GARCIA, "start": FIRST, "visit_type": "surgery"},
        {"professional": GARCIA, "start": FIRST, "reason": ""},
        [],
    ],
)
async def test_what_is_not_understood_books_nothing(open_clinic, body) -> None:
    """422; a time without an offset, too."""
    response = await open_clinic.call("POST", ALL, json=body)
    assert await problem(response) == (422, "/problems/validation")
    assert (await (await open_clinic.call("GET", ALL)).json())["appointments"] == []


async def test_another_choice_counts_for_what_is_booked(open_clinic) -> None:
    """Other preferences, and a first browser, note that her reminders are to be planned anew; once."""
    made = await book(open_clinic)
    for wanted in ({}, EARLY, EARLY):
        answer = await open_clinic.call(
            "PUT", "/api/notifications/preferences", json={"language": "es", **wanted}
        )
        assert answer.status == 200
    for name in ("abc", "abc", "def"):
        browser = {"endpoint": f"https://push.example.net/send/{name}", "keys": PUSH_KEYS}
        answer = await open_clinic.call("POST", "/api/notifications/push-subscriptions", json=browser)
        assert answer.status == 201
    await open_clinic.services.live.notifier.current()  # what was booked has its place
    async with open_clinic.services.database.read() as connection:
        rows = (await connection.execute(appointment_notices.select())).all()
    assert sorted((row.kind, row.appointment_id, row.by) for row in rows) == [
        ("booked", made["id"], LUCIA),
        *[("wishes", made["id"], LUCIA)] * 2,
    ]
