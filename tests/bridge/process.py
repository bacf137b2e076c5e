"""Our services as one process has them."""

from typing import Any

from appointments.sealing import Sealer
from bridge.attachments.downloading import Downloading
from bridge.attachments.pictures import Pictures
from bridge.attachments.receiving import Receiving
from bridge.attachments.uploading import Uploading
from bridge.clock import Now
from bridge.e2ee.fake_key_server import FakeKeyServer
from bridge.e2ee.machine import Encryption
from bridge.inbound.projection import Projection
from bridge.live.notifier import Notifier
from bridge.live.placing import Placing
from bridge.matrix.fake import FakeHomeserver
from bridge.matrix.fake_media import FakeMedia
from bridge.parts import Ground, make_assistant, make_at_once, make_inbound, make_messages, make_outbox
from bridge.rooms.attendance import Attendance
from bridge.rooms.conversations import Conversations
from bridge.rooms.direct_chats import DirectChats
from bridge.rooms.introductions import Introductions, Newcomers
from bridge.rooms.rooms import Reading
from bridge.settings import Settings
from bridge.slots import Slots
from bridge.storage.database import Database
from bridge.timeline.recent import RecentEvents
from bridge.upgrading import Upgrading
from tests.bridge.mortality import Fate, MortalClient, MortalDatabase


def reading_of(settings: Settings) -> Reading:
    """Where the assistant may be given keys."""
    return Reading(assistant=settings.assistant_id, attends=settings.assistant.in_consult_rooms)


class Process:
    """Our services on a database and a homeserver that others use as well, with a memory of their own."""

    def __init__(
        self,
        *,
        database: Database,
        homeserver: FakeHomeserver,
        key_server: FakeKeyServer,
        media: FakeMedia,
        settings: Settings,
        sealer: Sealer,
        now: Now,
        fate: Fate,
    ) -> None:
        self.fate, self.now, self.sealer = fate, now, sealer
        self.database: Any = MortalDatabase(database, fate)
        self.matrix: Any = MortalClient(homeserver, fate)
        self.encryption = Encryption(
            database=self.database,
            key_server=MortalClient(key_server, fate),
            pickle_key=b"p" * 32,
            sealer=sealer,
            now=now,
            options=settings.encryption,
            newcomers=Newcomers(introduction_s=settings.encryption.introduction_s),
            catch_up=None,
        )
        self.recent = RecentEvents()
        ground = Ground(
            settings=settings,
            now=now,
            database=self.database,
            sealer=sealer,
            matrix=self.matrix,
            encryption=self.encryption,
            recent=self.recent,
            reading=reading_of(settings),
            portal_server=settings.homeserver.server_name,
        )
        self.placing = Placing(database=self.database, portal_server=ground.portal_server, now=now)
        self.notifier = Notifier(database=self.database, placing=self.placing)
        self.conversations = Conversations(
            database=self.database, matrix=self.matrix, settings=settings, now=now
        )
        self.outbox = make_outbox(ground, self.notifier)
        projection = Projection(keeper_id=settings.keeper_id, recent=self.recent, now=now)
        assistant = make_assistant(ground, self.conversations, self.outbox)
        self.inbound = make_inbound(ground, self.notifier, assistant, projection)
        self.at_once = make_at_once(ground, self.placing, self.notifier, projection)
        self.messages = make_messages(ground, self.conversations, self.outbox)
        self.direct_chats = DirectChats(
            database=self.database,
            matrix=self.matrix,
            encryption=self.encryption,
            settings=settings,
            now=now,
        )
        self.attendance = Attendance(database=self.database, matrix=self.matrix, settings=settings, now=now)
        self.introductions = Introductions(
            database=self.database,
            matrix=self.matrix,
            encryption=self.encryption,
            keeper_id=settings.keeper_id,
            introduction_s=settings.encryption.introduction_s,
            now=now,
        )
        self.upgrading = Upgrading(
            database=self.database,
            matrix=self.matrix,
            outbox=self.outbox,
            conversations=self.conversations,
            settings=settings,
            now=now,
        )
        self.slots = Slots(per_person=4, in_all=32)
        self.uploading = Uploading(
            database=self.database,
            media=MortalClient(media, fate),
            conversations=self.conversations,
            receiving=Receiving(settings=settings.attachments, pictures=Pictures()),
            slots=self.slots,
            sealer=sealer,
            now=now,
        )
        self.download_slots = Slots(per_person=2)
        self.downloading = Downloading(
            database=self.database,
            matrix=self.matrix,
            media=media,
            encryption=self.encryption,
            conversations=self.conversations,
            slots=self.download_slots,
            sealer=sealer,
        )
