"""bridge/demo/mail_sink.py: what a mail server would have sent on lies in files."""

import asyncio
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from types import SimpleNamespace

import aiosmtplib
import pytest

from bridge.demo.certificates import certificate_files, ensure_certificates
from bridge.demo.mail_sink import MailFiles, mail_sink
from bridge.notifications.settings import SmtpSettings
from bridge.notifications.smtp import Smtp


def _mail(to_address: str) -> EmailMessage:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "a@demo.example", to_address, "Buenos días"
    mail.set_content("¿Qué tal?\n")
    return mail


async def test_a_mail_becomes_a_file(tmp_path: Path) -> None:
    """In the order in which they came, over starts too, named for the recipient, and for nobody else to read."""
    files = certificate_files(tmp_path / "tls")
    ensure_certificates(files, now=datetime.now(UTC))
    for recipients in (["maria@demo.example", "../pedro@demo.example"], ["maria@demo.example"]):
        async with mail_sink(tmp_path / "mails", certificates=files) as port:
            settings = SmtpSettings(
                host="localhost", port=port, from_address="a@demo.example", ca_file=files.authority
            )
            smtp = Smtp(settings)
            for one in recipients:
                await smtp.send(_mail(one))
            await smtp.close()
    made = sorted((tmp_path / "mails").iterdir())
    assert [one.name for one in made] == ["0001-maria.eml", "0002-.._pedro.eml", "0003-maria.eml"]
    first = message_from_bytes(made[0].read_bytes(), policy=policy.default)
    assert isinstance(first, EmailMessage)
    assert (first["Subject"], first.get_content().strip()) == ("Buenos días", "¿Qué tal?")
    assert (tmp_path / "mails").stat().st_mode & 0o077 == 0


async def test_mails_that_come_at_once_are_all_kept(tmp_path: Path) -> None:
    """From several processes: none takes another's number, nor another's words."""
    files = MailFiles(tmp_path / "mails")
    files.make_directory()
    mails = [SimpleNamespace(rcpt_tos=["maria@demo.example"], content=b"%d" % number) for number in range(50)]
    said = await asyncio.gather(*(files.handle_DATA(None, None, mail) for mail in mails))
    assert said == ["250 kept"] * 50
    kept = sorted(int(path.read_bytes()) for path in (tmp_path / "mails").iterdir())
    assert kept == list(range(50))


async def test_only_over_tls(tmp_path: Path) -> None:
    """Who doesn't ask for STARTTLS is refused."""
    files = certificate_files(tmp_path / "tls")
    ensure_certificates(files, now=datetime.now(UTC))
    async with mail_sink(tmp_path / "mails", certificates=files) as port:
        settings = SmtpSettings(host="localhost", port=port, security="none", from_address="a@demo.example")
        smtp = Smtp(settings)
        with pytest.raises(aiosmtplib.SMTPException):
            await smtp.send(_mail("maria@demo.example"))
        await smtp.close()
    assert list((tmp_path / "mails").iterdir()) == []
