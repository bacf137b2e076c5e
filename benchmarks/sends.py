"""What a REST send costs beside a raw `/send` of the same size, and our processor time for it."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import median
from typing import Any
from urllib.parse import quote

from benchmarks.clinic import Clinic, Consult
from benchmarks.mautrix_peer import Peer
from benchmarks.rounds import Contender, alternate, at_once, cpu_s, quiet, times_faster
from benchmarks.table import Row, at_least, at_most

BODY = "Buenos días, doctora. Desde ayer tomo la medicación nueva y duermo mejor. " * 3
CONNECTIONS = 8
_BARS = {1: 0.95, CONNECTIONS: 0.98}
_CPU_MS = 3.0
_STEADY = 15
"""So many times as many messages a round on eight connections, some 13 s. When the last is answered, homeservers
still have work with what was answered before: the hospital takes it in, services are told. After raw sends that is
half a second of processor time, after REST sends a fifth; in rounds of 3 s it counted as 8 % of the throughput."""

_WARM_UP = 3 * CONNECTIONS


@dataclass
class Rest:
    """Messages over our REST API, each with an Idempotency-Key as a careful integrator sends them."""

    clinic: Clinic
    rooms: list[Consult]

    async def send(self, *, messages: int, connections: int) -> float:
        """See Contender."""

        async def one(connection: int) -> None:
            room = self.rooms[connection]
            address, options = self.clinic.api("/api/messages/send", patient=room.patient)
            options["headers"]["Idempotency-Key"] = uuid.uuid4().hex
            body = {"conversation_id": room.room_id, "body": BODY}
            async with self.clinic.http.post(address, json=body, **options) as response:
                assert response.status == 201, await response.text()

        return await at_once(one, messages=messages, connections=connections)


@dataclass
class Raw:
    """The same ciphertext straight to the homeserver's `/send`, as an application service."""

    clinic: Clinic
    rooms: list[Consult]
    content: dict[str, Any]

    async def send(self, *, messages: int, connections: int) -> float:
        """See Contender."""

        async def one(connection: int) -> None:
            room = self.rooms[connection]
            path = f"/rooms/{quote(room.room_id)}/send/m.room.encrypted/{uuid.uuid4().hex}"
            address, options = self.clinic.raw(path, user_id=room.patient)
            async with self.clinic.http.put(address, json=self.content, **options) as response:
                assert response.status == 200, await response.text()

        return await at_once(one, messages=messages, connections=connections)


class Metered:
    """A contender, and the processor seconds that the bridge uses meanwhile, for what comes back to it too."""

    def __init__(self, contender: Contender, clinic: Clinic) -> None:
        self._contender = contender
        self._pids = clinic.pids
        self._bridge = clinic.platform.bridge.pid
        self._cpu_s = 0.0
        self._messages = 0

    async def send(self, *, messages: int, connections: int) -> float:
        """See Contender."""
        before = cpu_s(self._bridge)
        took = await self._contender.send(messages=messages, connections=connections)
        await quiet(*self._pids)
        self._cpu_s += cpu_s(self._bridge) - before
        self._messages += messages
        return took

    @property
    def cpu_ms(self) -> float:
        """Milliseconds of the bridge's processor time for each message."""
        return self._cpu_s / self._messages * 1000


class Spent:
    """What the peer spends from here on."""

    def __init__(self, peer: Peer | None) -> None:
        self._peer = peer
        self._cpu_s, self._messages = (0.0, 0) if peer is None else (peer.cpu_s, peer.messages)

    def __str__(self) -> str:
        if self._peer is None:
            return ""
        milliseconds = (self._peer.cpu_s - self._cpu_s) / (self._peer.messages - self._messages) * 1000
        return f", mautrix-python {milliseconds:.2f} ms"


async def measure(
    clinic: Clinic, *, rest: list[Consult], peer: Peer | None, rounds: int, messages: int
) -> list[Row]:
    """Rows for 1 and for 8 connections; `messages` a round on one connection, many times that on eight."""
    ours = Rest(clinic, rest)
    await ours.send(messages=_WARM_UP, connections=CONNECTIONS)
    raw = Raw(clinic, await clinic.consults("raw", CONNECTIONS), await ciphertext(clinic, rest[0]))
    contenders: dict[str, Contender] = {"rest": ours, "raw": raw}
    if peer is not None:
        contenders["mautrix"] = peer
    for contender in contenders.values():
        await contender.send(messages=_WARM_UP, connections=CONNECTIONS)
    rows = []
    for connections, bar in _BARS.items():
        number = messages if connections == 1 else _STEADY * messages
        metered = {name: Metered(contender, clinic) for name, contender in contenders.items()}
        spent = Spent(peer)
        seconds = await alternate(metered, rounds=rounds, messages=number, connections=connections)
        rates = {name: f"{number / median(took):.1f}/s" for name, took in seconds.items()}
        title = f"REST sends, {connections} at once"
        rows.append(
            Row(
                name=title,
                measured=rates["rest"],
                peer=f"raw /send {rates['raw']}",
                ratio=times_faster(seconds["rest"], seconds["raw"]),
                bar=at_least(bar),
            )
        )
        if peer is not None:
            rows.append(
                Row(
                    name=title,
                    measured=rates["rest"],
                    peer=f"mautrix-python {rates['mautrix']}",
                    ratio=times_faster(seconds["rest"], seconds["mautrix"]),
                )
            )
        rows.append(_cpu_row(metered, spent))
    return rows


def _cpu_row(metered: Mapping[str, Metered], spent: Spent) -> Row:
    ours = metered["rest"].cpu_ms
    return Row(
        name="  our CPU per send, with its echo",
        measured=f"{ours:.2f} ms",
        peer=f"a raw one's echo {metered['raw'].cpu_ms:.2f} ms{spent}",
        bar=at_most(_CPU_MS),
        value=ours,
    )


async def ciphertext(clinic: Clinic, room: Consult) -> dict[str, Any]:
    """What the newest REST message in this room became."""
    address, options = clinic.raw(
        f"/rooms/{quote(room.room_id)}/messages", user_id=room.patient, dir="b", limit="1"
    )
    async with clinic.http.get(address, **options) as response:
        event = (await response.json())["chunk"][0]
    assert event["type"] == "m.room.encrypted"
    content: dict[str, Any] = event["content"]
    return content
