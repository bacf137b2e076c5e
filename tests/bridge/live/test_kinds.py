"""bridge/live/kinds.py: which facts are told, as what, and to whom."""

from dataclasses import replace

from bridge.facts import Fact, append
from tests.bridge.live.ward import GARCIA, JUAN, LUCIA, NOW, Ward, fact


async def test_statuses_are_told(ward: Ward) -> None:
    """What a message is at first is told with it, what it becomes afterwards on its own."""
    await ward.say("1", sender=LUCIA)
    await ward.say("2", sender=GARCIA)
    async with ward.database.write() as connection:
        await append(connection, fact("message.sent", "1"))
        await append(connection, fact("message.delivered", "1"))
        await append(connection, fact("message.read", "1"))
    events, _ = await ward.read(LUCIA, 0)
    assert [(one.name, one.data["message_id"], one.data["status"]) for one in events] == [
        ("message", "$1", "sent"),
        ("message", "$2", "delivered"),
        ("status", "$1", "delivered"),
        ("status", "$1", "read"),
    ]


async def test_what_was_sent_is_told_once(ward: Ward) -> None:
    """By whichever of its two facts comes first, together or not; as what its sender makes it."""
    async with ward.database.write() as connection:
        sent = fact("message.sent", "1")
        await append(connection, replace(sent, data={**sent.data, "sender": LUCIA}))
    (told,), place = await ward.read(LUCIA, 0)
    assert (told.data["message_id"], told.data["status"]) == ("$1", "sent")
    await ward.say("1", sender=LUCIA)
    await ward.say("2", sender=LUCIA)
    async with ward.database.write() as connection:
        await append(connection, fact("message.sent", "2"))
    assert await ward.told(LUCIA, place) == ["$2"]


async def test_every_edit_is_told_and_what_was_taken_back(ward: Ward) -> None:
    """An open page has to read the message again: a doctor may have corrected a dose."""
    await ward.say("1", sender=GARCIA)
    _, place = await ward.read(LUCIA, 0)
    async with ward.database.write() as connection:
        for kind, edit in (
            ("edited", "a"),
            ("edited", "b"),
            ("edited", "a"),
            ("redacted", "1"),
            ("redacted", "1"),
        ):
            changed = fact(f"message.{kind}", "1")
            await append(connection, replace(changed, id=f"message.{kind}:{edit}"))
    events, _ = await ward.read(LUCIA, place, with_bodies=True)
    assert [(one.name, one.data["message_id"], one.data["status"]) for one in events] == [
        ("status", "$1", "edited"),
        ("status", "$1", "edited"),
        ("status", "$1", "redacted"),
    ]
    assert all("body" not in one.data for one in events)


async def test_appointments_and_visits_are_told_to_whom_they_name(ward: Ward) -> None:
    """Ids and states only; neither the people nor anything else of the fact."""
    async with ward.database.write() as connection:
        booked = {
            "appointment_id": "a",
            "status": "booked",
            "patient": LUCIA,
            "professional": GARCIA,
            "by": LUCIA,
        }
        await append(connection, Fact("1", "appointment.booked", "a", NOW, booked))
        await append(
            connection,
            Fact("2", "visit.waiting", "c", NOW, {"call_id": "c", "status": "waiting", "audience": [GARCIA]}),
        )
        await append(connection, Fact("3", "care.started", "x", NOW, {"patient": LUCIA}))
    told = {
        who: [(one.name, one.data) for one in (await ward.read(who, 0))[0]] for who in (LUCIA, GARCIA, JUAN)
    }
    appointment = ("appointment", {"appointment_id": "a", "status": "booked"})
    assert told == {
        LUCIA: [appointment],
        GARCIA: [appointment, ("visit", {"call_id": "c", "status": "waiting"})],
        JUAN: [],
    }
