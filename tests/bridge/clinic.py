"""A clinic to test the services in: people, a homeserver in memory, and processes that may die at any step."""

import itertools
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import ValidationError
from sqlalchemy import Table, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from appointments.sealing import Sealer
from bridge import care, people
from bridge.assistant import Assistant
from bridge.at_once import AtOnce
from bridge.attachments.downloading import Downloading
from bridge.attachments.pictures import Pictures
from bridge.attachments.receiving import Receiving
from bridge.attachments.slots import Slots
from bridge.attachments.uploading import Uploading
from bridge.attendance import Attendance
from bridge.booking_desk import BookingDesk
from bridge.consult_desk import ConsultDesk
from bridge.conversations import Conversations
from bridge.database import Database
from bridge.dialogues import Dialogues
from bridge.direct_chats import DirectChats
from bridge.e2ee.fake_key_server import FakeKeyServer
from bridge.e2ee.machine import Encryption
from bridge.e2ee.model import Decrypted, EncryptedEvent
from bridge.inbound import Inbound
from bridge.live.notifier import Notifier
from bridge.live.placing import Placing
from bridge.live.recent import RecentEvents
from bridge.matrix.events import RoomEvent, ToDeviceEvent
from bridge.matrix.fake import FakeHomeserver
from bridge.matrix.fake_media import FakeMedia
from bridge.messages import Messages
from bridge.outbox import Outbox
from bridge.projection import Projection
from bridge.rooms import Reading
from bridge.settings import AppserviceSettings, HomeserverSettings, Settings
from bridge.storage.facts import facts
from bridge.storage.inbox import inbox

PORTAL, HOSPITAL = "portal.example:8448", "hospital.example:9448"
LUCIA = f"@portal_lucia:{PORTAL}"
JUAN = f"@portal_juan:{PORTAL}"
GARCIA = f"@garcia:{HOSPITAL}"
LOPEZ = f"@lopez:{HOSPITAL}"
KEEPER = f"@consulta:{PORTAL}"
ASSISTANT = f"@asistente:{PORTAL}"
SETTINGS = Settings(
    secret="s" * 32,
    homeserver=HomeserverSettings(server_name=PORTAL, url="http://127.0.0.1:1", allowed_servers=[HOSPITAL]),
    appservice=AppserviceSettings(url="http://127.0.0.1:1", as_token="a" * 20, hs_token="h" * 20),
)


class Killed(BaseException):
    """The process died here; nothing in it catches that."""


@dataclass
class Clock:
    """The time, standing still unless moved."""

    at: datetime = datetime(2026, 3, 1, 9, tzinfo=UTC)

    def __call__(self) -> datetime:
        """The time."""
        return self.at

    def pass_by(self, **amount: float) -> None:
        """Let time pass (arguments of timedelta)."""
        self.at += timedelta(**amount)


@dataclass
class Fate:
    """At which of its steps a process dies: before or after a commit, a request."""

    dies_at: int | None = None
    steps: int = 0

    def step(self) -> None:
        """One step further. Raises Killed."""
        self.steps += 1
        if self.steps == self.dies_at:
            raise Killed


class MortalDatabase:
    """The database as a process sees it that may die right before or right after a commit."""

    def __init__(self, database: Database, fate: Fate) -> None:
        self._database = database
        self._fate = fate

    def read(self) -> AbstractAsyncContextManager[AsyncConnection]:
        """A connection for reading."""
        return self._database.read()

    @asynccontextmanager
    async def write(self, *, synced: bool = True) -> AsyncGenerator[AsyncConnection]:
        """A transaction."""
        async with self._database.write(synced=synced) as connection:
            yield connection
            self._fate.step()
        self._fate.step()


class MortalClient:
    """A client of the homeserver whose process may die before a request leaves or after it was served."""

    def __init__(self, server: Any, fate: Fate) -> None:
        self._server = server
        self._fate = fate

    def __getattr__(self, method: str) -> Callable[..., Any]:
        """The method of the server."""
        served = getattr(self._server, method)

        async def request(**arguments: Any) -> Any:
            self._fate.step()
            answer = await served(**arguments)
            self._fate.step()
            return answer

        return request


@dataclass
class Clinic:
    """The database, the homeserver, the time, and a process that works on them."""

    database: Database
    clock: Clock = field(default_factory=Clock)
    sealer: Sealer = field(default_factory=lambda: Sealer(b"s" * 32))
    key_server: FakeKeyServer = field(default_factory=FakeKeyServer)
    settings: Settings = SETTINGS

    def __post_init__(self) -> None:
        """Start the homeserver, and a process that lives on."""
        self.homeserver = FakeHomeserver(now_ms=lambda: int(self.clock().timestamp() * 1000))
        self.media = FakeMedia()
        self.main = self.process()
        self._pushed: set[str] = set()
        self._numbers = itertools.count(1)

    @property
    def reading(self) -> Reading:
        """Where the assistant may be given keys."""
        return Reading(assistant=ASSISTANT, attends=self.settings.assistant.in_consult_rooms)

    def process(self, *, dies_at: int | None = None) -> "Process":
        """A process on this database that has nothing in memory yet."""
        return Process(self, Fate(dies_at))

    async def manage(self, user_id: str) -> None:
        """Make this person a managed user with a device."""
        async with self.database.write() as connection:
            await people.add(
                connection,
                sealer=self.sealer,
                user_id=user_id,
                managed=True,
                display_name=None,
                language="es",
                timezone="Europe/Madrid",
                now=self.clock(),
            )
        await self.main.encryption.provision(user_id)

    async def start_care(
        self,
        patient: str,
        professional: str,
        *,
        starts: datetime = datetime(2026, 1, 1, tzinfo=UTC),
        ends: datetime | None = None,
    ) -> None:
        """Enter a care relationship."""
        async with self.database.write() as connection:
            await care.start_care(
                connection,
                sealer=self.sealer,
                servers=[PORTAL, HOSPITAL],
                patient=patient,
                professional=professional,
                role="gp",
                starts=starts,
                ends=ends,
                reason=None,
                now=self.clock(),
            )

    async def end_care(self, patient: str, professional: str) -> None:
        """End it now."""
        async with self.database.write() as connection:
            await care.end_care(connection, patient=patient, professional=professional, now=self.clock())

    async def rows(self, table: Table) -> list[Any]:
        """Every row of a table, in the order of its primary key."""
        async with self.database.read() as connection:
            return list((await connection.execute(select(table).order_by(*table.primary_key.columns))).all())

    async def facts(self, kind: str) -> list[Any]:
        """What happened of this kind, in its order."""
        return [row for row in await self.rows(facts) if row.kind == kind]

    async def store(self, kind: str = "event") -> int:
        """An item of the inbox, whatever is in it; its number."""
        row = {
            "dedupe_key": f"test:{next(self._numbers)}",
            "kind": kind,
            "payload": {},
            "received_at": self.clock(),
        }
        async with self.database.write() as connection:
            return (await connection.execute(insert(inbox).values(row))).inserted_primary_key[0]

    async def is_processed(self, seq: int) -> bool:
        """Whether this item of the inbox is done."""
        return next(row for row in await self.rows(inbox) if row.seq == seq).processed_at is not None

    async def push(self) -> None:
        """What the homeserver does in its own time: hand over the messages to devices and the new events."""
        await self.push_keys()
        for room in list(self.homeserver.rooms.values()):
            for event in room.events:
                if event["event_id"] not in self._pushed:
                    self._pushed.add(event["event_id"])
                    with suppress(ValidationError):  # what is malformed is dropped before it is stored
                        accepted = RoomEvent.model_validate(event)
                        await self.main.inbound.room_event(await self.store(), accepted)

    async def push_keys(self) -> None:
        """Hand over the messages to devices."""
        for device in await self.main.encryption.all_devices():
            for message in self.key_server.take_inbox(device.user_id, device.device_id):
                item = ToDeviceEvent(**message, to_user_id=device.user_id, to_device_id=device.device_id)
                await self.main.inbound.to_device(await self.store("to_device"), item)

    def sent(self, room_id: str) -> list[dict[str, Any]]:
        """The encrypted events in this room, in their order."""
        events = self.homeserver.rooms[room_id].events
        return [event for event in events if event["type"] == "m.room.encrypted"]

    async def texts(self, room_id: str, *, reader: str = LUCIA) -> list[str]:
        """What the messages in this room say, in their order."""
        events = [
            EncryptedEvent(
                event_id=event["event_id"],
                room_id=room_id,
                sender=event["sender"],
                content=event["content"],
            )
            for event in self.sent(room_id)
        ]
        decrypted = await self.process().encryption.decrypt(reader, events)
        return [one.content["body"] if isinstance(one, Decrypted) else one.reason for one in decrypted]


class Process:
    """Our services on the clinic's database and homeserver, with a memory of their own."""

    def __init__(self, clinic: Clinic, fate: Fate) -> None:
        self.fate = fate
        self.now = clinic.clock
        self.sealer = clinic.sealer
        self.database: Any = MortalDatabase(clinic.database, fate)
        self.matrix: Any = MortalClient(clinic.homeserver, fate)
        key_server: Any = MortalClient(clinic.key_server, fate)
        self.encryption = Encryption(
            database=self.database,
            key_server=key_server,
            pickle_key=b"p" * 32,
            sealer=clinic.sealer,
            now=clinic.clock,
            options=SETTINGS.encryption,
            catch_up=None,
        )
        self.recent = RecentEvents()
        self.outbox = Outbox(
            database=self.database,
            matrix=self.matrix,
            encryption=self.encryption,
            sealer=clinic.sealer,
            reading=clinic.reading,
            recent=self.recent,
            told=lambda: None,
            now=clinic.clock,
        )
        self.conversations = Conversations(
            database=self.database, matrix=self.matrix, settings=SETTINGS, now=clinic.clock
        )
        projection = Projection(keeper_id=KEEPER, recent=self.recent)
        self.inbound = Inbound(
            database=self.database,
            encryption=self.encryption,
            assistant=self._assistant(clinic),
            projection=projection,
            recent=self.recent,
            told=lambda: None,
            now=clinic.clock,
        )
        placing = Placing(database=self.database, portal_server=PORTAL, now=clinic.clock)
        self.notifier = Notifier(database=self.database, placing=placing)
        self.at_once = AtOnce(
            encryption=self.encryption,
            projection=projection,
            recent=self.recent,
            placing=placing,
            notifier=self.notifier,
            reading=clinic.reading,
            portal_server=PORTAL,
            now=clinic.clock,
        )
        self.direct_chats = DirectChats(
            database=self.database,
            matrix=self.matrix,
            encryption=self.encryption,
            settings=clinic.settings,
            now=clinic.clock,
        )
        self.attendance = Attendance(
            database=self.database, matrix=self.matrix, settings=clinic.settings, now=clinic.clock
        )
        self.messages = Messages(
            database=self.database,
            matrix=self.matrix,
            encryption=self.encryption,
            conversations=self.conversations,
            outbox=self.outbox,
            sealer=clinic.sealer,
            portal_server=PORTAL,
            now=clinic.clock,
        )
        self.slots = Slots(per_person=4, in_all=32)
        self.uploading = Uploading(
            database=self.database,
            media=MortalClient(clinic.media, fate),
            conversations=self.conversations,
            receiving=Receiving(settings=clinic.settings.attachments, pictures=Pictures()),
            slots=self.slots,
            sealer=clinic.sealer,
            now=clinic.clock,
        )
        self.downloading = Downloading(
            database=self.database,
            matrix=self.matrix,
            media=clinic.media,
            encryption=self.encryption,
            conversations=self.conversations,
            sealer=clinic.sealer,
        )

    def _assistant(self, clinic: Clinic) -> Assistant:
        desk = ConsultDesk(
            database=self.database,
            conversations=self.conversations,
            sealer=clinic.sealer,
            portal_server=PORTAL,
            now=clinic.clock,
        )
        return Assistant(
            database=self.database,
            encryption=self.encryption,
            outbox=self.outbox,
            desk=desk,
            bookings=BookingDesk(database=self.database, sealer=clinic.sealer, now=clinic.clock),
            dialogues=Dialogues(clinic.sealer),
            settings=clinic.settings,
            now=clinic.clock,
        )
