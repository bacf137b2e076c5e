"""bridge/states/attending.py: a professional's reaction says that she is on it; nobody else's does."""

from dataclasses import dataclass
from uuid import uuid4

import pytest

from appointments.care import CareRelationship
from bridge.matrix.events import RoomEvent
from bridge.messages_model import AttendedBy
from bridge.states.receipts import read_states
from tests.bridge.clinic import GARCIA, LOPEZ, LUCIA, Clinic


@dataclass
class Ward:
    """A consult room of Lucia and Garcia."""

    clinic: Clinic
    room: str

    async def push(self, event_type: str, sender: str, content: dict[str, object]) -> str:
        """The homeserver pushes an event."""
        self.clinic.clock.pass_by(minutes=1)
        event = RoomEvent(
            event_id=f"${uuid4().hex}",
            room_id=self.room,
            sender=sender,
            type=event_type,
            origin_server_ts=int(self.clinic.clock().timestamp() * 1000),
            content=content,
        )
        await self.clinic.main.inbound.room_event(await self.clinic.store(), event)
        return event.event_id

    async def say(self, sender: str = LUCIA) -> str:
        """A message."""
        return await self.push("m.room.encrypted", sender, {"ciphertext": "…"})

    async def react(self, message_id: str, key: object = "✅", *, sender: str = GARCIA) -> str:
        """A reaction."""
        relation = {"rel_type": "m.annotation", "event_id": message_id, "key": key}
        return await self.push("m.reaction", sender, {"m.relates_to": relation})

    async def by(self, *message_ids: str) -> list[bool]:
        """Which of these messages Garcia is on."""
        async with self.clinic.database.read() as connection:
            states = await read_states(connection, self.room, message_ids)
        found = [states.attended_by(message_id) for message_id in message_ids]
        assert all(one is None or one.user_id == GARCIA for one in found)
        return [one is not None for one in found]

    async def summary(self) -> AttendedBy | None:
        """What the list of conversations says."""
        (conversation,) = await self.clinic.main.conversations.list(user_id=LUCIA)
        return conversation.attended_by


@pytest.fixture
async def ward(clinic: Clinic) -> Ward:
    """The room, in which nothing was said."""
    care = CareRelationship(LUCIA, GARCIA, "gp", clinic.clock(), None)
    return Ward(clinic, await clinic.main.conversations.open(care))


@pytest.mark.parametrize("key", ["✅", "✔", "✔️", "👀"])
async def test_a_mark_covers_what_stood_before(ward: Ward, key: str) -> None:
    """The message and those before it; what is written later is open again; there is one fact."""
    first, second = await ward.say(), await ward.say()
    assert await ward.summary() is None
    await ward.react(second, key)
    assert await ward.summary() == AttendedBy(GARCIA, ward.clinic.clock())
    third = await ward.say()
    assert await ward.by(first, second, third) == [True, True, False]
    assert await ward.summary() is None
    assert [fact.data for fact in await ward.clinic.facts("message.attended")] == [{"event_id": second}]


async def test_the_first_mark_counts(ward: Ward) -> None:
    """A second one changes neither who nor when, and is no second fact."""
    message_id = await ward.say()
    await ward.react(message_id)
    first = await ward.summary()
    await ward.react(message_id, "👀")
    assert await ward.summary() == first
    assert len(await ward.clinic.facts("message.attended")) == 1


async def test_a_mark_can_be_taken_back(ward: Ward) -> None:
    """By redacting the reaction."""
    message_id = await ward.say()
    reaction_id = await ward.react(message_id)
    await ward.push("m.room.redaction", GARCIA, {"redacts": reaction_id})
    assert (await ward.by(message_id), await ward.summary()) == ([False], None)


@pytest.mark.parametrize(
    ("sender", "key"), [(LUCIA, "✅"), (LOPEZ, "✅"), (GARCIA, "👍"), (GARCIA, None), (GARCIA, {"a": 1})]
)
async def test_other_reactions_are_no_marks(ward: Ward, sender: str, key: object) -> None:
    """The patient's own, a stranger's, another sign, nonsense."""
    message_id = await ward.say()
    await ward.react(message_id, key, sender=sender)
    assert await ward.by(message_id) == [False]


async def test_her_own_messages_are_not_taken_on(ward: Ward) -> None:
    """Nor is an event that is no message, or there is none of."""
    own = await ward.say(GARCIA)
    reaction_id = await ward.react(own)
    for message_id in (own, reaction_id, "$nothing"):
        await ward.react(message_id)
    assert not await ward.clinic.facts("message.attended")
