"""What a session gives over HTTP, until it ends: never more than its kind may."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bridge.callers import apikeys
from bridge.http.openapi import openapi
from bridge.http.routes import API_ROUTES
from tests.bridge.http.api import GARCIA, LUCIA, MARIA
from tests.bridge.http.logins import CONVERSATIONS, SESSION, bearer, log_in, log_in_browser, status_of
from tests.bridge.http.problems import problem


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


def test_the_document_names_both_ways_in() -> None:
    """Keys and sessions are two schemes; logging in also goes with neither."""
    document = openapi([replace(route) for route in API_ROUTES], language="en", version="1")
    assert set(document["components"]["securitySchemes"]) == {"apiKey", "session"}
    assert document["paths"][SESSION]["post"]["security"] == [{"apiKey": []}, {}]
    assert document["paths"][SESSION]["delete"]["security"] == [{"session": []}]
    assert document["paths"][CONVERSATIONS]["post"]["security"] == [{"apiKey": []}, {"session": []}]
