"""Our processor time for a new device, and for each device that is given a session for the first time.

The encryption machine runs in this process then, with everything it asks of a real homeserver.
"""

import asyncio
import time

from benchmarks.clinic import Clinic
from benchmarks.mautrix_peer import Peer
from benchmarks.table import Row, at_most
from bridge.e2ee.model import Rotation

_DEVICE_MS = 10.0
_SHARE_MS = 2.0
_WARM_UP = 3
_ROOM = "!bench-{}:{}"
_ROTATION = Rotation(period_msgs=100, period_ms=604_800_000)


async def measure(clinic: Clinic, *, peer: Peer | None, devices: int) -> list[Row]:
    """The rows; so many devices are made, and all but the first few are then given a session at once."""
    users = [clinic.platform.settings.managed_user_id(f"device{number}") for number in range(devices)]
    warm, cold = users[:_WARM_UP], users[_WARM_UP:]
    await _provision(clinic, warm)
    device_ms = await _provision(clinic, cold)
    await _share(clinic, sender=warm[0], recipients=warm[1:2], room=0)
    share_ms = await _share(clinic, sender=warm[1], recipients=cold, room=1)
    single_ms = await _share_singly(clinic, cold[:20])
    theirs = await _peer(clinic, peer, cold) if peer is not None else ("", "")
    return [
        Row(
            name="our CPU per new device",
            measured=f"{device_ms:.2f} ms",
            peer=theirs[0],
            bar=at_most(_DEVICE_MS),
            value=device_ms,
        ),
        Row(
            name=f"our CPU per recipient device at first share ({len(cold)} at once)",
            measured=f"{share_ms:.2f} ms",
            peer=theirs[1],
            bar=at_most(_SHARE_MS),
            value=share_ms,
        ),
        Row(
            name="  all of a first message's preparation, one recipient device",
            measured=f"{single_ms:.2f} ms",
        ),
    ]


async def _provision(clinic: Clinic, users: list[str]) -> float:
    used = time.process_time()
    for user_id in users:
        await clinic.gateway.encryption.provision(user_id)
    return (time.process_time() - used) / len(users) * 1000


async def _share(clinic: Clinic, *, sender: str, recipients: list[str], room: int) -> float:
    """Milliseconds for each recipient; nobody has asked for their devices before."""
    used = time.process_time()
    await clinic.gateway.encryption.prepare(
        user_id=sender,
        room_id=_ROOM.format(room, clinic.platform.portal.server_name),
        recipients=frozenset(recipients),
        rotation=_ROTATION,
    )
    return (time.process_time() - used) / len(recipients) * 1000


async def _share_singly(clinic: Clinic, users: list[str]) -> float:
    """Milliseconds for a sender whose only recipient is the next in the list."""
    pairs = list(zip(users, [*users[1:], users[0]], strict=True))
    return sum(
        [
            await _share(clinic, sender=sender, recipients=[recipient], room=2 + number)
            for number, (sender, recipient) in enumerate(pairs)
        ]
    ) / len(pairs)


async def _peer(clinic: Clinic, peer: Peer, users: list[str]) -> tuple[str, str]:
    """The same with mautrix-python, whose devices are not cross-signed."""
    theirs = [clinic.platform.settings.managed_user_id(f"peer{number}") for number in range(len(users))]
    await asyncio.gather(*(clinic.gateway.matrix.register(user_id=user_id) for user_id in theirs))
    await peer.ask(do="devices", users=theirs[:_WARM_UP])
    made = await peer.ask(do="devices", users=theirs[_WARM_UP:])
    room = _ROOM.format("peer", clinic.platform.portal.server_name)
    shared = await peer.ask(do="share", room_id=room, sender=theirs[0], users=users)
    return (
        f"mautrix-python, not cross-signed {made['cpu_s'] / (len(theirs) - _WARM_UP) * 1000:.2f} ms",
        f"mautrix-python {shared['cpu_s'] / len(users) * 1000:.2f} ms",
    )
