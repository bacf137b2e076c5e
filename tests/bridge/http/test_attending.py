"""Who came, over HTTP: said by the professional and the clinic, refused to everybody else, heard by both."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from bridge.storage.facts import facts
from tests.bridge.http.api import GARCIA, LUCIA, MARIA
from tests.bridge.http.diary import ALL, book, put_schedule
from tests.bridge.http.logins import bearer, log_in, log_in_browser
from tests.bridge.http.problems import problem

UNKNOWN = f"{ALL}/{'0' * 32}"


@pytest.fixture
async def open_clinic(api):
    """The API with García's schedule entered."""
    assert (await put_schedule(api)).status == 201
    return api


@pytest.mark.parametrize("as_whom", ["the professional", "the clinic"])
async def test_arrived_and_fulfilled(open_clinic, as_whom) -> None:
    """In her own session, or by a key that acts for nobody; said twice it is the same; the fact names both people."""
    api = open_clinic
    headers = bearer(await log_in(api)) if as_whom == "the professional" else api.headers(act_as=None)
    made = await book(api)
    path = f"{ALL}/{made['id']}"
    for verb, status, version in (("arrive", "arrived", 2), ("fulfil", "fulfilled", 3)):
        for _ in range(2):
            response = await api.call("POST", f"{path}/{verb}", headers=headers)
            assert await response.json() == made | {"status": status, "version": version}
    assert (await (await api.call("GET", path)).json())["status"] == "fulfilled"
    async with api.services.database.read() as connection:
        told = (await connection.execute(select(facts).order_by(facts.c.seq))).all()
    assert [one.kind for one in told] == [
        f"appointment.{kind}" for kind in ("booked", "arrived", "fulfilled")
    ]
    by = GARCIA if as_whom == "the professional" else None
    last = told[-1].data
    assert (last["patient"], last["professional"], last["status"], last["by"]) == (
        LUCIA,
        GARCIA,
        "fulfilled",
        by,
    )


async def test_nobody_came(open_clinic) -> None:
    """409 too-early before the start; then a noshow, which is not seen nor moved any more."""
    api = open_clinic
    own = bearer(await log_in(api))
    path = f"{ALL}/{(await book(api))['id']}"
    assert await problem(await api.call("POST", f"{path}/noshow", headers=own)) == (
        409,
        "/problems/too-early",
    )
    api.now += timedelta(minutes=21)
    assert (await (await api.call("POST", f"{path}/noshow", headers=own)).json())["status"] == "noshow"
    for verb in ("arrive", "fulfil"):
        response = await api.call("POST", f"{path}/{verb}", headers=own)
        assert await problem(response) == (409, "/problems/appointment-state")
    assert "METHOD:CANCEL" in await (await api.call("GET", f"{path}.ics")).text()


async def test_who_may_not_say_it(open_clinic) -> None:
    """A portal's patient takes a key; one with a client is told whose it is; strangers find nothing."""
    api = open_clinic
    path = f"{ALL}/{(await book(api))['id']}"
    browser = bearer((await log_in_browser(api))["token"])
    assert await problem(await api.call("POST", f"{path}/arrive", headers=browser)) == (
        403,
        "/problems/missing-scope",
    )
    stranger, own = bearer(await log_in(api, user_id=MARIA)), bearer(await log_in(api))
    for headers, where in ((stranger, path), (stranger, UNKNOWN), (own, UNKNOWN), (api.headers(), UNKNOWN)):
        for options in ({}, {"json": {"version": 0}}):
            response = await api.call("POST", f"{where}/noshow", headers=headers, **options)
            assert await problem(response) == (404, "/problems/not-found")
    response = await api.call("POST", f"{path}/arrive", headers=own, json={"version": 9})
    assert await problem(response) == (409, "/problems/version-changed")


async def test_a_patient_with_a_client_is_told_whose_it_is(open_clinic) -> None:
    """403 not-the-professional, before validation too."""
    api = open_clinic
    care = f"/api/care/{MARIA}/{GARCIA}"
    assert (await api.call("PUT", care, json={"role": "gp"}, headers=api.headers(act_as=None))).status < 300
    maria = bearer(await log_in(api, user_id=MARIA))
    path = f"{ALL}/{(await book(api, headers=maria))['id']}"
    for options in ({}, {"json": {"version": 0}}):
        response = await api.call("POST", f"{path}/arrive", headers=maria, **options)
        assert await problem(response) == (403, "/problems/not-the-professional")
