"""Mails from our database to a real mail server on loopback: people, a conversation, what they want."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from prometheus_client import CollectorRegistry
from sqlalchemy import func, insert, select

from appointments.sealing import Sealer
from bridge.clock import Now
from bridge.deliveries import preferences
from bridge.deliveries.preferences import Preferences
from bridge.live.placing import Placing
from bridge.notifications.courier import Courier
from bridge.notifications.mail import Writer
from bridge.notifications.mail_sender import MessageMailSender
from bridge.notifications.message_news import MessageNews
from bridge.notifications.smtp import Smtp
from bridge.states.statuses import mark_taken_back
from bridge.storage.conversations import receipts, timeline
from bridge.storage.database import Database
from bridge.storage.deliveries import deliveries
from bridge.storage.live_events import live_events
from tests.bridge.consult_room import open_room
from tests.bridge.notifications.mail_server import MailServer, mail_server

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
LUCIA, MARIA, GARCIA, ROOM = "@portal_lucia:p", "@maria:p", "@garcia:h", "!room"
WANTED = Preferences(address="lucia@example.org", email=True)
SEALER = Sealer(b"k" * 32)


def writer(now: Now) -> Writer:
    """Who writes the mails."""
    return Writer(
        from_address="no-reply@clinic.example",
        public_url="https://portal.example/",
        sealer=SEALER,
        now=now,
    )


@dataclass
class World:
    """A database, a mail server, and what brings one to the other."""

    database: Database
    server: MailServer
    smtp: Smtp
    now: datetime = NOW

    def courier(self) -> Courier:
        """A process that delivers."""
        sender = MessageMailSender(database=self.database, smtp=self.smtp, writer=writer(lambda: self.now))
        return Courier(
            database=self.database,
            sealer=SEALER,
            senders={"email": sender},
            now=lambda: self.now,
            registry=CollectorRegistry(),
        )

    async def wants(self, wanted: Preferences, *, person: str = LUCIA) -> None:
        """This person says what she wants."""
        async with self.database.write() as connection:
            await preferences.put(connection, wanted, sealer=SEALER, person=person, now=NOW)

    async def message(self, number: int, *, sender: str = GARCIA, is_seen: bool = True) -> None:
        """A message in the conversation, now, as live events tell of it; its place in the room is its number.

        `is_seen`: a scheduler runs, which looks.
        """
        event_id, at = f"$event{number}", {"at": self.now, "placed_at": self.now}
        data = {"conversation_id": ROOM, "message_id": event_id, "status": "sent"}
        row = {"seq": number, "event_id": event_id, "room_id": ROOM, "sender": sender, "is_message": True}
        async with self.database.write() as connection:
            await connection.execute(insert(timeline).values(row | {"sent_at": self.now}))
            for person in (LUCIA, MARIA, GARCIA):
                told = {"person": person, "event": "message", "data": data, **at}
                await connection.execute(insert(live_events).values(told))
        if is_seen:
            await self.look()

    async def take_back(self, number: int) -> None:
        """The sender redacts this message."""
        async with self.database.write() as connection:
            await mark_taken_back(connection, room_id=ROOM, event_id=f"$event{number}", at=NOW)

    async def read(self, number: int) -> None:
        """Lucía reads up to this message."""
        async with self.database.write() as connection:
            row = {
                "room_id": ROOM,
                "user_id": LUCIA,
                "event_id": f"$event{number}",
                "seq": number,
                "at": self.now,
            }
            await connection.execute(receipts.delete())
            await connection.execute(insert(receipts).values(row))
            told = {"conversation_id": ROOM, "message_id": row["event_id"], "status": "read"}
            for person in (LUCIA, GARCIA):
                event = {"person": person, "event": "status", "data": told, "at": self.now}
                await connection.execute(insert(live_events).values(event | {"placed_at": self.now}))
        await self.look()

    async def look(self) -> None:
        """What happened goes into the ledger."""
        placing = Placing(database=self.database, portal_server="p", now=lambda: self.now)
        news = MessageNews(database=self.database, sealer=SEALER, placing=placing, now=lambda: self.now)
        await news.look()

    async def after(self, minutes: float) -> int:
        """So long later, what is due is delivered: how many mails there are then."""
        self.now = self.now + timedelta(minutes=minutes)
        await self.courier().deliver_due("email")
        return len(self.server.mails)

    async def states(self) -> list[str]:
        """Of all deliveries."""
        async with self.database.read() as connection:
            query = select(deliveries.c.state, func.count()).group_by(deliveries.c.state)
            return [row.state for row in await connection.execute(query.order_by(deliveries.c.state))]


@asynccontextmanager
async def mail_world(database: Database, directory: Path) -> AsyncGenerator[World]:
    """Lucía wants mails; nothing has happened yet."""
    async with mail_server(directory) as server:
        smtp = Smtp(server.settings)
        made = World(database, server, smtp)
        async with database.write() as connection:
            await open_room(connection, ROOM, patient=LUCIA, professional=GARCIA, now=NOW)
        await made.wants(WANTED)
        await made.look()
        yield made
        await smtp.close()
