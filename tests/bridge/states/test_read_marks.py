"""bridge/states/read_marks.py: saying that a managed user has read."""

from dataclasses import dataclass

import pytest

from appointments.care import CareRelationship
from bridge.errors import ConversationNotFoundError, HomeserverUnavailableError
from bridge.matrix.errors import HomeserverUnreachableError, MatrixError
from bridge.states.read_marks import ReadMarks
from bridge.states.receipts import settle_early_receipts
from bridge.storage.conversations import early_receipts, receipts
from tests.bridge.clinic import GARCIA, JUAN, LUCIA, Clinic
from tests.bridge.mortality import Killed
from tests.bridge.trouble import failing


@dataclass
class Ward:
    """A consult room of Lucia and Garcia, with two messages of Garcia's that were pushed."""

    clinic: Clinic
    room: str
    messages: list[str]

    def process(self, *, dies_at: int | None = None) -> ReadMarks:
        """A process that says what was read."""
        process = self.clinic.process(dies_at=dies_at)
        return ReadMarks(
            database=process.database,
            matrix=process.matrix,
            conversations=self.clinic.main.conversations,
            now=self.clinic.clock,
        )

    async def read(self, message_id: str, room_id: str | None = None, *, reader: str = LUCIA) -> int:
        """How many are unread afterwards."""
        read = await self.process().mark_read(reader=reader, message_id=message_id, conversation_id=room_id)
        return read.unread_count

    async def unread(self) -> int:
        """How many are unread."""
        (conversation,) = await self.clinic.main.conversations.list(user_id=LUCIA)
        return conversation.unread_count

    async def say(self) -> str:
        """A message of Garcia's that was not pushed."""
        return await self.clinic.homeserver.send_event(
            user_id=GARCIA,
            device_id=None,
            room_id=self.room,
            event_type="m.room.encrypted",
            txn_id=str(len(self.clinic.homeserver.rooms[self.room].events)),
            content={"ciphertext": "…"},
        )


@pytest.fixture
async def ward(clinic: Clinic) -> Ward:
    """The room with what was said in it."""
    care = CareRelationship(LUCIA, GARCIA, "gp", clinic.clock(), None)
    made = Ward(clinic, await clinic.main.conversations.open(care), [])
    await clinic.homeserver.join(user_id=GARCIA, room_id=made.room)
    made.messages = [await made.say(), await made.say()]
    await clinic.push()
    return made


async def test_reading_moves_the_count_and_tells_everybody(ward: Ward) -> None:
    """A public receipt goes out, our own row moves with it, and the doctor's messages are read."""
    assert await ward.unread() == 2
    assert await ward.read(ward.messages[0]) == 1
    assert await ward.read(ward.messages[1], ward.room) == 0
    assert await ward.unread() == 0
    facts = await ward.clinic.facts("message.read")
    assert [fact.data["event_id"] for fact in facts] == ward.messages
    assert ward.clinic.homeserver.rooms[ward.room].receipts[LUCIA] == ward.messages[1]


async def test_it_may_be_said_again_and_never_goes_back(ward: Ward) -> None:
    """The same, and an earlier message, change nothing."""
    await ward.read(ward.messages[1])
    for message_id in (ward.messages[1], ward.messages[0]):
        assert await ward.read(message_id) == 0
    assert len(await ward.clinic.facts("message.read")) == 2


async def test_what_nobody_saw_is_found_with_its_conversation_only(ward: Ward) -> None:
    """An event that the homeserver has and has not pushed yet; one that there is not; one of another room."""
    fresh = await ward.say()
    with pytest.raises(ConversationNotFoundError):
        await ward.read(fresh)
    assert await ward.read(fresh, ward.room) == 2
    for message_id, room_id in (
        ("$nothing", None),
        ("$nothing", ward.room),
        (ward.messages[0], "!elsewhere"),
    ):
        with pytest.raises(ConversationNotFoundError):
            await ward.read(message_id, room_id)


async def test_what_was_read_before_it_was_pushed_is_read_afterwards(ward: Ward) -> None:
    """A mark on a message that has not reached us yet is not lost, nor moves anything back."""
    fresh = await ward.say()
    assert await ward.read(fresh, ward.room) == 2
    await settle_early_receipts(ward.clinic.database)
    assert await ward.unread() == 2
    ward.clinic.homeserver.rooms[ward.room].receipts.clear()  # nor does the homeserver say it again
    await ward.clinic.push()
    later = await ward.say()
    await ward.clinic.push()
    for _ in range(2):
        await settle_early_receipts(ward.clinic.database)
        assert await ward.unread() == 1
    assert not await ward.clinic.rows(early_receipts)
    assert await ward.read(later) == 0


async def test_only_who_takes_part_reads(ward: Ward) -> None:
    """For others there is no such message."""
    for room_id in (None, ward.room):
        with pytest.raises(ConversationNotFoundError):
            await ward.read(ward.messages[0], room_id, reader=JUAN)
    assert not await ward.clinic.rows(receipts)


@pytest.mark.parametrize(
    "trouble",
    [HomeserverUnreachableError(), MatrixError(status=429, errcode="M_LIMIT_EXCEEDED", message="later")],
)
async def test_without_the_homeserver_nothing_is_read(ward: Ward, trouble: Exception) -> None:
    """The caller is told to come again; nothing is on record that others were not told."""
    ward.clinic.homeserver.before = failing(trouble, "send_read_receipt")
    with pytest.raises(HomeserverUnavailableError):
        await ward.read(ward.messages[0])
    assert await ward.unread() == 2


async def test_a_crash_at_any_step_is_made_up_for(ward: Ward) -> None:
    """Whenever the process dies, the same call afterwards leaves one receipt and one fact for each message."""
    for dies_at in range(1, 6):
        marks = ward.process(dies_at=dies_at)
        try:
            await marks.mark_read(reader=LUCIA, message_id=ward.messages[1], conversation_id=None)
        except Killed:
            assert await ward.read(ward.messages[1]) == 0
    assert len(await ward.clinic.facts("message.read")) == 2
    assert len(await ward.clinic.rows(receipts)) == 1
