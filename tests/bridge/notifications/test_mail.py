"""Mails about messages that wait, through a real mail server on loopback."""

import re
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import time, timedelta
from email.message import EmailMessage
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import insert

from appointments.quiet_hours import QuietHours
from bridge.notifications.mail import person_of_token
from bridge.notifications.smtp import Smtp
from bridge.storage.conversations import timeline
from bridge.storage.database import Database
from bridge.storage.deliveries import deliveries
from bridge.storage.live_events import live_events
from bridge.storage.notification_preferences import notification_preferences
from tests.appointments.relationships import enter_representation
from tests.bridge.mortality import Killed
from tests.bridge.notifications.mail_world import (
    GARCIA,
    LUCIA,
    MARIA,
    NOW,
    ROOM,
    SEALER,
    WANTED,
    World,
    mail_world,
)


@pytest.fixture
async def world(database: Database, tmp_path: Path) -> AsyncIterator[World]:
    """Lucía wants mails; nothing has happened yet."""
    async with mail_world(database, tmp_path) as made:
        yield made


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


async def test_what_came_after_the_mail_is_told_too(world: World) -> None:
    """The second message comes after the mail about the first, and she reads the first only: five minutes each."""
    await world.message(1)
    assert await world.after(6) == 1
    await world.message(2)
    assert await world.after(6) == 1
    await world.read(1)
    assert await world.after(0) == 2
    await world.read(2)
    assert await world.after(60) == 2


async def test_who_may_not_read_it_any_more_gets_none(world: World) -> None:
    """A representative whose acting ended while her mail waited; the patient still gets hers."""
    async with world.database.write() as connection:
        await enter_representation(
            connection, LUCIA, MARIA, "messages", now=NOW, ends=NOW + timedelta(minutes=3)
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


async def test_a_mail_that_nobody_got_silences_nothing(world: World) -> None:
    """She mistyped her address and mends it: the next message is told, once, though the first is still unread."""
    world.server.answers = ["554 no such person", "554 no such person"]
    for number in (1, 2):
        await world.message(number)
        assert await world.after(6) == 0
    await world.wants(replace(WANTED, address="lucia@example.net"))
    await world.message(3)
    assert await world.after(6) == 1
    await world.message(4)
    assert await world.after(60) == 1
    assert await world.states() == ["given_up", "sent"]
    assert world.server.mails[0]["To"] == "lucia@example.net"


async def test_who_wants_mails_again_gets_them(world: World) -> None:
    """Switched off while one waited, and on again before she has read it: the next message is told."""
    await world.message(1)
    await world.wants(replace(WANTED, email=False))
    assert await world.after(6) == 0
    await world.wants(WANTED)
    await world.message(2)
    await world.message(3)
    assert await world.after(6) == 1
    assert await world.after(60) == 1


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

    class DiesThen(Smtp):
        """Its process ends as soon as the server has the mail."""

        async def send(self, message: EmailMessage) -> None:
            """As Smtp does. Raises Killed."""
            await super().send(message)
            await self.close()
            raise Killed

    lives, world.smtp = world.smtp, DiesThen(world.server.settings)
    with pytest.raises(Killed):
        await world.after(6)
    world.smtp = lives
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


async def test_mail_programs_find_the_link_that_ends_mails(world: World) -> None:
    """On the wire it stands as RFC 2369 wants it, in one piece and not encoded, however long an address is."""
    await world.wants(replace(WANTED, address=f"{'l' * 64}@{'example.' * 20}org"))
    await world.message(1)
    assert await world.after(6) == 1
    (raw,) = world.server.raw
    head = raw.partition(b"\r\n\r\n")[0]
    assert re.search(rb"^List-Unsubscribe: <https://portal\.example/api/[!-~]+>\r$", head, re.MULTILINE)
    assert re.search(rb"^To: l{64}@(example\.){20}org\r$", head, re.MULTILINE)
    assert b"=?" not in re.sub(rb"^Subject: .*$", b"", head, flags=re.MULTILINE)
    assert max(len(line) for line in raw.split(b"\r\n")) <= 998
    assert raw.isascii()
