"""Who may call what, and which refusal comes first."""

import pytest
from multidict import CIMultiDict

from tests.bridge.http.api import GARCIA, LUCIA, MARIA
from tests.bridge.http.problems import problem

SEND = "/api/messages/send"


ACTING = [
    ("POST", SEND),
    ("GET", "/api/messages/conversation/%21room0"),
    ("GET", "/api/conversations"),
]


CARE = [("PUT", f"/api/care/{LUCIA}/{GARCIA}"), ("DELETE", f"/api/care/{LUCIA}/{GARCIA}")]


@pytest.mark.parametrize(("method", "path"), ACTING + CARE)
@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "",
        "Bearer",
        "Bearer ",
        "Bearer nope",
        "Basic dXNlcjpwYXNz",
        "Bearer vc_0011223344556677_" + "x" * 43,
    ],
)
async def test_without_a_valid_key_nothing_opens(api, method, path, authorization) -> None:
    """401 for every way of having no credentials, whatever else is wrong; it names the scheme."""
    headers = {} if authorization is None else {"Authorization": authorization}
    response = await api.call(method, path, headers=headers, data=b"not json")
    assert await problem(response) == (401, "/problems/unauthorized")
    assert response.headers["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize(("key", "word"), [("expired", "expired"), ("revoked", "revoked")])
async def test_a_dead_key_is_refused_and_says_why(api, key, word) -> None:
    """401 with a text that tells an expired key from a revoked one."""
    headers = api.headers(key=key, **{"Accept-Language": "en"})
    response = await api.send(headers=headers)
    assert await problem(response) == (401, "/problems/unauthorized")
    assert word in (await response.json(content_type=None))["detail"]


@pytest.mark.parametrize(("method", "path"), ACTING)
async def test_a_key_needs_the_scope_of_messages(api, method, path) -> None:
    """A key for care reads and sends no messages, whoever it would act for."""
    response = await api.call(method, path, headers=api.headers(key="care", act_as=None))
    assert await problem(response) == (403, "/problems/missing-scope")


@pytest.mark.parametrize(("method", "path"), CARE)
async def test_a_key_needs_the_scope_of_care(api, method, path) -> None:
    """A key for messages changes no care relationship."""
    response = await api.call(method, path, headers=api.headers(key="messages"))
    assert await problem(response) == (403, "/problems/missing-scope")


@pytest.mark.parametrize(("method", "path"), ACTING)
async def test_acting_needs_a_name(api, method, path) -> None:
    """400 before anything about the body is said."""
    response = await api.call(method, path, headers=api.headers(act_as=None), data=b"not json")
    assert await problem(response) == (400, "/problems/act-as-required")


@pytest.mark.parametrize(("method", "path"), ACTING)
@pytest.mark.parametrize(
    "user",
    [
        MARIA,
        GARCIA,
        "@nobody:p",
        "@portal_lucia:h",
        "lucia",
        "@:p",
        "@a:" + "b" * 300,
        "@portal_luc\u00eda:p",
    ],
)
async def test_nobody_else_can_be_acted_for(api, method, path, user) -> None:
    """403 for people with their own client, unknown ones and what is no user id, in the same words."""
    response, of_nobody = [
        await api.call(method, path, headers=api.headers(act_as=one), data=b"not json")
        for one in (user, "@nobody:nowhere.example")
    ]
    assert await problem(response) == (403, "/problems/not-managed")
    assert await response.text() == await of_nobody.text()


async def test_the_order_of_refusals_of_sending(api) -> None:
    """Credentials, scope, acting user, media type, JSON, access, and validation at last."""
    clinic = api.clinic
    ended = clinic.open(patient=LUCIA, professional="@lopez:h").conversation_id
    clinic.end(ended)
    everything_wrong = {"body": "", "extra": 1}
    walk = [
        ({}, everything_wrong, (401, "unauthorized")),
        (api.headers(key="care", act_as=None), everything_wrong, (403, "missing-scope")),
        (api.headers(act_as=None), everything_wrong, (400, "act-as-required")),
        (api.headers(act_as=MARIA), everything_wrong, (403, "not-managed")),
        (api.headers(), everything_wrong | {"conversation_id": "!nope"}, (404, "not-found")),
        (api.headers(), everything_wrong | {"conversation_id": ended}, (403, "not-in-care-team")),
        (api.headers(), everything_wrong | {"recipient": "@lopez:h"}, (403, "not-in-care-team")),
        (api.headers(), everything_wrong | {"recipient": "@x:unknown.example"}, (403, "not-in-care-team")),
        (api.headers(), everything_wrong | {"recipient": GARCIA}, (422, "validation")),
        (api.headers(), everything_wrong, (422, "validation")),
    ]
    for headers, body, (status, slug) in walk:
        response = await api.call("POST", SEND, json=body, headers=headers)
        assert await problem(response) == (status, f"/problems/{slug}")


async def test_the_order_of_refusals_of_reading(api) -> None:
    """Someone else's conversation and an unknown one are the same 404, before a wrong limit is."""
    api.clinic.open(patient=MARIA, professional=GARCIA)
    own = api.clinic.open(patient=LUCIA, professional=GARCIA).conversation_id
    for room, status in (("!room0", 404), ("!nope", 404), ("nonsense", 404), (own, 422)):
        response = await api.call("GET", f"/api/messages/conversation/{room}?limit=0")
        assert response.status == status
    refusals = {
        await (await api.call("GET", f"/api/messages/conversation/{room}")).text()
        for room in ("!room0", "!nope")
    }
    assert len(refusals) == 1


async def test_texts_come_in_the_callers_language(api) -> None:
    """Spanish unless English is asked for; the type stays."""
    texts = {}
    for language in ("es", "en", "fr"):
        response = await api.call("GET", "/api/conversations", headers={"Accept-Language": language})
        assert response.headers["Content-Language"] == ("en" if language == "en" else "es")
        texts[language] = await response.json(content_type=None)
    assert texts["es"] == texts["fr"]
    assert texts["es"]["title"] != texts["en"]["title"]
    assert texts["es"]["type"] == texts["en"]["type"]


async def test_of_two_headers_none_is_believed(api) -> None:
    """A proxy that adds its own to the caller's lets nobody act for whom they like, or with which key they like."""
    api.clinic.open(patient=LUCIA, professional=GARCIA)
    once = api.headers()
    for name, refused in (
        ("X-Act-As", (403, "/problems/not-managed")),
        ("Authorization", (401, "/problems/unauthorized")),
    ):
        twice = CIMultiDict([*once.items(), (name, once[name])])
        response = await api.call("GET", "/api/conversations", headers=twice)
        assert await problem(response) == refused
