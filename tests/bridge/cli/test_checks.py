"""bridge/cli/checks.py: what the doctor finds, and what it says to do."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from bridge.cli.checks import (
    UnwellError,
    check_clock,
    check_federation,
    check_homeserver,
    check_largest_file,
    check_registration,
    check_transactions,
)
from bridge.matrix.errors import HomeserverUnreachableError, MatrixError
from bridge.settings import Settings, parse_settings

DOWN = HomeserverUnreachableError()
REFUSED = MatrixError(status=401, errcode="M_UNKNOWN_TOKEN", message="")


class Homeserver:
    """Answers as told; an exception is raised."""

    def __init__(self, answer: Any) -> None:
        self._answer = answer

    async def versions(self, **_: object) -> Any:
        """The answer."""
        if isinstance(self._answer, Exception):
            raise self._answer
        return self._answer

    whoami = ping = keys_query = largest_upload = versions


def settings(url: str = "http://127.0.0.1:1") -> Settings:
    """Settings of a portal at this address."""
    return parse_settings(
        {
            "secret": "s" * 40,
            "homeserver": {"server_name": "p", "url": url, "allowed_servers": ["h"]},
            "appservice": {"url": "http://127.0.0.1:2", "as_token": "a" * 20, "hs_token": "b" * 20},
        },
        source="test",
    )


def now() -> datetime:
    """A made-up instant."""
    return datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


async def test_a_well_platform_is_well() -> None:
    """Each check says what it found."""
    assert "v1.11" in await check_homeserver(Homeserver({"versions": ["v1.9", "v1.11"]}))
    assert "@consulta:p" in await check_registration(Homeserver({"user_id": "@consulta:p"}), settings())
    assert "12 ms" in await check_transactions(Homeserver(12.3), settings(), now)
    for enough in (52_428_800, None):
        assert "52428800" in await check_largest_file(Homeserver(enough), settings())
    assert "reaches" in await check_federation(Homeserver({"failures": {}}), settings(), "h")


@pytest.mark.parametrize(
    ("check", "words"),
    [
        (lambda: check_homeserver(Homeserver(DOWN)), "homeserver.url"),
        (lambda: check_homeserver(Homeserver({"versions": ["v1.1"]})), "update"),
        (lambda: check_homeserver(Homeserver(REFUSED)), "refuses"),
        (lambda: check_registration(Homeserver(REFUSED), settings()), "videoconsulta registration"),
        (lambda: check_registration(Homeserver({"user_id": "@x:p"}), settings()), "@x:p"),
        (lambda: check_registration(Homeserver(DOWN), settings()), "unknown"),
        (lambda: check_transactions(Homeserver(REFUSED), settings(), now), "videoconsulta serve"),
        (lambda: check_transactions(Homeserver(DOWN), settings(), now), "unknown"),
        (lambda: check_largest_file(Homeserver(52_428_799), settings()), "max_upload_size"),
        (lambda: check_largest_file(Homeserver(REFUSED), settings()), "refuses us"),
        (lambda: check_largest_file(Homeserver(DOWN), settings()), "unknown"),
        (lambda: check_federation(Homeserver({"failures": {"h": {}}}), settings(), "h"), "does not reach h"),
        (lambda: check_federation(Homeserver(DOWN), settings(), "h"), "unknown"),
    ],
)
async def test_an_unwell_platform_says_what_to_do(check, words) -> None:
    """Each check names the way out."""
    with pytest.raises(UnwellError, match=words):
        await check()


@pytest.mark.parametrize(("shift", "words"), [(0, "agrees"), (2, "agrees"), (60, "NTP"), (-60, "NTP")])
async def test_clocks_are_compared(shift: int, words: str) -> None:
    """A few seconds are the answer's own; more is skew."""
    server = TestServer(web.Application())
    async with server, aiohttp.ClientSession() as http:
        theirs = datetime.now(UTC)

        def shifted() -> datetime:
            return theirs + timedelta(seconds=shift)

        address = str(server.make_url("")).rstrip("/")
        found = await asyncio.gather(check_clock(http, settings(address), shifted), return_exceptions=True)
    assert words in str(found[0])
