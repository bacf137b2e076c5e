"""A rush for one time over REST, to four processes that know of each other only through the database."""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
from sqlalchemy import insert

from appointments.booking_services import offered_slots
from appointments.schedule_services import put_schedule
from appointments.services import start_care
from bridge.callers import apikeys
from bridge.storage.database import Database
from bridge.storage.people import people
from tests.appointments.diary import schedule
from tests.bridge.serving import SERVER, serving
from tests.e2e.free_ports import free_ports

LUCIA, GARCIA = f"@portal_lucia:{SERVER}", "@garcia:hospital.example"
_PROCESSES, _EACH = 4, 50


async def opened(database: Database) -> tuple[str, str]:
    """García works and cares for Lucía: an integrator's key, and a time that is free."""
    now = datetime.now(UTC)
    async with database.write() as connection:
        await connection.execute(
            insert(people).values(user_id=LUCIA, language="es", timezone="UTC", managed=True, created_at=now)
        )
        await start_care(
            connection,
            patient=LUCIA,
            professional=GARCIA,
            role="gp",
            starts=now - timedelta(days=1),
            ends=None,
            reason_sealed=None,
            now=now,
        )
        await put_schedule(connection, professional=GARCIA, schedule=schedule(), now=now)
        _, token = await apikeys.create(
            connection, name="portal", scopes=["appointments"], expires_at=None, now=now
        )
        (slot,) = await offered_slots(
            connection, professional=GARCIA, now=now, start=now + timedelta(days=2), limit=1
        )
    return token, slot.start.isoformat()


@asynccontextmanager
async def four_processes(directory: Path, url: str) -> AsyncGenerator[list[str]]:
    """The addresses of their APIs."""
    ports = free_ports(_PROCESSES)
    processes = [serving("api", directory=directory, port=port, url=url) for port in ports]
    addresses = [f"http://127.0.0.1:{port}" for port in ports]
    try:
        await asyncio.gather(*(one.start() for one in processes))
        for process, address in zip(processes, addresses, strict=True):
            await process.wait_answering(f"{address}/health/live", within_s=60)
        yield addresses
    finally:
        await asyncio.gather(*(one.kill() for one in processes))


async def test_two_hundred_requests_to_four_processes(migrated: tuple[str, Database], tmp_path: Path) -> None:
    """One is 201, 199 are 409 with the next free times, none is anything else."""
    url, database = migrated
    token, start = await opened(database)
    headers = {"Authorization": f"Bearer {token}", "X-Act-As": LUCIA}
    async with (
        four_processes(tmp_path, url) as addresses,
        aiohttp.ClientSession(headers=headers, connector=aiohttp.TCPConnector(limit=0)) as http,
    ):

        async def book(address: str) -> tuple[int, Any]:
            body = {"professional": GARCIA, "start": start}
            async with http.post(f"{address}/api/appointments", json=body) as response:
                return response.status, await response.json(content_type=None)

        answers = await asyncio.gather(*(book(address) for address in addresses * _EACH))
    assert Counter(status for status, _ in answers) == {201: 1, 409: _PROCESSES * _EACH - 1}
    refusals = [said for status, said in answers if status == 409]
    assert {said["type"] for said in refusals} == {"/problems/slot-taken"}
    assert all(slot["start"] > start[:16] for said in refusals for slot in said["slots"])
    assert {len(said["slots"]) for said in refusals} == {5}
