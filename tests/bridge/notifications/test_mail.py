"""Mails about messages that wait, through a real mail server on loopback."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import aiosmtplib
import pytest
from prometheus_client import CollectorRegistry
from pydantic import ValidationError
from sqlalchemy import func, insert, select

from appointments.quiet_hours import QuietHours
from appointments.sealing import Sealer
from appointments.services import start_representation
from bridge.cli.checks import UnwellError, check_smtp
from bridge.clock import Now
from bridge.database import Database
from bridge.live.placing import Placing
from bridge.notifications import preferences
from bridge.notifications.courier import Courier
from bridge.notifications.errors import UndeliverableError
from bridge.notifications.mail import Writer, neutral_mail, person_of_token
from bridge.notifications.mail_sender import MessageMailSender
from bridge.notifications.message_news import MessageNews
from bridge.notifications.news import mail_of
from bridge.notifications.preferences import Preferences
from bridge.notifications.smtp import Smtp
from bridge.settings import SmtpSettings
from bridge.storage.conversations import receipts, timeline
from bridge.storage.deliveries import deliveries
from bridge.storage.live_events import live_events
from bridge.storage.notification_preferences import notification_preferences
from tests.bridge.notifications.consult_room import open_room
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

    async def message(self, number: int, *, sender: str = GARCIA) -> None:
        """A message in the conversation, now, as live events tell of it; its place in the room is its number."""
        event_id, at = f"$event{number}", {"at": self.now, "placed_at": self.now}
        data = {"conversation_id": ROOM, "message_id": event_id, "status": "sent"}
        row = {"seq": number, "event_id": event_id, "room_id": ROOM, "sender": sender, "is_message": True}
        async with self.database.write() as connection:
            await connection.execute(insert(timeline).values(row | {"sent_at": self.now}))
            for person in (LUCIA, MARIA, GARCIA):
                told = {"person": person, "event": "message", "data": data, **at}
                await connection.execute(insert(live_events).values(told))
        await self.look()

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


@pytest.fixture
async def world(database: Database, tmp_path: Path) -> AsyncIterator[World]:
    """Lucía wants mails; nothing has happened yet."""
    async with mail_server(tmp_path) as server:
        smtp = Smtp(server.settings)
        made = World(database, server, smtp)
        async with database.write() as connection:
            await open_room(connection, ROOM, patient=LUCIA, professional=GARCIA, now=NOW)
        await made.wants(WANTED)
        await made.look()
        yield made
        await smtp.close()


async def test_one_mail_until_she_has_read(world: World) -> None:
    """After five minutes, one for a conversation however much comes; another for what comes after reading."""
    await world.message(1)
    assert await world.after(4.9) == 0
    await world.message(2)
    assert await world.after(0.2) == 1
    await world.message(3)
    assert await world.after(60) == 1
    await world.read(3)
    await world.message(4)
    assert await world.after(6) == 2


async def test_who_has_read_gets_none(world: World) -> None:
    """Reading, or writing herself, cancels; her own messages are no news."""
    await world.message(1)
    await world.read(1)
    await world.message(2)
    await world.message(3, sender=LUCIA)
    assert await world.after(60) == 0
    assert await world.states() == ["cancelled"]


async def test_what_came_while_she_read_is_told_in_its_turn(world: World) -> None:
    """She reads the first of two within the minutes: the second, still unread, has its own five."""
    await world.message(1)
    world.now += timedelta(minutes=2)
    await world.message(2)
    await world.read(1)
    assert await world.after(4.9) == 0
    assert await world.after(0.2) == 1
    await world.read(2)
    assert await world.after(60) == 1
    assert await world.states() == ["cancelled", "sent"]


async def test_who_may_not_read_it_any_more_gets_none(world: World) -> None:
    """A representative whose acting ended while her mail waited; the patient still gets hers."""
    async with world.database.write() as connection:
        await start_representation(
            connection,
            patient=LUCIA,
            representative=MARIA,
            scopes=frozenset({"messages"}),
            starts=NOW,
            ends=NOW + timedelta(minutes=3),
            reason_sealed=None,
            now=NOW,
        )
    await world.wants(replace(WANTED, address="maria@example.org"), person=MARIA)
    await world.message(1)
    assert await world.after(6) == 1
    assert [mail["To"] for mail in world.server.mails] == ["lucia@example.org"]


async def test_who_does_not_want_gets_none(world: World) -> None:
    """Without preferences, with e-mail off, or switched off while it waited."""
    await world.message(1)
    await world.wants(replace(WANTED, email=False))
    await world.message(2)
    assert await world.after(60) == 0


async def test_what_a_mail_says(world: World) -> None:
    """That something waits and a link: no words, no names, no ids; both kinds of text; one-click unsubscribing."""
    await world.message(1)
    assert await world.after(6) == 1
    (mail,) = world.server.mails
    assert (mail["To"], mail["From"]) == ("lucia@example.org", "no-reply@clinic.example")
    assert mail["Subject"] == "Hay algo nuevo para usted"
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    link = str(mail["List-Unsubscribe"]).strip("<>")
    assert person_of_token(link.rpartition("/")[2], sealer=SEALER) == LUCIA
    text, html = (part.get_content() for part in mail.iter_parts())
    for content in (text, html):
        assert "https://portal.example/" in content
        assert link in content
        for secret in ("garcia", "lucia", "room", "$event"):
            assert secret not in content.replace(link, "").lower()
    assert person_of_token("made-up", sealer=SEALER) is None


async def test_a_repeat_has_the_same_message_id(world: World) -> None:
    """A process that dies between the server's acceptance and our commit: the mail comes again, recognisably."""
    await world.message(1)

    class KilledError(BaseException):
        """Nothing after this runs, as with kill -9."""

    original = world.smtp.send

    async def send_and_die(mail: Any) -> None:
        await original(mail)
        raise KilledError

    world.smtp.send = send_and_die  # type: ignore[method-assign]
    with pytest.raises(KilledError):
        await world.after(6)
    world.smtp.send = original  # type: ignore[method-assign]
    assert await world.after(6) == 2
    assert len({mail["Message-ID"] for mail in world.server.mails}) == 1
    assert await world.after(60) == 2


async def test_what_she_read_at_once_is_no_news(world: World) -> None:
    """No mail for it, and the next message, which she does not read, still brings one."""
    async with world.database.write() as connection:
        row = {"seq": 1, "event_id": "$event1", "room_id": ROOM, "sender": GARCIA, "is_message": True}
        await connection.execute(insert(timeline).values(row | {"sent_at": NOW}))
    await world.read(1)
    told = {"conversation_id": ROOM, "message_id": "$event1", "status": "sent"}
    async with world.database.write() as connection:
        event = {"person": LUCIA, "event": "message", "data": told, "at": NOW, "placed_at": NOW}
        await connection.execute(insert(live_events).values(event))
    await world.look()
    assert await world.after(6) == 0
    await world.message(2)
    assert await world.after(6) == 1


async def test_temporary_and_permanent_refusals(world: World) -> None:
    """4xx comes again; 5xx is given up."""
    await world.message(1)
    world.server.answers = ["451 later"]
    assert await world.after(6) == 0
    assert await world.after(1) == 1
    await world.read(1)
    await world.message(2)
    world.server.answers = ["554 never"]
    assert await world.after(6) == 1
    assert await world.states() == ["given_up", "sent"]


async def test_one_connection_for_many(world: World) -> None:
    """The connection is kept, and made anew when the server has closed it."""
    mail = neutral_mail(
        writer(lambda: NOW),
        delivery=mail_of(person=LUCIA, conversation_id=ROOM, read_up_to=0, due_at=NOW),
        to_address="lucia@example.org",
        language="en",
        topic="message",
    )
    for _ in range(20):
        await world.smtp.send(mail)
    assert (len(world.server.mails), world.server.connections) == (20, 1)
    await world.smtp.close()
    await world.smtp.send(mail)
    assert world.server.connections == 2


@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")
@pytest.mark.parametrize("security", ["starttls", "tls"])
async def test_doctor_and_tls(tmp_path: Path, security: str) -> None:
    """Both ways of TLS; a wrong password or an unknown authority is told, and is nobody's message's fault."""
    async with mail_server(tmp_path, security=security) as server:
        assert "takes mail" in await check_smtp(server.settings)
        for wrong in ({"password": "x"}, {"ca_file": None}):
            settings = SmtpSettings(**(server.settings.model_dump() | wrong))
            with pytest.raises(UnwellError, match="does not take us"):
                await check_smtp(settings)
            with pytest.raises((aiosmtplib.SMTPException, OSError)) as caught:
                await Smtp(settings).check()
            assert not isinstance(caught.value, UndeliverableError)


def test_no_clear_text_over_the_network() -> None:
    """`security: none` is for loopback."""
    with pytest.raises(ValidationError, match="loopback"):
        SmtpSettings(host="mail.example", security="none", from_address="a@b")


async def test_quiet_hours_move_a_mail(world: World) -> None:
    """It comes when they end, once."""
    quiet = QuietHours(time(12, 0), time(15, 0), ZoneInfo("Europe/Madrid"))  # until 14:00 UTC
    await world.wants(replace(WANTED, quiet_hours=quiet))
    await world.message(1)
    assert await world.after(6) == 0
    assert await world.after(113) == 0
    assert await world.after(2) == 1


async def test_addresses_are_sealed(world: World) -> None:
    """Neither preferences nor ledger show one."""
    await world.message(1)
    async with world.database.read() as connection:
        for table in (notification_preferences, deliveries):
            assert "example" not in str((await connection.execute(table.select())).all())
