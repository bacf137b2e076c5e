"""bridge/openid/dns.py: SRV records in their order, and this machine's own names."""

from collections import Counter
from ipaddress import ip_address

import dns.name
from dns.rdataclass import IN
from dns.rdatatype import SRV as TYPE
from dns.rdtypes.IN.SRV import SRV

from bridge.openid.dns import Service, SystemDns, in_order


def record(priority: int, weight: int, port: int, target: str) -> SRV:
    """A SRV record."""
    return SRV(IN, TYPE, priority, weight, port, dns.name.from_text(target))


def test_priority_goes_first() -> None:
    """Whatever the weights."""
    records = [record(20, 100, 2, "b.example."), record(10, 0, 1, "a.example.")]
    for _ in range(50):
        assert in_order(records) == [Service("a.example", 1), Service("b.example", 2)]


def test_weights_share() -> None:
    """Three quarters to whom three quarters are due (RFC 2782), give or take."""
    records = [record(0, 75, 1, "a.example."), record(0, 25, 2, "b.example.")]
    first = Counter(in_order(records)[0].target for _ in range(2000))
    assert 0.68 < first["a.example"] / 2000 < 0.82


def test_useless_records_are_left_out() -> None:
    """`.` says that there is no such service; an address is no target, in whatever disguise; port 0 is none."""
    targets = [".", "127.0.0.1.", "2130706433.", "_x/y.example."]
    assert in_order([record(0, 0, 1, target) for target in targets]) == []
    assert in_order([record(0, 0, 0, "a.example.")]) == []


def test_only_so_many_are_looked_at() -> None:
    """Somebody else's zone can't make us try a thousand hosts."""
    assert len(in_order([record(0, 1, 1, f"h{number}.example.") for number in range(100)])) == 8


async def test_this_machine_knows_itself() -> None:
    """The hosts file counts."""
    found = await SystemDns().addresses("localhost")
    assert set(found) <= {ip_address("127.0.0.1"), ip_address("::1")}
    assert found


async def test_what_is_not_there_has_no_addresses() -> None:
    """An empty answer, no exception; also for names that no resolver takes."""
    for host in ("nowhere.invalid", "a" * 70 + ".invalid", "..", ""):
        assert await SystemDns().addresses(host) == []
