"""A clinic whose people hear of their appointments in their chats, and the jobs that tell them."""

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from prometheus_client import CollectorRegistry

from appointments import booking_services as booking
from appointments.booking import Appointment
from appointments.schedule_services import put_schedule
from appointments.storage.appointment_lists import Wanted, find_all
from bridge.notices.appointment_facts import record_appointment
from bridge.notices.judging import Judging
from bridge.notices.settings import ReminderSettings
from bridge.notifications.courier import Courier
from bridge.reminding.chat import ChatSender
from bridge.reminding.dialogues import Dialogues
from bridge.reminding.digest import Digests
from bridge.reminding.planning import Planning
from tests.appointments.diary import schedule
from tests.bridge.clinic import ASSISTANT, GARCIA, PORTAL, Clinic
from tests.bridge.process import Process
from tests.bridge.trouble import UNREACHABLE, failing
from tests.bridge.visitor import Visitor

MARIA = f"@maria:{PORTAL}"
MONDAY = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
TUESDAY_10 = datetime(2026, 3, 3, 9, 0, tzinfo=UTC)


class Reminders:
    """A clinic in which Maria and Garcia have joined their chats, and the jobs of its scheduler."""

    def __init__(self, clinic: Clinic) -> None:
        self.clinic = clinic
        self.maria = Visitor(clinic, MARIA)
        self.garcia = Visitor(clinic, GARCIA)
        self.rooms: dict[str, str] = {}

    async def open(self) -> None:
        """Care, office hours, chats."""
        self.clinic.clock.at = MONDAY
        await self.clinic.start_care(MARIA, GARCIA)
        async with self.clinic.database.write() as connection:
            await put_schedule(connection, professional=GARCIA, schedule=schedule(), now=MONDAY)
        for visitor in (self.maria, self.garcia):
            await visitor.log_in()
        await self.clinic.main.direct_chats.complete()
        for visitor in (self.maria, self.garcia):
            self.rooms[visitor.user_id] = await visitor.join()

    async def tick(self, process: Process | None = None) -> None:
        """What the scheduler does on each beat."""
        await self.plan(process)
        await self.courier(process).deliver_due("chat")

    async def plan(self, process: Process | None = None) -> None:
        """What fills the ledger."""
        running, clock = process or self.clinic.main, self.clinic.clock
        sealer, settings = self.clinic.sealer, ReminderSettings()
        await Planning(
            database=running.database, sealer=sealer, settings=settings, placing=running.placing, now=clock
        ).plan()
        await Digests(database=running.database, sealer=sealer, at=settings.digest_at, now=clock).enter()

    def courier(
        self, process: Process | None = None, *, dialogues: Dialogues | None = None, outbox: Any = None
    ) -> Courier:
        """What says in chats what is due."""
        running, clock, sealer = process or self.clinic.main, self.clinic.clock, self.clinic.sealer
        chat = ChatSender(
            database=running.database,
            outbox=outbox or running.outbox,
            dialogues=dialogues or Dialogues(sealer),
            sealer=sealer,
            judging=Judging(sealer=sealer, settings=ReminderSettings(), now=clock),
            assistant_id=ASSISTANT,
            now=clock,
        )
        return Courier(
            database=running.database,
            sealer=sealer,
            senders={"chat": chat},
            now=clock,
            registry=CollectorRegistry(),
        )

    def down(self, *methods: str) -> None:
        """From now on the homeserver doesn't answer these."""
        self.clinic.homeserver.before = failing(UNREACHABLE, *methods)

    async def book(
        self, start: datetime = TUESDAY_10, *, patient: str = MARIA, by: str = MARIA
    ) -> Appointment:
        """Book a visit."""
        async with self.clinic.database.write() as connection:
            return await booking.book(
                connection,
                appointment_id=uuid4().hex,
                professional=GARCIA,
                patient=patient,
                start=start,
                booked_by=by,
                now=self.clinic.clock(),
                record=record_appointment,
            )

    async def move(self, one: Appointment, start: datetime) -> None:
        """Move it, as the professional."""
        async with self.clinic.database.write() as connection:
            await booking.move(
                connection,
                appointment_id=one.id,
                start=start,
                by=GARCIA,
                now=self.clinic.clock(),
                record=record_appointment,
            )

    async def heard(self, visitor: Visitor) -> list[str]:
        """The words of everything that was said to this person, events by their status."""
        said = (await visitor.hears(self.rooms[visitor.user_id]))[1:]
        return [str(one.content.get("body") or one.content.get("status")) for one in said]

    async def say(self, text: str, **content: Any) -> str:
        """Maria writes; the answer."""
        await self.maria.say(self.rooms[MARIA], text, **content)
        return (await self.heard(self.maria))[-1]

    async def last_event(self) -> str:
        """The id of the last thing that was said to Maria."""
        events = self.clinic.homeserver.rooms[self.rooms[MARIA]].events
        return [str(event["event_id"]) for event in events if event["sender"] == ASSISTANT][-1]

    async def visits(self) -> list[Appointment]:
        """Garcia's diary."""
        async with self.clinic.database.read() as connection:
            return list(await find_all(connection, wanted=Wanted(professional=GARCIA)))
