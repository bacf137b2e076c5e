"""What callers get wrong, against the running platform: a problem document, or the words go through intact."""

import io
from collections.abc import AsyncGenerator
from datetime import timedelta
from typing import Any

import pytest
import pytest_asyncio

from bridge import app
from bridge.callers import apikeys
from bridge.clock import utc_now
from bridge.demo.bridge_process import BridgeProcess
from bridge.demo.platform import LocalPlatform
from tests.e2e.world import Pair, pair

pytestmark = pytest.mark.asyncio(loop_scope="session")

SEND = "/api/messages/send"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def people(servers: LocalPlatform, bridge: BridgeProcess) -> AsyncGenerator[Pair]:
    """A managed patient and her doctor."""
    assert bridge.is_running
    async with pair(servers) as made:
        yield made


async def refused(people: Pair, status: int, problem: str, **options: Any) -> dict[str, Any]:
    """Send with these options; the problem document that must come back."""
    headers = {"Accept-Language": "en", **options.pop("headers", {})}
    answer = await people.api.request("POST", SEND, headers=headers, **options)
    assert answer.status == status, answer
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.body["type"] == f"/problems/{problem}"
    assert answer.body["status"] == status
    assert answer.body["title"]
    assert answer.body["detail"]
    body: dict[str, Any] = answer.body
    return body


async def test_a_body_that_is_no_json(people: Pair) -> None:
    """400, and the text says what is expected."""
    await refused(people, 400, "bad-json", data=b"{nope", headers={"Content-Type": "application/json"})


async def test_another_media_type(people: Pair) -> None:
    """415 for anything but JSON."""
    await refused(people, 415, "unsupported-media-type", data=b"a=b", headers={"Content-Type": "text/plain"})


async def test_ten_megabytes(people: Pair) -> None:
    """413, without reading it all."""
    huge = b'{"body": "' + b"a" * 10_000_000 + b'"}'
    await refused(
        people, 413, "body-too-large", data=io.BytesIO(huge), headers={"Content-Type": "application/json"}
    )


async def test_forty_kilobytes_of_message(people: Pair) -> None:
    """413 with the message's own problem type: Matrix events have a limit."""
    await refused(
        people, 413, "message-too-large", json={"recipient": people.professional, "body": "ñ" * 20_000}
    )


@pytest.mark.parametrize("body", ["", "   \n", "uno\x00dos", "uno\x07dos", 7, None])
async def test_a_body_that_nobody_can_read(people: Pair, body: object) -> None:
    """422 with a pointer to the field."""
    problem = await refused(people, 422, "validation", json={"recipient": people.professional, "body": body})
    assert [error["pointer"] for error in problem["errors"]] == ["#/body"]


@pytest.mark.parametrize(
    "recipient", ["@nadie:localhost:1", "@nadie:no.existe.example", "@desconocida:example.org"]
)
async def test_an_unknown_recipient_or_server(people: Pair, recipient: str) -> None:
    """403 as for anybody who isn't in her care team, whether they exist or not."""
    await refused(people, 403, "not-in-care-team", json={"recipient": recipient, "body": "hola"})


async def test_no_credentials_comes_before_everything(people: Pair) -> None:
    """401 without a key, with a nonsense one, and with a wrong secret, whatever the body says."""
    for value in ("", "Bearer nonsense", "Bearer vc_0123456789abcdef_" + "a" * 43):
        await refused(people, 401, "unauthorized", data=b"{nope", headers={"Authorization": value})


async def test_an_expired_and_a_revoked_key(people: Pair, servers: LocalPlatform) -> None:
    """401 for both."""
    now = utc_now()
    async with app.opened(servers.settings) as gateway, gateway.database.write() as connection:
        _, expired = await apikeys.create(
            connection,
            name="caducada",
            scopes=["messages"],
            expires_at=now - timedelta(seconds=1),
            now=now - timedelta(days=1),
        )
        revoked_key, revoked = await apikeys.create(
            connection, name="revocada", scopes=["messages"], expires_at=None, now=now
        )
        await apikeys.revoke(connection, key_id=revoked_key.id, now=now)
    for token in (expired, revoked):
        await refused(
            people,
            401,
            "unauthorized",
            json={"recipient": people.professional, "body": "hola"},
            headers={"Authorization": f"Bearer {token}"},
        )


async def test_acting_for_nobody_and_for_somebody_who_is_not_managed(people: Pair) -> None:
    """400 without X-Act-As; 403 for a person whose account the bridge does not hold."""
    body = {"recipient": people.professional, "body": "hola"}
    await refused(people, 400, "act-as-required", json=body, headers={"X-Act-As": ""})
    await refused(people, 403, "not-managed", json=body, headers={"X-Act-As": people.professional})


async def test_a_conversation_that_is_not_hers(people: Pair, servers: LocalPlatform) -> None:
    """404, the same for somebody else's and for one that never was."""
    async with pair(servers) as others:
        theirs = await others.api.send("privado", recipient=others.professional)
    foreign = await refused(
        people, 404, "not-found", json={"conversation_id": theirs["conversation_id"], "body": "hola"}
    )
    unknown = await refused(people, 404, "not-found", json={"conversation_id": "!nada:x", "body": "hola"})
    assert foreign == unknown


@pytest.mark.parametrize(
    "body",
    [
        "👩🏽‍⚕️🫀 ¡hola!",
        "مرحبا دكتورة، كيف حالك؟",
        "línea uno\nlínea dos\ttab",
        "a" * 32_768,
        '\n"' * 11_000 + "fin",
        "Ω≈ç√∫µ≤≥÷",
    ],
    ids=["emoji", "right-to-left", "line breaks", "32 KiB", "all escaped", "symbols"],
)
async def test_every_other_text_goes_through_intact(people: Pair, body: str) -> None:
    """What was sent is what the history shows, to the letter."""
    sent = await people.api.send(body, recipient=people.professional)
    newest = (await people.api.history(sent["conversation_id"]))[0]
    assert newest["message_id"] == sent["message_id"]
    assert newest["body"] == body
