"""Appointments over HTTP, listed: narrowed, and page by page."""

from base64 import urlsafe_b64encode

import pytest

from tests.bridge.http.api import GARCIA, LUCIA, MARIA
from tests.bridge.http.diary import ALL, SECOND, book
from tests.bridge.http.problems import problem


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
