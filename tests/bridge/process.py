"""Our services as one process has them."""

from typing import Any

from appointments.sealing import Sealer
from bridge.assistant import Assistant
from bridge.at_once import AtOnce
from bridge.attachments.downloading import Downloading
from bridge.attachments.pictures import Pictures
from bridge.attachments.receiving import Receiving
from bridge.attachments.slots import Slots
from bridge.attachments.uploading import Uploading
from bridge.attendance import Attendance
from bridge.booking_desk import BookingDesk
from bridge.clock import Now
from bridge.consult_desk import ConsultDesk
from bridge.conversations import Conversations
from bridge.database import Database
from bridge.dialogues import Dialogues
from bridge.direct_chats import DirectChats
from bridge.e2ee.fake_key_server import FakeKeyServer
from bridge.e2ee.machine import Encryption
from bridge.inbound import Inbound
from bridge.live.notifier import Notifier
from bridge.live.placing import Placing
from bridge.live.recent import RecentEvents
from bridge.matrix.fake import FakeHomeserver
from bridge.matrix.fake_media import FakeMedia
from bridge.messages import Messages
from bridge.outbox import Outbox
from bridge.projection import Projection
from bridge.rooms import Reading
from bridge.settings import Settings
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
        self.fate, self.now, self.sealer, self._settings = fate, now, sealer, settings
        self.database: Any = MortalDatabase(database, fate)
        self.matrix: Any = MortalClient(homeserver, fate)
        reading = reading_of(settings)
        portal_server = settings.homeserver.server_name
        self.encryption = Encryption(
            database=self.database,
            key_server=MortalClient(key_server, fate),
            pickle_key=b"p" * 32,
            sealer=sealer,
            now=now,
            options=settings.encryption,
            catch_up=None,
        )
        self.recent = RecentEvents()
        self.outbox = Outbox(
            database=self.database,
            matrix=self.matrix,
            encryption=self.encryption,
            sealer=sealer,
            reading=reading,
            recent=self.recent,
            told=lambda: None,
            now=now,
        )
        self.conversations = Conversations(
            database=self.database, matrix=self.matrix, settings=settings, now=now
        )
        projection = Projection(keeper_id=settings.keeper_id, recent=self.recent)
        self.inbound = Inbound(
            database=self.database,
            encryption=self.encryption,
            assistant=self._assistant(),
            projection=projection,
            recent=self.recent,
            told=lambda: None,
            now=now,
        )
        self.placing = Placing(database=self.database, portal_server=portal_server, now=now)
        self.notifier = Notifier(database=self.database, placing=self.placing)
        self.at_once = AtOnce(
            encryption=self.encryption,
            projection=projection,
            recent=self.recent,
            placing=self.placing,
            notifier=self.notifier,
            reading=reading,
            portal_server=portal_server,
            now=now,
        )
        self.direct_chats = DirectChats(
            database=self.database,
            matrix=self.matrix,
            encryption=self.encryption,
            settings=settings,
            now=now,
        )
        self.attendance = Attendance(database=self.database, matrix=self.matrix, settings=settings, now=now)
        self.messages = Messages(
            database=self.database,
            matrix=self.matrix,
            encryption=self.encryption,
            conversations=self.conversations,
            outbox=self.outbox,
            recent=self.recent,
            sealer=sealer,
            portal_server=portal_server,
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
        self.downloading = Downloading(
            database=self.database,
            matrix=self.matrix,
            media=media,
            encryption=self.encryption,
            conversations=self.conversations,
            sealer=sealer,
        )

    def _assistant(self) -> Assistant:
        desk = ConsultDesk(
            database=self.database,
            conversations=self.conversations,
            sealer=self.sealer,
            portal_server=self._settings.homeserver.server_name,
            now=self.now,
        )
        return Assistant(
            database=self.database,
            encryption=self.encryption,
            outbox=self.outbox,
            desk=desk,
            bookings=BookingDesk(database=self.database, sealer=self.sealer, now=self.now),
            dialogues=Dialogues(self.sealer),
            settings=self._settings,
            now=self.now,
        )
