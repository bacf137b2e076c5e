"""bridge/http/requests.py: whatever a caller sends is read, or a refusal names what to mend."""

import asyncio
import io

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.bridge.http.api import GARCIA, LUCIA
from tests.bridge.http.problems import refused

SEND = "/api/messages/send"
JSON = {"Content-Type": "application/json"}


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


async def test_half_a_character_is_called_so(api) -> None:
    """Whoever cuts texts by UTF-16 units finds out that she does."""
    raw = b'{"recipient": "@garcia:h", "body": "\\ud83d"}'
    response = await api.call(
        "POST", SEND, data=raw, headers=api.headers(**JSON, **{"Accept-Language": "en"})
    )
    (error,) = (await response.json(content_type=None))["errors"]
    assert "half a character" in error["detail"]


@pytest.mark.parametrize("limit", ["-1", "0", "99999999999"])
async def test_a_number_out_of_range_is_a_number(api, limit) -> None:
    """What is said of it is its range."""
    api.clinic.open(patient=LUCIA, professional=GARCIA)
    path = f"/api/messages/conversation/%21room0?limit={limit}"
    response = await api.call("GET", path, headers=api.headers(**{"Accept-Language": "en"}))
    (error,) = (await response.json(content_type=None))["errors"]
    assert error["detail"] in ("It has to be 1 at least.", "It may be 100 at most.")


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


async def test_who_is_gone_in_the_midst_is_let_go(api, monkeypatch: pytest.MonkeyPatch) -> None:
    """A body that doesn't end in time is 400, and the connection is closed."""
    monkeypatch.setattr("bridge.http.requests.PATIENCE_S", 0.1)

    async def stuck():
        yield b'{"recipient": '
        await asyncio.sleep(10)

    response = await api.call("POST", SEND, data=stuck(), headers=api.headers(**JSON))
    assert await refused(response) == (400, "bad-request", [])
    assert response.headers["Connection"] == "close"
