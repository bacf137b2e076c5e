"""The booking dialogue in the bridge: by words, by reactions, by answers to reminders; sealed, and once."""

from datetime import UTC, datetime
from uuid import uuid4

from bridge.storage.reminding import dialogues
from tests.bridge.clinic import GARCIA
from tests.bridge.reminding.reminders import MARIA, Reminders


async def test_a_visit_is_booked_in_the_chat_and_moved_and_cancelled_by_its_reminder(
    reminders: Reminders,
) -> None:
    """!cita, a number; the reminder is answered with a time, a number, and at last with a cancellation."""
    clock = reminders.clinic.clock
    offered = await reminders.say("!cita mañana a las 12")
    assert "1. martes 3 de marzo, 12:00" in offered
    assert "reservada" in await reminders.say("1")
    await reminders.tick()
    clock.at = datetime(2026, 3, 3, 9, 0, tzinfo=UTC)
    await reminders.tick()
    reminder = await reminders.last_event()
    answering = {"m.relates_to": {"m.in_reply_to": {"event_id": reminder}}}
    assert "1. martes 3 de marzo, 16:00" in await reminders.say("hoy a las 16", **answering)
    assert "Cita cambiada" in await reminders.say("1")
    assert [one.start for one in await reminders.visits()] == [datetime(2026, 3, 3, 15, 0, tzinfo=UTC)]
    assert "No se puede deshacer" in await reminders.say("3", **answering)
    assert "Cita cancelada" in await reminders.say("sí")
    assert [one.status for one in await reminders.visits()] == ["cancelled"]


async def test_reactions_choose_but_cancel_nothing(reminders: Reminders) -> None:
    """1️⃣ books; ❌ on the reminder asks, and another reaction is not enough, since reactions are not encrypted."""
    clinic, room = reminders.clinic, reminders.rooms[MARIA]

    async def react(key: str) -> str:
        relation = {"rel_type": "m.annotation", "event_id": await reminders.last_event(), "key": key}
        await clinic.homeserver.send_event(
            user_id=MARIA,
            device_id="D",
            room_id=room,
            event_type="m.reaction",
            txn_id=uuid4().hex,
            content={"m.relates_to": relation},
        )
        return (await reminders.heard(reminders.maria))[-1]

    await reminders.say("!cita mañana a las 12")
    assert "reservada" in await react("1️⃣")
    await reminders.tick()
    clinic.clock.at = datetime(2026, 3, 3, 9, 0, tzinfo=UTC)
    await reminders.tick()
    assert "No se puede deshacer" in await react("❌")
    assert "escríbalo" in await react("✅")
    assert [one.status for one in await reminders.visits()] == ["booked"]


async def test_what_is_kept_of_a_dialogue_is_sealed(reminders: Reminders) -> None:
    """Neither times nor people can be read in the database."""
    await reminders.say("!cita")
    (row,) = await reminders.clinic.rows(dialogues)
    assert row.person == MARIA
    assert GARCIA.encode() not in row.sealed
    assert b"2026" not in row.sealed


async def test_what_was_chosen_from_can_not_be_chosen_from_again(reminders: Reminders) -> None:
    """After a booking a number books nothing more; after "no" an "ok" cancels nothing."""
    await reminders.say("!cita")
    await reminders.say("1")
    (booked,) = await reminders.visits()
    await reminders.say("2")
    assert await reminders.visits() == [booked]
    await reminders.say("!cita cancelar")
    for answer in ("no", "vale", "ok"):
        await reminders.say(answer)
    assert [one.status for one in await reminders.visits()] == ["booked"]
