"""A doctor who comes into a room in which something was written for her."""

from typing import Any

from sqlalchemy import delete, update

from bridge.e2ee.model import EncryptedEvent
from bridge.e2ee.settings import EncryptionSettings
from bridge.matrix.events import RoomEvent
from bridge.storage.conversations import room_members
from bridge.storage.database import Database
from bridge.storage.e2ee import session_shares
from tests.bridge.clinic import GARCIA, LUCIA, SETTINGS, Clinic
from tests.bridge.e2ee.client import Client
from tests.bridge.rooms.membership.changes import send

MOMENT_S = 2


class Visit:
    """A doctor with her client, to whom her patient has written before she came in."""

    def __init__(self, database: Database, *, encryption: EncryptionSettings) -> None:
        self.clinic = Clinic(database, settings=SETTINGS.model_copy(update={"encryption": encryption}))
        self.client = Client.with_identity(self.clinic.key_server, GARCIA, "GARCIA1")
        self.room_id = ""

    async def begin(self) -> None:
        """She is logged in, invited, and there is a message for her."""
        await self.clinic.manage(LUCIA)
        await self.clinic.start_care(LUCIA, GARCIA)
        await self.client.log_in()
        self.room_id = (await send(self.clinic)).conversation_id
        await self.clinic.push()

    async def come_in(self) -> None:
        """She takes the invitation."""
        await self.clinic.homeserver.join(user_id=GARCIA, room_id=self.room_id)
        await self.clinic.push()

    async def introduce(self, *, dies_at: int | None = None) -> None:
        """The job comes by, in another process."""
        await self.clinic.process(dies_at=dies_at).introductions.introduce()

    async def heal(self) -> None:
        """What stands in the database to be done is done, in yet another process."""
        await self.clinic.process().encryption.heal()

    async def say(self, operation_id: str) -> None:
        """Her patient writes once more."""
        await send(self.clinic, operation_id=operation_id)

    async def becomes(self, membership: str, *, is_late: bool) -> None:
        """We hear that this became of her."""
        event = RoomEvent(
            event_id=f"$became-{membership}",
            room_id=self.room_id,
            sender=GARCIA,
            type="m.room.member",
            state_key=GARCIA,
            origin_server_ts=0,
            content={"membership": membership},
            is_late=is_late,
        )
        await self.clinic.main.inbound.room_event(await self.clinic.store(), event)

    async def said_by(self, person: str, **about: Any) -> None:
        """An event of this person comes, of which nobody has the key."""
        said = RoomEvent(
            event_id=f"$said-by-{person}",
            room_id=self.room_id,
            sender=person,
            type="m.room.encrypted",
            origin_server_ts=0,
            content={},
            **about,
        )
        await self.clinic.main.inbound.room_event(await self.clinic.store(), said)

    async def note(self, membership: str | None, *, person: str = GARCIA) -> None:
        """What is on record of her; None: nothing."""
        of_hers = room_members.c.user_id == person
        async with self.clinic.database.write() as connection:
            if membership is None:
                await connection.execute(delete(room_members).where(of_hers))
            else:
                await connection.execute(update(room_members).where(of_hers).values(membership=membership))

    async def come_with_another_client(self) -> None:
        """She came in just now, and has no key."""
        self.client.rooms.clear()
        async with self.clinic.database.write() as connection:
            await connection.execute(delete(session_shares).where(session_shares.c.user_id == GARCIA))
            of_hers = update(room_members).where(room_members.c.user_id == GARCIA)
            await connection.execute(of_hers.values(new_since=self.clinic.clock()))

    async def new_people(self) -> list[str]:
        """Who has yet to be introduced."""
        return [row.user_id for row in await self.clinic.rows(room_members) if row.new_since is not None]

    async def reads(self) -> list[str | None]:
        """What her client reads of our messages, in their order; None where it has no key."""
        await self.client.sync()
        return [
            self.client.read(EncryptedEvent("$", self.room_id, event["sender"], event["content"]))
            if event["content"]["session_id"] in self.client.rooms
            else None
            for event in self.clinic.sent(self.room_id)
        ]


async def begun(database: Database, *, introduction_s: float = MOMENT_S) -> Visit:
    """Such a visit, with one message."""
    visit = Visit(database, encryption=EncryptionSettings(introduction_s=introduction_s))
    await visit.begin()
    return visit
