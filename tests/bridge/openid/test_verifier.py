"""bridge/openid/verifier.py: whose a token is, and who is never asked."""

import asyncio
import json
import logging

import pytest

from bridge.openid import verifier as module
from bridge.openid.discovery import Discovery
from bridge.openid.dns import Service
from bridge.openid.errors import BadOpenIdTokenError, ServerRefusedError, ServerUnreachableError
from bridge.openid.fakes import FakeDns, FakeHttps
from bridge.openid.https import Reply
from bridge.openid.verifier import OpenIdVerifier
from bridge.openid.wellknown import WellKnown
from tests.until import until

USERINFO = "/_matrix/federation/v1/openid/userinfo"
HERE = f"h:8448{USERINFO}"


def userinfo(content: object, *, status: int = 200) -> Reply:
    """What a homeserver says of a token."""
    return Reply(status, {}, json.dumps(content).encode())


def checking(https: FakeHttps, *, dns: FakeDns | None = None, allowed=("p", "h", "h:9448")) -> OpenIdVerifier:
    """A verifier of these servers' tokens."""
    dns = dns or FakeDns()
    well_known = WellKnown(https=https, clock=lambda: 0.0)
    return OpenIdVerifier(
        allowed_servers=allowed, discovery=Discovery(dns=dns, well_known=well_known), https=https
    )


async def user_of(reply: Reply) -> str:
    """Whose token of `h` it is, when that server says this."""
    return await checking(FakeHttps({HERE: reply})).user_of(access_token="t", server_name="h")


async def test_the_server_says_whose_it_is() -> None:
    """It gets the token once, and nothing else; ports are part of a name."""
    https = FakeHttps({HERE: userinfo({"sub": "@garcia:h"})})
    assert await checking(https).user_of(access_token="secret token", server_name="h") == "@garcia:h"
    asked = [(one.host, path, dict(query)) for one, path, query in https.asked if path == USERINFO]
    assert asked == [("h", USERINFO, {"access_token": "secret token"})]
    https = FakeHttps({f"h:9448{USERINFO}": userinfo({"sub": "@garcia:h:9448"})})
    assert await checking(https).user_of(access_token="t", server_name="h:9448") == "@garcia:h:9448"


@pytest.mark.parametrize(
    "server_name",
    [
        "evil.example",
        "H",
        "h.",
        "h:8448",
        "h ",
        "",
        "127.0.0.1",
        "2130706433",
        "localhost",
        "p/../h",
        "h\x00",
    ],
)
async def test_a_server_that_is_not_allowed_is_never_asked(server_name) -> None:
    """Not looked up either: names have to be equal to the letter."""
    https, dns = FakeHttps(), FakeDns()
    with pytest.raises(ServerRefusedError):
        await checking(https, dns=dns).user_of(access_token="t", server_name=server_name)
    assert (https.asked, dns.asked) == ([], [])


@pytest.mark.parametrize(
    "subject",
    [
        "@garcia:p",
        "@garcia:h:9448",
        "@garcia:H",
        "@garcia:evil.example:h",
        "@garcia:evil.example@:h",
        "@a:b:h",
        "garcia:h",
        "@:h",
        "@garcia",
        "@garcia:h\n",
        "@gar cia:h",
        "@garc\u00eda:h",
        "@\x00:h",
        "@" + "a" * 260 + ":h",
        "",
        None,
        1,
        ["@garcia:h"],
        {"@garcia:h": 1},
    ],
)
async def test_a_server_speaks_for_its_own_users_only(subject) -> None:
    """Another domain, another port, another case, two domains, no user id: a bad token."""
    with pytest.raises(BadOpenIdTokenError):
        await user_of(userinfo({"sub": subject}))


@pytest.mark.parametrize("content", [{}, [], "@garcia:h", None, 7, {"sub2": "@garcia:h"}])
async def test_an_answer_without_subject_is_a_bad_token(content) -> None:
    """Whatever else the server says."""
    with pytest.raises(BadOpenIdTokenError):
        await user_of(userinfo(content))


@pytest.mark.parametrize("status", [400, 401, 403])
async def test_a_token_that_its_server_refuses_is_bad(status) -> None:
    """Expired, made up, or of another server."""
    with pytest.raises(BadOpenIdTokenError):
        await user_of(userinfo({"errcode": "M_UNKNOWN_TOKEN", "sub": "@garcia:h"}, status=status))


@pytest.mark.parametrize(
    "reply",
    [
        userinfo({"sub": "@garcia:h"}, status=500),
        userinfo({"sub": "@garcia:h"}, status=302),
        userinfo({"sub": "@garcia:h"}, status=201),
        userinfo({}, status=404),
        userinfo({}, status=429),
        Reply(200, {}, b"<html>"),
        Reply(200, {}, b"[" * 10_000),
        Reply(200, {}, b'"' + b"x" * 20_000 + b'"'),
    ],
    ids=range(8),
)
async def test_a_server_in_trouble_is_no_bad_token(reply) -> None:
    """Another time the same token may do; a redirect isn't followed."""
    with pytest.raises(ServerUnreachableError):
        await user_of(reply)


async def test_a_place_that_is_down_is_not_the_end() -> None:
    """The next SRV target is asked; TLS is for the name all the same."""
    dns = FakeDns(srv={"_matrix-fed._tcp.h": (Service("one", 1), Service("two", 2))})
    https = FakeHttps({f"two:2{USERINFO}": userinfo({"sub": "@garcia:h"})})
    assert await checking(https, dns=dns).user_of(access_token="t", server_name="h") == "@garcia:h"
    assert [one.tls_name for one, path, _ in https.asked if path == USERINFO] == ["h", "h"]


async def test_a_private_address_is_told_from_a_server_that_is_down() -> None:
    """The operator has to do something about the former (settings)."""

    def refuse() -> Reply:
        raise ServerRefusedError("its address is private")

    https = FakeHttps({HERE: refuse})
    with pytest.raises(ServerRefusedError):
        await checking(https).user_of(access_token="t", server_name="h")


class SlowHttps(FakeHttps):
    """Never answers; counts how many wait."""

    waiting = 0

    async def get(self, destination, path, *, query, most) -> Reply:
        """Forever."""
        if destination.host == "p":
            return await super().get(destination, path, query=query, most=most)
        self.waiting += 1
        await asyncio.sleep(3600)
        raise AssertionError


async def test_a_slow_server_holds_up_only_itself(monkeypatch) -> None:
    """Ten checks at once at most, each with its time; other servers' tokens are checked meanwhile."""
    monkeypatch.setattr(module, "_CHECK_S", 0.3)
    https = SlowHttps({f"p:8448{USERINFO}": userinfo({"sub": "@maria:p"})})
    checker = checking(https)
    slow = [asyncio.ensure_future(checker.user_of(access_token="t", server_name="h:9448")) for _ in range(30)]
    await until(lambda: https.waiting >= 10)
    await asyncio.sleep(0)
    assert https.waiting == 10
    assert await checker.user_of(access_token="t", server_name="p") == "@maria:p"
    outcomes = await asyncio.gather(*slow, return_exceptions=True)
    assert {type(one) for one in outcomes} == {ServerUnreachableError}


async def test_the_token_is_in_no_log(caplog) -> None:
    """Nor in the exceptions that others may log."""
    caplog.set_level(logging.DEBUG)
    with pytest.raises(ServerUnreachableError) as down:
        await checking(FakeHttps()).user_of(access_token="secret", server_name="h")
    https = FakeHttps({HERE: userinfo({"sub": "@x:p"})})
    with pytest.raises(BadOpenIdTokenError) as bad:
        await checking(https).user_of(access_token="secret", server_name="h")
    assert "secret" not in caplog.text + repr(down.value) + repr(bad.value)
    assert "can't be checked with h" in caplog.text
