"""Representations over REST, on each kind of database."""

import pytest

from appointments.services import list_representations
from tests.bridge.http.problems import refused

PATH = "/api/representatives/%40maria%3Ap/%40madre%3Ap"


async def put(api, path=PATH, **body: object):
    """PUT a representation, by default in messages."""
    body.setdefault("scopes", ["messages"])
    return await api.call("PUT", path, json=body, headers=api.headers(act_as=None))


async def delete(api, path=PATH):
    """DELETE a representation."""
    return await api.call("DELETE", path, headers=api.headers(act_as=None))


async def stored(api):
    """What the database knows of the patient."""
    async with api.services.database.read() as connection:
        return await list_representations(connection, patient="@maria:p")


async def test_a_representation_is_entered_and_replaced(api_on_each) -> None:
    """201 the first time, 200 after; scopes in a fixed order; the rooms are told each time."""
    response = await put(
        api_on_each, scopes=["video", "messages"], **{"from": "2026-11-23T10:00:00+01:00", "reason": "menor"}
    )
    assert response.status == 201
    assert await response.json() == {
        "patient": "@maria:p",
        "representative": "@madre:p",
        "scopes": ["messages", "video"],
        "from": "2026-11-23T09:00:00.000Z",
        "until": None,
    }
    response = await put(api_on_each, until="2026-12-01T00:00:00Z")
    assert response.status == 200
    assert (await response.json())["scopes"] == ["messages"]
    assert api_on_each.clinic.reconciled == [("@maria:p", None)] * 2


async def test_a_representation_ends_now_and_again(api_on_each) -> None:
    """204, sets `until` to now, may be repeated, and needs none to have been."""
    await put(api_on_each)
    assert [(await delete(api_on_each)).status for _ in range(2)] == [204, 204]
    assert [one.ends for one in await stored(api_on_each)] == [api_on_each.now]
    assert (await delete(api_on_each, "/api/representatives/@nobody:p/@madre:p")).status == 204


@pytest.mark.parametrize(
    ("body", "place"),
    [
        ({"scopes": []}, "#/scopes"),
        ({"scopes": ["messages"] * 4}, "#/scopes"),
        ({"scopes": ["everything"]}, "#/scopes/0"),
        ({"scopes": "messages"}, "#/scopes"),
        ({"from": "2026-11-23T09:00:00Z", "until": "2026-11-23T09:00:00Z"}, "#/until"),
        ({"reason": "x" * 2001}, "#/reason"),
        ({"other": 1}, "#/other"),
    ],
)
async def test_a_wrong_representation_is_refused(api, body, place) -> None:
    """422 that points at it; nothing is stored."""
    response = await put(api, **body)
    assert await refused(response) == (422, "validation", [place])
    assert await stored(api) == []


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/api/representatives/maria/%40madre%3Ap", "patient"),
        ("/api/representatives/%40maria%3Ap/%40maria%3Ap", "representative"),
        ("/api/representatives/%40maria%3Ap/%40consulta%3Ap", "representative"),
        ("/api/representatives/%40maria%3Ap/%40madre%3Aelsewhere", "representative"),
        ("/api/representatives/%40maria%3Aelsewhere/%40madre%3Ap", "patient"),
    ],
)
async def test_a_wrong_person_is_refused(api, path, name) -> None:
    """422 that names the parameter."""
    response = await put(api, path)
    assert await refused(response) == (422, "validation", [name])
