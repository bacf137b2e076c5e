"""Server names (Matrix specification, appendices: server name), read strictly.

What some resolvers would take for an address in disguise (`2130706433`, `0x7f.1`, `127.1`) is no name here.
"""

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

from bridge.openid.errors import BadServerNameError

Address = IPv4Address | IPv6Address

_SERVER_NAME = re.compile(r"(\[[0-9A-Fa-f:.]{2,45}\]|[0-9A-Za-z.-]{1,255})(?::([0-9]{1,5}))?")
_LIKE_A_NUMBER = re.compile(r"[0-9]+|0[xX][0-9A-Fa-f]*")
_MAX_PORT = 65535


@dataclass(frozen=True, slots=True)
class ServerName:
    """A server name in its parts; `address` is set when the host is an IP literal. `host` is as written."""

    host: str
    port: int | None
    address: Address | None


def parse_server_name(text: str) -> ServerName:
    """The parts of this server name. Raises BadServerNameError."""
    match = _SERVER_NAME.fullmatch(text)
    if match is None:
        raise BadServerNameError
    host, port = match[1], int(match[2]) if match[2] else None
    if port is not None and not 0 < port <= _MAX_PORT:
        raise BadServerNameError
    return ServerName(host=host, port=port, address=_literal(host))


def _literal(host: str) -> Address | None:
    try:
        if host.startswith("["):
            return IPv6Address(host[1:-1])
        # A name that ends in a number can only be an address (as the URL standard has it).
        if _LIKE_A_NUMBER.fullmatch(host.rstrip(".").rpartition(".")[2]):
            return IPv4Address(host)
    except ValueError as error:
        raise BadServerNameError from error
    return None
