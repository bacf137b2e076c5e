"""bridge/openid/https.py against a real TLS server: pinned addresses, verified names, bounded answers."""

import asyncio
import gzip
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from ipaddress import ip_address

import pytest

from bridge.openid import https as module
from bridge.openid.errors import ServerRefusedError, ServerUnreachableError
from bridge.openid.fakes import FakeDns
from bridge.openid.https import Destination, PinnedHttps, Reply, other_servers_session, tls_context
from tests.bridge.openid.other_server import OtherServer, other_server, reply

NAME = "hospital.example"


@pytest.fixture
async def server(tmp_path) -> AsyncIterator[OtherServer]:
    """A server for hospital.example and 127.0.0.1."""
    async with other_server(tmp_path) as running:
        yield running


async def ask(
    server: OtherServer,
    *,
    dns=None,
    host: str = NAME,
    tls_name: str | None = None,
    allow_private: bool = True,
    trusts_it: bool = True,
    path: str = "/x",
    query: dict[str, str] | None = None,
) -> Reply:
    """One request to this host at the server's port."""
    destination = Destination(
        host=host, port=server.port, host_header=f"{host}:{server.port}", tls_name=tls_name or host
    )
    async with other_servers_session() as http:
        https = PinnedHttps(
            http=http,
            dns=dns or FakeDns({NAME: ["127.0.0.1"]}),
            tls=tls_context(server.authority if trusts_it else None),
            allow_private=allow_private,
        )
        return await https.get(destination, path, query=query or {}, most=1000)


async def test_the_name_is_verified_and_named(server) -> None:
    """SNI and Host say the name, although the connection goes to an address."""
    server.answer = reply(b'{"a": 1}', head="X-Y: z\r\n")
    got = await ask(server, query={"access_token": "a&b c/\u00f1"})
    assert (got.status, got.body, got.headers["x-y"]) == (200, b'{"a": 1}', "z")
    assert server.names == [NAME]
    (head,) = server.heads
    assert head.startswith("GET /x?access_token=a%26b+c/%C3%B1 HTTP/1.1\r\n")
    assert f"Host: {NAME}:{server.port}\r\n" in head


async def test_an_ip_literal_is_verified_too(server) -> None:
    """The certificate has to be for the address; nothing is looked up."""
    dns = FakeDns()
    assert (await ask(server, host="127.0.0.1", dns=dns)).status == 200
    assert dns.asked == []


async def test_a_certificate_for_another_name_is_refused(server) -> None:
    """A server that took over an address can't speak for the name; it gets no request, so no token."""
    with pytest.raises(ServerUnreachableError, match="Certificate"):
        await ask(server, host="clinic.example", dns=FakeDns({"clinic.example": ["127.0.0.1"]}))
    assert server.heads == []


async def test_an_unknown_authority_is_refused(server) -> None:
    """Without the configured file only the machine's authorities count."""
    with pytest.raises(ServerUnreachableError, match="Certificate"):
        await ask(server, trusts_it=False)
    assert server.heads == []


@pytest.mark.parametrize(
    "addresses",
    [
        ["127.0.0.1"],
        ["10.0.0.1"],
        ["169.254.169.254"],
        ["::ffff:127.0.0.1"],
        ["::1", "127.0.0.1"],
        ["fe80::1%lo"],
    ],
)
async def test_private_addresses_are_refused(server, addresses) -> None:
    """Unless the settings allow them: nothing connects."""
    with pytest.raises(ServerRefusedError):
        await ask(server, dns=FakeDns({NAME: addresses}), allow_private=False)
    assert server.names == []


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "[::ffff:127.0.0.1]"])
async def test_private_literals_are_refused(server, host) -> None:
    """As those that a name resolves to."""
    with pytest.raises(ServerRefusedError):
        await ask(server, host=host, allow_private=False)
    assert server.names == []


async def test_link_local_is_refused_even_where_private_is_allowed(server) -> None:
    """A cloud's metadata service is no homeserver."""
    with pytest.raises(ServerRefusedError):
        await ask(server, dns=FakeDns({NAME: ["169.254.169.254"]}), allow_private=True)


@dataclass
class ChangingDns(FakeDns):
    """Says one address the first time, and another from then on."""

    answers: list[str] = field(default_factory=list)

    async def addresses(self, host):
        """The next answer."""
        self.asked.append(host)
        return [ip_address(self.answers.pop(0))]


async def test_a_name_is_looked_up_once(server) -> None:
    """DNS rebinding: what was judged is what is connected to; a second answer is never asked for."""
    dns = ChangingDns(answers=["127.0.0.1", "10.0.0.1"])
    assert (await ask(server, dns=dns)).status == 200
    assert dns.asked == [NAME]


async def test_private_addresses_among_others_are_left_out(server, monkeypatch) -> None:
    """A name with a public and a private address is asked at the public one only."""
    judged = []

    def only_ten(address, *, allow_private):
        judged.append((str(address), allow_private))
        return str(address) != "10.0.0.1"

    monkeypatch.setattr(module, "may_be_contacted", only_ten)
    assert (await ask(server, dns=FakeDns({NAME: ["10.0.0.1", "127.0.0.1"]}))).status == 200
    assert judged == [("10.0.0.1", True), ("127.0.0.1", True)]


async def test_the_next_address_is_tried(server) -> None:
    """`localhost` is ::1 first on most machines, and nobody may listen there."""
    assert (await ask(server, dns=FakeDns({NAME: ["::1", "127.0.0.1"]}))).status == 200


@pytest.mark.parametrize("addresses", [[], ["::1"]])
async def test_nobody_there(server, addresses) -> None:
    """ServerUnreachableError for a name without addresses, and for one where nobody listens."""
    with pytest.raises(ServerUnreachableError):
        await ask(server, dns=FakeDns({NAME: addresses}))


async def test_redirects_are_answers(server) -> None:
    """Nothing follows them here: the token in the query would go along."""
    server.answer = reply(b"", status="302 Found", head="Location: https://127.0.0.1:1/\r\n")
    got = await ask(server, query={"access_token": "secret"})
    assert (got.status, len(server.heads)) == (302, 1)


async def test_a_long_answer_is_cut_off(server) -> None:
    """Whether it says how long it is, or never ends."""
    server.answer = reply(b"x" * 1001)
    with pytest.raises(ServerUnreachableError, match="too long"):
        await ask(server)

    async def endless(writer):
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            writer.write(b"400\r\n" + b"x" * 1024 + b"\r\n")
            await writer.drain()

    server.answer = endless
    with pytest.raises(ServerUnreachableError, match="too long"):
        await ask(server)


async def test_nothing_is_unpacked(server) -> None:
    """A small answer can't become a huge one; we ask for none that is packed."""
    packed = gzip.compress(b"x" * 500_000)
    server.answer = reply(packed, head="Content-Encoding: gzip\r\n")
    assert (await ask(server)).body == packed
    assert "Accept-Encoding: identity\r\n" in server.heads[0]


@pytest.mark.parametrize("what", ["silence", "slow head", "slow body"])
async def test_a_slow_answer_is_given_up(server, monkeypatch, what) -> None:
    """A byte now and then doesn't keep us: the whole exchange has its time."""
    monkeypatch.setattr(module, "_EXCHANGE_S", 0.5)

    async def drip(writer):
        writer.write(b"" if what == "silence" else b"HTTP/1.1 200 OK\r\n")
        if what == "slow body":
            writer.write(b"Content-Length: 900\r\n\r\n")
        for _ in range(50):
            await asyncio.sleep(0.1)
            writer.write(b"" if what == "silence" else b"X")
            await writer.drain()

    server.answer = drip
    async with asyncio.timeout(3):
        with pytest.raises(ServerUnreachableError):
            await ask(server)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"nonsense\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"a" * 100_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n",
    ],
    ids=range(6),
)
async def test_no_http_is_no_answer(server, raw) -> None:
    """Whatever comes instead."""

    async def write(writer):
        writer.write(raw)

    server.answer = write
    with pytest.raises(ServerUnreachableError):
        await ask(server)


async def test_no_cookies_are_kept(server) -> None:
    """A server can't recognise us."""
    server.answer = reply(b"{}", head="Set-Cookie: a=b\r\n")
    destination = Destination(host=NAME, port=server.port, host_header=NAME, tls_name=NAME)
    async with other_servers_session() as http:
        dns = FakeDns({NAME: ["127.0.0.1"]})
        https = PinnedHttps(http=http, dns=dns, tls=tls_context(server.authority), allow_private=True)
        for _ in range(2):
            await https.get(destination, "/", query={}, most=100)
    assert len(server.names) == 2
    assert not any("cookie" in head.lower() for head in server.heads)
