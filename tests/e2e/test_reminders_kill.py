"""Many reminders at once, two scheduler processes, one of them killed: each reminder once, none early."""

import asyncio
import sys
import time
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
import yaml
from sqlalchemy import select, update

from appointments import booking_services as booking
from bridge import app
from bridge.demo.bridge_process import BridgeProcess
from bridge.demo.process import ChildProcess
from bridge.notices.appointment_facts import record_appointment
from bridge.storage.deliveries import deliveries
from tests.e2e.clinic import PASSWORD, Clinic
from tests.e2e.element import ElementClient
from tests.e2e.free_ports import free_ports
from tests.e2e.office_hours import office_hours
from tests.e2e.patients import many_patients
from tests.e2e.world import eventually

pytestmark = pytest.mark.asyncio(loop_scope="session")

_KILLED_EVERY_S = 4.0
_STARTS_WITHIN_S = 8.0
_A_REPEAT_WOULD_COME_S = 2.0
_REMINDER = "Recordatorio"
_QUIET_S = 4.0
"""So long nothing is said when only the dead have something yet."""

_c = deliveries.c
_A_DAY_BEFORE = _c.id.like("appointment.reminder:1440:%")


def second_scheduler(clinic: Clinic) -> ChildProcess:
    """Another process that does the scheduler's work, on a port of its own."""
    settings = yaml.safe_load(clinic.platform.config.read_text(encoding="utf-8"))
    settings["http"] = {**settings.get("http", {}), "port": free_ports(1)[0]}
    path = clinic.platform.config.with_name(f"scheduler-{uuid4().hex[:8]}.yaml")
    path.write_text(yaml.safe_dump(settings), encoding="utf-8")
    path.chmod(0o600)
    command = (sys.executable, "-m", "bridge", "serve", "--only", "scheduler", "--config", str(path))
    return ChildProcess(command=command, directory=path.parent, output=path.with_suffix(".log"))


async def book_many(gateway: app.Platform, patients: Sequence[str], *, professional: str) -> list[str]:
    """An appointment for each of these, from the day after tomorrow on; their ids."""
    booked = []
    now = gateway.now()
    async with gateway.database.read() as connection:
        slots = await booking.offered_slots(
            connection, professional=professional, now=now, start=now + timedelta(days=2), limit=len(patients)
        )
    for patient, slot in zip(patients, slots, strict=True):
        async with gateway.database.write() as connection:
            made = await booking.book(
                connection,
                appointment_id=uuid4().hex,
                professional=professional,
                patient=patient,
                start=slot.start,
                booked_by=patient,
                now=now,
                record=record_appointment,
            )
        booked.append(made.id)
    return booked


class Due:
    """What patients are to be reminded of, and who does it: the bridge, and a scheduler that may die."""

    def __init__(self, gateway: app.Platform, *, booked: Sequence[str]) -> None:
        self._gateway = gateway
        self._mine = _A_DAY_BEFORE & _c.subject.in_(booked) & (_c.channel == "chat")

    async def states(self) -> list[str]:
        """Of their reminders."""
        async with self._gateway.database.read() as connection:
            return list(await connection.scalars(select(_c.state).where(self._mine)))

    async def set_due(self, at: datetime) -> None:
        """What is still open is due then: at first, or as if the leases of the dead had ended."""
        still = self._mine & _c.state.in_(["pending", "failed"])
        async with self._gateway.database.write() as connection:
            await connection.execute(update(deliveries).where(still).values(due_at=at))

    async def kill_until_told(self, victim: ChildProcess, *, again: bool) -> int:
        """Kill it every few seconds (or once, and for good) until everything was said; how many kills."""
        kills, sent, quiet_since, next_kill = 0, 0, time.monotonic(), 0.0
        while set(states := await self.states()) != {"sent"}:
            now = time.monotonic()
            if states.count("sent") != sent:
                sent, quiet_since = states.count("sent"), now
            if sent and now > next_kill and (again or kills == 0):
                await victim.kill()
                if again:
                    await victim.start()
                kills, next_kill = kills + 1, now + _KILLED_EVERY_S
            elif now - quiet_since > _QUIET_S:
                await self.set_due(self._gateway.now())
                quiet_since = now
            await asyncio.sleep(0.1)
        return kills

    async def told(self, clinic: Clinic, count: int, *, again: bool) -> tuple[datetime, int]:
        """Once so many are planned, have them due in one second, and wait; when that was, and how many kills."""
        await eventually(self.states, until=lambda found: len(found) == count, within_s=240)
        second = second_scheduler(clinic)
        await second.start()
        try:
            due_at = self._gateway.now() + timedelta(seconds=_STARTS_WITHIN_S)
            await self.set_due(due_at)
            await asyncio.sleep(_STARTS_WITHIN_S)
            async with asyncio.timeout(300):
                kills = await self.kill_until_told(second, again=again)
        finally:
            await second.kill()
        return due_at, kills


async def test_each_once_and_none_early(clinic: Clinic, bridge: BridgeProcess) -> None:
    """Forty in one chat, due in one second; kill -9 in their midst; what the dead one had claimed is taken over."""
    assert bridge.is_running
    count = 40
    patient, professional = await clinic.patient(), await clinic.professional()
    await clinic.care(patient=patient, professional=professional)
    await office_hours(clinic, professional)
    assistant = clinic.platform.settings.assistant_id
    async with ElementClient() as element, app.opened(clinic.platform.settings) as gateway:
        await element.login(clinic.platform.portal.client_url, patient[1:].partition(":")[0], PASSWORD)
        room = (await element.wait_for_invite(inviter=assistant)).room_id
        await element.join(room)
        booked = await book_many(gateway, count * [patient], professional=professional)
        due_at, kills = await Due(gateway, booked=booked).told(clinic, count, again=False)

        async def reminded() -> list[tuple[str, int]]:
            timeline = await element.timeline(room, paginate=True)
            return [(str(one.body), one.origin_server_ts) for one in timeline if _REMINDER in str(one.body)]

        await eventually(reminded, until=lambda found: len(found) >= count, within_s=60)
        await asyncio.sleep(_A_REPEAT_WOULD_COME_S)
        seen = await reminded()
        assert len(seen) == len({body for body, _ in seen}) == count
        assert min(at for _, at in seen) >= due_at.timestamp() * 1000
        assert kills >= 1


@pytest.mark.faults
async def test_two_hundred_rooms(clinic: Clinic, bridge: BridgeProcess, tmp_path: Path) -> None:
    """Two hundred patients, each in her own chat, reminded in one second; kill -9 every few seconds: each once."""
    assert bridge.is_running
    count = 200
    professional = await clinic.professional()
    await office_hours(clinic, professional)
    async with (
        many_patients(clinic, count, professional=professional, directory=tmp_path) as patients,
        app.opened(clinic.platform.settings) as gateway,
    ):
        booked = await book_many(gateway, [one.user_id for one in patients], professional=professional)
        due_at, kills = await Due(gateway, booked=booked).told(clinic, count, again=True)
        await asyncio.sleep(_A_REPEAT_WOULD_COME_S)
        heard = [[said for said in await one.hears() if _REMINDER in said.body] for one in patients]
    times = [said.at / 1000 - due_at.timestamp() for room in heard for said in room]
    rooms = Counter(map(len, heard))
    print(f"\n{rooms} reminders a room, {min(times):.1f} to {max(times):.1f} s after due, {kills} kills")  # noqa: T201
    assert rooms == {1: count}
    assert min(times) >= 0
    assert kills >= 3
