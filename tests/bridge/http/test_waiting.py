"""The waiting list over HTTP: an earlier time offered, taken or left."""

from tests.bridge.http.api import MARIA
from tests.bridge.http.diary import ALL, FIRST, SECOND, book
from tests.bridge.http.logins import bearer, log_in
from tests.bridge.http.problems import problem


async def test_who_waits_is_offered_what_frees_up(open_clinic) -> None:
    """Kept for her until she answers; taken or left; others can't book it meanwhile."""
    api = open_clinic
    await api.start_care(MARIA)
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
