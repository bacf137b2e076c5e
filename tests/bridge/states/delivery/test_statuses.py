"""bridge/states/statuses.py: a message becomes read by the other side alone, and never unread."""

import pytest

from bridge.rooms.summaries import summary_of
from bridge.states.receipts import record_receipt
from tests.appointments.relationships import enter_representation
from tests.bridge.clinic import ASSISTANT, GARCIA, HOSPITAL, JUAN, LOPEZ, LUCIA
from tests.bridge.states.delivery.sender import Ward


async def test_read_is_never_taken_back(ward: Ward) -> None:
    """A message read before its delivery was heard of is read, and stays so; the fact of its delivery never comes."""
    await ward.join()
    event_id = await ward.say()
    async with ward.clinic.database.write() as connection:
        await record_receipt(
            connection, room_id=ward.room, user_id=GARCIA, event_id=event_id, at=ward.clinic.clock()
        )
    ward.sender.sent[HOSPITAL] = 1000
    await ward.follower().look()
    assert await ward.statuses() == ["read"]
    assert not await ward.clinic.facts("message.delivered")
    assert [fact.data for fact in await ward.clinic.facts("message.read")] == [{"event_id": event_id}]


@pytest.mark.parametrize("reader", [LUCIA, JUAN, LOPEZ, ASSISTANT])
async def test_only_the_other_side_makes_a_message_read(ward: Ward, reader: str) -> None:
    """Neither its sender, nor a stranger, nor a bot."""
    event_id = await ward.say()
    async with ward.clinic.database.write() as connection:
        await record_receipt(
            connection, room_id=ward.room, user_id=reader, event_id=event_id, at=ward.clinic.clock()
        )
    assert await ward.statuses() == ["sent"]
    assert not await ward.clinic.facts("message.read")


async def test_a_representative_reads_for_the_patients_side(ward: Ward) -> None:
    """What the doctor wrote is read by whichever of them reads first, the patient's words by the doctor alone."""
    now = ward.clinic.clock()
    async with ward.clinic.database.write() as connection:
        await enter_representation(connection, LUCIA, JUAN, "messages", now=now)
    of_doctor = [await ward.say(sender) for sender in (LUCIA, GARCIA)][1]
    async with ward.clinic.database.write() as connection:
        await record_receipt(connection, room_id=ward.room, user_id=JUAN, event_id=of_doctor, at=now)
    assert await ward.statuses() == ["sent", "read"]
    assert [fact.data for fact in await ward.clinic.facts("message.read")] == [{"event_id": of_doctor}]
    async with ward.clinic.database.read() as connection:
        unread = {
            reader: (await summary_of(connection, room_id=ward.room, reader=reader, now=now)).unread_count
            for reader in (LUCIA, JUAN)
        }
    assert unread == {LUCIA: 1, JUAN: 0}  # each has her own count
