"""bridge/openid/addresses.py: no way into our own network, in whatever clothes the address comes."""

from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.openid.addresses import may_be_contacted

PUBLIC = [
    "8.8.8.8",
    "1.1.1.1",
    "2606:4700:4700::1111",
    "::ffff:8.8.8.8",
    "64:ff9b::808:808",
    "2002:808:808::1",
]
PRIVATE = [
    "127.0.0.1",
    "127.255.255.254",
    "10.0.0.1",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.1.1",
    "100.64.0.1",
    "198.18.0.1",
    "192.0.0.1",
    "::1",
    "fc00::1",
    "fd12:3456::1",
    "fec0::1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:192.168.0.1",
    "::7f00:1",
    "::10.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b::a00:1",
    "2002:7f00:1::1",
    "2002:c0a8:101::1",
    "2001:db8::1",
]
NEVER = [
    "0.0.0.0",  # noqa: S104 - nobody binds it here
    "::",
    "169.254.169.254",
    "::ffff:169.254.169.254",
    "64:ff9b::a9fe:a9fe",
    "2002:a9fe:a9fe::1",
    "fe80::1",
    "fe80::1%eth0",
    "224.0.0.1",
    "239.255.255.250",
    "ff02::1",
    "::ffff:224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::ffff:0.0.0.0",
]


@pytest.mark.parametrize("text", PUBLIC)
def test_the_internet_is_fine(text) -> None:
    """With and without private networks allowed."""
    assert may_be_contacted(ip_address(text), allow_private=False)
    assert may_be_contacted(ip_address(text), allow_private=True)


@pytest.mark.parametrize("text", PRIVATE)
def test_private_networks_only_where_configured(text) -> None:
    """Loopback, private, shared, documentation and benchmark networks, also inside IPv6 addresses."""
    assert not may_be_contacted(ip_address(text), allow_private=False)
    assert may_be_contacted(ip_address(text), allow_private=True)


@pytest.mark.parametrize("text", NEVER)
def test_some_are_never_a_homeserver(text) -> None:
    """Link-local (a cloud's metadata service), multicast, unspecified, reserved: no setting opens them."""
    assert not may_be_contacted(ip_address(text), allow_private=False)
    assert not may_be_contacted(ip_address(text), allow_private=True)


@given(st.ip_addresses(v=4))
def test_an_address_inside_another_is_judged_as_itself(address: IPv4Address) -> None:
    """Mapped, NAT64 and 6to4 forms of an IPv4 address open nothing that the address itself does not."""
    forms = [
        IPv6Address(f"::ffff:{address}"),
        IPv6Address(int(IPv6Address("64:ff9b::")) | int(address)),
        IPv6Address((0x2002 << 112) | (int(address) << 80) | 1),
    ]
    for allow_private in (False, True):
        wanted = may_be_contacted(address, allow_private=allow_private)
        assert {may_be_contacted(form, allow_private=allow_private) for form in forms} == {wanted}
