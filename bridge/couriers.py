"""Puts together what tells people, from the settings."""

from contextlib import AsyncExitStack

from prometheus_client import CollectorRegistry

from appointments.sealing import derive_key
from bridge.app import Platform
from bridge.deliveries.ledger import Channel
from bridge.deliveries.webpush import Vapid
from bridge.notices.judging import Judging
from bridge.notifications.clinic_alerts import ClinicAlerts, ClinicMailSender
from bridge.notifications.courier import ByTopic, Courier, Sender
from bridge.notifications.mail import Writer
from bridge.notifications.mail_sender import MessageMailSender
from bridge.notifications.message_news import MessageNews
from bridge.notifications.push_sender import PushSender
from bridge.notifications.settings import SmtpSettings
from bridge.notifications.smtp import Smtp
from bridge.openid.dns import SystemDns
from bridge.openid.https import PinnedHttps, other_servers_session, tls_context
from bridge.reminders import chat_sender, judging_of
from bridge.reminding.mail import AppointmentMailSender
from bridge.reminding.push import AppointmentPushSender
from bridge.scheduler import Job
from bridge.settings import Settings


def vapid_of(settings: Settings) -> Vapid:
    """Our identity towards push services, the same as long as `secret` is."""
    seed = derive_key(settings.secret.get_secret_value(), "web push")
    return Vapid(seed=seed, contact=settings.push.contact)


async def telling_jobs(
    stack: AsyncExitStack, platform: Platform, *, registry: CollectorRegistry
) -> list[Job]:
    """The jobs that fill the ledger and empty it."""
    settings = platform.settings
    push = PushSender(
        database=platform.database,
        sealer=platform.sealer,
        https=PinnedHttps(
            http=await stack.enter_async_context(other_servers_session()),
            dns=SystemDns(),
            tls=tls_context(settings.federation.ca_file),
            allow_private=settings.push.allow_private_addresses,
        ),
        vapid=vapid_of(settings),
        now=platform.now,
    )
    judging = judging_of(platform)
    senders: dict[Channel, Sender] = {
        "chat": chat_sender(platform, judging=judging),
        "push": ByTopic(
            {
                "message": push,
                "appointment": AppointmentPushSender(
                    database=platform.database, judging=judging, pushes=push, now=platform.now
                ),
            }
        ),
    }
    smtp: Smtp | None = None
    if settings.smtp is not None:
        smtp = Smtp(settings.smtp)
        stack.push_async_callback(smtp.close)
        senders["email"] = _mails(platform, settings.smtp, smtp=smtp, judging=judging)
    courier = Courier(
        database=platform.database,
        sealer=platform.sealer,
        senders=senders,
        now=platform.now,
        registry=registry,
        hurry=None if smtp is None else smtp.hurry,
    )
    news = MessageNews(
        database=platform.database, sealer=platform.sealer, placing=platform.placing, now=platform.now
    )
    alerts = ClinicAlerts(database=platform.database, sealer=platform.sealer, now=platform.now)
    is_alerted = settings.smtp is not None and settings.smtp.alert_address is not None
    return [
        Job("news of messages", 2, news.look),
        *([Job("alert the clinic", 60, alerts.look)] if is_alerted else []),
        *courier.jobs(),
    ]


def _mails(platform: Platform, settings: SmtpSettings, *, smtp: Smtp, judging: Judging) -> Sender:
    writer = Writer(
        from_address=settings.from_address,
        public_url=platform.settings.public_url,
        sealer=platform.sealer,
        now=platform.now,
    )
    return ByTopic(
        {
            "message": MessageMailSender(database=platform.database, smtp=smtp, writer=writer),
            "appointment": AppointmentMailSender(
                database=platform.database,
                judging=judging,
                smtp=smtp,
                writer=writer,
                settings=platform.settings,
            ),
            "clinic": ClinicMailSender(smtp=smtp, writer=writer, address=settings.alert_address),
        }
    )
