"""bridge/notifications/smtp.py: one connection, TLS, and whose fault a refusal is, at a real mail server."""

import asyncio
from collections.abc import AsyncIterator
from email.message import EmailMessage
from pathlib import Path

import aiosmtplib
import pytest
from pydantic import ValidationError

from bridge.cli.checks import UnwellError, check_smtp
from bridge.deliveries.errors import UndeliverableError
from bridge.notifications import smtp as smtp_module
from bridge.notifications.mail import neutral_mail
from bridge.notifications.news import mail_of
from bridge.notifications.settings import SmtpSettings
from bridge.notifications.smtp import Smtp
from bridge.storage.database import Database
from tests.bridge.matrix.stuck_homeserver import stuck_homeserver
from tests.bridge.notifications.mail_server import mail_server
from tests.bridge.notifications.mail_world import LUCIA, NOW, ROOM, World, mail_world, writer
from tests.until import until


@pytest.fixture
async def world(database: Database, tmp_path: Path) -> AsyncIterator[World]:
    """Lucía wants mails; nothing has happened yet."""
    async with mail_world(database, tmp_path) as made:
        yield made


async def test_temporary_and_permanent_refusals(world: World) -> None:
    """4xx comes again, and so does 5.7, our standing with a relay; another 5xx is given up."""
    await world.message(1)
    world.server.answers = ["451 later", "550 5.7.1 Sender not authorized"]
    assert await world.after(6) == 0
    assert await world.after(1) == 0
    assert await world.after(2) == 1
    await world.read(1)
    await world.message(2)
    world.server.answers = ["554 never"]
    assert await world.after(6) == 1
    assert await world.states() == ["given_up", "sent"]


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ("550 5.1.1 User unknown in local recipient table", UndeliverableError),  # as Postfix 3.7
        ("554 5.7.1 Recipient address rejected: Access denied", aiosmtplib.SMTPRecipientRefused),
        ("550 no such user", UndeliverableError),
        ("450 4.2.0 Greylisted", aiosmtplib.SMTPRecipientRefused),
    ],
)
async def test_whose_fault_a_refused_recipient_is(
    tmp_path: Path, answer: str, error: type[Exception]
) -> None:
    """An unknown address never gets a mail. That a relay doesn't let us in is the operator's to mend."""
    mail = _mail()
    async with mail_server(tmp_path) as server:
        server.recipients = [answer]
        smtp = Smtp(server.settings)
        with pytest.raises(error):
            await smtp.send(mail)
        await smtp.send(mail)
        await smtp.close()
        assert len(server.mails) == 1


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
    """Both ways of TLS. A wrong password, an unknown authority, a closed relay are told, nobody's message's fault."""
    mail = _mail()
    async with mail_server(tmp_path, security=security) as server:
        assert "takes mail" in await check_smtp(server.settings)
        for wrong, why in (({"password": "x"}, "Authentication"), ({"ca_file": None}, "certificate verify")):
            settings = SmtpSettings(**(server.settings.model_dump() | wrong))
            with pytest.raises(UnwellError, match="does not take us") as told:
                await check_smtp(settings)
            assert why in str(told.value.__cause__)
            with pytest.raises((aiosmtplib.SMTPException, OSError), match=why) as caught:
                await Smtp(settings).send(mail)
            assert not isinstance(caught.value, UndeliverableError)
        server.recipients = ["554 5.7.1 Relay access denied"]
        with_alerts = server.settings.model_copy(update={"alert_address": "it@clinic.example"})
        with pytest.raises(UnwellError, match=r"does not take us .* alert_address"):
            await check_smtp(with_alerts)
        assert "takes mail" in await check_smtp(with_alerts)
        assert server.mails == []


async def test_who_ends_does_not_wait_for_a_server_that_says_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has no mail of ours yet: one more try may be made, whenever it was told to end (white-box: the time)."""
    monkeypatch.setattr(smtp_module, "_ENDING_S", 0.05)
    async with stuck_homeserver() as address, mail_server(tmp_path) as server, asyncio.timeout(10):
        settings = server.settings.model_copy(update={"port": int(address.rpartition(":")[2])})
        smtp = Smtp(settings)
        sending = asyncio.create_task(smtp.send(_mail()))
        await until(lambda: smtp._client is not None)
        smtp.hurry()
        for still_sending in (sending, smtp.send(_mail())):
            with pytest.raises(TimeoutError):
                await still_sending


async def test_who_ends_waits_for_the_word_of_a_server_that_may_have_the_mail(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cut off, it would come twice (white-box: no time at all)."""
    monkeypatch.setattr(smtp_module, "_ENDING_S", 0.0)
    async with mail_server(tmp_path) as server, asyncio.timeout(10):
        smtp = Smtp(server.settings)
        server.hangs = 1
        sending = asyncio.create_task(smtp.send(_mail()))
        await until(lambda: server.hangs == 0)
        smtp.hurry()
        await asyncio.sleep(0.05)
        server.goes_on.set()
        await sending
        await smtp.close()
        assert len(server.mails) == 1


def _mail() -> EmailMessage:
    mail = EmailMessage()
    mail["From"], mail["To"] = "a@clinic.example", "b@example.org"
    return mail


def test_no_clear_text_over_the_network() -> None:
    """`security: none` is for loopback."""
    with pytest.raises(ValidationError, match="loopback"):
        SmtpSettings(host="mail.example", security="none", from_address="a@b")
