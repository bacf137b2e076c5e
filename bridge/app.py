"""The composition root: makes every part, gives each what it needs, opens and closes them in order."""

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import aiohttp

from appointments.sealing import Sealer
from bridge.attachments.downloading import Downloading
from bridge.attachments.opening import attachments_of
from bridge.attachments.uploading import Uploading
from bridge.clock import Now, utc_now
from bridge.e2ee.machine import Encryption
from bridge.inbound.at_once import AtOnce
from bridge.inbound.catchup import CatchUp
from bridge.inbound.dispatch import Dispatcher
from bridge.inbound.projection import Projection
from bridge.live.notifier import Notifier
from bridge.live.placing import Placing
from bridge.live.streams import Streams
from bridge.matrix.client import MatrixClient
from bridge.matrix.module import ModuleClient
from bridge.messages.messages import Messages
from bridge.messages.outbox import Outbox
from bridge.migrations import is_current
from bridge.parts import (
    lay_ground,
    make_assistant,
    make_at_once,
    make_inbound,
    make_messages,
    make_outbox,
    make_streams,
)
from bridge.rooms.attendance import Attendance
from bridge.rooms.conversations import Conversations
from bridge.rooms.direct_chats import DirectChats
from bridge.settings import Settings, SettingsError
from bridge.states.read_marks import ReadMarks
from bridge.storage.database import Database
from bridge.upgrading import Upgrading

_REQUESTS_AT_ONCE = 100


@dataclass(frozen=True, kw_only=True)
class Platform:
    """Everything that works on the database and the homeserver; the dispatcher is made but not started."""

    settings: Settings
    now: Now
    database: Database
    sealer: Sealer
    matrix: MatrixClient
    encryption: Encryption
    dispatcher: Dispatcher
    at_once: AtOnce
    catch_up: CatchUp
    outbox: Outbox
    conversations: Conversations
    messages: Messages
    read_marks: ReadMarks
    module: ModuleClient | None
    placing: Placing
    live: Streams
    uploading: Uploading
    downloading: Downloading
    direct_chats: DirectChats
    attendance: Attendance
    upgrading: Upgrading


@asynccontextmanager
async def opened(settings: Settings, *, now: Now = utc_now) -> AsyncGenerator[Platform]:
    """The parts, with the database and the connections to the homeserver open for the length of the block.

    Raises DatabaseUnusableError; SettingsError when it lacks the newest schema, SealBrokenError when it was written
    with another secret.
    """
    if not await is_current(settings.database):
        raise SettingsError(["database: its schema is not the newest; run `videoconsulta migrate`"])
    async with AsyncExitStack() as stack:
        database = Database(settings.database)
        await database.open()
        stack.push_async_callback(database.close)
        connector = aiohttp.TCPConnector(limit=_REQUESTS_AT_ONCE)
        http = await stack.enter_async_context(aiohttp.ClientSession(connector=connector))
        # Files travel as slowly as those who send and fetch them, and are counted by the settings.
        for_files = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))
        files = await stack.enter_async_context(for_files)
        platform = _compose(settings, now=now, database=database, http=http, files=files)
        # Else we would run, open nothing that is there, and seal with it what comes.
        await platform.encryption.check_secret()
        yield platform


def _compose(
    settings: Settings,
    *,
    now: Now,
    database: Database,
    http: aiohttp.ClientSession,
    files: aiohttp.ClientSession,
) -> Platform:
    async def fetch_missing_keys(user_id: str, device_id: str) -> None:
        # Only the process that dispatches what comes in could make use of it.
        if dispatcher.is_running:
            await catch_up.catch_up(user_id, device_id)

    ground = lay_ground(settings, now=now, database=database, http=http, catch_up=fetch_missing_keys)
    sealer, matrix, encryption = ground.sealer, ground.matrix, ground.encryption
    placing = Placing(database=database, portal_server=ground.portal_server, now=now)
    notifier = Notifier(database=database, placing=placing)
    conversations = Conversations(database=database, matrix=matrix, settings=settings, now=now)
    outbox = make_outbox(ground, notifier)
    assistant = make_assistant(ground, conversations, outbox)
    projection = Projection(keeper_id=settings.keeper_id, recent=ground.recent, now=now)
    inbound = make_inbound(ground, notifier, assistant, projection)
    dispatcher = Dispatcher(database=database, handlers=inbound, now=now)
    catch_up = CatchUp(
        database=database, client=matrix, dispatcher=dispatcher, republish=encryption.republish, now=now
    )
    uploading, downloading = attachments_of(
        settings,
        http=files,
        database=database,
        matrix=matrix,
        encryption=encryption,
        conversations=conversations,
        sealer=sealer,
        now=now,
    )
    return Platform(
        settings=settings,
        now=now,
        database=database,
        sealer=sealer,
        matrix=matrix,
        encryption=encryption,
        dispatcher=dispatcher,
        at_once=make_at_once(ground, placing, notifier, projection),
        catch_up=catch_up,
        outbox=outbox,
        conversations=conversations,
        messages=make_messages(ground, conversations, outbox),
        read_marks=ReadMarks(database=database, matrix=matrix, conversations=conversations, now=now),
        module=_module(settings, http=http),
        placing=placing,
        live=make_streams(ground, notifier),
        uploading=uploading,
        downloading=downloading,
        direct_chats=DirectChats(
            database=database, matrix=matrix, encryption=encryption, settings=settings, now=now
        ),
        attendance=Attendance(database=database, matrix=matrix, settings=settings, now=now),
        upgrading=Upgrading(
            database=database,
            matrix=matrix,
            outbox=outbox,
            conversations=conversations,
            settings=settings,
            now=now,
        ),
    )


def _module(settings: Settings, *, http: aiohttp.ClientSession) -> ModuleClient | None:
    """None without a secret: then nobody says what another homeserver has taken."""
    if settings.policy is None:
        return None
    secret = settings.policy.secret.get_secret_value()
    return ModuleClient(base_url=settings.homeserver.url, secret=secret, http=http)
