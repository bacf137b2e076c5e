"""bridge/rooms/introductions.py: whoever comes in is given keys a moment later, and then all that she was to read."""

from sqlalchemy import delete, update

from bridge.e2ee.model import EncryptedEvent
from bridge.e2ee.settings import EncryptionSettings
from bridge.matrix.events import RoomEvent
from bridge.rooms.arrivals import note_invitation
from bridge.storage.conversations import room_members
from bridge.storage.database import Database
from bridge.storage.e2ee import session_shares
from tests.bridge.clinic import GARCIA, LUCIA, SETTINGS, Clinic
from tests.bridge.e2ee.client import Client
from tests.bridge.mortality import Killed
from tests.bridge.rooms.membership.changes import send
from tests.bridge.trouble import UNREACHABLE, failing_keys, works

MOMENT_S = 2


class Visit:
    """A doctor with her client, to whom her patient has written before she came in."""

    def __init__(self, database: Database, *, introduction_s: float) -> None:
        encryption = EncryptionSettings(introduction_s=introduction_s)
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

    async def say(self, operation_id: str) -> None:
        """Her patient writes once more."""
        await send(self.clinic, operation_id=operation_id)

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
    visit = Visit(database, introduction_s=introduction_s)
    await visit.begin()
    return visit


async def test_keys_come_a_moment_after_her(database: Database) -> None:
    """None while she is invited, nor at once; then for all that was written since, and for what comes with it."""
    visit = await begun(database)
    visit.clinic.clock.pass_by(seconds=60)
    await visit.introduce()
    assert await visit.reads() == [None]
    await visit.come_in()
    await visit.say("two")
    await visit.introduce()
    assert await visit.reads() == [None, None]
    visit.clinic.clock.pass_by(seconds=MOMENT_S)
    await visit.introduce()
    assert await visit.reads() == ["hola", "hola"]
    await visit.say("three")
    assert await visit.reads() == ["hola"] * 3


async def test_a_name_that_changes_makes_nobody_new(database: Database) -> None:
    """Her membership is told again whenever her profile changes."""
    visit = await begun(database)
    await visit.come_in()
    visit.clinic.clock.pass_by(seconds=MOMENT_S)
    await visit.introduce()
    await visit.come_in()
    assert await visit.new_people() == []


async def test_who_is_in_already_is_not_invited(database: Database) -> None:
    """Another process invited her, and she came in, before this one tried."""
    visit = await begun(database)
    await visit.come_in()
    async with database.write() as connection:
        await note_invitation(connection, visit.room_id, GARCIA)
    visit.clinic.clock.pass_by(seconds=MOMENT_S)
    await visit.introduce()
    assert await visit.reads() == ["hola"]


async def test_death_at_any_step_loses_no_key(database: Database) -> None:
    """Killed at each commit and request in turn: the next process gives her what she lacks; she is new no more."""
    visit = await begun(database)
    await visit.come_in()
    dies_at, died = 0, True
    while died:
        dies_at += 1
        await visit.come_with_another_client()
        visit.clinic.clock.pass_by(seconds=MOMENT_S)
        try:
            await visit.introduce(dies_at=dies_at)
            died = False
        except Killed:
            await visit.introduce()
        assert await visit.reads() == ["hola"]
        assert await visit.new_people() == []
    assert dies_at > 5


async def test_who_can_not_be_served_stays_new(database: Database) -> None:
    """While the homeserver doesn't answer nothing is given up."""
    visit = await begun(database)
    await visit.come_in()
    visit.clinic.clock.pass_by(seconds=MOMENT_S)
    visit.clinic.key_server.before = failing_keys(UNREACHABLE)
    await visit.introduce()
    assert GARCIA in await visit.new_people()
    visit.clinic.key_server.before = works
    await visit.introduce()
    assert await visit.new_people() == []
    assert await visit.reads() == ["hola"]


async def test_who_speaks_is_in(database: Database) -> None:
    """Even if we never heard that she came in, as after an older copy of the database."""
    visit = await begun(database)
    said = RoomEvent(
        event_id="$said",
        room_id=visit.room_id,
        sender=GARCIA,
        type="m.room.encrypted",
        origin_server_ts=0,
        content={},
    )
    await visit.clinic.main.inbound.room_event(await visit.clinic.store(), said)
    visit.clinic.clock.pass_by(seconds=MOMENT_S)
    await visit.introduce()
    assert await visit.reads() == ["hola"]


async def test_nobody_is_new_where_there_is_no_introduction(database: Database) -> None:
    """Then keys go to who is invited, and to who comes in, at once."""
    visit = await begun(database, introduction_s=0)
    assert await visit.reads() == ["hola"]
