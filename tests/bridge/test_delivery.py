"""bridge/delivery.py: which messages every recipient's homeserver has, by what the portal's sender says."""

import asyncio
from datetime import UTC, datetime

import pytest
from sqlalchemy import insert

from appointments.care import CareRelationship
from bridge.matrix.module import MOST_EVENTS
from bridge.receipts import record_receipt
from bridge.storage.conversations import conversations, room_members, timeline
from tests.appointments.relationships import enter_representation
from tests.bridge.clinic import ASSISTANT, GARCIA, HOSPITAL, JUAN, LOPEZ, LUCIA, PORTAL, Clinic
from tests.bridge.sender import Ward

CLINIC2 = "other.example:7448"
CARER = f"@madre:{CLINIC2}"


@pytest.fixture
async def ward(clinic: Clinic) -> Ward:
    """The room, in which Garcia is invited."""
    care = CareRelationship(LUCIA, GARCIA, "gp", clinic.clock(), None)
    return Ward(clinic, await clinic.main.conversations.open(care))


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


async def test_a_portal_that_does_not_answer_is_asked_again(ward: Ward) -> None:
    """Trouble settles nothing and ends nothing."""
    await ward.join()
    await ward.say()
    ward.sender.sent[HOSPITAL], ward.sender.is_down = 1000, True
    follower = ward.follower()
    await follower.look()
    ward.sender.is_down = False
    ward.clinic.clock.pass_by(seconds=2)
    await follower.look()
    assert await ward.statuses() == ["delivered"]


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


async def test_what_cannot_be_settled_keeps_nothing_waiting(ward: Ward) -> None:
    """However many messages the portal can say nothing of, those behind them get their turn, and again."""
    await ward.join()
    for _ in range(MOST_EVENTS):
        del ward.sender.places[await ward.say()]
    follower = ward.follower()
    for _ in range(2):
        await ward.say()
        ward.sender.sent[HOSPITAL] = 1000
        for _ in range(4):
            ward.clinic.clock.pass_by(seconds=10)
            await follower.look()
        assert (await ward.statuses())[-1] == "delivered"
    assert (await ward.statuses()).count("sent") == MOST_EVENTS


async def test_a_server_that_is_back_is_settled_without_pauses(ward: Ward) -> None:
    """While questions settle something they follow each other, a look each."""
    await ward.join()
    for _ in range(2 * MOST_EVENTS + 1):
        await ward.say()
    ward.sender.sent[HOSPITAL] = 1000
    follower = ward.follower()
    for _ in range(3):
        await follower.look()
    assert set(await ward.statuses()) == {"delivered"}


async def crowd(ward: Ward, number: int, *, professional: str, since: int = 0) -> list[str]:
    """So many consult rooms with a message each that nobody has settled; the ids of the messages, in order."""
    at = ward.clinic.clock()
    rooms = [f"!crowd{since + one}" for one in range(number)]
    events = [f"$crowd{since + one}" for one in range(number)]
    ward.sender.places |= {event_id: since + one for one, event_id in enumerate(events)}
    async with ward.clinic.database.write() as connection:
        await connection.execute(insert(conversations), [{
            "id": room, "patient": f"@portal_{room[1:]}:{PORTAL}", "professional": professional, "nonce": room,
            "room_id": room, "created_at": at, "rotation_period_msgs": 100, "rotation_period_ms": 1,
        } for room in rooms])  # fmt: skip
        joined = {"user_id": professional, "membership": "join"}
        await connection.execute(insert(room_members), [{"room_id": room, **joined} for room in rooms])
        await connection.execute(insert(timeline), [{
            "event_id": event_id, "room_id": room, "sender": f"@portal_{room[1:]}:{PORTAL}", "sent_at": at,
            "is_message": True,
        } for room, event_id in zip(rooms, events, strict=True)])  # fmt: skip
    return events


async def delivered(ward: Ward) -> set[str]:
    """The messages that every recipient's server has."""
    return {row.event_id for row in await ward.clinic.rows(timeline) if row.delivered_at is not None}


async def test_an_outage_keeps_no_other_server_waiting(ward: Ward) -> None:
    """However many newer conversations wait for a hospital that is down; it is settled too once it is back."""
    (old,) = await crowd(ward, 1, professional=f"@x:{CLINIC2}")
    waiting = await crowd(ward, 1100, professional=GARCIA, since=1)
    ward.sender.sent = {HOSPITAL: -1, CLINIC2: 1000}
    follower = ward.follower()
    for _ in range(12):
        await follower.look()
        ward.clinic.clock.pass_by(seconds=1)
    assert await delivered(ward) == {old}
    ward.sender.sent[HOSPITAL] = 10_000
    for _ in range(40):
        await follower.look()
        ward.clinic.clock.pass_by(seconds=1)
    assert await delivered(ward) == {old, *waiting}


async def test_what_is_at_home_is_settled_behind_an_outage(ward: Ward) -> None:
    """A doctor of the portal needs no question."""
    (old,) = await crowd(ward, 1, professional=f"@doctor:{PORTAL}")
    await crowd(ward, 600, professional=GARCIA, since=1)
    ward.sender.sent[HOSPITAL] = -1
    await ward.follower().look()
    assert await delivered(ward) == {old}
