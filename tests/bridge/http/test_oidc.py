"""Access tokens of the portal's identity provider at the API: whose they are, and what they open."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from bridge.http import events as wire
from bridge.oidc.key_set import KeySet
from bridge.oidc.settings import OidcSettings
from bridge.oidc.verifier import OidcVerifier
from bridge.openid.fakes import FakeHttps
from bridge.openid.https import Reply
from bridge.people.people import deactivate
from tests.bridge.http.api import GARCIA, LUCIA, NOW, made_up_settings
from tests.bridge.http.logins import bearer
from tests.bridge.http.problems import problem
from tests.bridge.oidc.provider import AUDIENCE, ISSUER, Token, key_set

OIDC = OidcSettings(
    issuer=ISSUER, audience=AUDIENCE, jwks_url="https://idp.portal.example/certs", scopes=["messages"]
)
CONVERSATIONS, EVENTS = "/api/conversations", "/api/events"


@pytest.fixture
def provider() -> FakeHttps:
    """What answers at the provider's address."""
    return FakeHttps({"idp.portal.example:443/certs": Reply(status=200, headers={}, body=key_set())})


@pytest.fixture
async def api(api, open_api, provider, sqlite_database) -> Any:
    """The API of a portal with an identity provider."""
    keys = KeySet(https=provider, url=OIDC.jwks_url, clock=lambda: float(opened.now.timestamp()))
    verifier = OidcVerifier(
        OIDC,
        keys=keys,
        server_name="p",
        bots=frozenset({"@consulta:p", "@asistente:p"}),
        now=lambda: opened.now,
    )
    settings = made_up_settings().model_copy(update={"oidc": OIDC})
    opened = await open_api(sqlite_database, api.tokens, settings=settings, oidc=verifier)
    return opened


def token(**claims: Any) -> dict[str, str]:
    """The headers of whoever shows a good token with these claims."""
    return bearer(str(Token(claims=claims, now=NOW)))


async def test_a_managed_user_speaks_for_herself(api) -> None:
    """With content, without X-Act-As; by her id or her localpart; naming herself is no harm, somebody else is 403."""
    api.clinic.open(patient=LUCIA, professional=GARCIA)
    for headers in (token(), token(matrix_user_id="portal_lucia"), token() | {"X-Act-As": LUCIA}):
        assert (await api.send(headers=headers)).status == 201
    response = await api.send(headers=token() | {"X-Act-As": "@portal_juan:p"})
    assert await problem(response) == (403, "/problems/not-managed")


async def test_what_the_settings_do_not_open_stays_closed(api) -> None:
    """Another scope is 403; care takes an API key; there is no session to make or to end."""
    refused = {
        ("GET", "/api/appointments"): 403,
        ("PUT", f"/api/care/{LUCIA}/{GARCIA}"): 403,
        ("DELETE", "/api/session"): 401,
        ("POST", "/api/session"): 403,
    }
    for (method, path), status in refused.items():
        options = {"json": {}} if method in ("PUT", "POST") else {}
        assert (await api.call(method, path, headers=token(), **options)).status == status, path


async def test_a_person_with_a_client_gets_no_content(api) -> None:
    """As with an OpenID token: she lists, and reads in her client."""
    headers = token(matrix_user_id="@maria:p")
    assert (await api.call("GET", CONVERSATIONS, headers=headers)).status == 200
    assert await problem(await api.send(headers=headers)) == (403, "/problems/not-managed")


@pytest.mark.parametrize(
    "claims",
    [
        {"matrix_user_id": None},
        {"matrix_user_id": 5},
        {"matrix_user_id": ""},
        {"matrix_user_id": "@garcia:h"},
        {"matrix_user_id": "@portal_lucia:p:q"},
        {"matrix_user_id": "x:p"},
        {"matrix_user_id": "@consulta:p"},
        {"matrix_user_id": "asistente"},
        {"matrix_user_id": "a" * 300},
        {"aud": "account"},
        {"iss": "https://elsewhere.example"},
    ],
)
async def test_who_is_not_named_is_nobody(api, claims) -> None:
    """401 in the caller's language: another server's people, bots and nonsense, too."""
    response = await api.call("GET", CONVERSATIONS, headers=token(**claims) | {"Accept-Language": "en"})
    assert await problem(response) == (401, "/problems/unauthorized")
    assert "identity provider" in (await response.json(content_type=None))["detail"]


async def test_a_token_that_has_ended_opens_nothing(api, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor does a stream that it opened go on."""
    monkeypatch.setattr(wire, "_HEARTBEAT_S", 0.02)
    headers = token()
    async with api.client.get(EVENTS, headers=headers) as stream:
        assert stream.status == 200
        api.now += timedelta(minutes=6)
        async with asyncio.timeout(5):
            assert (await stream.read()).startswith(b"retry:")  # it ends
    response = await api.call("GET", CONVERSATIONS, headers=headers | {"Accept-Language": "en"})
    assert await problem(response) == (401, "/problems/unauthorized")
    assert "expired" in (await response.json(content_type=None))["detail"]


async def test_a_deactivated_person_is_nobody(api, sqlite_database) -> None:
    """Whatever the provider says."""
    async with sqlite_database.write() as connection:
        await deactivate(connection, user_id=LUCIA, now=NOW)
    assert (await api.call("GET", CONVERSATIONS, headers=token())).status == 401


async def test_a_provider_that_is_away_is_no_wrong_token(api, provider) -> None:
    """503 with Retry-After, and who it is that doesn't answer."""
    provider.replies.clear()
    response = await api.call("GET", CONVERSATIONS, headers=token() | {"Accept-Language": "en"})
    assert (response.status, int(response.headers["Retry-After"]) > 0) == (503, True)
    assert "identity provider" in (await response.json(content_type=None))["detail"]


async def test_a_stream_ends_when_nobody_can_be_believed_any_more(
    api, provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The provider has been away for a day: who comes back is told why."""
    monkeypatch.setattr(wire, "_HEARTBEAT_S", 0.02)
    headers = token(exp=int((NOW + timedelta(days=3)).timestamp()))
    async with api.client.get(EVENTS, headers=headers) as stream:
        assert stream.status == 200
        provider.replies.clear()
        api.now += timedelta(days=2)
        async with asyncio.timeout(5):
            assert (await stream.read()).startswith(b"retry:")
    assert (await api.call("GET", CONVERSATIONS, headers=headers)).status == 503


async def test_keys_are_as_ever(api) -> None:
    """Beside a provider."""
    assert (await api.call("GET", CONVERSATIONS)).status == 200


@pytest.mark.parametrize(
    "changes",
    [
        {"issuer": "http://idp.portal.example"},
        {"jwks_url": "https://user@idp.portal.example/"},
        {"scopes": ["care"]},
        {"audience": ""},
    ],
)
def test_settings_that_would_open_too_much_are_refused(changes) -> None:
    """Neither clear text, nor an audience that is none, nor what only an API key may do."""
    assert OidcSettings.model_validate(OIDC.model_dump())
    with pytest.raises(ValidationError):
        OidcSettings.model_validate(OIDC.model_dump() | changes)
