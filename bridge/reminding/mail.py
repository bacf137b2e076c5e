"""Appointments by e-mail: when they are, with a file for the calendar; never with whom, nor why."""

from email.message import EmailMessage

from appointments.booking import Appointment
from appointments.ical import Listed, invitation, method_of
from bots.spoken_times import spoken
from bridge.bookings import calendar_sender, join_url
from bridge.deliveries.claims import Claimed
from bridge.deliveries.preferences import Preferences
from bridge.notices.judging import Judging
from bridge.notices.kinds import CHANGES
from bridge.notifications.mail import Writer, neutral_mail
from bridge.notifications.smtp import Smtp
from bridge.people.people import zone_of
from bridge.settings import Settings
from bridge.storage.database import Database


class AppointmentMailSender:
    """bridge.notifications.courier.Sender: changes with what calendars need, reminders, delays, offers."""

    def __init__(
        self, *, database: Database, judging: Judging, smtp: Smtp, writer: Writer, settings: Settings
    ) -> None:
        self._database = database
        self._judging = judging
        self._smtp = smtp
        self._writer = writer
        self._settings = settings

    async def send(self, delivery: Claimed) -> None:
        """As in Sender."""
        async with self._database.read() as connection:
            judged = await self._judging.require_wanted(connection, delivery)
            zone = await zone_of(connection, delivery.person)
        appointment, wanted = judged.appointment, judged.wanted
        mail = neutral_mail(
            self._writer,
            delivery=delivery,
            to_address=wanted.address or "",
            language=wanted.language,
            topic=delivery.kind.replace(".", "-"),
            time=spoken(appointment.start, zone=zone, language=wanted.language),
            minutes=delivery.data.get("minutes"),
            until=spoken(appointment.answer_by or appointment.start, zone=zone, language=wanted.language),
        )
        if delivery.kind in CHANGES:
            self._attach_calendar(mail, appointment, wanted)
        await self._smtp.send(mail)

    def _attach_calendar(self, mail: EmailMessage, appointment: Appointment, wanted: Preferences) -> None:
        made = invitation(
            Listed(appointment, join_url(self._settings, appointment.id)),
            sender=calendar_sender(self._settings, wanted.language),
            attendee=wanted.address,
        )
        mail.add_attachment(
            made,
            maintype="text",
            subtype="calendar",
            filename="appointment.ics",
            params={"method": method_of(appointment.status), "charset": "utf-8"},
        )
