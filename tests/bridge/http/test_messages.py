"""Sending and reading messages: what goes through, and what is refused."""

import io
import json
import unicodedata
from datetime import datetime
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from bridge.errors import HomeserverUnavailableError
from bridge.http.fields import format_instant, parse_instant
from bridge.http.models import SendMessage

LUCIA, GARCIA = "@portal_lucia:p", "@garcia:h"
SEND = "/api/messages/send"
JSON = {"Content-Type": "application/json"}


async def refused(response) -> tuple[int, str, list[str]]:
    """Status, type and places of a problem document."""
    document = await response.json(content_type="application/problem+json")
    places = [item.get("pointer", item.get("parameter")) for item in document.get("errors", [])]
    return response.status, document["type"].removeprefix("/problems/"), places


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


WORDS = st.text(
    st.characters(exclude_categories=("Cs", "Cc")) | st.sampled_from("\n\t"), min_size=1, max_size=200
)


@given(WORDS.filter(lambda text: not text.isspace()))
def test_any_words_pass_through_unchanged(body: str) -> None:
    """Every text without control characters is accepted as it is."""
    assert (
        SendMessage.model_validate(json.loads(json.dumps({"recipient": GARCIA, "body": body}))).body == body
    )


@given(WORDS, st.characters(categories=("Cc", "Cs")).filter(lambda one: one not in "\n\t"), WORDS)
def test_no_control_character_passes(before: str, bad: str, after: str) -> None:
    """One control character or half a surrogate pair anywhere refuses the text."""
    assert unicodedata.category(bad) in {"Cc", "Cs"}
    with pytest.raises(ValidationError):
        SendMessage.model_validate({"recipient": GARCIA, "body": before + bad + after})


@pytest.mark.parametrize(
    ("raw", "places"),
    [
        ('{"recipient": "@garcia:h", "body": ""}', ["#/body"]),
        ('{"recipient": "@garcia:h", "body": " \\n\\t "}', ["#/body"]),
        ('{"recipient": "@garcia:h", "body": "a\\u0000b"}', ["#/body"]),
        ('{"recipient": "@garcia:h", "body": "a\\u001bb"}', ["#/body"]),
        ('{"recipient": "@garcia:h", "body": "a\\rb"}', ["#/body"]),
        ('{"recipient": "@garcia:h", "body": "a\\u0085b"}', ["#/body"]),
        ('{"recipient": "@garcia:h", "body": "\\ud83d"}', ["#/body"]),
        ('{"recipient": "@garcia:h", "body": 5}', ["#/body"]),
        ('{"recipient": "@garcia:h", "body": null}', ["#/body"]),
        ('{"recipient": "@garcia:h"}', ["#/body"]),
        ('{"body": "x"}', ["#"]),
        ('{"recipient": "@garcia:h", "conversation_id": "!room0", "body": "x"}', ["#"]),
        ('{"recipient": "garcia", "body": "x"}', ["#/recipient"]),
        ('{"recipient": "@gar\\u0000cia:h", "body": "x"}', ["#/recipient"]),
        ('{"conversation_id": "room", "body": "x"}', ["#/conversation_id"]),
        ('{"recipient": "@garcia:h", "body": "x", "reply_to": "5"}', ["#/reply_to"]),
        ('{"recipient": "@garcia:h", "body": "x", "reply_to": "$unknown"}', ["#/reply_to"]),
        ('{"recipient": "@garcia:h", "body": "x", "attachments": ["a b"]}', ["#/attachments/0"]),
        ('{"recipient": "@garcia:h", "attachments": ["a1", "a2"]}', ["#/attachments/0"]),
        ('{"recipient": "@garcia:h", "body": "x", "a/b~c ñ": 1}', ["#/a~1b~0c%20%C3%B1"]),
        ('{"recipient": "@garcia:h", "body": "x", "\\ud800": 1}', ["#"]),
        ("[]", ["#"]),
        ("null", ["#"]),
    ],
)
async def test_what_is_wrong_is_named(api, raw, places) -> None:
    """422 with a JSON pointer to each thing to mend."""
    api.clinic.open(patient=LUCIA, professional=GARCIA)
    response = await api.call("POST", SEND, data=raw.encode(), headers=api.headers(**JSON))
    assert await refused(response) == (422, "validation", places)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b"hola",
        b"{'a': 1}",
        b"\xff\xfe",
        b'{"body": NaN}',
        b"[" * 100_000,
        b"9" * 5000,
        b"\xef\xbb\xbf{}",
    ],
)
async def test_what_is_not_json_is_a_400(api, raw) -> None:
    """Broken, empty, not UTF-8, or nested without end."""
    response = await api.call("POST", SEND, data=raw, headers=api.headers(**JSON))
    assert await refused(response) == (400, "bad-json", [])


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "application/json; charset=latin-1", "json"]
)
async def test_another_media_type_is_a_415(api, kind) -> None:
    """Only JSON in UTF-8 is read."""
    response = await api.call("POST", SEND, data=b"{}", headers=api.headers(**{"Content-Type": kind}))
    assert await refused(response) == (415, "unsupported-media-type", [])


@pytest.mark.parametrize("chunked", [False, True])
async def test_a_huge_body_is_a_413(api, chunked) -> None:
    """10 MB are refused whether or not their length is told beforehand."""

    async def stream():
        for _ in range(160):
            yield b" " * 65536

    data = stream() if chunked else io.BytesIO(b" " * 10_485_760)
    response = await api.call("POST", SEND, data=data, headers=api.headers(**JSON))
    assert await refused(response) == (413, "body-too-large", [])


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


@pytest.mark.parametrize(
    ("query", "places"),
    [
        ("?limit=0", ["limit"]),
        ("?limit=101", ["limit"]),
        ("?limit=-1", ["limit"]),
        ("?limit=%201", ["limit"]),
        ("?limit=1_0", ["limit"]),
        ("?limit=x", ["limit"]),
        ("?limit=", ["limit"]),
        ("?limit=1&limit=2", ["limit"]),
        ("?limit=99999999999999999999", ["limit"]),
        ("?before=", ["before"]),
        ("?before=junk", ["before"]),
        ("?before=%C3%B1", ["before"]),
        ("?other=1", ["other"]),
    ],
)
async def test_a_wrong_query_is_named(api, query, places) -> None:
    """422 with the name of the parameter."""
    api.clinic.open(patient=LUCIA, professional=GARCIA)
    response = await api.call("GET", f"/api/messages/conversation/%21room0{query}")
    assert await refused(response) == (422, "validation", places)


@pytest.mark.parametrize(
    "room", ["%00", "%21%00", "%FF", "%21a%2Fb", "%21" + "x" * 300, "%21room0%20", "%2e%2e", "%21%25"]
)
async def test_an_odd_conversation_is_not_found(api_on_each, room) -> None:
    """Whatever the path holds, an unknown conversation is a 404."""
    response = await api_on_each.call("GET", f"/api/messages/conversation/{room}")
    assert response.status == 404


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


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.dictionaries(
        st.sampled_from(["recipient", "body", "reply_to", "x"]), st.none() | st.text() | st.integers()
    )
)
async def test_no_body_breaks_the_api(api, body) -> None:
    """Any JSON object is answered with a 201 or a refusal of the caller's kind."""
    response = await api.call("POST", SEND, json=body)
    assert response.status in {201, 403, 413, 422}


def test_timestamps_are_as_promised() -> None:
    """RFC 3339, UTC, milliseconds, and nothing rounded up into the future."""
    at = datetime.fromisoformat("2026-11-23T10:00:00.999999+01:00")
    assert format_instant(at) == "2026-11-23T09:00:00.999Z"
    assert parse_instant(format_instant(at)) == at.replace(microsecond=999000)
    assert format_instant(at.replace(year=158)) == "0158-11-23T09:00:00.999Z"
