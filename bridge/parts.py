"""What several parts are made of, and how the parts that need many others are made (bridge/app.py composes)."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import aiohttp

from appointments.sealing import Sealer, derive_key
from bridge.assistant.assistant import Assistant
from bridge.assistant.booking_desk import BookingDesk
from bridge.assistant.consult_desk import ConsultDesk
from bridge.clock import Now
from bridge.e2ee.machine import Encryption
from bridge.inbound.at_once import AtOnce
from bridge.inbound.inbound import Inbound
from bridge.inbound.projection import Projection
from bridge.live.bodies import Bodies
from bridge.live.notifier import Notifier
from bridge.live.placing import Placing
from bridge.live.streams import Streams
from bridge.matrix.client import MatrixClient
from bridge.messages.messages import Messages
from bridge.messages.outbox import Outbox
from bridge.reminding.dialogues import Dialogues
from bridge.rooms.conversations import Conversations
from bridge.rooms.introductions import Newcomers
from bridge.rooms.rooms import Reading
from bridge.settings import Settings
from bridge.storage.database import Database
from bridge.timeline.recent import RecentEvents


@dataclass(frozen=True, kw_only=True)
class Ground:
    """What nearly every part is made with."""

    settings: Settings
    now: Now
    database: Database
    sealer: Sealer
    matrix: MatrixClient
    encryption: Encryption
    recent: RecentEvents
    reading: Reading
    portal_server: str


def lay_ground(
    settings: Settings,
    *,
    now: Now,
    database: Database,
    http: aiohttp.ClientSession,
    catch_up: Callable[[str, str], Awaitable[None]],
) -> Ground:
    """The ground, over `http`. `catch_up` fetches the keys that a device of ours may have missed: user, device id."""
    secret = settings.secret.get_secret_value()
    sealer = Sealer(derive_key(secret, "words and secrets at rest"))
    as_token = settings.appservice.as_token.get_secret_value()
    matrix = MatrixClient(base_url=settings.homeserver.url, as_token=as_token, http=http)
    encryption = Encryption(
        database=database,
        key_server=matrix,
        pickle_key=derive_key(secret, "vodozemac pickles"),
        sealer=sealer,
        now=now,
        options=settings.encryption,
        newcomers=Newcomers(introduction_s=settings.encryption.introduction_s),
        catch_up=catch_up,
    )
    return Ground(
        settings=settings,
        now=now,
        database=database,
        sealer=sealer,
        matrix=matrix,
        encryption=encryption,
        recent=RecentEvents(),
        reading=Reading(assistant=settings.assistant_id, attends=settings.assistant.in_consult_rooms),
        portal_server=settings.homeserver.server_name,
    )


def make_outbox(ground: Ground, notifier: Notifier) -> Outbox:
    """Sends messages, and wakes the streams of whom they concern."""
    return Outbox(
        database=ground.database,
        matrix=ground.matrix,
        encryption=ground.encryption,
        sealer=ground.sealer,
        reading=ground.reading,
        recent=ground.recent,
        told=notifier.wake,
        now=ground.now,
    )


def make_messages(ground: Ground, conversations: Conversations, outbox: Outbox) -> Messages:
    """Sending and reading, as the API offers it."""
    return Messages(
        database=ground.database,
        matrix=ground.matrix,
        encryption=ground.encryption,
        conversations=conversations,
        outbox=outbox,
        recent=ground.recent,
        sealer=ground.sealer,
        portal_server=ground.portal_server,
        now=ground.now,
    )


def make_assistant(ground: Ground, conversations: Conversations, outbox: Outbox) -> Assistant:
    """The assistant, who opens consultations and books in its chat."""
    desk = ConsultDesk(
        database=ground.database,
        conversations=conversations,
        sealer=ground.sealer,
        portal_server=ground.portal_server,
        now=ground.now,
    )
    return Assistant(
        database=ground.database,
        encryption=ground.encryption,
        outbox=outbox,
        desk=desk,
        bookings=BookingDesk(database=ground.database, sealer=ground.sealer, now=ground.now),
        dialogues=Dialogues(ground.sealer),
        settings=ground.settings,
        now=ground.now,
    )


def make_inbound(ground: Ground, notifier: Notifier, assistant: Assistant, projection: Projection) -> Inbound:
    """Handles what comes in, for the dispatcher."""
    return Inbound(
        database=ground.database,
        encryption=ground.encryption,
        assistant=assistant,
        projection=projection,
        recent=ground.recent,
        told=notifier.wake,
        now=ground.now,
    )


def make_at_once(ground: Ground, placing: Placing, notifier: Notifier, projection: Projection) -> AtOnce:
    """Handles what comes in and needs nothing from the homeserver."""
    return AtOnce(
        encryption=ground.encryption,
        projection=projection,
        recent=ground.recent,
        placing=placing,
        notifier=notifier,
        reading=ground.reading,
        portal_server=ground.portal_server,
        now=ground.now,
    )


def make_streams(ground: Ground, notifier: Notifier) -> Streams:
    """The event streams, with their words."""
    words = Bodies(
        database=ground.database,
        matrix=ground.matrix,
        encryption=ground.encryption,
        recent=ground.recent,
    )
    return Streams(database=ground.database, notifier=notifier, words=words, now=ground.now)
