"""Names to addresses and services; a fake is in fakes.py.

Addresses come from the machine's own resolver, so that its hosts file counts; only SRV records need a DNS client.
"""

import asyncio
import random
import socket
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Protocol

import dns.asyncresolver
import dns.exception
import dns.rdatatype
from dns.rdtypes.IN.SRV import SRV

from bridge.openid.errors import BadServerNameError
from bridge.openid.names import Address, parse_server_name

_PATIENCE_S = 3.0
_THREADS = 4
_MOST = 8  # records that are looked at; more would be somebody's game


@dataclass(frozen=True, slots=True)
class Service:
    """Where a service is to be found, as a SRV record says."""

    target: str
    port: int


class Dns(Protocol):
    """Looks names up. A name that is not there, or can't be looked up, has nothing."""

    async def addresses(self, host: str) -> Sequence[Address]:
        """The addresses of a host, best first."""

    async def services(self, name: str) -> Sequence[Service]:
        """The services of this name, in the order in which to try them (RFC 2782)."""


class SystemDns:
    """The Dns of this machine.

    It has its own few threads: somebody else's slow DNS servers must not hold up the loop's, which the connections
    to our own homeserver need.
    """

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(max_workers=_THREADS, thread_name_prefix="dns")

    async def addresses(self, host: str) -> Sequence[Address]:
        """As in Dns."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(_PATIENCE_S):
                found = await loop.run_in_executor(self._threads, _look_up, host)
        except (OSError, UnicodeError, TimeoutError):
            return []
        return found

    async def services(self, name: str) -> Sequence[Service]:
        """As in Dns."""
        try:
            resolver = dns.asyncresolver.Resolver()
            # Absolute: a search domain of this machine must not answer for somebody else's name.
            answer = await resolver.resolve(f"{name}.", dns.rdatatype.SRV, lifetime=_PATIENCE_S)
        except (dns.exception.DNSException, OSError, ValueError):
            return []
        return in_order([record for record in answer if isinstance(record, SRV)])


def _look_up(host: str) -> list[Address]:
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return [ip_address(item[4][0]) for item in found][:_MOST]


def in_order(records: Sequence[SRV]) -> list[Service]:
    """By priority, and within one drawn by weight; records without a usable target are left out."""

    def draw(record: SRV) -> tuple[int, float]:
        # The least of exponential draws with rate w is w's with probability w / (sum of all).
        return record.priority, random.expovariate(record.weight or 0.001)

    services = []
    for record in sorted(records[:_MOST], key=draw):
        target = record.target.to_text(omit_final_dot=True)
        try:
            is_name = parse_server_name(target).address is None
        except BadServerNameError:
            continue
        if is_name and target != "." and record.port:
            services.append(Service(target=target, port=record.port))
    return services
