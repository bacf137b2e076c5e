"""A clinic to test the services in: people, a homeserver in memory, and processes that work for it."""

import itertools
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from pydantic import ValidationError
from sqlalchemy import Table, insert, select

from appointments.sealing import Sealer
from bridge.e2ee.fake_key_server import FakeKeyServer
from bridge.e2ee.model import Decrypted, EncryptedEvent
from bridge.e2ee.settings import EncryptionSettings
from bridge.matrix.events import RoomEvent, ToDeviceEvent
from bridge.matrix.fake import FakeHomeserver
from bridge.matrix.fake_media import FakeMedia
from bridge.people import care
from bridge.rooms.rooms import Reading
from bridge.settings import AppserviceSettings, HomeserverSettings, Settings
from bridge.storage.database import Database
from bridge.storage.facts import facts
from bridge.storage.inbox import inbox
from tests.bridge.clock import Clock
from tests.bridge.mortality import Fate
from tests.bridge.persons import enter_person
from tests.bridge.process import Process, reading_of

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
    encryption=EncryptionSettings(introduction_s=0),
)


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
        return reading_of(self.settings)

    def process(self, *, dies_at: int | None = None) -> Process:
        """A process on this database that has nothing in memory yet."""
        return Process(
            database=self.database,
            homeserver=self.homeserver,
            key_server=self.key_server,
            media=self.media,
            settings=self.settings,
            sealer=self.sealer,
            now=self.clock,
            fate=Fate(dies_at),
        )

    async def manage(self, user_id: str) -> None:
        """Make this person a managed user with a device."""
        async with self.database.write() as connection:
            await enter_person(connection, user_id, sealer=self.sealer, now=self.clock())
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
                bots=[],
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

    def members(self, room_id: str) -> dict[str, str]:
        """Who is what in this room, the keeper aside."""
        room = self.homeserver.rooms[room_id]
        people = (key for event_type, key in room.state() if event_type == "m.room.member")
        return {person: str(room.membership(person)) for person in people if person != KEEPER}

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
