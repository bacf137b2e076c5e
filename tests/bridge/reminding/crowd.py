"""Thousands of people whose visits begin within one minute, their mail server, and schedulers that may be killed."""

import asyncio
import re
import time
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import uuid4

from aiosmtpd.smtp import SMTP
from sqlalchemy import Row, func, insert, select, update

from appointments.sealing import Sealer, derive_key
from appointments.storage.appointments import appointments
from appointments.storage.care import care_relationships
from appointments.storage.schedules import schedules
from appointments.storage.schedules import store as store_schedule
from bridge.deliveries import preferences
from bridge.deliveries.preferences import Preferences
from bridge.demo.process import ChildProcess
from bridge.storage.database import Database
from bridge.storage.deliveries import deliveries
from bridge.storage.people import people
from bridge.storage.reminding import appointment_notices
from tests.appointments.diary import schedule
from tests.bridge.serving import SECRET, SERVER, serving
from tests.e2e.free_ports import free_ports

VISITS_EACH = 20
BEFORE = timedelta(minutes=10)
_MESSAGE_ID = re.compile(rb"^Message-ID: <([0-9a-f]+)@", re.MULTILINE)
_c = deliveries.c
_IS_OPEN = _c.state.in_(["pending", "failed"])


@dataclass
class Arrivals:
    """A mail server on loopback (aiosmtpd): which mails came, and when."""

    port: int = 0
    came: list[tuple[str, float]] = field(default_factory=list)

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802 aiosmtpd's name
        """Take it."""
        found = _MESSAGE_ID.search(envelope.content)
        assert found is not None
        self.came.append((found[1].decode(), time.time()))
        return "250 OK"

    def repeated(self) -> int:
        """How many came that had come before."""
        return len(self.came) - len(Counter(name for name, _ in self.came))


@asynccontextmanager
async def mail_server() -> AsyncGenerator[Arrivals]:
    """A running one."""
    server = Arrivals()
    loop = asyncio.get_running_loop()
    listener = await loop.create_server(lambda: SMTP(server, hostname="localhost"), "127.0.0.1", 0)
    server.port = listener.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listener.close()


@dataclass
class Crowd:
    """`count` visits, each with one reminder by mail; within `window` seconds from `first_at` on they are due."""

    database: Database
    count: int
    first_at: datetime
    window_s: float

    async def arrive(self) -> None:
        """Enter them as booked, and that their reminders are to be planned."""
        sealer, now = (
            Sealer(derive_key(SECRET, "words and secrets at rest")),
            self.first_at - timedelta(days=2),
        )
        numbers = range(self.count // VISITS_EACH)
        async with self.database.write() as connection:
            for number in numbers:
                wanted = Preferences(address=f"p{number}@example.org", email=True, minutes_before=(10,))
                await preferences.put(connection, wanted, sealer=sealer, person=_patient(number), now=now)
                await store_schedule(connection, _professional(number), schedule(), now=now)
            await connection.execute(insert(people), [_person(number, now) for number in numbers])
            await connection.execute(insert(care_relationships), [_care(number, now) for number in numbers])
            ids = {row.professional: row.id for row in await connection.execute(select(schedules))}
            visits = [self._visit(number, ids) for number in range(self.count)]
            await connection.execute(insert(appointments), visits)
            await connection.execute(insert(appointment_notices), [_notice(visit, now) for visit in visits])

    def _visit(self, number: int, schedule_ids: dict[str, int]) -> dict[str, Any]:
        whose, which = divmod(number, VISITS_EACH)
        length = timedelta(seconds=self.window_s / VISITS_EACH)
        start = self.first_at + BEFORE + which * length
        return {
            "id": uuid4().hex,
            "schedule_id": schedule_ids[_professional(whose)],
            "patient": _patient(whose),
            "visit_type": "visit",
            "starts_at": start,
            "ends_at": start + length,
            "blocked_from": start,
            "blocked_until": start + length,
            "status": "booked",
            "version": 1,
            "sequence": 0,
            "booked_by": _patient(whose),
            "created_at": self.first_at - timedelta(days=2),
            "updated_at": self.first_at - timedelta(days=2),
        }

    async def states(self) -> Counter[str]:
        """What has become of the reminders by mail."""
        query = select(_c.state, func.count()).where(_c.channel == "email").group_by(_c.state)
        async with self.database.read() as connection:
            return Counter({row.state: row[1] for row in await connection.execute(query)})

    async def due(self) -> dict[str, Row[Any]]:
        """The reminders by the ids of their mails. A row's `due_at` is the planned one until it is claimed."""
        async with self.database.read() as connection:
            rows = (await connection.execute(select(deliveries).where(_c.channel == "email"))).all()
        return {sha256(row.id.encode()).hexdigest()[:40]: row for row in rows}

    async def leases(self) -> set[str]:
        """What somebody has in hand now."""
        async with self.database.read() as connection:
            return set(await connection.scalars(select(_c.claim).where(_IS_OPEN, _c.claim.is_not(None))))

    async def end_leases(self, leases: set[str]) -> None:
        """As if these had ended."""
        async with self.database.write() as connection:
            taken = update(deliveries).where(_IS_OPEN, _c.claim.in_(leases))
            await connection.execute(taken.values(due_at=datetime.now(UTC)))


@asynccontextmanager
async def two_schedulers(
    directory: Path, *, url: str, smtp_port: int
) -> AsyncGenerator[tuple[ChildProcess, ChildProcess]]:
    """Running ones on this database, with this mail server; the homeserver is down."""
    ports = free_ports(2)
    one, other = (_scheduler(directory, port=port, url=url, smtp_port=smtp_port) for port in ports)
    try:
        for process in (one, other):
            await process.start()
        for process, port in zip((one, other), ports, strict=True):
            await process.wait_answering(f"http://127.0.0.1:{port}/health/live", within_s=60)
        yield one, other
    finally:
        for process in (one, other):
            await process.kill()


def _scheduler(directory: Path, *, port: int, url: str, smtp_port: int) -> ChildProcess:
    smtp = {
        "host": "127.0.0.1",
        "port": smtp_port,
        "security": "none",
        "from_address": "no-reply@clinic.example",
    }
    reminders = {"quiet_hours": None, "digest_at": None}
    return serving("scheduler", directory=directory, port=port, url=url, reminders=reminders, smtp=smtp)


def _patient(number: int) -> str:
    return f"@portal_{number}:{SERVER}"


def _professional(number: int) -> str:
    return f"@d{number}:{SERVER}"


def _person(number: int, now: datetime) -> dict[str, Any]:
    names = {"user_id": _patient(number), "language": "es", "timezone": "Europe/Madrid"}
    return {**names, "managed": True, "created_at": now}


def _care(number: int, now: datetime) -> dict[str, Any]:
    pair = {"patient": _patient(number), "professional": _professional(number), "role": "gp"}
    return {**pair, "starts_at": now, "updated_at": now}


def _notice(visit: dict[str, Any], now: datetime) -> dict[str, Any]:
    which = {"id": f"wishes:{uuid4().hex}:{visit['id']}:1", "appointment_id": visit["id"], "kind": "wishes"}
    return {**which, "by": visit["patient"], "at": now}
