"""Many reminders at once, two scheduler processes, one of them killed: each reminder once, none early."""

import asyncio
import sys
from datetime import timedelta
from uuid import uuid4

import pytest
import yaml
from sqlalchemy import select, update

from appointments import booking_services as booking
from bridge import app
from bridge.appointment_facts import record_appointment
from bridge.demo.bridge_process import BridgeProcess
from bridge.demo.process import ChildProcess
from bridge.storage.deliveries import deliveries
from tests.e2e.clinic import PASSWORD, Clinic
from tests.e2e.element import ElementClient
from tests.e2e.free_ports import free_ports
from tests.e2e.test_booking_chat import office_hours
from tests.e2e.world import eventually

pytestmark = pytest.mark.asyncio(loop_scope="session")

_COUNT = 40
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


async def book_many(gateway: app.Platform, *, patient: str, professional: str) -> list[str]:
    """So many appointments, from the day after tomorrow on; their ids."""
    booked = []
    now = gateway.now()
    async with gateway.database.read() as connection:
        slots = await booking.offered_slots(
            connection, professional=professional, now=now, start=now + timedelta(days=2), limit=_COUNT
        )
    for slot in slots:
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


async def test_each_once_and_none_early(clinic: Clinic, bridge: BridgeProcess) -> None:
    """Forty that are due in one second; kill -9 in their midst; what the dead one had claimed is taken over."""
    assert bridge.is_running
    patient, professional = await clinic.patient(), await clinic.professional()
    await clinic.care(patient=patient, professional=professional)
    await office_hours(clinic, professional)
    assistant = clinic.platform.settings.assistant_id
    async with ElementClient() as element, app.opened(clinic.platform.settings) as gateway:
        await element.login(clinic.platform.portal.client_url, patient[1:].partition(":")[0], PASSWORD)
        room = (await element.wait_for_invite(inviter=assistant)).room_id
        await element.join(room)
        booked = await book_many(gateway, patient=patient, professional=professional)
        mine = _A_DAY_BEFORE & _c.subject.in_(booked) & (_c.person == patient)

        async def states() -> list[str]:
            async with gateway.database.read() as connection:
                return list(await connection.scalars(select(_c.state).where(mine)))

        await eventually(states, until=lambda found: len(found) == _COUNT)
        second = second_scheduler(clinic)
        await second.start()
        try:
            due_at = gateway.now() + timedelta(seconds=8)  # the second one is up by then
            async with gateway.database.write() as connection:
                await connection.execute(update(deliveries).where(mine).values(due_at=due_at))
            await eventually(states, until=lambda found: "sent" in found)
            await second.kill()
            await asyncio.sleep(2.0)
            async with gateway.database.write() as connection:  # as if its leases had ended
                await connection.execute(
                    update(deliveries)
                    .where(mine, _c.state.in_(["pending", "failed"]))
                    .values(due_at=gateway.now())
                )
            await eventually(states, until=lambda found: set(found) == {"sent"}, within_s=60)
        finally:
            await second.kill()

        async def reminded() -> list[tuple[str, int]]:
            timeline = await element.timeline(room, paginate=True)
            return [
                (str(one.body), one.origin_server_ts) for one in timeline if "Recordatorio" in str(one.body)
            ]

        await eventually(reminded, until=lambda found: len(found) >= _COUNT)
        await asyncio.sleep(2.0)  # what were repeated would come now
        seen = await reminded()
        assert len(seen) == len({body for body, _ in seen}) == _COUNT
        assert min(at for _, at in seen) >= due_at.timestamp() * 1000
