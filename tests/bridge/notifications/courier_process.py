"""A process that delivers mails until nothing is due: DATABASE PORT CA_FILE MINUTES_LATER."""

import asyncio
import sys
from datetime import UTC, datetime, timedelta

from prometheus_client import CollectorRegistry

from appointments.sealing import Sealer
from bridge.notifications.courier import Courier
from bridge.notifications.mail import Writer
from bridge.notifications.mail_sender import MessageMailSender
from bridge.notifications.settings import SmtpSettings
from bridge.notifications.smtp import Smtp
from bridge.storage.database import Database


async def main(url: str, port: str, ca_file: str, minutes: str) -> None:
    """Deliver."""
    now = datetime(2026, 3, 1, 12, tzinfo=UTC) + timedelta(minutes=int(minutes))
    sealer = Sealer(b"k" * 32)
    database = Database(url)
    await database.open()
    smtp = Smtp(
        SmtpSettings(
            host="127.0.0.1",
            port=int(port),
            username="clinic",
            password="a password",
            from_address="no-reply@clinic.example",
            ca_file=ca_file,
        )
    )
    writer = Writer(
        from_address="no-reply@clinic.example",
        public_url="https://portal.example/",
        sealer=sealer,
        now=lambda: now,
    )
    sender = MessageMailSender(database=database, smtp=smtp, writer=writer)
    courier = Courier(
        database=database,
        sealer=sealer,
        senders={"email": sender},
        now=lambda: now,
        registry=CollectorRegistry(),
    )
    await courier.deliver_due("email")
    await smtp.close()
    await database.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
