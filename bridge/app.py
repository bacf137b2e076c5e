"""The composition root: makes every part, gives each what it needs, opens and closes them in order."""

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import aiohttp

from appointments.sealing import Sealer, derive_key
from bridge.assistant import Assistant
from bridge.at_once import AtOnce
from bridge.attachments.downloading import Downloading
from bridge.attachments.opening import attachments_of
from bridge.attachments.uploading import Uploading
from bridge.attendance import Attendance
from bridge.booking_desk import BookingDesk
from bridge.catchup import CatchUp
from bridge.clock import Now, utc_now
from bridge.consult_desk import ConsultDesk
from bridge.conversations import Conversations
from bridge.database import Database
from bridge.dialogues import Dialogues
from bridge.direct_chats import DirectChats
from bridge.dispatch import Dispatcher
from bridge.e2ee.machine import Encryption
from bridge.inbound import Inbound
from bridge.live.bodies import Bodies
from bridge.live.notifier import Notifier
from bridge.live.placing import Placing
from bridge.live.recent import RecentEvents
from bridge.live.streams import Streams
from bridge.matrix.client import MatrixClient
from bridge.matrix.module import ModuleClient
from bridge.messages import Messages
from bridge.migrations import is_current
from bridge.outbox import Outbox
from bridge.projection import Projection
from bridge.read_marks import ReadMarks
from bridge.rooms import Reading
from bridge.settings import Settings, SettingsError

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


@asynccontextmanager
async def opened(settings: Settings, *, now: Now = utc_now) -> AsyncGenerator[Platform]:
    """The parts, with the database and the connections to the homeserver open for the length of the block.

    Raises SettingsError when the database lacks the newest schema.
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
        yield _compose(settings, now=now, database=database, http=http, files=files)


def _compose(
    settings: Settings,
    *,
    now: Now,
    database: Database,
    http: aiohttp.ClientSession,
    files: aiohttp.ClientSession,
) -> Platform:
    secret = settings.secret.get_secret_value()
    sealer = Sealer(derive_key(secret, "words and secrets at rest"))
    matrix = MatrixClient(
        base_url=settings.homeserver.url,
        as_token=settings.appservice.as_token.get_secret_value(),
        http=http,
    )

    async def fetch_missing_keys(user_id: str, device_id: str) -> None:
        # Only the process that dispatches what comes in could make use of it.
        if dispatcher.is_running:
            await catch_up.catch_up(user_id, device_id)

    encryption = Encryption(
        database=database,
        key_server=matrix,
        pickle_key=derive_key(secret, "vodozemac pickles"),
        sealer=sealer,
        now=now,
        options=settings.encryption,
        catch_up=fetch_missing_keys,
    )
    reading = Reading(assistant=settings.assistant_id, attends=settings.assistant.in_consult_rooms)
    placing = Placing(database=database, portal_server=settings.homeserver.server_name, now=now)
    notifier = Notifier(database=database, placing=placing)
    recent = RecentEvents()
    outbox = Outbox(
        database=database,
        matrix=matrix,
        encryption=encryption,
        sealer=sealer,
        reading=reading,
        recent=recent,
        told=notifier.wake,
        now=now,
    )
    conversations = Conversations(database=database, matrix=matrix, settings=settings, now=now)
    desk = ConsultDesk(
        database=database,
        conversations=conversations,
        sealer=sealer,
        portal_server=settings.homeserver.server_name,
        now=now,
    )
    assistant = Assistant(
        database=database,
        encryption=encryption,
        outbox=outbox,
        desk=desk,
        bookings=BookingDesk(database=database, sealer=sealer, now=now),
        dialogues=Dialogues(sealer),
        settings=settings,
        now=now,
    )
    projection = Projection(keeper_id=settings.keeper_id, recent=recent)
    inbound = Inbound(
        database=database,
        encryption=encryption,
        assistant=assistant,
        projection=projection,
        recent=recent,
        told=notifier.wake,
        now=now,
    )
    at_once = AtOnce(
        encryption=encryption,
        projection=projection,
        recent=recent,
        placing=placing,
        notifier=notifier,
        reading=reading,
        portal_server=settings.homeserver.server_name,
        now=now,
    )
    dispatcher = Dispatcher(database=database, handlers=inbound, now=now)
    catch_up = CatchUp(
        database=database, client=matrix, dispatcher=dispatcher, republish=encryption.republish, now=now
    )
    direct_chats = DirectChats(
        database=database, matrix=matrix, encryption=encryption, settings=settings, now=now
    )
    attendance = Attendance(database=database, matrix=matrix, settings=settings, now=now)
    messages = Messages(
        database=database,
        matrix=matrix,
        encryption=encryption,
        conversations=conversations,
        outbox=outbox,
        recent=recent,
        sealer=sealer,
        portal_server=settings.homeserver.server_name,
        now=now,
    )
    read_marks = ReadMarks(database=database, matrix=matrix, conversations=conversations, now=now)
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
        at_once=at_once,
        catch_up=catch_up,
        outbox=outbox,
        conversations=conversations,
        messages=messages,
        read_marks=read_marks,
        module=_module(settings, http=http),
        placing=placing,
        live=Streams(
            database=database,
            notifier=notifier,
            words=Bodies(matrix=matrix, encryption=encryption, recent=recent),
            now=now,
        ),
        uploading=uploading,
        downloading=downloading,
        direct_chats=direct_chats,
        attendance=attendance,
    )


def _module(settings: Settings, *, http: aiohttp.ClientSession) -> ModuleClient | None:
    """None without a secret: then nobody says what another homeserver has taken."""
    if settings.policy is None:
        return None
    secret = settings.policy.secret.get_secret_value()
    return ModuleClient(base_url=settings.homeserver.url, secret=secret, http=http)
