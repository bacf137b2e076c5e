"""bridge/openid/wellknown.py: who speaks for a name; untrusted answers, redirects, what is remembered."""

import json

import pytest

from bridge.openid.errors import ServerRefusedError
from bridge.openid.fakes import FakeHttps
from bridge.openid.https import Reply
from bridge.openid.names import parse_server_name
from bridge.openid.wellknown import WellKnown
from tests.bridge.clock import Seconds

PATH = "/.well-known/matrix/server"
HERE = f"hospital.example:443{PATH}"


def said(content: object, *, status: int = 200, **headers: str) -> Reply:
    """A reply with this JSON."""
    return Reply(status=status, headers=headers, body=json.dumps(content).encode())


def moved(location: str, *, status: int = 302) -> Reply:
    """A redirect."""
    return Reply(status=status, headers={"Location": location}, body=b"")


async def delegate(https: FakeHttps):
    """What a fresh WellKnown says of hospital.example."""
    return await WellKnown(https=https, clock=Seconds()).delegate("hospital.example")


async def test_the_named_server_speaks() -> None:
    """Asked over HTTPS at the name itself, certificate and Host of that name."""
    https = FakeHttps({HERE: said({"m.server": "matrix.hospital.example:443"})})
    assert await delegate(https) == parse_server_name("matrix.hospital.example:443")
    ((destination, path, query),) = https.asked
    assert (destination.host_header, destination.tls_name) == ("hospital.example", "hospital.example")
    assert (path, dict(query)) == (PATH, {})


@pytest.mark.parametrize(
    "reply",
    [
        None,
        said({"m.server": "m.example"}, status=404),
        said({"m.server": "m.example"}, status=500),
        said({}),
        said([]),
        said("m.example"),
        said({"m.server": None}),
        said({"m.server": 1}),
        said({"m.server": ""}),
        said({"m.server": "http://127.0.0.1/"}),
        said({"m.server": "2130706433"}),
        said({"m.server": "a:b@c"}),
        Reply(200, {}, b"<html>"),
        Reply(200, {}, b"\xff\xfe"),
        Reply(200, {}, b"[" * 50_000),
        Reply(200, {}, b'{"m.server": "m.example"}' + b" " * 60_000),
    ],
    ids=range(16),
)
async def test_whatever_is_not_understood_counts_as_nothing(reply) -> None:
    """As the specification says: go on with the name itself."""
    assert await delegate(FakeHttps({HERE: reply} if reply else {})) is None


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirects_are_followed(status) -> None:
    """Relative and absolute ones, each asked like the first."""
    https = FakeHttps(
        {
            HERE: moved("/elsewhere?x=1", status=status),
            "hospital.example:443/elsewhere": moved("https://cdn.example:8443/m", status=status),
            "cdn.example:8443/m": said({"m.server": "m.example"}),
        }
    )
    assert await delegate(https) == parse_server_name("m.example")
    assert [dict(query) for _, _, query in https.asked] == [{}, {"x": "1"}, {}]
    assert https.asked[2][0].host_header == "cdn.example:8443"


@pytest.mark.parametrize(
    "location",
    [
        "http://hospital.example/x",
        "ftp://cdn.example/x",
        "file:///etc/passwd",
        "gopher://127.0.0.1:6379/_x",
        "https://user:password@cdn.example/x",
        "https://2130706433/x",
        "https://0x7f.1/x",
        "https://[::1%25lo]/x",
        "//",
        "https://",
        "https://cdn.example:99999/x",
        "",
    ],
)
async def test_redirects_elsewhere_are_not(location) -> None:
    """Only HTTPS, no credentials in the address, no address in disguise; nothing is asked there."""
    https = FakeHttps({HERE: moved(location)})
    assert await delegate(https) is None
    assert {destination.host for destination, _, _ in https.asked} == {"hospital.example"}


async def test_redirects_end() -> None:
    """A loop is left after three."""
    https = FakeHttps({HERE: moved(f"https://hospital.example{PATH}")})
    assert await delegate(https) is None
    assert len(https.asked) == 4


async def test_a_redirect_into_our_network_is_judged_like_any_other() -> None:
    """The judging is Https's (test_https.py); its refusal counts as no answer."""

    def refuse() -> Reply:
        raise ServerRefusedError

    https = FakeHttps({HERE: moved("https://10.0.0.1/admin"), "10.0.0.1:443/admin": refuse})
    assert await delegate(https) is None
    assert [destination.host for destination, _, _ in https.asked] == ["hospital.example", "10.0.0.1"]


@pytest.mark.parametrize(
    ("header", "kept_s"),
    [
        (None, 24 * 3600),
        ("max-age=7200", 7200),
        ("public, max-age=7200, immutable", 7200),
        ("Max-Age=7200", 7200),
        ("max-age=0", 60),
        ("no-store", 24 * 3600),
        ("max-age=999999999", 48 * 3600),
        ("max-age=-1", 24 * 3600),
        ("s-maxage=5", 24 * 3600),
    ],
)
async def test_an_answer_is_remembered_for_a_bounded_time(header, kept_s) -> None:
    """As long as it says, but at least a minute and at most two days."""
    headers = {} if header is None else {"Cache-Control": header}
    https, clock = FakeHttps({HERE: said({"m.server": "m.example"}, **headers)}), Seconds()
    well_known = WellKnown(https=https, clock=clock)
    for at, asked in ((0, 1), (kept_s - 1, 1), (kept_s, 2)):
        clock.seconds = 1000.0 + at
        assert await well_known.delegate("hospital.example") == parse_server_name("m.example")
        assert len(https.asked) == asked


async def test_a_failure_is_remembered_for_a_minute() -> None:
    """So a server that answers slowly is not asked with each request, and one that was mended is found soon."""
    https, clock = FakeHttps(), Seconds()
    well_known = WellKnown(https=https, clock=clock)
    for at, asked in ((0, 1), (59, 1), (60, 2)):
        clock.seconds = 1000.0 + at
        assert await well_known.delegate("hospital.example") is None
        assert len(https.asked) == asked
