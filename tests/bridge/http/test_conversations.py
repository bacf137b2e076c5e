"""Opening a conversation over HTTP: who may, for whom, and what is refused."""

from datetime import timedelta

import pytest

from tests.bridge.http.api import GARCIA, LUCIA, MARIA
from tests.bridge.http.logins import CONVERSATIONS, bearer, log_in, log_in_browser, status_of
from tests.bridge.http.problems import problem


async def test_who_may_open_a_conversation_opens_it(api) -> None:
    """From either side, and by the portal's back end: 201 the first time, 200 from then on."""
    walk = [
        (bearer(await log_in(api)), LUCIA, 201),
        (bearer(await log_in(api)), LUCIA, 200),
        (bearer((await log_in_browser(api))["token"]), GARCIA, 200),
        (api.headers(), GARCIA, 200),
    ]
    ids = set()
    for headers, other, status in walk:
        response = await api.call("POST", CONVERSATIONS, headers=headers, json={"with": other})
        assert response.status == status
        ids.add((await response.json())["conversation_id"])
    assert len(ids) == 1


async def test_without_care_nothing_opens(api) -> None:
    """The same 403 for an ended care, a stranger, oneself, and somebody who does not exist."""
    await api.start_care(MARIA, starts=api.now - timedelta(days=2), ends=api.now)
    token = await log_in(api)
    refusals = set()
    for other in (MARIA, GARCIA, "@pedro:p", "@nobody:nowhere.example"):
        for more in ({}, {"on_behalf_of": LUCIA}, {"extra": 1}):
            body = {"with": other, **more}
            response = await api.call("POST", CONVERSATIONS, headers=bearer(token), json=body)
            assert await problem(response) == (403, "/problems/not-in-care-team")
            refusals.add(await response.text())
    assert len(refusals) == 1
    assert api.clinic.conversations == {}


async def test_a_representative_opens_it_for_the_patient(api) -> None:
    """Named or not, unless it could be several; never for somebody whom she does not represent."""
    daughter, juan = "@ana:p", "@portal_juan:p"
    for patient in (LUCIA, juan):
        await api.start_representation(patient, representative=daughter, scope="messages")
    token = await log_in(api, user_id=daughter)
    walk = [
        ({}, 201),
        ({"on_behalf_of": LUCIA}, 200),
        ({"on_behalf_of": juan}, 403),
        ({"on_behalf_of": MARIA}, 403),
    ]
    for more, status in walk:
        body = {"with": GARCIA, **more}
        assert await status_of(api, "POST", CONVERSATIONS, token, json=body) == status
    await api.start_care(juan)
    for more, status in (({}, 422), ({"on_behalf_of": juan}, 201)):
        body = {"with": GARCIA, **more}
        assert await status_of(api, "POST", CONVERSATIONS, token, json=body) == status


@pytest.mark.parametrize(
    "body",
    [{}, {"with": "x"}, {"with": None}, {"with": LUCIA, "extra": 1}, {"with": LUCIA, "on_behalf_of": 1}, []],
)
async def test_what_is_not_understood_opens_nothing(api, body) -> None:
    """422."""
    token = await log_in(api)
    response = await api.call("POST", CONVERSATIONS, headers=bearer(token), json=body)
    assert await problem(response) == (422, "/problems/validation")
    assert api.clinic.conversations == {}
