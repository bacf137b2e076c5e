"""bridge/reminding/chat.py: judged right before it is said, whoever dies, changes or waits in between."""

import asyncio
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update

from appointments.booking import Appointment
from bridge.errors import HomeserverUnavailableError
from bridge.messages.outbox import Outbox
from bridge.reminding.dialogues import Dialogues
from bridge.storage.sends import sends
from tests.bridge.mortality import Killed
from tests.bridge.reminding.reminders import MARIA, TUESDAY_10, Reminders
from tests.bridge.trouble import failing, works

TWO_HOURS_BEFORE = TUESDAY_10 - timedelta(hours=2)


class MeanwhileMoved(Dialogues):
    """The last thing that the commit of a reminder does takes so long that the appointment could be moved."""

    def __init__(self, reminders: Reminders, one: Appointment) -> None:
        super().__init__(reminders.clinic.sealer)
        self._reminders, self._one = reminders, one
        self.moving: asyncio.Task[None] | None = None

    async def save_unless_open(self, *arguments: Any, **named: Any) -> None:
        """As it is, later."""
        await super().save_unless_open(*arguments, **named)
        self.moving = asyncio.create_task(self._reminders.move(self._one, TUESDAY_10 + timedelta(hours=4)))
        await asyncio.wait([self.moving], timeout=0.3)


class Dies(Outbox):
    """A process that dies, or is stopped, when it begins to deliver."""

    def __init__(self, error: BaseException, *, after: int = 0) -> None:
        self._error, self._after = error, after
        self._real: Any = None

    def over(self, real: Outbox) -> "Dies":
        """That of this process."""
        self._real = real
        return self

    async def accept(self, *arguments: Any, **named: Any) -> None:
        """As it is."""
        await self._real.accept(*arguments, **named)

    async def deliver(self, **named: Any) -> Any:
        """What is Maria's no more."""
        if MARIA in named["send_id"]:
            if self._after == 0:
                raise self._error
            self._after -= 1
        return await self._real.deliver(**named)


class RefusesFirst(Dies):
    """Another process finds, at the first try, that the words of a reminder are no longer true."""

    def __init__(self, reminders: Reminders) -> None:
        super().__init__(Killed(), after=1)
        self._reminders = reminders

    async def deliver(self, **named: Any) -> Any:
        """Refused a moment before."""
        if MARIA in named["send_id"] and self._after:
            self._after = 0
            async with self._reminders.clinic.database.write() as connection:
                refused = update(sends).where(sends.c.id == named["send_id"])
                await connection.execute(refused.values(state="refused", sealed=None))
        return await self._real.deliver(**named)


async def reminded(reminders: Reminders) -> list[str]:
    """The reminders that Maria can read."""
    return [text for text in await reminders.heard(reminders.maria) if "Recordatorio" in text]


async def test_a_move_between_judging_and_committing_is_in_time(reminders: Reminders) -> None:
    """Whichever of the two comes first, the reminder of the old time is not said."""
    one = await reminders.book()
    await reminders.tick()
    reminders.clinic.clock.at = TWO_HOURS_BEFORE
    slow = MeanwhileMoved(reminders, one)
    outbox = reminders.clinic.main.outbox
    delivering = Dies(HomeserverUnavailableError()).over(outbox)  # only the commit matters here
    await reminders.courier(dialogues=slow, outbox=delivering).deliver_due("chat")
    assert slow.moving is not None
    await slow.moving
    await outbox.deliver_waiting()
    (waiting,) = [
        row for row in await reminders.clinic.rows(sends) if ":120:" in row.id or row.id[:6] == "aside:"
    ]
    assert waiting.state == "refused"
    assert await reminded(reminders) == []


@pytest.mark.parametrize("error", [Killed(), HomeserverUnavailableError()])
async def test_what_a_dead_process_took_in_is_judged_anew(reminders: Reminders, error: BaseException) -> None:
    """Nobody else sends it, not with another message of that room either; the next try says how long it still is."""
    clinic, clock = reminders.clinic, reminders.clinic.clock
    await reminders.book()
    await reminders.tick()
    clock.at = TWO_HOURS_BEFORE
    with suppress(Killed):
        await reminders.courier(outbox=Dies(error).over(clinic.main.outbox)).deliver_due("chat")
    await clinic.main.outbox.deliver_waiting()
    assert "Cita" not in await reminders.say("!ayuda")
    assert await reminded(reminders) == []
    clock.pass_by(minutes=40)
    await reminders.tick()
    (said,) = await reminded(reminders)
    assert "Faltan 80 minutos" in said
    clock.pass_by(hours=2)
    await clinic.main.outbox.deliver_waiting()
    await reminders.tick()
    assert await reminded(reminders) == [said]


async def test_a_try_that_runs_out_of_time_leaves_nothing_to_be_sent(reminders: Reminders) -> None:
    """Neither the text nor the event for programs, whichever of the two it was at."""
    clinic = reminders.clinic
    for after in (0, 1):
        await reminders.book(TUESDAY_10 + timedelta(hours=after), by=reminders.garcia.user_id)
        heard = len(await reminders.heard(reminders.maria))
        stopped = Dies(TimeoutError(), after=after).over(clinic.main.outbox)
        await reminders.plan()
        await reminders.courier(outbox=stopped).deliver_due("chat")
        await clinic.main.outbox.deliver_waiting()
        assert [row for row in await clinic.rows(sends) if row.state == "accepted"] == []
        assert len(await reminders.heard(reminders.maria)) == heard + after
        clinic.clock.pass_by(minutes=1)
        await reminders.tick()
        assert len(await reminders.heard(reminders.maria)) == heard + 2


async def test_words_that_waited_encrypted_are_said_as_they_are_true_then(reminders: Reminders) -> None:
    """The homeserver was down for an hour: what comes then says one hour, once."""
    clinic, clock = reminders.clinic, reminders.clinic.clock
    await reminders.book()
    await reminders.tick()
    clock.at = TWO_HOURS_BEFORE
    reminders.down("send_event")
    await reminders.tick()
    clock.pass_by(hours=1)
    clinic.homeserver.before = works
    for _ in range(3):
        await clinic.main.outbox.deliver_waiting()
        await reminders.tick()
        clock.pass_by(minutes=1)
    (said,) = await reminded(reminders)
    assert "Faltan 59 minutos" in said or "Faltan 60 minutos" in said


async def test_words_that_another_try_found_too_old_are_found_anew(reminders: Reminders) -> None:
    """Not now is not never: the reminder is said with the next try; what was set aside is a refused message."""
    clinic = reminders.clinic
    await reminders.book()
    await reminders.tick()
    clinic.clock.at = TWO_HOURS_BEFORE
    outbox = RefusesFirst(reminders).over(clinic.main.outbox)
    for _ in range(2):
        await reminders.courier(outbox=outbox).deliver_due("chat")
        clinic.clock.pass_by(minutes=1)
    assert len(await reminded(reminders)) == 1
    (aside,) = [row for row in await clinic.rows(sends) if row.id.startswith("aside:")]
    assert aside.state == "refused"


async def test_what_the_room_has_is_not_called_refused(reminders: Reminders) -> None:
    """Sent by a process that died before it noted that, and then moved: it was said, and can be answered."""
    clinic = reminders.clinic
    one = await reminders.book()
    await reminders.tick()
    clinic.clock.at = TWO_HOURS_BEFORE
    process = clinic.process()
    clinic.homeserver.after = failing(Killed(), "send_event")
    with pytest.raises(Killed):
        await reminders.courier(process).deliver_due("chat")
    clinic.homeserver.after = works
    await reminders.move(one, TUESDAY_10 + timedelta(hours=4))
    await clinic.main.outbox.deliver_waiting()
    (row,) = [row for row in await clinic.rows(sends) if ":120:" in row.id]
    assert row.state == "sent"
    assert row.event_id is not None
    assert len(await reminded(reminders)) == 1
