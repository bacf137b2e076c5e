"""Sending and reading messages: what goes through, and what is refused."""

from urllib.parse import quote

import pytest

from bridge.errors import HomeserverUnavailableError, IdentityChangedError, MessageRefusedError
from tests.bridge.http.api import GARCIA, LUCIA
from tests.bridge.http.problems import refused


async def history(api, conversation_id: str, query: str = "") -> dict:
    """A page of the history."""
    path = f"/api/messages/conversation/{quote(conversation_id, safe='')}{query}"
    response = await api.call("GET", path)
    assert response.status == 200
    return await response.json()


async def test_a_message_is_sent_and_in_the_history(api_on_each) -> None:
    """201 with its ids; then the conversation shows it, with every field that interfaces.md names."""
    api = api_on_each
    response = await api.send(body="hola, doctora")
    assert response.status == 201
    sent = await response.json()
    assert sent == {
        "message_id": "$event0",
        "conversation_id": "!room0",
        "status": "sent",
        "sent_at": "2026-11-23T09:00:00.123Z",
    }
    page = await history(api, sent["conversation_id"])
    assert page["next"] is None
    assert page["messages"] == [
        {
            "message_id": "$event0",
            "conversation_id": "!room0",
            "sender": LUCIA,
            "sender_role": "patient",
            "type": "text",
            "body": "hola, doctora",
            "attachments": [],
            "reply_to": None,
            "edited_at": None,
            "redacted": False,
            "sent_at": "2026-11-23T09:00:00.123Z",
            "status": "sent",
            "read_by": [],
            "attended_by": None,
            "reason": None,
        }
    ]


async def test_the_next_message_may_name_the_conversation_and_reply(api) -> None:
    """By conversation id, as a reply to a message in it; null stands for what is left out."""
    first = await (await api.send()).json()
    response = await api.send(
        conversation_id=first["conversation_id"], recipient=None, reply_to=first["message_id"], attachments=[]
    )
    assert response.status == 201
    page = await history(api, first["conversation_id"])
    assert page["messages"][0]["reply_to"] == first["message_id"]


async def test_the_history_has_pages(api) -> None:
    """Newest first; `next` leads to what is older, and ends."""
    for number in range(5):
        await api.send(body=f"número {number}")
    first = await history(api, "!room0", "?limit=3")
    assert [message["body"] for message in first["messages"]] == ["número 4", "número 3", "número 2"]
    second = await history(api, "!room0", f"?limit=3&before={first['next']}")
    assert [message["body"] for message in second["messages"]] == ["número 1", "número 0"]
    assert second["next"] is None


async def test_conversations_are_listed(api) -> None:
    """With the people in them; none before the first message."""
    assert await (await api.call("GET", "/api/conversations")).json() == {"conversations": []}
    await api.send()
    listed = await (await api.call("GET", "/api/conversations")).json()
    assert [
        (one["patient"], one["professional"], one["unread_count"]) for one in listed["conversations"]
    ] == [(LUCIA, GARCIA, 0)]


@pytest.mark.parametrize(
    "body",
    [
        "👩‍⚕️🩺",
        "مرحبا دكتورة",
        "שלום \u202eabc\u202c",
        "línea\nsegunda\t.",
        " bordes ",
        "a\u0301",
        "x" * 32768,
        "<b>&amp;",
    ],
)
async def test_words_arrive_intact(api_on_each, body) -> None:
    """Emoji, right-to-left text, line feeds, spaces, decomposed letters: nothing is changed."""
    assert (await api_on_each.send(body=body)).status == 201
    assert (await history(api_on_each, "!room0"))["messages"][0]["body"] == body


@pytest.mark.parametrize("body", ["x" * 40_000, "x" * 32_769, "ñ" * 16_385, "👩" * 8193, '"' * 23_000])
async def test_a_long_message_is_a_413(api, body) -> None:
    """32 KiB of UTF-8 are the limit, whatever the number of characters; fewer where JSON escapes double them."""
    assert await refused(await api.send(body=body)) == (413, "message-too-large", [])


async def test_permission_comes_before_the_size(api) -> None:
    """Someone without care learns nothing about limits."""
    response = await api.send(recipient="@lopez:h", body="x" * 40_000)
    assert await refused(response) == (403, "not-in-care-team", [])


@pytest.mark.parametrize("recipient", ["@lopez:h", "@nobody:p", "@x:unknown.example", LUCIA])
async def test_without_care_there_is_no_recipient(api, recipient) -> None:
    """The same 403 whether the person exists or not."""
    assert await refused(await api.send(recipient=recipient)) == (403, "not-in-care-team", [])


async def test_a_homeserver_that_is_down_is_a_503(api) -> None:
    """With the time after which to try again."""
    api.clinic.failure = HomeserverUnavailableError(retry_after_s=2.2)
    response = await api.send()
    assert await refused(response) == (503, "unavailable", [])
    assert response.headers["Retry-After"] == "3"


async def test_a_surprise_is_a_500_that_tells_nothing(api, caplog) -> None:
    """An exception nobody foresaw: a problem document and a log entry, without what was in it."""
    api.clinic.failure = RuntimeError("dolor de cabeza")
    response = await api.send()
    assert await refused(response) == (500, "internal", [])
    assert "dolor" not in await response.text()
    assert any(record.levelname == "ERROR" for record in caplog.records)


@pytest.mark.parametrize(
    ("failure", "status", "kind"),
    [
        (IdentityChangedError(), 409, "identity-changed"),
        (MessageRefusedError(), 403, "message-refused"),
    ],
)
async def test_why_a_message_does_not_go_out(api, failure, status, kind) -> None:
    """A changed identity is not the caller's fault, a homeserver's no is final: each has its problem."""
    api.clinic.failure = failure
    assert await refused(await api.send()) == (status, kind, [])
