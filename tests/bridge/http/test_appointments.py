"""Appointments over HTTP: who may do what, what comes back, and what a refusal says."""

import asyncio
from base64 import urlsafe_b64encode
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from appointments.services import end_care, start_care, start_representation
from appointments.storage.appointments import appointments
from bridge.storage.conversations import conversations
from bridge.storage.facts import facts
from bridge.storage.reminding import appointment_notices
from tests.bridge.http.conftest import GARCIA, LUCIA, MARIA, NOW
from tests.bridge.http.test_auth import problem
from tests.bridge.http.test_sessions import bearer, log_in, log_in_browser

ALL, SERIES = "/api/appointments", "/api/appointment-series"
SCHEDULE, SLOTS = f"/api/professionals/{GARCIA}/schedule", f"/api/professionals/{GARCIA}/slots"
PUSH_KEYS = {
    "p256dh": "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4",
    "auth": "BTBZMqHH6r4Tts7J_aSIgg",
}
HOURS = [{"from": "09:00", "until": "17:00"}]
WEEK = dict.fromkeys(("monday", "tuesday", "wednesday", "thursday", "friday"), HOURS)
FIRST, SECOND = "2026-11-23T09:20:00.000Z", "2026-11-23T09:40:00.000Z"


async def put_schedule(api, **changes: Any):
    """García works from nine to five."""
    body = {"zone": "Europe/Madrid", "weekly": WEEK, **changes}
    return await api.call("PUT", SCHEDULE, json=body, headers=api.headers(act_as=None))


@pytest.fixture
async def open_clinic(api):
    """The API with García's schedule entered."""
    assert (await put_schedule(api)).status == 201
    return api


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


async def test_a_professional_books_sees_and_cancels_in_her_own_session(open_clinic) -> None:
    """She names the patient; reasons are not for a session made from an OpenID token."""
    api = open_clinic
    own = bearer(await log_in(api))
    refused = await book(api, headers=own, status=422)
    assert refused["errors"][0]["pointer"] == "#/patient"
    made = await book(api, headers=own, patient=LUCIA, reason="control")
    listed = await (await api.call("GET", ALL, headers=own)).json()
    assert listed == {"appointments": [made], "next": None}
    response = await api.call("GET", f"{ALL}/{made['id']}/reasons", headers=own)
    assert await problem(response) == (403, "/problems/not-managed")
    assert await starts(api, own) == [SECOND, "2026-11-23T10:00:00.000Z", "2026-11-23T10:20:00.000Z"]
    assert (await api.call("POST", f"{ALL}/{made['id']}/cancel", headers=own)).status == 200


async def test_reasons_are_sealed_and_shown_to_parties_only(open_clinic) -> None:
    """The database holds no words of them."""
    api = open_clinic
    made = await book(api, reason="dolor de espalda")
    await api.call("POST", f"{ALL}/{made['id']}/cancel", json={"reason": "estoy mejor"})
    async with api.services.database.read() as connection:
        row = (await connection.execute(select(appointments))).one()
    assert b"dolor" not in bytes(row.reason_sealed)
    assert b"mejor" not in bytes(row.cancel_reason_sealed)
    response = await api.call("GET", f"{ALL}/{made['id']}/reasons")
    assert await response.json() == {"reason": "dolor de espalda", "cancel_reason": "estoy mejor"}
    browser = bearer((await log_in_browser(api))["token"])
    assert (await api.call("GET", f"{ALL}/{made['id']}/reasons", headers=browser)).status == 200


async def test_others_find_nothing(open_clinic) -> None:
    """An appointment of somebody else is the same 404 as none at all, whatever is asked and however wrongly."""
    api = open_clinic
    made = await book(api)
    stranger = bearer(await log_in(api, user_id=MARIA))
    told = set()
    for name in (made["id"], "0" * 32):
        path = f"{ALL}/{name}"
        for method, end, options in (
            ("GET", "", {}),
            ("GET", ".ics", {}),
            ("PATCH", "", {"json": {"start": SECOND}}),
            ("PATCH", "", {"json": {"start": "nonsense"}}),
            ("POST", "/cancel", {}),
            ("POST", "/cancel", {"json": {"reason": 7}}),
            ("GET", "/waiting", {}),
            ("POST", "/waiting", {}),
            ("DELETE", "/waiting", {}),
            ("POST", "/waiting/accept", {}),
            ("POST", "/waiting/decline", {}),
        ):
            response = await api.call(method, path + end, headers=stranger, **options)
            assert await problem(response) == (404, "/problems/not-found"), (method, end)
            told.add(await response.text())
    assert len(told) == 1
    assert (await (await api.call("GET", ALL, headers=stranger)).json()) == {
        "appointments": [],
        "next": None,
    }


async def test_without_care_nothing_is_booked_or_shown(open_clinic) -> None:
    """403 before any validation, for a professional that exists and for one that doesn't."""
    api = open_clinic
    stranger = bearer(await log_in(api, user_id=MARIA))
    for professional in (GARCIA, "@nobody:h"):
        for more in ({}, {"start": "nonsense"}, {"patient": LUCIA}):
            body = {"professional": professional, "start": FIRST, **more}
            response = await api.call("POST", ALL, json=body, headers=stranger)
            assert await problem(response) == (403, "/problems/not-in-care-team")
        response = await api.call("GET", f"/api/professionals/{professional}/slots", headers=stranger)
        assert await problem(response) == (403, "/problems/not-in-care-team")
    made = await book(api)
    async with api.services.database.write() as connection:
        await end_care(connection, patient=LUCIA, professional=GARCIA, now=api.now)
    response = await api.call("PATCH", f"{ALL}/{made['id']}", json={"start": SECOND})
    assert await problem(response) == (403, "/problems/not-in-care-team")
    assert (await api.call("POST", f"{ALL}/{made['id']}/cancel")).status == 200


async def test_a_representative_books_for_the_patient(open_clinic) -> None:
    """With the scope of appointments, in her own session."""
    api = open_clinic
    async with api.services.database.write() as connection:
        await start_representation(
            connection,
            patient=LUCIA,
            representative=MARIA,
            scopes=frozenset({"appointments"}),
            starts=api.now,
            ends=None,
            reason_sealed=None,
            now=api.now,
        )
    own = bearer(await log_in(api, user_id=MARIA))
    made = await book(api, headers=own, patient=LUCIA)
    assert (await (await api.call("GET", ALL, headers=own)).json())["appointments"] == [made]
    await book(api, SECOND, headers=own, status=403)


async def test_a_list_can_be_narrowed(open_clinic) -> None:
    """By time, state and person; a key that acts for nobody names somebody."""
    api = open_clinic
    first, second = await book(api), await book(api, SECOND)
    await api.call("POST", f"{ALL}/{second['id']}/cancel")
    nobody = api.headers(act_as=None)
    walk = [
        (f"?from={SECOND}", api.headers(), [second["id"]]),
        (f"?to={SECOND}", api.headers(), [first["id"]]),
        ("?status=booked", api.headers(), [first["id"]]),
        (f"?professional={GARCIA}", api.headers(), [first["id"], second["id"]]),
        ("?professional=@lopez:h", api.headers(), []),
        (f"?patient={MARIA}", api.headers(), []),
        (f"?professional={GARCIA}&status=booked", nobody, [first["id"]]),
        (f"?patient={LUCIA}", nobody, [first["id"], second["id"]]),
        (f"?patient={MARIA}&professional={GARCIA}", nobody, []),
    ]
    for query, headers, ids in walk:
        response = await api.call("GET", ALL + query, headers=headers)
        assert [one["id"] for one in (await response.json())["appointments"]] == ids, query
    for query in ("", "?status=lost", "?from=2026-11-23T09:00:00"):
        response = await api.call("GET", ALL + query, headers=nobody)
        assert await problem(response) == (422, "/problems/validation")


@pytest.mark.parametrize("act_as", [LUCIA, None])
async def test_a_list_comes_in_pages(open_clinic, act_as) -> None:
    """`next` leads on until it is null; a cursor of nobody's is a 422, and so is a limit out of bounds."""
    api = open_clinic
    made = [await book(api, f"2026-11-24T{hour:02}:00:00Z") for hour in range(9, 14)]
    headers = api.headers(act_as=act_as)
    seen, query = [], f"?patient={LUCIA}&limit=2"
    after = ""
    for _ in range(3):
        page = await (await api.call("GET", ALL + query + after, headers=headers)).json()
        seen.append([one["id"] for one in page["appointments"]])
        after = f"&after={page['next']}"
    assert page["next"] is None
    assert seen == [[one["id"] for one in made[number : number + 2]] for number in (0, 2, 4)]
    whole = await (await api.call("GET", f"{ALL}?patient={LUCIA}&limit=5", headers=headers)).json()
    assert whole == {"appointments": made, "next": None}
    nonsense = [
        b"x",
        b"2026-11-24T09:00:00Z",
        b"2026-11-24T09:00:00Z \0",
        b"0001-01-01T00:00:00+14:00 a",
        b"\xff a",
    ]
    cursors = [urlsafe_b64encode(one).rstrip(b"=").decode() for one in nonsense]
    for wrong in (
        "limit=0",
        "limit=501",
        "limit=x",
        "after=",
        *(f"after={one}" for one in ("%C3%A9", "a", *cursors)),
    ):
        response = await api.call("GET", f"{ALL}?patient={LUCIA}&{wrong}", headers=headers)
        assert await problem(response) == (422, "/problems/validation"), wrong


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


async def test_who_waits_is_offered_what_frees_up(open_clinic) -> None:
    """Kept for her until she answers; taken or left; others can't book it meanwhile."""
    api = open_clinic
    async with api.services.database.write() as connection:
        await start_care(
            connection,
            patient=MARIA,
            professional=GARCIA,
            role="gp",
            starts=api.now,
            ends=None,
            reason_sealed=None,
            now=api.now,
        )
    maria = bearer(await log_in(api, user_id=MARIA))
    late, early = await book(api, "2026-11-25T09:00:00Z"), await book(api, headers=maria)
    path = f"{ALL}/{late['id']}/waiting"
    waits = await (await api.call("POST", path)).json()
    assert waits == {"since": "2026-11-23T09:00:00.123Z", "offer": None}
    assert await problem(await api.call("POST", f"{path}/accept")) == (409, "/problems/no-offer")
    await api.call("POST", f"{ALL}/{early['id']}/cancel", headers=maria)
    offer = (await (await api.call("GET", path)).json())["offer"]
    assert (offer["start"], offer["answer_by"]) == (FIRST, FIRST)
    assert (await book(api, headers=maria, status=409))["type"] == "/problems/slot-taken"
    taken = await (await api.call("POST", f"{path}/accept")).json()
    assert taken == late | {"start": FIRST, "end": SECOND, "version": 2}
    assert await (await api.call("GET", path)).json() == {"since": None, "offer": None}
    assert [(await api.call("DELETE", path)).status for _ in range(2)] == [204, 204]


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


async def test_another_choice_counts_for_what_is_booked(open_clinic) -> None:
    """Her preferences, and a browser that subscribes, note that her reminders are to be planned anew."""
    made = await book(open_clinic)
    answer = await open_clinic.call("PUT", "/api/notifications/preferences", json={"language": "es"})
    assert answer.status == 200
    browser = {"endpoint": "https://push.example.net/send/abc", "keys": PUSH_KEYS}
    answer = await open_clinic.call("POST", "/api/notifications/push-subscriptions", json=browser)
    assert answer.status == 201
    async with open_clinic.services.database.read() as connection:
        rows = (await connection.execute(appointment_notices.select())).all()
    assert sorted((row.kind, row.appointment_id, row.by) for row in rows) == [
        ("booked", made["id"], LUCIA),
        *[("wishes", made["id"], LUCIA)] * 2,
    ]
