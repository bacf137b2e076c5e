"""Care relationships over REST, on each kind of database."""

import pytest

from appointments.services import list_care
from tests.bridge.http.problems import refused

PATH = "/api/care/%40maria%3Ap/%40garcia%3Ah"


async def put(api, path=PATH, **body: object):
    """PUT a relationship, by default of a gp."""
    body.setdefault("role", "gp")
    return await api.call("PUT", path, json=body, headers=api.headers(act_as=None))


async def delete(api, path=PATH):
    """DELETE a relationship."""
    return await api.call("DELETE", path, headers=api.headers(act_as=None))


async def stored(api):
    """What the database knows of the patient."""
    async with api.services.database.read() as connection:
        return await list_care(connection, patient="@maria:p")


async def test_care_is_entered_and_replaced(api_on_each) -> None:
    """201 the first time, 200 after; times are answered in UTC with milliseconds."""
    response = await put(
        api_on_each, **{"from": "2026-11-23T10:00:00+01:00", "until": None, "reason": "revisión"}
    )
    assert response.status == 201
    assert await response.json() == {
        "patient": "@maria:p",
        "professional": "@garcia:h",
        "role": "gp",
        "from": "2026-11-23T09:00:00.000Z",
        "until": None,
    }
    response = await put(api_on_each, role="médico de familia", until="2026-12-01T00:00:00Z")
    assert response.status == 200
    answer = await response.json()
    assert (answer["role"], answer["from"]) == ("médico de familia", "2026-11-23T09:00:00.123Z")


async def test_care_ends_now_and_again(api_on_each) -> None:
    """204, sets `until` to now, may be repeated, and needs no relationship to have been."""
    await put(api_on_each)
    assert [(await delete(api_on_each)).status for _ in range(2)] == [204, 204]
    assert [care.ends for care in await stored(api_on_each)] == [api_on_each.now]
    assert (await delete(api_on_each, "/api/care/@nobody:p/@garcia:h")).status == 204


@pytest.mark.parametrize(
    ("body", "place"),
    [
        ({"from": "2026-11-23T09:00:00"}, "#/from"),
        ({"from": "2026-11-23"}, "#/from"),
        ({"from": 1_700_000_000}, "#/from"),
        ({"from": "2026-02-30T09:00:00Z"}, "#/from"),
        ({"from": "0001-01-01T00:00:00+14:00"}, "#/from"),
        ({"from": "2026-11-23T09:00:00Z", "until": "2026-11-23T09:00:00Z"}, "#/until"),
        ({"until": "2026-11-22T09:00:00Z"}, "#/until"),
        ({"role": ""}, "#/role"),
        ({"role": "x" * 65}, "#/role"),
        ({"role": "g\x00p"}, "#/role"),
        ({"role": 5}, "#/role"),
        ({"reason": "x" * 2001}, "#/reason"),
        ({"reason": "\x07"}, "#/reason"),
        ({"other": 1}, "#/other"),
    ],
)
async def test_a_wrong_relationship_is_refused(api, body, place) -> None:
    """422 that points at it; nothing is stored."""
    response = await put(api, **body)
    assert await refused(response) == (422, "validation", [place])
    assert await stored(api) == []


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/api/care/maria/%40garcia%3Ah", "patient"),
        ("/api/care/%40maria%3Ap/%40garcia", "professional"),
        ("/api/care/%40maria%3Ap/%40gar%00cia%3Ah", "professional"),
        ("/api/care/%40maria%3Ap/%40maria%3Ap", "professional"),
        ("/api/care/%40maria%3Ap/%40garcia%3Aelsewhere", "professional"),
        ("/api/care/%40maria%3Aelsewhere/%40garcia%3Ah", "patient"),
        ("/api/care/%40maria%3Ap/%40asistente%3Ap", "professional"),
        ("/api/care/%40consulta%3Ap/%40garcia%3Ah", "patient"),
    ],
)
async def test_a_wrong_person_is_refused(api, path, name) -> None:
    """422 that names the parameter: no user id, the same person twice, a server that may not take part, a bot."""
    response = await put(api, path)
    assert await refused(response) == (422, "validation", [name])


async def test_the_role_is_required(api) -> None:
    """What the professional is to the patient has to be said."""
    response = await api.call("PUT", PATH, json={}, headers=api.headers(act_as=None))
    assert await refused(response) == (422, "validation", ["#/role"])


async def care(api, query: str):
    """GET care relationships."""
    return await api.call("GET", f"/api/care{query}", headers=api.headers(act_as=None))


async def test_care_is_listed(api_on_each) -> None:
    """Of a patient, of a professional, of the two; of nobody in particular is refused."""
    for pair in ("%40maria%3Ap/%40garcia%3Ah", "%40pedro%3Ap/%40garcia%3Ah", "%40maria%3Ap/%40lopez%3Ah"):
        path = f"/api/care/{pair}"
        await api_on_each.call("PUT", path, json={"role": "gp"}, headers=api_on_each.headers(act_as=None))

    async def pairs(query: str) -> list[tuple[str, str]]:
        found = (await (await care(api_on_each, query)).json())["care"]
        return [(one["patient"], one["professional"]) for one in found]

    assert await pairs("?patient=%40maria%3Ap") == [("@maria:p", "@garcia:h"), ("@maria:p", "@lopez:h")]
    assert await pairs("?professional=%40lopez%3Ah") == [("@maria:p", "@lopez:h")]
    assert await pairs("?patient=%40pedro%3Ap&professional=%40garcia%3Ah") == [("@pedro:p", "@garcia:h")]
    assert await pairs("?patient=%40nobody%3Ap") == []
    for wrong in ("", "?patient=maria", "?other=1"):
        assert (await care(api_on_each, wrong)).status == 422
