"""What `serve` composes tells people of their appointments: from a booking to a push and a mail, nothing replaced."""

import json
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import http_ece
from cryptography.hazmat.primitives.asymmetric import ec
from prometheus_client import CollectorRegistry

from appointments import booking_services as booking
from appointments.schedule_services import put_schedule
from bridge import app
from bridge.couriers import telling_jobs
from bridge.deliveries import preferences, subscriptions
from bridge.deliveries.preferences import Preferences
from bridge.migrations import upgrade_database
from bridge.notices.appointment_facts import record_appointment
from bridge.reminders import reminding_jobs
from bridge.settings import parse_settings
from tests.appointments.diary import schedule
from tests.appointments.relationships import enter_care
from tests.bridge.notifications.browser import decode_point
from tests.bridge.notifications.mail_server import mail_server
from tests.bridge.notifications.push_service import push_service

LUCIA, GARCIA = "@portal_lucia:p", "@garcia:h"
MONDAY = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
KEY, AUTH = ec.generate_private_key(ec.SECP256R1()), b"a" * 16


async def test_a_booking_becomes_a_push_and_a_mail(tmp_path: Path) -> None:
    """A patient who wants both, a visit, a scheduler's jobs: the booking, and a reminder two hours before."""
    now = MONDAY
    for name in ("mail", "push"):
        (tmp_path / name).mkdir()
    async with (
        mail_server(tmp_path / "mail") as mails,
        push_service(tmp_path / "push") as pushes,
        AsyncExitStack() as stack,
    ):
        settings = parse_settings(
            {
                "database": f"sqlite:///{tmp_path}/test.db",
                "secret": "s" * 40,
                "homeserver": {"server_name": "p", "url": "http://127.0.0.1:1", "allowed_servers": ["h"]},
                "appservice": {"url": "http://127.0.0.1:2", "as_token": "a" * 20, "hs_token": "b" * 20},
                "smtp": mails.settings.model_dump(),
                "federation": {"ca_file": str(pushes.authority)},
                "push": {"allow_private_addresses": True},
            },
            source="test",
        )
        await upgrade_database(settings.database)
        platform = await stack.enter_async_context(app.opened(settings, now=lambda: now))
        telling = await telling_jobs(stack, platform, registry=CollectorRegistry())
        jobs = [
            job
            for job in (*reminding_jobs(platform), *telling)
            if job.name.startswith(("plan", "tell people by email", "tell people by push"))
        ]
        async with platform.database.write() as connection:
            await enter_care(connection, LUCIA, GARCIA, now=MONDAY)
            await put_schedule(connection, professional=GARCIA, schedule=schedule(), now=MONDAY)
            wanted = Preferences(address="lucia@example.org", email=True)
            await preferences.put(connection, wanted, sealer=platform.sealer, person=LUCIA, now=now)
            await subscriptions.add(
                connection,
                sealer=platform.sealer,
                person=LUCIA,
                endpoint=pushes.endpoint(),
                p256dh=decode_point(KEY),
                auth=AUTH,
                most=10,
                now=now,
            )
            one = await booking.book(
                connection,
                appointment_id=uuid4().hex,
                professional=GARCIA,
                patient=LUCIA,
                start=MONDAY + timedelta(hours=4),
                booked_by=GARCIA,
                now=now,
                record=record_appointment,
            )
        for at in (MONDAY, MONDAY + timedelta(hours=2)):
            now = at
            for job in jobs:
                await job.run()
        said = [
            json.loads(http_ece.decrypt(body, private_key=KEY, auth_secret=AUTH)) for _, body in pushes.pushes
        ]
        assert said == [{"kind": "appointment", "appointment_id": one.id}] * 2
        assert [mail["Subject"] for mail in mails.mails] == [
            "Su cita está confirmada",
            "Recordatorio de su cita",
        ]
