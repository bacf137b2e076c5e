"""The memory of a process with 1,000 loaded devices, in processes of their own.

One process makes the devices, another loads them: what the first allocated must not hide what the second needs.
A device counts as loaded when it has just begun a session and given it to somebody's device: its identity, its
opened account and its session are in memory then, which is all that the machine ever keeps of one.
"""

import asyncio
import gc
import pickle
import subprocess
import sys
import tempfile
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import psutil

from appointments.sealing import Sealer
from benchmarks.table import Row, at_most
from bridge.clock import utc_now
from bridge.e2ee.fake_key_server import FakeKeyServer
from bridge.e2ee.machine import Encryption
from bridge.e2ee.model import Rotation
from bridge.e2ee.settings import EncryptionSettings
from bridge.migrations import upgrade_database
from bridge.rooms.introductions import Newcomers
from bridge.storage.database import Database

_BAR_MIB = 30.0
_PER = 1000
_WARM_UP = 20
_DOCTOR = "@medica:hospital"
_ROTATION = Rotation(period_msgs=100, period_ms=604_800_000)


def measure(*, devices: int) -> Row:
    """The growth in resident memory for so many devices, reckoned to 1,000."""
    with tempfile.TemporaryDirectory(prefix="bench-memory-") as directory:
        _child("make", directory, str(devices))
        grown = int(_child("load", directory, str(devices)))
    mib = grown / devices * _PER / 2**20
    return Row(
        name=f"memory of 1,000 loaded devices (of {devices:,})",
        measured=f"{mib:.1f} MiB",
        peer="nio's store was seen to take 161 MiB",
        bar=at_most(_BAR_MIB),
        value=mib,
    )


def _child(*arguments: str) -> str:
    command = (sys.executable, "-m", "benchmarks.memory", *arguments)
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout  # noqa: S603 ourselves


@asynccontextmanager
async def _machine(directory: Path, server: FakeKeyServer) -> AsyncGenerator[Encryption]:
    database = Database(f"sqlite:///{directory / 'devices.db'}")
    await database.open()
    try:
        yield Encryption(
            database=database,
            key_server=server,
            pickle_key=b"p" * 32,
            sealer=Sealer(b"s" * 32),
            now=utc_now,
            options=EncryptionSettings(),
            newcomers=Newcomers(introduction_s=0),
            catch_up=None,
        )
    finally:
        await database.close()


async def _make(directory: Path, devices: int) -> None:
    await upgrade_database(f"sqlite:///{directory / 'devices.db'}")
    server = FakeKeyServer()
    async with _machine(directory, server) as machine:
        for number in range(devices + _WARM_UP):
            await machine.provision(_user(number))
        await machine.provision(_DOCTOR)
    kept = server.devices[_DOCTOR], server.cross_signing[_DOCTOR]
    (directory / "doctor.pickle").write_bytes(pickle.dumps(kept))


async def _load(directory: Path, devices: int) -> int:
    server = FakeKeyServer()
    kept = pickle.loads((directory / "doctor.pickle").read_bytes())  # noqa: S301 we have just written it
    server.devices[_DOCTOR], server.cross_signing[_DOCTOR] = kept
    async with _machine(directory, server) as machine:
        for number in range(_WARM_UP):
            await _use(machine, server, number)
        before = _resident()
        for number in range(_WARM_UP, _WARM_UP + devices):
            await _use(machine, server, number)
        return _resident() - before


async def _use(machine: Encryption, server: FakeKeyServer, number: int) -> None:
    user_id, room_id = _user(number), f"!room{number}:portal"
    await machine.prepare(
        user_id=user_id, room_id=room_id, recipients=frozenset({user_id, _DOCTOR}), rotation=_ROTATION
    )
    # What waits for the doctor is the homeserver's memory, not ours.
    for device in server.devices[_DOCTOR].values():
        device.inbox.clear()
    server.calls.clear()


def _user(number: int) -> str:
    return f"@portal_{number}:portal"


def _resident() -> int:
    gc.collect()
    resident: int = psutil.Process().memory_info().rss
    return resident


def main() -> None:
    """What a child does; `load` prints the bytes that memory grew by."""
    step, directory, devices = sys.argv[1:]
    if step == "make":
        asyncio.run(_make(Path(directory), int(devices)))
    else:
        print(asyncio.run(_load(Path(directory), int(devices))))


if __name__ == "__main__":
    main()
