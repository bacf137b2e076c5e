"""Appointments of Lucía's by e-mail, through a real mail server on loopback."""

from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from uuid import uuid4

from icalendar import Calendar
from prometheus_client import CollectorRegistry

from appointments import booking_services as booking
from appointments.booking import Appointment
from bridge.deliveries import preferences
from bridge.deliveries.preferences import Preferences
from bridge.notices.appointment_facts import record_appointment
from bridge.notices.judging import Judging
from bridge.notices.settings import ReminderSettings
from bridge.notifications.courier import Courier
from bridge.notifications.mail import Writer
from bridge.notifications.smtp import Smtp
from bridge.reminding.mail import AppointmentMailSender
from bridge.reminding.planning import Planning
from tests.bridge.clinic import GARCIA, LUCIA, Clinic
from tests.bridge.notifications.mail_server import MailServer

MONDAY = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
TUESDAY_10 = datetime(2026, 3, 3, 9, 0, tzinfo=UTC)
WANTED = Preferences(address="lucia@example.org", email=True)
ADDRESS = "no-reply@clinic.example"


@dataclass
class Mails:
    """A clinic with a mail server; Lucía is managed, and García cares for her."""

    clinic: Clinic
    server: MailServer
    smtp: Smtp

    async def wants(self, wanted: Preferences, *, person: str = LUCIA) -> None:
        """What this person says."""
        async with self.clinic.database.write() as connection:
            await preferences.put(
                connection, wanted, sealer=self.clinic.sealer, person=person, now=self.clinic.clock()
            )

    async def book(self, start: datetime = TUESDAY_10) -> Appointment:
        """A visit of Lucía's."""
        async with self.clinic.database.write() as connection:
            return await booking.book(
                connection,
                appointment_id=uuid4().hex,
                professional=GARCIA,
                patient=LUCIA,
                start=start,
                booked_by=LUCIA,
                now=self.clinic.clock(),
                record=record_appointment,
            )

    async def tick(self) -> list[EmailMessage]:
        """What the scheduler does on a beat; every mail that came until then."""
        clinic = self.clinic
        await Planning(
            database=clinic.database,
            sealer=clinic.sealer,
            settings=ReminderSettings(),
            placing=clinic.main.placing,
            now=clinic.clock,
        ).plan()
        writer = Writer(
            from_address=ADDRESS,
            public_url="https://portal.example/",
            sealer=clinic.sealer,
            now=clinic.clock,
        )
        sender = AppointmentMailSender(
            database=clinic.database,
            judging=Judging(sealer=clinic.sealer, settings=ReminderSettings(), now=clinic.clock),
            smtp=self.smtp,
            writer=writer,
            settings=clinic.settings,
        )
        await Courier(
            database=clinic.database,
            sealer=clinic.sealer,
            senders={"email": sender},
            now=clinic.clock,
            registry=CollectorRegistry(),
        ).deliver_due("email")
        return self.server.mails


def text_of(mail: EmailMessage) -> str:
    """What a mail says."""
    body = mail.get_body(("plain",))
    assert body is not None
    text: str = body.get_content()
    return text


def calendar_of(mail: EmailMessage) -> Calendar:
    """The file for the calendar that comes with a mail."""
    (attached,) = mail.iter_attachments()
    assert attached.get_content_type() == "text/calendar"
    calendar = Calendar.from_ical(attached.get_payload(decode=True))
    assert attached.get_param("method") == calendar["METHOD"]
    assert isinstance(calendar, Calendar)
    return calendar
