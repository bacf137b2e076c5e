"""bridge/openid/names.py: what a server name is, and what only some resolvers would take for an address."""

from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.openid.errors import BadServerNameError
from bridge.openid.names import ServerName, parse_server_name


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("h", ("h", None, None)),
        ("hospital.example", ("hospital.example", None, None)),
        ("hospital.example:9448", ("hospital.example", 9448, None)),
        ("localhost:1", ("localhost", 1, None)),
        ("1.2.3.4", ("1.2.3.4", None, ip_address("1.2.3.4"))),
        ("1.2.3.4:65535", ("1.2.3.4", 65535, ip_address("1.2.3.4"))),
        ("[::1]", ("[::1]", None, ip_address("::1"))),
        ("[2001:db8::1]:8448", ("[2001:db8::1]", 8448, ip_address("2001:db8::1"))),
        ("[::ffff:10.0.0.1]", ("[::ffff:10.0.0.1]", None, ip_address("::ffff:10.0.0.1"))),
    ],
)
def test_a_name_has_its_parts(text, parts) -> None:
    """As the appendices of the specification write them."""
    assert parse_server_name(text) == ServerName(*parts)


@pytest.mark.parametrize(
    "text",
    [
        "",
        ":8448",
        "h:",
        "h:0",
        "h:65536",
        "h:123456",
        "h:+1",
        "h:\u0661",
        "h:8448:8448",
        "::1",
        "[::1",
        "[]",
        "[::1%eth0]",
        "[fe80::1%25lo]",
        "[1.2.3.4]",
        "h/..",
        "h?x",
        "h#x",
        "user@h",
        "h\\x",
        "h\n",
        "h\r\nHost: x",
        " h",
        "h ",
        "h\x00",
        "hospitál.example",
        "h%2e",
        "a" * 256,
        # addresses in disguise, as inet_aton() reads them
        "2130706433",
        "0x7f000001",
        "0x7f.1",
        "127.1",
        "127.0.1",
        "0177.0.0.1",
        "127.0.0.01",
        "127.0.0.1.",
        "1.2.3.256",
        "host.0x1",
        "host.1",
    ],
)
def test_anything_else_is_refused(text) -> None:
    """Also what could break out of a URL or a header, and addresses that don't look like any."""
    with pytest.raises(BadServerNameError):
        parse_server_name(text)


@given(st.text(max_size=60))
def test_nothing_else_is_ever_raised(text) -> None:
    """Whatever comes, it is a name whose host can stand in a header, or BadServerNameError."""
    try:
        name = parse_server_name(text)
    except BadServerNameError:
        return
    assert name.host.isascii()
    assert name.host.isprintable()
    assert not set(name.host) & set("/?#@\\ ")
