"""Appointments by e-mail: when they are, with a file for the calendar; never with whom, nor why."""

from email.message import EmailMessage

from appointments.booking import Appointment
from appointments.ical import Listed, invitation, method_of
from bots.spoken_times import spoken
from bridge.bookings import calendar_sender, join_url
from bridge.database import Database
from bridge.notifications import preferences
from bridge.notifications.errors import NotNowError, NotWantedError
from bridge.notifications.ledger import Claimed
from bridge.notifications.mail import Writer, neutral_mail
from bridge.notifications.preferences import Preferences
from bridge.notifications.smtp import Smtp
from bridge.people import zone_of
from bridge.reminding.judging import REMINDER, require_current
from bridge.settings import Settings


class AppointmentMailSender:
    """bridge.notifications.courier.Sender of changes (with their invitation or cancellation) and of reminders.

    Changes wait for the end of her quiet hours, if that is before the visit; reminders were planned around them.
    """

    def __init__(self, *, database: Database, smtp: Smtp, writer: Writer, settings: Settings) -> None:
        self._database = database
        self._smtp = smtp
        self._writer = writer
        self._settings = settings

    async def send(self, delivery: Claimed) -> None:
        """As in Sender."""
        now = self._writer.now()
        async with self._database.read() as connection:
            wanted = await preferences.get(connection, sealer=self._writer.sealer, person=delivery.person)
            appointment = await require_current(connection, delivery, now=now)
            zone = await zone_of(connection, delivery.person)
        if wanted is None or not wanted.email or wanted.address is None:
            raise NotWantedError
        quiet_until = None if delivery.kind == REMINDER else wanted.quiet_until(now)
        if quiet_until is not None and quiet_until < appointment.start:
            raise NotNowError(quiet_until)
        mail = neutral_mail(
            self._writer,
            delivery=delivery,
            to_address=wanted.address,
            language=wanted.language,
            topic=delivery.kind.replace(".", "-"),
            time=spoken(appointment.start, zone=zone, language=wanted.language),
        )
        if delivery.kind != REMINDER:
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
