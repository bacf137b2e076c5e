"""Logging in and out over HTTP: what opens a session, what is refused, and how often one may try."""

from datetime import timedelta

import pytest

from bridge.http.limits import LoginLimits
from bridge.http.session_models import CreateSession
from bridge.openid.errors import ServerRefusedError, ServerUnreachableError
from bridge.settings import SessionSettings
from tests.bridge.http.api import GARCIA, LUCIA, MARIA
from tests.bridge.http.logins import CONVERSATIONS, OPENID, SESSION, bearer, log_in_browser, status_of
from tests.bridge.http.problems import problem
from tests.bridge.http.schemas import accepts, validator


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
    async with api.services.database.read() as connection:
        assert (await connection.exec_driver_sql("SELECT * FROM idempotency")).all() == []


async def limited(open_api, sqlite_database, tokens, **settings: int) -> object:
    """An API with these limits, its clock standing still."""
    logins = LoginLimits(SessionSettings(**settings), clock=lambda: 0.0)
    return await open_api(sqlite_database, tokens, logins=logins)


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
