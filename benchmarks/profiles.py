"""Our tuned homeserver beside one with Synapse's defaults: raw sends of encrypted events on eight connections."""

import asyncio
import uuid
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, get_args
from urllib.parse import quote

import aiohttp

from benchmarks.clinic import free_ports
from benchmarks.rounds import alternate, at_once, cpu_s, quiet, times_faster
from benchmarks.table import Row, at_least
from bridge.clock import utc_now
from bridge.demo.certificates import certificate_files, ensure_certificates
from bridge.demo.homeserver import Homeserver
from bridge.demo.templates import Profile

_BAR = at_least(1.25)
_CONNECTIONS = 8
_CLIENT = "/_matrix/client/v3"
_TOKEN = "of-this-run-only-0123456789"  # noqa: S105 servers on loopback that end with the run
_CONTENT = {
    "algorithm": "m.megolm.v1.aes-sha2",
    "ciphertext": "x" * 600,
    "session_id": "y" * 43,
    "sender_key": "z" * 43,
    "device_id": "BENCH",
}


@dataclass
class _Sender:
    homeserver: Homeserver
    http: aiohttp.ClientSession
    rooms: list[str]
    cpu_s: float = 0.0

    async def send(self, *, messages: int, connections: int) -> float:
        """See Contender."""

        async def one(connection: int) -> None:
            path = f"/rooms/{quote(self.rooms[connection])}/send/m.room.encrypted/{uuid.uuid4().hex}"
            await self.ask("PUT", path, _CONTENT, user="portal_patient")

        before = cpu_s(self.homeserver.pid)
        took = await at_once(one, messages=messages, connections=connections)
        await quiet(self.homeserver.pid)
        self.cpu_s += cpu_s(self.homeserver.pid) - before
        return took

    async def ask(self, method: str, path: str, body: dict[str, Any], *, user: str | None = None) -> Any:
        """The answer to a request as one of the application service's users."""
        query = {} if user is None else {"user_id": f"@{user}:{self.homeserver.server_name}"}
        address = f"{self.homeserver.client_url}{_CLIENT}{path}"
        headers = {"Authorization": f"Bearer {_TOKEN}"}
        async with self.http.request(method, address, params=query, json=body, headers=headers) as response:
            assert response.ok, await response.text()
            return await response.json()


async def measure(directory: Path, *, rounds: int, messages: int) -> Row:
    """The row."""
    async with aiohttp.ClientSession() as http:
        senders = {profile: _sender(directory / profile, profile, http) for profile in get_args(Profile)}
        try:
            for sender in senders.values():
                await sender.homeserver.start()
            for sender in senders.values():
                await sender.homeserver.wait_ready()
                await _furnish(sender)
                await sender.send(messages=8 * _CONNECTIONS, connections=_CONNECTIONS)
            for sender in senders.values():
                sender.cpu_s = 0.0
            seconds = await alternate(senders, rounds=rounds, messages=messages, connections=_CONNECTIONS)
        finally:
            await asyncio.gather(*(sender.homeserver.stop() for sender in senders.values()))
    said = {
        name: f"{messages / median(took):.1f}/s, {senders[name].cpu_s / rounds / messages * 1000:.1f} ms CPU each"
        for name, took in seconds.items()
    }
    return Row(
        name=f"tuned homeserver, raw sends, {_CONNECTIONS} connections",
        measured=said["tuned"],
        peer=f"Synapse's default {said['default']}",
        ratio=times_faster(seconds["tuned"], seconds["default"]),
        bar=_BAR,
    )


def _sender(directory: Path, profile: Profile, http: aiohttp.ClientSession) -> _Sender:
    directory.mkdir(parents=True)
    certificates = certificate_files(directory / "tls")
    ensure_certificates(certificates, now=utc_now())
    client_port, federation_port = free_ports(2)
    homeserver = Homeserver(
        role="portal",
        directory=directory / "portal",
        client_port=client_port,
        federation_port=federation_port,
        federation_servers=[],
        certificates=certificates,
        registration=_registration(),
        profile=profile,
    )
    return _Sender(homeserver, http, [])


def _registration() -> dict[str, Any]:
    return {
        "id": "bench",
        "url": None,  # nobody listens: the sends themselves are measured
        "as_token": _TOKEN,
        "hs_token": f"{_TOKEN}-hs",
        "sender_localpart": "consulta",
        "rate_limited": False,
        "namespaces": {"users": [{"exclusive": True, "regex": "@portal_.*"}], "rooms": [], "aliases": []},
    }


async def _furnish(sender: _Sender) -> None:
    """Two people, and an encrypted room of theirs for each connection."""
    for name in ("portal_patient", "portal_doctor"):
        body = {"type": "m.login.application_service", "username": name, "inhibit_login": True}
        await sender.ask("POST", "/register", body)
    algorithm = {"algorithm": "m.megolm.v1.aes-sha2"}
    room = {
        "preset": "private_chat",
        "invite": [f"@portal_doctor:{sender.homeserver.server_name}"],
        "initial_state": [{"type": "m.room.encryption", "state_key": "", "content": algorithm}],
    }
    for _ in range(_CONNECTIONS):
        room_id = (await sender.ask("POST", "/createRoom", room, user="portal_patient"))["room_id"]
        await sender.ask("POST", f"/join/{quote(room_id)}", {}, user="portal_doctor")
        sender.rooms.append(room_id)
