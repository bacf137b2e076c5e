"""Mails that say that something waits, or when: never what, nor from whom."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import format_datetime
from hashlib import sha256
from html import escape

from appointments.sealing import SealBrokenError, Sealer
from bots.i18n import Language, translate
from bridge.clock import Now
from bridge.deliveries.ledger import Delivery

_UNSUBSCRIBE = "unsubscribe"
_HTML = """\
<!doctype html><html lang="{language}"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width"><title>{subject}</title></head>
<body style="margin:0;background:#f3f6f8;font:16px/1.5 system-ui,sans-serif;color:#1d2b33">
<div style="max-width:32rem;margin:2rem auto;padding:2rem;background:#fff;border-radius:12px">
<p style="margin-top:0">{text}</p>
<p><a href="{link}" style="display:inline-block;padding:.75rem 1.25rem;border-radius:8px;background:#0b5c7a;
color:#fff;text-decoration:none;font-weight:600">{open}</a></p>
<p style="font-size:.85rem;color:#51626c">{why} <a href="{unsubscribe}" style="color:#0b5c7a">{stop}</a></p>
</div></body></html>
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Writer:
    """Who writes mails: from which address, and where their links lead."""

    from_address: str
    public_url: str
    sealer: Sealer
    now: Now


def neutral_mail(
    writer: Writer,
    *,
    delivery: Delivery,
    to_address: str,
    language: Language,
    topic: str,
    **parameters: object,
) -> EmailMessage:
    """A mail of the texts `mail.{topic}.subject` and `.text`, with a link to the portal and one to stop all this."""
    public_url = writer.public_url
    token = unsubscribe_token(delivery.person, sealer=writer.sealer)
    unsubscribe = f"{public_url}api/notifications/unsubscribe/{token}"
    texts = {name: translate(language, f"mail.{topic}.{name}", **parameters) for name in ("subject", "text")}
    texts |= {name: translate(language, f"mail.{name}") for name in ("open", "why", "stop")}
    mail = headed(writer, delivery=delivery, to_address=to_address, subject=texts["subject"])
    mail["Content-Language"] = language
    mail["List-Unsubscribe"] = f"<{unsubscribe}>"
    mail["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    mail.set_content(
        f"{texts['text']}\n\n{texts['open']}: {public_url}\n\n{texts['why']} {texts['stop']}: {unsubscribe}\n"
    )
    page = _HTML.format(
        language=language,
        link=escape(public_url),
        unsubscribe=escape(unsubscribe),
        **{name: escape(text) for name, text in texts.items()},
    )
    mail.add_alternative(page, subtype="html")
    return mail


def headed(writer: Writer, *, delivery: Delivery, to_address: str, subject: str) -> EmailMessage:
    """A mail without words yet.

    Its Message-ID is made of the delivery's id, so a repeat after a crash is recognised as one.
    """
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = writer.from_address, to_address, subject
    mail["Date"] = format_datetime(writer.now())
    domain = writer.from_address.rpartition("@")[2].rstrip(">")
    mail["Message-ID"] = f"<{sha256(delivery.id.encode()).hexdigest()[:40]}@{domain}>"
    mail["Auto-Submitted"] = "auto-generated"
    return mail


def unsubscribe_token(person: str, *, sealer: Sealer) -> str:
    """What lets its holder switch this person's e-mail off, and nothing else; it tells nothing of her."""
    return urlsafe_b64encode(sealer.seal(person.encode(), context=_UNSUBSCRIBE)).rstrip(b"=").decode()


def person_of_token(token: str, *, sealer: Sealer) -> str | None:
    """Whose it is; None for what is no token of ours."""
    try:
        return sealer.open(urlsafe_b64decode(token + "=" * (-len(token) % 4)), context=_UNSUBSCRIBE).decode()
    except (ValueError, SealBrokenError):
        return None
