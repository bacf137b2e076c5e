"""What every answer has; health, metrics, pages, and what is not there."""

import asyncio
import gzip
import json
import re
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from aiohttp import ClientSession, web
from prometheus_client import CollectorRegistry

from bridge.http.fakes import FakeMessages
from bridge.http.server import runner_of
from bridge.logs import request_id
from tests.bridge.http.api import GARCIA


async def ok() -> bool:
    """A check that succeeds."""
    return True


async def no() -> bool:
    """A check that fails."""
    return False


async def broken() -> bool:
    """A check that raises."""
    raise RuntimeError


async def hanging() -> bool:
    """A check that never ends."""
    await asyncio.sleep(3600)
    return True


async def test_the_process_says_that_it_lives(api) -> None:
    """Without credentials."""
    response = await api.call("GET", "/health/live", headers={})
    assert (response.status, await response.json()) == (200, {"status": "ok"})


@pytest.mark.parametrize(
    ("check", "status", "word"), [(ok, 200, "ok"), (no, 503, "failed"), (broken, 503, "failed")]
)
async def test_readiness_follows_what_we_depend_on(api, open_api, check, status, word) -> None:
    """503 as soon as one check fails or breaks, naming it."""
    checked = await open_api(api.services.database, api.tokens, checks={"database": ok, "homeserver": check})
    response = await checked.call("GET", "/health/ready", headers={})
    assert response.status == status
    assert await response.json() == {"status": word, "checks": {"database": "ok", "homeserver": word}}


async def test_a_check_that_hangs_fails_in_time(api, open_api, monkeypatch) -> None:
    """Readiness answers although something we depend on does not."""
    monkeypatch.setattr("bridge.http.health._PATIENCE_S", 0.05)
    checked = await open_api(api.services.database, api.tokens, checks={"homeserver": hanging})
    assert (await checked.call("GET", "/health/ready", headers={})).status == 503


async def test_metrics_count_by_route_and_hold_no_ids(api) -> None:
    """Paths with ids are counted under their route; unknown paths under none."""
    await api.call("GET", "/api/messages/conversation/%21secret")
    await api.call("GET", "/secret/path")
    await api.call("BREW", "/api/conversations")
    text = await (await api.call("GET", "/metrics", headers={})).text()
    assert 'route="/api/messages/conversation/{conversation_id}",status="404"} 1.0' in text
    assert "secret" not in text
    assert "BREW" not in text
    assert "portal_lucia" not in text


async def test_each_answer_has_its_id(api) -> None:
    """A caller's id is kept when it is harmless; else a new one is made."""
    response = await api.call("GET", "/health/live", headers={"X-Request-Id": "abc-1"})
    assert response.headers["X-Request-Id"] == "abc-1"
    response = await api.call("GET", "/health/live", headers={"X-Request-Id": "a b\u00e9"})
    assert re.fullmatch("[0-9a-f]{16}", response.headers["X-Request-Id"])


async def test_handlers_log_under_the_id(api, open_api) -> None:
    """The services see the id of the request that they work for."""
    seen = []

    class Watching(FakeMessages):
        async def send(self, **arguments: object):
            seen.append(request_id.get())
            return await super().send(**arguments)

    watched = await open_api(api.services.database, api.tokens, messages=Watching(api.clinic))
    await watched.send(headers=watched.headers(**{"X-Request-Id": "abc-2"}))
    assert seen == ["abc-2"]


async def test_logs_hold_no_words_and_no_ids(api, caplog) -> None:
    """Neither body nor query nor path nor token gets into a log line."""
    caplog.set_level("DEBUG", logger="bridge")
    await api.send(body="dolor de cabeza")
    await api.call("GET", "/api/messages/conversation/%21secreta?before=dolor")
    text = " ".join(record.getMessage() for record in caplog.records)
    assert "/api/messages/send 201" in text
    for word in ("dolor", "secreta", "lucia", api.tokens["all"]):
        assert word not in text


@pytest.mark.parametrize("path", ["/nope", "/api", "/api/messages", "/api/messages/send/", "/%00", "/%FF"])
async def test_what_is_not_there_is_a_404(api, path) -> None:
    """A problem document, for every unknown path."""
    response = await api.call("GET", path)
    assert (response.status, response.content_type) == (404, "application/problem+json")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/api/messages/send", "POST"),
        ("DELETE", "/api/conversations", "GET,HEAD,POST"),
        ("OPTIONS", "/api/care/@a:p/@b:h", "DELETE,PUT"),
        ("TRACE", "/health/live", "GET,HEAD"),
    ],
)
async def test_another_method_is_a_405(api, method, path, allowed) -> None:
    """With the methods that are there."""
    response = await api.call(method, path)
    assert (response.status, response.headers["Allow"]) == (405, allowed)
    assert (await response.json(content_type=None))["type"] == "/problems/method-not-allowed"


@pytest.mark.parametrize("path", ["/", "/docs"])
@pytest.mark.parametrize(("asked", "language"), [({}, "es"), ({"Accept-Language": "en"}, "en")])
async def test_pages_are_safe_and_in_the_readers_language(api, path, asked, language) -> None:
    """HTML that loads nothing, under a policy that allows nothing but its own style."""
    response = await api.call("GET", path, headers=asked)
    text = await response.text()
    assert (response.status, response.content_type) == (200, "text/html")
    assert f'<html lang="{language}">' in text
    assert "<script" not in text
    assert not re.search(r'(src|href)="(https?:)?//', text)
    policy = response.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["Content-Language"] == language


async def test_a_page_can_be_asked_for_in_a_language(api) -> None:
    """`?lang` wins over the header."""
    response = await api.call("GET", "/docs?lang=en", headers={"Accept-Language": "es"})
    assert '<html lang="en">' in await response.text()


async def test_docs_show_every_operation(api) -> None:
    """Each path of the OpenAPI document is on the page."""
    text = await (await api.call("GET", "/docs")).text()
    for path in (await (await api.call("GET", "/openapi.json")).json())["paths"]:
        assert path in text
    assert text.count("<h1") == 1


async def test_a_page_has_its_heads(api) -> None:
    """HEAD answers as GET does, without the body."""
    response = await api.client.head("/docs")
    assert (response.status, await response.read()) == (200, b"")


async def test_the_homeservers_routes_are_beside_ours(api, open_api) -> None:
    """They take large bodies, and their errors are Matrix's."""

    async def take(request: web.Request) -> web.Response:
        return web.json_response({"size": len(await request.read())})

    routes = [web.put("/_matrix/app/v1/transactions/{id}", take)]
    joined = await open_api(api.services.database, api.tokens, appservice_routes=routes)

    async def transaction():
        for _ in range(16):
            yield b"x" * 65536

    response = await joined.call("PUT", "/_matrix/app/v1/transactions/1", data=transaction(), headers={})
    assert await response.json() == {"size": 1_048_576}
    response = await joined.call("GET", "/_matrix/app/v1/nope", headers={})
    assert (response.status, (await response.json())["errcode"]) == (404, "M_UNRECOGNIZED")
    response = await joined.call("DELETE", "/_matrix/app/v1/transactions/1", headers={})
    assert (response.status, (await response.json())["errcode"]) == (405, "M_UNRECOGNIZED")


async def test_a_database_that_is_down_is_a_503(api) -> None:
    """Not the caller's fault, and worth another try."""
    async with api.services.database.write() as connection:
        await connection.exec_driver_sql("DROP TABLE api_keys")
    response = await api.call("GET", "/api/conversations")
    assert response.status == 503
    assert int(response.headers["Retry-After"]) >= 1


@pytest.fixture
async def really_served(api) -> AsyncIterator[str]:
    """The API's address, as the server is really run."""
    runner = runner_of(replace(api.services, registry=CollectorRegistry()))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


@pytest.mark.parametrize("target", ["/nowhere?q=", "/api/conversations/"])
async def test_long_lines_get_problem_documents_too(really_served, target) -> None:
    """A target, or a header, of sixty thousand bytes."""
    asked = ((target + "a" * 60_000, {}, 404), ("/api/conversations", {"Authorization": "a" * 60_000}, 401))
    async with ClientSession() as http:
        for path, headers, status in asked:
            async with http.get(really_served + path, headers=headers) as response:
                assert (response.status, response.content_type) == (status, "application/problem+json")


@pytest.mark.parametrize("coding", ["br", "gzip", "GZIP", "deflate", "zstd", "klingon", "identity, br"])
@pytest.mark.parametrize("path", ["/api/messages/send", "/api/messages/upload-attachment"])
async def test_packed_bodies_are_refused_in_our_words(api, really_served, coding, path) -> None:
    """415 with what to send instead, whatever the body, and 401 before it; to leave it as it is has a name too."""
    kind = "application/json" if path.endswith("send") else "multipart/form-data; boundary=b"
    asked = {"Content-Type": kind, "Content-Encoding": coding}
    plain = {"Content-Type": "application/json", "Content-Encoding": "identity"}
    message = {"recipient": GARCIA, "body": "hola"}
    async with ClientSession(really_served) as http:
        for headers, status in ((api.headers(**asked), 415), (asked, 401)):
            async with http.post(path, data=gzip.compress(b"{}"), headers=headers) as response:
                assert (response.status, response.content_type) == (status, "application/problem+json")
                if status == 415:
                    assert response.headers["Accept-Encoding"] == "identity"
                    assert "Content-Encoding" in (await response.json(content_type=None))["detail"]
        async with http.post(
            "/api/messages/send", data=json.dumps(message), headers=api.headers(**plain)
        ) as response:
            assert response.status == 201
