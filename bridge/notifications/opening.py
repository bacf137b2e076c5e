"""Puts together what tells people, from the settings."""

from contextlib import AsyncExitStack

from prometheus_client import CollectorRegistry

from appointments.sealing import derive_key
from bridge.app import Platform
from bridge.notifications.courier import Courier
from bridge.notifications.push_messages import PushMessages
from bridge.notifications.push_sender import PushSender
from bridge.notifications.webpush import Vapid
from bridge.openid.dns import SystemDns
from bridge.openid.https import PinnedHttps, other_servers_session, tls_context
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
    courier = Courier(
        database=platform.database,
        sealer=platform.sealer,
        senders={"push": push},
        now=platform.now,
        registry=registry,
    )
    pushes = PushMessages(database=platform.database, sealer=platform.sealer, now=platform.now)
    return [Job("push messages", 2, pushes.look), Job("tell people", 2, courier.deliver_due)]
