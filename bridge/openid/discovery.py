"""From a server name to where to connect (server-server API v1.11, Resolving server names).

IP literal ───────────────────────────────────────▶ that address, its port or 8448
name:port ────────────────────────────────────────▶ that name and port
name ─▶ well-known ─▶ IP literal, or name:port ───▶ that
                   ─▶ name ─▶ SRV _matrix-fed, _matrix ─▶ their targets, TLS for the name
                   ─▶ none: SRV of the name itself      └▶ none: port 8448
"""

from bridge.openid.dns import Dns
from bridge.openid.https import Destination
from bridge.openid.names import ServerName, parse_server_name
from bridge.openid.wellknown import WellKnown

_PORT = 8448
_SERVICES = ("_matrix-fed._tcp", "_matrix._tcp")  # the second is deprecated, and still in use


class Discovery:
    """Finds homeservers."""

    def __init__(self, *, dns: Dns, well_known: WellKnown) -> None:
        self._dns = dns
        self._well_known = well_known

    async def destinations(self, server_name: str) -> list[Destination]:
        """Where the server of this name is, in the order to try; at least one. Raises BadServerNameError."""
        server = parse_server_name(server_name)
        if server.address is None and server.port is None:
            server = await self._well_known.delegate(server.host) or server
        if server.address is not None or server.port is not None:
            return [_exactly(server)]
        for service in _SERVICES:
            found = await self._dns.services(f"{service}.{server.host}")
            if found:
                return [
                    Destination(host=one.target, port=one.port, host_header=server.host, tls_name=server.host)
                    for one in found
                ]
        return [Destination(host=server.host, port=_PORT, host_header=server.host, tls_name=server.host)]


def _exactly(server: ServerName) -> Destination:
    header = server.host if server.port is None else f"{server.host}:{server.port}"
    tls_name = server.host if server.address is None else str(server.address)
    return Destination(host=server.host, port=server.port or _PORT, host_header=header, tls_name=tls_name)
