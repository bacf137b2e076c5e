"""What `serve` composes tells people: settings to a mail on a mail server, with nothing replaced."""

from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path

from prometheus_client import CollectorRegistry
from sqlalchemy import insert

from bridge import app
from bridge.clock import utc_now
from bridge.couriers import telling_jobs
from bridge.deliveries import preferences
from bridge.deliveries.preferences import Preferences
from bridge.facts import Fact, append
from bridge.migrations import upgrade_database
from bridge.settings import parse_settings
from bridge.storage.conversations import timeline
from tests.bridge.consult_room import open_room
from tests.bridge.notifications.mail_server import mail_server

MARIA, GARCIA, ROOM = "@maria:p", "@garcia:h", "!room"


async def test_a_fact_becomes_a_mail(tmp_path: Path) -> None:
    """A professional who wants mails, a message of her patient's, a scheduler's jobs; counted in the metrics."""
    async with mail_server(tmp_path) as server, AsyncExitStack() as stack:
        settings = parse_settings(
            {
                "database": f"sqlite:///{tmp_path}/test.db",
                "secret": "s" * 40,
                "homeserver": {"server_name": "p", "url": "http://127.0.0.1:1", "allowed_servers": ["h"]},
                "appservice": {"url": "http://127.0.0.1:2", "as_token": "a" * 20, "hs_token": "b" * 20},
                "smtp": server.settings.model_dump(),
            },
            source="test",
        )
        await upgrade_database(settings.database)
        now = utc_now()
        platform = await stack.enter_async_context(app.opened(settings, now=lambda: now))
        registry = CollectorRegistry()
        jobs = {job.name: job for job in await telling_jobs(stack, platform, registry=registry)}
        news, tell = jobs["news of messages"], jobs["tell people by email"]
        await news.run()
        never = {"channel": "push", "outcome": "given_up"}  # an alert looks for an increase, from 0 that is
        assert registry.get_sample_value("videoconsulta_deliveries_total", never) == 0
        async with platform.database.write() as connection:
            wanted = Preferences(address="garcia@example.org", email=True, language="en", delay_minutes=1)
            await preferences.put(connection, wanted, sealer=platform.sealer, person=GARCIA, now=now)
            await open_room(connection, ROOM, patient=MARIA, professional=GARCIA, now=now)
            message = {"event_id": "$1", "room_id": ROOM, "sender": MARIA, "sent_at": now, "is_message": True}
            await connection.execute(insert(timeline).values(message))
            data = {"event_id": "$1"}
            fact = Fact(id="message.received:$1", kind="message.received", subject=ROOM, at=now, data=data)
            await append(connection, fact)
        await news.run()
        await tell.run()
        assert server.mails == []
        now += timedelta(minutes=2)
        await tell.run()
        (mail,) = server.mails
        assert (mail["To"], mail["Subject"]) == ("garcia@example.org", "There is something new for you")
        labels = {"channel": "email", "outcome": "sent"}
        assert registry.get_sample_value("videoconsulta_deliveries_total", labels) == 1
