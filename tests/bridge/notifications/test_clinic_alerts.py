"""bridge/notifications/clinic_alerts.py: what could not be told to people, told to the clinic by mail."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from appointments.sealing import Sealer
from bridge.deliveries import claims, ledger
from bridge.deliveries.claims import Claimed
from bridge.deliveries.errors import UndeliverableError
from bridge.deliveries.ledger import Channel, Delivery
from bridge.notifications.clinic_alerts import ClinicAlerts, ClinicMailSender
from bridge.notifications.courier import ByTopic, Courier
from bridge.notifications.mail import Writer
from bridge.notifications.smtp import Smtp
from bridge.storage.database import Database
from tests.bridge.notifications.mail_server import MailServer, mail_server

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SEALER = Sealer(b"k" * 32)
LUCIA = "@portal_lucia:p"


class Never:
    """A channel by which nobody can be told."""

    async def send(self, delivery: Claimed) -> None:
        """Nobody."""
        raise UndeliverableError(delivery.channel)


@dataclass
class Alerts:
    """A clinic that wants to know, and its mail server."""

    database: Database
    server: MailServer
    smtp: Smtp
    now: datetime = NOW

    async def give_up(
        self, name: str, *, channel: Channel = "chat", kind: str = "appointment.reminder"
    ) -> None:
        """Something that nobody can be told."""
        async with self.database.write() as connection:
            one = Delivery(
                id=name, person=LUCIA, channel=channel, kind=kind, subject=f"about-{name}", due_at=self.now
            )
            await ledger.enqueue(connection, one, sealer=SEALER)
        await self.tick()

    async def tick(self, *, address: str | None = "it@clinic.example") -> list[EmailMessage]:
        """What the scheduler does on a beat; every mail that came until then."""
        await ClinicAlerts(database=self.database, sealer=SEALER, now=lambda: self.now).look()
        writer = Writer(
            from_address="no-reply@clinic.example",
            public_url="https://portal.example/",
            sealer=SEALER,
            now=lambda: self.now,
        )
        clinic = ClinicMailSender(smtp=self.smtp, writer=writer, address=address)
        courier = Courier(
            database=self.database,
            sealer=SEALER,
            senders={"chat": Never(), "email": ByTopic({"message": Never(), "clinic": clinic})},
            now=lambda: self.now,
            registry=CollectorRegistry(),
        )
        for channel in ledger.CHANNELS:
            await courier.deliver_due(channel)
        return self.server.mails


@pytest.fixture
async def alerts(database: Database, tmp_path: Path) -> AsyncIterator[Alerts]:
    """Nothing was given up yet."""
    async with mail_server(tmp_path) as server:
        smtp = Smtp(server.settings)
        made = Alerts(database, server, smtp)
        await made.tick()
        yield made
        await smtp.close()


async def test_the_clinic_hears_once_of_what_was_given_up(alerts: Alerts) -> None:
    """How many by which channel, and which appointments; no person, no conversation."""
    await alerts.give_up("one")
    await alerts.give_up("two", channel="email", kind="message")
    assert alerts.server.mails == []
    for _ in range(3):
        alerts.now += timedelta(minutes=16)
        await alerts.tick()
    (mail,) = alerts.server.mails
    assert mail["To"] == "it@clinic.example"
    text = mail.get_content()
    assert "chat: 1, email: 1" in text
    assert "about-one" in text
    assert "about-two" not in text
    assert LUCIA not in mail.as_string()
    assert "Undelivered" in mail["Subject"]


async def test_a_storm_is_one_mail_in_a_quarter_of_an_hour(alerts: Alerts) -> None:
    """However much is given up meanwhile, and none of it is left out."""
    for number in range(5):
        await alerts.give_up(str(number))
        alerts.now += timedelta(minutes=4)
    alerts.now += timedelta(minutes=16)
    await alerts.tick()
    texts = [mail.get_content() for mail in alerts.server.mails]
    assert len(texts) == 2
    assert sorted(number for number in range(5) if any(f"about-{number}" in text for text in texts)) == list(
        range(5)
    )


async def test_what_is_committed_late_is_told_all_the_same(alerts: Alerts) -> None:
    """A process that gives something up, and stands still for minutes before it says so; told once."""
    await alerts.give_up("one")
    given_up_at = alerts.now
    alerts.now += timedelta(minutes=16)
    await alerts.tick()
    async with alerts.database.write() as connection:
        late = Delivery(
            id="late", person=LUCIA, channel="push", kind="message", subject="about", due_at=given_up_at
        )
        await ledger.enqueue(connection, late, sealer=SEALER)
        (claimed,) = await claims.claim(connection, channel="push", sealer=SEALER, most=1, now=given_up_at)
        assert await claims.fail(connection, claimed, final=True, now=given_up_at) == "given_up"
    for _ in range(2):
        alerts.now += timedelta(minutes=16)
        await alerts.tick()
    first, second = [mail.get_content() for mail in alerts.server.mails]
    assert "chat: 1" in first
    assert "push: 1" in second


async def test_what_was_given_up_before_anybody_wanted_to_know_is_not_told(
    database: Database, tmp_path: Path
) -> None:
    """The first look is where it begins."""
    async with mail_server(tmp_path) as server:
        alerts = Alerts(database, server, Smtp(server.settings))
        async with database.write() as connection:
            old = Delivery(
                id="old", person=LUCIA, channel="push", kind="message", subject="about", due_at=NOW
            )
            await ledger.enqueue(connection, old, sealer=SEALER)
            (claimed,) = await claims.claim(connection, channel="push", sealer=SEALER, most=1, now=NOW)
            await claims.fail(connection, claimed, final=True, now=NOW)
        for _ in range(3):
            alerts.now += timedelta(minutes=16)
            assert await alerts.tick() == []
        await alerts.smtp.close()


async def test_an_alert_that_is_given_up_alerts_nobody(alerts: Alerts) -> None:
    """Where nobody wants them any more, or can get them, there is no end of them else."""
    await alerts.give_up("one")
    alerts.server.answers.append("550 no")
    alerts.now += timedelta(minutes=16)
    await alerts.tick()
    alerts.now += timedelta(minutes=16)
    assert await alerts.tick() == []
    await alerts.give_up("two")
    alerts.now += timedelta(minutes=16)
    assert await alerts.tick(address=None) == []
