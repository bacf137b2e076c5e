"""bridge/states/delivery.py: what can't be settled, and servers that are away, keep nothing else waiting."""

from sqlalchemy import insert

from bridge.matrix.module import MOST_EVENTS
from bridge.storage.conversations import conversations, room_members, timeline
from tests.bridge.clinic import GARCIA, HOSPITAL, PORTAL
from tests.bridge.states.delivery.sender import CLINIC2, Ward


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
