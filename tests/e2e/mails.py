"""What the mail server of the tests' platform was given: a real one on loopback, over TLS, whose mails are files."""

from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

from bridge.demo.platform import LocalPlatform
from bridge.demo.supervise import MAILS


def mails_in(directory: Path, address: str) -> list[EmailMessage]:
    """The mails to this address among these files, in their order."""
    found = []
    for path in sorted(directory.glob("*.eml")):
        mail = message_from_bytes(path.read_bytes(), policy=policy.default)
        assert isinstance(mail, EmailMessage)
        if mail["To"] == address:
            found.append(mail)
    return found


def mails_to(platform: LocalPlatform, address: str) -> list[EmailMessage]:
    """The mails to this address, in their order."""
    return mails_in(platform.config.parent / MAILS, address)
