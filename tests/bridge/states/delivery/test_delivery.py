"""bridge/states/delivery.py: which messages every recipient's homeserver has, by what the portal's sender says."""

import asyncio
from datetime import UTC, datetime

from tests.appointments.relationships import enter_representation
from tests.bridge.clinic import ASSISTANT, GARCIA, HOSPITAL, LUCIA
from tests.bridge.states.delivery.sender import CLINIC2, Ward

CARER = f"@madre:{CLINIC2}"


async def test_delivered_is_what_the_hospital_was_sent(ward: Ward) -> None:
    """Up to and including the place that the sender reports, each with one fact; the rest stays sent."""
    await ward.join()
    first, second = await ward.say(), await ward.say()
    follower = ward.follower()
    await follower.look()
    assert await ward.statuses() == ["sent", "sent"]
    ward.sender.sent[HOSPITAL] = ward.sender.places[first]
    ward.clinic.clock.pass_by(seconds=30)
    await follower.look()
    assert await ward.statuses() == ["delivered", "sent"]
    ward.sender.sent[HOSPITAL] = ward.sender.places[second]
    for _ in range(3):
        ward.clinic.clock.pass_by(seconds=30)
        await follower.look()
    assert await ward.statuses() == ["delivered", "delivered"]
    facts = await ward.clinic.facts("message.delivered")
    assert [fact.data for fact in facts] == [{"event_id": first}, {"event_id": second}]
    assert all(server == HOSPITAL for server, _ in ward.sender.asked)
    assert len(ward.sender.asked) == 3  # once everything is settled, nothing is asked


async def test_who_has_not_joined_has_nothing(ward: Ward) -> None:
    """An invited doctor's server was not sent the room; with her joining it is handed what stood there."""
    await ward.say()
    ward.sender.sent[HOSPITAL] = 1000
    follower = ward.follower()
    await follower.look()
    assert (await ward.statuses(), ward.sender.asked) == (["sent"], [])
    ward.sender.sent[HOSPITAL] = 0
    await ward.join()
    await ward.say()
    await follower.look()
    assert await ward.statuses() == ["delivered", "sent"]


async def test_a_new_name_is_no_arrival(ward: Ward) -> None:
    """Who is in and changes her name was not handed anything by that."""
    await ward.join()
    await ward.say()
    await ward.join()
    await ward.follower().look()
    assert await ward.statuses() == ["sent"]


async def test_at_home_nothing_is_asked(ward: Ward) -> None:
    """A doctor's message to a patient of the portal is delivered when the portal has it, with no fact."""
    await ward.join()
    await ward.say(GARCIA)
    await ward.follower().look()
    assert (await ward.statuses(), ward.sender.asked) == (["delivered"], [])
    assert not await ward.clinic.facts("message.delivered")


async def test_every_recipients_server_counts(ward: Ward) -> None:
    """With a carer on a third server a message is delivered when both have it; bots are no recipients."""
    now = ward.clinic.clock()
    async with ward.clinic.database.write() as connection:
        await enter_representation(
            connection, LUCIA, CARER, "messages", now=now, starts=datetime(2026, 1, 1, tzinfo=UTC)
        )
    await ward.join()
    await ward.join(ASSISTANT)
    ward.sender.sent = {HOSPITAL: 1000, CLINIC2: 0}
    await ward.say()
    follower = ward.follower()
    await follower.look()
    assert await ward.statuses() == ["sent"]
    await ward.push("m.room.member", CARER, state_key=CARER, content={"membership": "invite"})
    await ward.join(CARER)
    await ward.say()
    await follower.look()
    assert await ward.statuses() == ["delivered", "sent"]
    ward.sender.sent[CLINIC2] = 1000
    ward.clinic.clock.pass_by(seconds=30)
    await follower.look()
    assert await ward.statuses() == ["delivered", "delivered"]


async def test_questions_come_rarer_while_nothing_moves(ward: Ward) -> None:
    """In 10 minutes of an outage some sixty, one every ten seconds in the end; soon again when it is over."""
    await ward.join()
    await ward.say()
    follower = ward.follower()
    for _ in range(600):
        await follower.look()
        ward.clinic.clock.pass_by(seconds=1)
    assert 55 < len(ward.sender.asked) < 75
    ward.sender.sent[HOSPITAL] = 1000
    for _ in range(11):
        await follower.look()
        ward.clinic.clock.pass_by(seconds=1)
    assert await ward.statuses() == ["delivered"]
    ward.sender.asked.clear()
    await ward.say()
    ward.sender.sent[HOSPITAL] = 2000
    await follower.look()
    assert await ward.statuses() == ["delivered", "delivered"]


async def test_two_processes_ask_once(ward: Ward) -> None:
    """Whoever claims the server asks; both may run."""
    await ward.join()
    await ward.say()
    ward.sender.sent[HOSPITAL] = 1000
    await asyncio.gather(*(ward.follower().look() for _ in range(4)))
    assert len(ward.sender.asked) == 1
    assert len(await ward.clinic.facts("message.delivered")) == 1
