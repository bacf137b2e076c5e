"""bridge/openid/discovery.py: each step of "Resolving server names" in the server-server API."""

import json

import pytest

from bridge.openid.discovery import Discovery
from bridge.openid.dns import Service
from bridge.openid.errors import BadServerNameError
from bridge.openid.fakes import FakeDns, FakeHttps
from bridge.openid.https import Destination, Reply
from bridge.openid.wellknown import WellKnown

NAME, OTHER = "hospital.example", "matrix.example"
FED, OLD = "_matrix-fed._tcp", "_matrix._tcp"
SRV = (Service("one.example", 1), Service("two.example", 2))
SERVICES = {
    f"{FED}.{NAME}": SRV,
    f"{FED}.{OTHER}": SRV,
}


async def destinations(name: str, *, delegated: str | None = None, srv=None, asked=None) -> list[tuple]:
    """Where to look for this server, as tuples; all that was asked for goes into `asked`."""
    replies = {}
    asked = [] if asked is None else asked
    if delegated is not None:
        body = json.dumps({"m.server": delegated}).encode()
        replies[f"{NAME}:443/.well-known/matrix/server"] = Reply(200, {}, body)
    well_known = WellKnown(https=FakeHttps(replies, asked), clock=lambda: 0.0)
    dns = FakeDns(srv=srv or {}, asked=asked)
    found = await Discovery(dns=dns, well_known=well_known).destinations(name)
    assert all(isinstance(one, Destination) for one in found)
    return [(one.host, one.port, one.host_header, one.tls_name) for one in found]


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("1.2.3.4", ("1.2.3.4", 8448, "1.2.3.4", "1.2.3.4")),
        ("1.2.3.4:99", ("1.2.3.4", 99, "1.2.3.4:99", "1.2.3.4")),
        ("[2001:db8::1]", ("[2001:db8::1]", 8448, "[2001:db8::1]", "2001:db8::1")),
        ("[2001:db8::1]:99", ("[2001:db8::1]", 99, "[2001:db8::1]:99", "2001:db8::1")),
        (f"{NAME}:99", (NAME, 99, f"{NAME}:99", NAME)),
    ],
)
async def test_an_address_or_a_port_is_taken_at_its_word(name, wanted) -> None:
    """Steps 1 and 2: neither well-known nor SRV is asked."""
    asked: list[object] = []
    assert await destinations(name, delegated="evil.example:1", srv=SERVICES, asked=asked) == [wanted]
    assert asked == []


@pytest.mark.parametrize(
    ("delegated", "wanted"),
    [
        ("1.2.3.4", [("1.2.3.4", 8448, "1.2.3.4", "1.2.3.4")]),
        ("1.2.3.4:99", [("1.2.3.4", 99, "1.2.3.4:99", "1.2.3.4")]),
        (f"{OTHER}:99", [(OTHER, 99, f"{OTHER}:99", OTHER)]),
        (OTHER, [("one.example", 1, OTHER, OTHER), ("two.example", 2, OTHER, OTHER)]),
        ("plain.example", [("plain.example", 8448, "plain.example", "plain.example")]),
    ],
)
async def test_well_known_delegates(delegated, wanted) -> None:
    """Step 3: to an address, to a name with a port, to SRV records of that name, to its port 8448."""
    assert await destinations(NAME, delegated=delegated, srv=SERVICES) == wanted


async def test_without_well_known_the_names_own_srv_records_count() -> None:
    """Steps 4 and 5: the certificate is still the name's, not the target's; the old service name comes second."""
    assert await destinations(NAME, srv=SERVICES) == [
        ("one.example", 1, NAME, NAME),
        ("two.example", 2, NAME, NAME),
    ]
    old = {f"{OLD}.{NAME}": (Service("old.example", 3),)}
    assert await destinations(NAME, srv=old) == [("old.example", 3, NAME, NAME)]
    assert (await destinations(NAME, srv={**old, **SERVICES}))[0][0] == "one.example"


async def test_at_last_there_is_port_8448() -> None:
    """Step 6."""
    assert await destinations(NAME) == [(NAME, 8448, NAME, NAME)]


async def test_what_is_no_name_is_nowhere() -> None:
    """BadServerNameError before anything is asked."""
    with pytest.raises(BadServerNameError):
        await destinations("127.1")
