"""Representations and lists of care over REST, on each kind of database."""

import pytest

from appointments.services import list_representations
from bridge.errors import IdentityChangedError, MessageRefusedError

PATH = "/api/representatives/%40maria%3Ap/%40madre%3Ap"


async def put(api, path=PATH, **body: object):
    """PUT a representation, by default in messages."""
    body.setdefault("scopes", ["messages"])
    return await api.call("PUT", path, json=body, headers=api.headers(act_as=None))


async def delete(api, path=PATH):
    """DELETE a representation."""
    return await api.call("DELETE", path, headers=api.headers(act_as=None))


async def care(api, query: str):
    """GET care relationships."""
    return await api.call("GET", f"/api/care{query}", headers=api.headers(act_as=None))


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
    document = await response.json(content_type="application/problem+json")
    assert (response.status, document["errors"][0]["pointer"]) == (422, place)
    assert await stored(api) == []


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/api/representatives/maria/%40madre%3Ap", "patient"),
        ("/api/representatives/%40maria%3Ap/%40maria%3Ap", "representative"),
        ("/api/representatives/%40maria%3Ap/%40madre%3Aelsewhere", "representative"),
        ("/api/representatives/%40maria%3Aelsewhere/%40madre%3Ap", "patient"),
    ],
)
async def test_a_wrong_person_is_refused(api, path, name) -> None:
    """422 that names the parameter."""
    response = await put(api, path)
    document = await response.json(content_type="application/problem+json")
    assert (response.status, document["errors"][0]["parameter"]) == (422, name)


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


@pytest.mark.parametrize(
    ("failure", "status", "kind"),
    [
        (IdentityChangedError(), 409, "/problems/identity-changed"),
        (MessageRefusedError(), 403, "/problems/message-refused"),
    ],
)
async def test_why_a_message_does_not_go_out(api, failure, status, kind) -> None:
    """A changed identity is not the caller's fault, a homeserver's no is final: each has its problem."""
    api.clinic.failure = failure
    response = await api.call("POST", "/api/messages/send", json={"recipient": "@garcia:h", "body": "hola"})
    document = await response.json(content_type="application/problem+json")
    assert (response.status, document["type"]) == (status, kind)
