"""Which addresses we connect to when somebody else's words led us there.

Threat: a name, a well-known file or a SRV record that points into our own network (server-side request forgery):
the database's port, an admin page on loopback, a cloud's metadata service. IPv6 can carry an IPv4 address inside
(mapped, NAT64, 6to4 …), so that one is looked at too.
"""

from ipaddress import IPv4Address, IPv6Address, IPv6Network

from bridge.openid.names import Address

_IPV4_COMPATIBLE = IPv6Network("::/96")
_NAT64 = IPv6Network("64:ff9b::/96")
_SMALLEST_COMPATIBLE = 0x10000  # below are ::, ::1 and nothing that was ever an IPv4 host


def may_be_contacted(address: Address, *, allow_private: bool) -> bool:
    """Whether we connect to this address; never to link-local, multicast, unspecified or reserved ones.

    `allow_private` adds loopback and private networks, for a platform inside one.
    """
    real = _carried(address) or address
    if real.is_link_local or real.is_multicast or real.is_unspecified:
        return False
    if isinstance(real, IPv4Address):
        if real.is_reserved:
            return False
    elif real.is_site_local:
        return allow_private
    return allow_private or real.is_global


def _carried(address: Address) -> IPv4Address | None:
    """The IPv4 address that packets to this IPv6 address end up at, if it carries one."""
    if not isinstance(address, IPv6Address):
        return None
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address.teredo is not None:
        return address.teredo[1]
    is_compatible = address in _IPV4_COMPATIBLE and int(address) >= _SMALLEST_COMPATIBLE
    if is_compatible or address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return None
