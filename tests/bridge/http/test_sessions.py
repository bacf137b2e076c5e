"""Logging in and out over HTTP, and what a session gives: never more than its kind may."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from appointments.services import start_care, start_representation
from bridge import apikeys
from bridge.http.limits import LoginLimits
from bridge.http.openapi import openapi
from bridge.http.routes import API_ROUTES
from bridge.http.session_models import CreateSession
from bridge.openid.errors import ServerRefusedError, ServerUnreachableError
from bridge.settings import SessionSettings
from tests.bridge.http.test_auth import problem
from tests.bridge.http.test_openapi import accepts, validator

LUCIA, MARIA, GARCIA = "@portal_lucia:p", "@maria:p", "@garcia:h"
SESSION, CONVERSATIONS = "/api/session", "/api/conversations"
OPENID = {"access_token": "t", "matrix_server_name": "h", "token_type": "Bearer", "expires_in": 3600}


def bearer(token: str, **more: str) -> dict[str, str]:
    """The headers of whoever holds this token."""
    return {"Authorization": f"Bearer {token}", **more}


async def log_in(api, *, user_id: str = GARCIA) -> str:
    """The token of a session of this person, made with an OpenID token."""
    server = user_id.partition(":")[2]
    api.openid.users[server, f"token of {user_id}"] = user_id
    body = {**OPENID, "access_token": f"token of {user_id}", "matrix_server_name": server}
    response = await api.call("POST", SESSION, json=body, headers={})
    assert response.status == 201
    return (await response.json())["token"]


async def log_in_browser(api, *, key: str = "all", **body: int) -> dict:
    """The answer to the portal's back end that asks for a session of Lucía's browser."""
    response = await api.call("POST", SESSION, json=body, headers=api.headers(key=key))
    assert response.status == 201
    return await response.json()


async def status_of(api, method: str, path: str, token: str, **options: Any) -> int:
    """What a call with this token gives."""
    return (await api.call(method, path, headers=bearer(token), **options)).status


async def test_an_openid_token_gives_a_session(api) -> None:
    """201 with the token, whose it is, what they are now, and until when; nobody else sees or stores the answer."""
    api.openid.users["h", "t"] = GARCIA
    response = await api.call("POST", SESSION, json=OPENID, headers={})
    answer = await response.json()
    assert response.headers["Cache-Control"] == "no-store"
    assert answer.pop("token").startswith("vs_")
    assert answer == {
        "user_id": GARCIA,
        "roles": ["professional"],
        "expires_at": "2026-11-23T10:00:00.123Z",
    }


async def test_strangers_get_a_session_without_roles(api) -> None:
    """It opens their own, empty, list."""
    token = await log_in(api, user_id="@nobody:p")
    response = await api.call("GET", CONVERSATIONS, headers=bearer(token))
    assert (response.status, await response.json()) == (200, {"conversations": []})


async def test_a_session_works_until_it_ends(api) -> None:
    """By its time, or by logging out; the texts say which."""
    first, second = await log_in(api), await log_in(api, user_id=MARIA)
    assert await status_of(api, "GET", CONVERSATIONS, first) == 200
    response = await api.call("DELETE", SESSION, headers=bearer(first))
    assert (response.status, await response.read()) == (204, b"")
    for token, word in ((first, "revoked"), (second, "expired")):
        headers = bearer(token, **{"Accept-Language": "en"})
        response = await api.call("GET", CONVERSATIONS, headers=headers)
        assert await problem(response) == (401, "/problems/unauthorized")
        assert word in (await response.json(content_type=None))["detail"]
        api.now += timedelta(hours=1)
    assert await status_of(api, "DELETE", SESSION, first) == 401


async def test_the_portal_logs_a_browser_in(api) -> None:
    """For the managed user it acts for, as long as it says."""
    answer = await log_in_browser(api, ttl_s=60)
    assert (answer["user_id"], answer["roles"]) == (LUCIA, ["patient"])
    assert answer["expires_at"] == "2026-11-23T09:01:00.123Z"
    assert (await log_in_browser(api))["expires_at"] == "2026-11-23T10:00:00.123Z"
    token = answer["token"]
    body = {"recipient": GARCIA, "body": "hola"}
    assert await status_of(api, "POST", "/api/messages/send", token, json=body) == 201
    assert await status_of(api, "GET", "/api/messages/conversation/!room0", token) == 200
    assert await status_of(api, "GET", CONVERSATIONS, token) == 200
    api.now += timedelta(seconds=60)
    assert await status_of(api, "GET", CONVERSATIONS, token) == 401


async def test_a_browser_can_do_what_its_key_can(api) -> None:
    """A key without the scope of messages makes sessions without them; a revoked key none that work."""
    care = (await log_in_browser(api, key="care"))["token"]
    response = await api.call("GET", CONVERSATIONS, headers=bearer(care))
    assert await problem(response) == (403, "/problems/missing-scope")
    token = (await log_in_browser(api, key="messages"))["token"]
    assert await status_of(api, "GET", CONVERSATIONS, token) == 200
    async with api.services.database.write() as connection:
        for key in await apikeys.list_keys(connection):
            await apikeys.revoke(connection, key_id=key.id, now=api.now)
    assert await status_of(api, "GET", CONVERSATIONS, token) == 401


@pytest.mark.parametrize("user_id", [GARCIA, MARIA, LUCIA])
async def test_an_openid_session_never_gives_content(api, user_id) -> None:
    """Not even to somebody who is a party of the conversation, nor for a managed user's own OpenID token."""
    room = api.clinic.open(patient=LUCIA, professional=GARCIA).conversation_id
    token = await log_in(api, user_id=user_id)
    calls = [
        ("GET", f"/api/messages/conversation/{room}", {}),
        ("GET", "/api/messages/conversation/!nope", {}),
        ("POST", "/api/messages/send", {"json": {"recipient": GARCIA, "body": "x"}}),
        ("POST", "/api/messages/send", {"data": b"not json"}),
    ]
    for method, path, options in calls:
        response = await api.call(method, path, headers=bearer(token), **options)
        assert await problem(response) == (403, "/problems/not-managed")
    assert api.clinic.messages[room] == []


async def test_no_session_does_what_takes_a_key(api) -> None:
    """Care relationships, and making more sessions: 403 for either kind."""
    for token in (await log_in(api), (await log_in_browser(api))["token"]):
        for method, path in (
            ("PUT", f"/api/care/{LUCIA}/{GARCIA}"),
            ("DELETE", f"/api/care/{LUCIA}/{GARCIA}"),
            ("POST", SESSION),
        ):
            response = await api.call(method, path, headers=bearer(token, **{"X-Act-As": LUCIA}), json={})
            assert await problem(response) == (403, "/problems/missing-scope")


async def test_every_route_says_which_sessions_may_call() -> None:
    """What isn't listed here takes an API key, or is public: a new route has to be thought about."""
    assert {route.operation for route in API_ROUTES if route.sessions == {"managed", "own"}} == {
        "end_session",
        "list_conversations",
        "open_conversation",
        "stream_events",
        "get_preferences",
        "put_preferences",
        "get_push_key",
        "subscribe_to_pushes",
        "unsubscribe_from_pushes",
        "get_slots",
        "get_any_slots",
        "book_appointment",
        "book_series",
        "list_appointments",
        "get_appointment",
        "get_ics",
        "move_appointment",
        "cancel_appointment",
        "wait_for_earlier",
        "get_waiting",
        "wait_no_longer",
        "accept_offer",
        "decline_offer",
        "create_feed",
        "revoke_feed",
    }
    assert {route.operation for route in API_ROUTES if route.sessions == {"managed"}} == {
        "send_message",
        "read_conversation",
        "mark_read",
        "get_reasons",
        "upload_attachment",
        "download_attachment",
    }
    assert {route.operation for route in API_ROUTES if route.sessions == {"own"}} == {
        "put_schedule",
        "get_schedule",
        "arrive_appointment",
        "fulfil_appointment",
        "noshow_appointment",
    }
    assert [route.operation for route in API_ROUTES if route.logs_in] == ["create_session"]


@pytest.mark.parametrize("act_as", [LUCIA, "@portal_juan:p", MARIA, "nonsense"])
async def test_a_session_is_for_its_own_person(api, act_as) -> None:
    """X-Act-As may be left out, or name that person; nobody else."""
    own, browser = await log_in(api), (await log_in_browser(api))["token"]
    for token, mine in ((own, GARCIA), (browser, LUCIA)):
        response = await api.call("GET", CONVERSATIONS, headers=bearer(token, **{"X-Act-As": act_as}))
        assert response.status == (200 if act_as == mine else 403)
        response = await api.call("GET", CONVERSATIONS, headers=bearer(token, **{"X-Act-As": mine}))
        assert response.status == 200


async def test_a_bad_openid_token_is_a_401(api) -> None:
    """It names the scheme, and says what to do."""
    response = await api.call("POST", SESSION, json=OPENID, headers={"Accept-Language": "en"})
    assert await problem(response) == (401, "/problems/unauthorized")
    assert "OpenID" in (await response.json(content_type=None))["detail"]
    assert response.headers["WWW-Authenticate"].startswith("Bearer")


async def test_a_server_that_may_not_take_part_is_a_403(api) -> None:
    """Not allowed, or at an address that we don't connect to."""
    api.openid.failure = ServerRefusedError()
    response = await api.call("POST", SESSION, json=OPENID, headers={})
    assert await problem(response) == (403, "/problems/server-not-allowed")


async def test_a_server_that_is_down_is_a_503(api) -> None:
    """With a time to come back."""
    api.openid.failure = ServerUnreachableError()
    response = await api.call("POST", SESSION, json=OPENID, headers={})
    assert await problem(response) == (503, "/problems/unavailable")
    assert response.headers["Retry-After"] == "10"


async def test_the_order_of_refusals_of_logging_in(api) -> None:
    """Credentials, acting user, media type, JSON, and validation at last."""
    wrong = {"ttl_s": 0, "extra": 1}
    walk = [
        ({}, wrong, (401, "unauthorized")),
        ({}, {}, (401, "unauthorized")),
        ({}, {"ttl_s": 60}, (401, "unauthorized")),
        ({}, [], (401, "unauthorized")),
        (bearer("vc_nope"), wrong, (401, "unauthorized")),
        (bearer("vs_nope"), wrong, (401, "unauthorized")),
        (bearer("vc_nope"), OPENID, (401, "unauthorized")),
        (api.headers(key="revoked"), {}, (401, "unauthorized")),
        (api.headers(act_as=None), wrong, (400, "act-as-required")),
        (api.headers(act_as=MARIA), wrong, (403, "not-managed")),
        (api.headers(), wrong, (422, "validation")),
        (api.headers(), {"ttl_s": 86_401}, (422, "validation")),
        (api.headers(), OPENID, (422, "validation")),
        ({}, {"access_token": "t"}, (422, "validation")),
        ({}, {**OPENID, "access_token": 7}, (422, "validation")),
        ({}, {**OPENID, "access_token": "\ud800"}, (422, "validation")),
        ({}, {**OPENID, "access_token": ""}, (422, "validation")),
        ({}, {**OPENID, "token_type": "MAC"}, (422, "validation")),
        ({}, {**OPENID, "expires_in": -1}, (422, "validation")),
        ({}, {**OPENID, "ttl_s": 60}, (422, "validation")),
        ({}, {**OPENID, "extra": 1}, (422, "validation")),
    ]
    for headers, body, (status, slug) in walk:
        response = await api.call("POST", SESSION, json=body, headers=headers)
        assert await problem(response) == (status, f"/problems/{slug}"), (headers.keys(), body)


async def test_logging_out_takes_a_session(api) -> None:
    """401 for an API key, with a text that says so, and for nothing at all."""
    headers = api.headers(**{"Accept-Language": "en"})
    response = await api.call("DELETE", SESSION, headers=headers)
    assert await problem(response) == (401, "/problems/unauthorized")
    assert "vs_" in (await response.json(content_type=None))["detail"]
    assert (await api.call("DELETE", SESSION, headers={})).status == 401


async def test_no_idempotency_key_keeps_a_token(api) -> None:
    """The header is ignored here: an answer that holds a token is stored nowhere, not even sealed."""
    api.openid.users["h", "t"] = GARCIA
    tokens = set()
    for _ in range(2):
        response = await api.call("POST", SESSION, json=OPENID, headers={"Idempotency-Key": "k"})
        tokens.add((await response.json())["token"])
    assert len(tokens) == 2


async def test_what_was_begun_in_one_session_goes_on_in_the_next(api) -> None:
    """An Idempotency-Key is the person's, not the token's: who had to log in anew repeats nothing."""
    sent = set()
    for _ in range(2):
        token = (await log_in_browser(api))["token"]
        headers = bearer(token, **{"Idempotency-Key": "k"})
        response = await api.call(
            "POST", "/api/messages/send", headers=headers, json={"recipient": GARCIA, "body": "x"}
        )
        sent.add((await response.json())["message_id"])
    assert len(sent) == 1


async def limited(open_api, plain_database, tokens, **settings: int) -> object:
    """An API with these limits, its clock standing still."""
    logins = LoginLimits(SessionSettings(**settings), clock=lambda: 0.0)
    return await open_api(plain_database, tokens, logins=logins)


async def test_guessing_is_slowed_down(api, open_api) -> None:
    """429 with Retry-After after so many failures; good keys from the same address go on."""
    slow = await limited(open_api, api.services.database, api.tokens, failures_per_minute=3)
    bad = [{}, bearer("vs_" + "x" * 43), bearer("vc_nope")]
    for headers in bad:
        assert (await slow.call("POST", SESSION, json=OPENID, headers=headers)).status == 401
    for headers in bad:
        response = await slow.call("POST", SESSION, json=OPENID, headers=headers)
        assert await problem(response) == (429, "/problems/too-many-requests")
        assert int(response.headers["Retry-After"]) == 20
    assert (await slow.call("POST", SESSION, json={}, headers=slow.headers())).status == 201


async def test_attempts_are_limited_before_any_server_is_asked(api, open_api) -> None:
    """Nobody makes us flood a hospital: the check itself is what is rationed."""
    slow = await limited(open_api, api.services.database, api.tokens, attempts_per_minute=2)
    slow.openid.users["h", "t"] = GARCIA
    statuses = [(await slow.call("POST", SESSION, json=OPENID, headers={})).status for _ in range(4)]
    assert statuses == [201, 201, 429, 429]


async def test_a_key_has_its_own_limit(api, open_api) -> None:
    """Each key for itself."""
    slow = await limited(open_api, api.services.database, api.tokens, attempts_per_minute_of_key=1)
    for key, status in (("all", 201), ("all", 429), ("messages", 201)):
        response = await slow.call("POST", SESSION, json={}, headers=slow.headers(key=key))
        assert response.status == status


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
    async with api.services.database.write() as connection:
        await start_care(
            connection,
            patient=MARIA,
            professional=GARCIA,
            role="gp",
            starts=api.now - timedelta(days=2),
            ends=api.now,
            reason_sealed=None,
            now=api.now,
        )
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
    async with api.services.database.write() as connection:
        for patient in (LUCIA, juan):
            await start_representation(
                connection,
                patient=patient,
                representative=daughter,
                scopes=frozenset({"messages"}),
                starts=api.now,
                ends=None,
                reason_sealed=None,
                now=api.now,
            )
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
    async with api.services.database.write() as connection:
        await start_care(
            connection,
            patient=juan,
            professional=GARCIA,
            role="gp",
            starts=api.now,
            ends=None,
            reason_sealed=None,
            now=api.now,
        )
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


@pytest.mark.parametrize(
    "body",
    [
        {},
        OPENID,
        {"access_token": "t", "matrix_server_name": "h"},
        {"ttl_s": 60},
        {"ttl_s": 0},
        {"ttl_s": None},
        {"access_token": None},
        {"access_token": "t"},
        {"matrix_server_name": "h"},
        {"token_type": "Bearer"},
        {**OPENID, "ttl_s": 60},
        {**OPENID, "ttl_s": None},
        {**OPENID, "token_type": None},
        {**OPENID, "matrix_server_name": None},
        {"expires_in": 1},
    ],
)
def test_the_schema_of_logging_in_is_what_the_server_takes(body) -> None:
    """Neither stricter nor laxer."""
    assert validator("CreateSession").is_valid(body) == accepts(CreateSession, body)


def test_the_document_names_both_ways_in() -> None:
    """Keys and sessions are two schemes; logging in also goes with neither."""
    document = openapi([replace(route) for route in API_ROUTES], language="en", version="1")
    assert set(document["components"]["securitySchemes"]) == {"apiKey", "session"}
    assert document["paths"][SESSION]["post"]["security"] == [{"apiKey": []}, {}]
    assert document["paths"][SESSION]["delete"]["security"] == [{"session": []}]
    assert document["paths"][CONVERSATIONS]["post"]["security"] == [{"apiKey": []}, {"session": []}]
