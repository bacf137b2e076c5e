"""A homeserver that is sent encrypted events as fast as it takes them, through the application service's `/send`."""

import asyncio
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any
from urllib.parse import quote

import aiohttp

from benchmarks.clinic import free_ports
from benchmarks.default_synapse import DefaultSynapse
from benchmarks.rounds import alternate, at_once, cpu_s, quiet, times_faster
from bridge.clock import utc_now
from bridge.demo.certificates import certificate_files, ensure_certificates
from bridge.demo.homeserver import Homeserver

CONNECTIONS = 8
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
class RawSender:
    """A homeserver with two people and a consult room of theirs for each connection."""

    homeserver: Homeserver | DefaultSynapse
    http: aiohttp.ClientSession
    rooms: list[str] = field(default_factory=list)
    cpu_s: float = 0.0

    async def send(self, *, messages: int, connections: int) -> float:
        """See Contender."""

        async def one(connection: int) -> None:
            path = f"/rooms/{quote(self.rooms[connection])}/send/m.room.encrypted/{uuid.uuid4().hex}"
            await self._ask("PUT", path, _CONTENT, user="portal_patient")

        before = cpu_s(self.homeserver.pid)
        took = await at_once(one, messages=messages, connections=connections)
        await quiet(self.homeserver.pid)
        self.cpu_s += cpu_s(self.homeserver.pid) - before
        return took

    async def furnish(self) -> None:
        """Make the people and their rooms."""
        people = ("portal_patient", "portal_doctor")
        for name in ("consulta", *people):
            body = {"type": "m.login.application_service", "username": name, "inhibit_login": True}
            await self._ask("POST", "/register", body)
        algorithm = {"algorithm": "m.megolm.v1.aes-sha2"}
        room = {
            "preset": "private_chat",
            "creation_content": {"type": "es.videoconsulta.consult"},
            "invite": [f"@{name}:{self.homeserver.server_name}" for name in people],
            "initial_state": [
                {"type": "m.room.encryption", "state_key": "", "content": algorithm},
                {"type": "m.room.guest_access", "state_key": "", "content": {"guest_access": "forbidden"}},
            ],
        }
        for _ in range(CONNECTIONS):
            room_id = (await self._ask("POST", "/createRoom", room, user="consulta"))["room_id"]
            for name in people:
                await self._ask("POST", f"/join/{quote(room_id)}", {}, user=name)
            self.rooms.append(room_id)

    async def _ask(self, method: str, path: str, body: dict[str, Any], *, user: str | None = None) -> Any:
        query = {} if user is None else {"user_id": f"@{user}:{self.homeserver.server_name}"}
        address = f"{self.homeserver.client_url}{_CLIENT}{path}"
        headers = {"Authorization": f"Bearer {_TOKEN}"}
        async with self.http.request(method, address, params=query, json=body, headers=headers) as response:
            assert response.ok, await response.text()
            return await response.json()


async def race(ours: RawSender, theirs: RawSender, *, rounds: int, messages: int) -> tuple[str, str, float]:
    """What to say of each, and how many times as fast ours is; their homeservers are stopped at the end."""
    contenders = {"ours": ours, "theirs": theirs}
    try:
        for sender in contenders.values():
            await sender.homeserver.start()
        for sender in contenders.values():
            await sender.homeserver.wait_ready()
            await sender.furnish()
            await sender.send(messages=8 * CONNECTIONS, connections=CONNECTIONS)
            sender.cpu_s = 0.0
        seconds = await alternate(contenders, rounds=rounds, messages=messages, connections=CONNECTIONS)
    finally:
        await asyncio.gather(*(sender.homeserver.stop() for sender in contenders.values()))
    said = [
        f"{messages / median(seconds[name]):.1f}/s, {sender.cpu_s / rounds / messages * 1000:.1f} ms CPU each"
        for name, sender in contenders.items()
    ]
    return said[0], said[1], times_faster(seconds["ours"], seconds["theirs"])


def default_sender(directory: Path, http: aiohttp.ClientSession) -> RawSender:
    """One whose homeserver is as Synapse itself would have it."""
    (client_port,) = free_ports(1)
    synapse = DefaultSynapse(directory=directory, client_port=client_port, registration=_registration())
    return RawSender(synapse, http)


def raw_sender(directory: Path, http: aiohttp.ClientSession, *, guarded: bool = False) -> RawSender:
    """One whose homeserver is ours, with its data in this directory; `guarded`: with our Synapse module."""
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
        module={"keeper": f"@consulta:localhost:{federation_port}"} if guarded else None,
    )
    return RawSender(homeserver, http)


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
