"""Appointments over HTTP: who may book, see and change them, for whom, and who sees the reasons."""

from sqlalchemy import select

from appointments.services import end_care
from appointments.storage.appointments import appointments
from tests.bridge.http.api import GARCIA, LUCIA, MARIA
from tests.bridge.http.diary import ALL, FIRST, SECOND, book, starts
from tests.bridge.http.logins import bearer, log_in, log_in_browser
from tests.bridge.http.problems import problem


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
    await api.start_representation(LUCIA, representative=MARIA, scope="appointments")
    own = bearer(await log_in(api, user_id=MARIA))
    made = await book(api, headers=own, patient=LUCIA)
    assert (await (await api.call("GET", ALL, headers=own)).json())["appointments"] == [made]
    await book(api, SECOND, headers=own, status=403)
