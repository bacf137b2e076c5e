"""Booking in the chat: the next free times as a numbered list, a number books; listing, moving, cancelling.

Each answer may carry a `Dialogue`: what the person can choose next. Nothing here remembers anything.
"""

from collections.abc import Awaitable, Sequence
from dataclasses import replace
from datetime import datetime

from appointments.errors import CareError, NotOfferedError, SlotTakenError, WrongStateError
from appointments.intervals import Interval
from bots.booking_dialogue import Action, Step, chosen
from bots.booking_ports import Booked, BookingDesk
from bots.booking_talk import Talk, about, ask, done, numbered, offering, refused, visit_data, wanted_span
from bots.booking_verbs import carry_out
from bots.booking_waiting import asks_for_earlier, waits
from bots.commands import LISTING, plain
from bots.i18n import Language
from bots.replies import Asker, Reply, Turn
from bots.when import Understood, understood

_MOST_OFFERED = 5
_MOST_LISTED = 30
_LONGEST_DELAY = 240
_LIST = ("lista", "listar", LISTING, "mis", "mias", "ver", "mine")
_MOVE = ("mover", "cambiar", "move", "change", "reschedule")
_CANCEL = ("cancelar", "anular", "cancel")


class Booking:
    """Answers about appointments, for people; bots/booking_calls.py for programs."""

    def __init__(self, desk: BookingDesk) -> None:
        self._desk = desk

    async def command(self, argument: str, *, asker: Asker, language: Language, turn: Turn) -> Reply:
        """The answer to `!cita` and what follows it."""
        talk = Talk(asker, language, turn)
        return await _answered(talk, self._command(talk, argument))

    async def follow(self, text: str, *, asker: Asker, language: Language, turn: Turn) -> Reply | None:
        """The answer to a choice, or to a time instead of one; None for anything else."""
        dialogue, talk = turn.dialogue, Talk(asker, language, turn)
        if dialogue is None:
            return None
        if turn.now >= dialogue.expires_at:
            return Reply("not-understood", talk.say("expired")) if chosen(dialogue, text) else None
        step = chosen(dialogue, text)
        if step is None and dialogue.again and understood(text, now=turn.now, zone=asker.zone):
            step = dialogue.again.model_copy(update={"words": text})
        return None if step is None else await _answered(talk, self._take(talk, step))

    async def react(self, key: str, *, asker: Asker, language: Language, turn: Turn) -> Reply | None:
        """The answer to a reaction. It is not encrypted, so it can't do what can't be undone."""
        step = None if turn.dialogue is None else chosen(turn.dialogue, key)
        if step is not None and step.do == "cancel":
            return Reply("ok", Talk(asker, language, turn).say("write-it"))
        return None if step is None else await self.follow(key, asker=asker, language=language, turn=turn)

    async def delay(self, argument: str, *, asker: Asker, language: Language, turn: Turn) -> Reply:
        """The answer to `!retraso N`."""
        talk = Talk(asker, language, turn)
        digits = "".join(character for character in argument.partition("min")[0] if character.isdecimal())
        if not digits or not 1 <= int(digits[:4]) <= _LONGEST_DELAY:
            return Reply("not-understood", talk.say("delay-how-much"))
        minutes = int(digits[:4])
        told = await self._desk.announce_delay(asker.user_id, operation_id=turn.event_id, minutes=minutes)
        key = "delay-told" if told else "delay-nobody"
        return Reply("ok", talk.say(key, count=told, minutes=minutes), {"told": told, "minutes": minutes})

    async def _command(self, talk: Talk, argument: str) -> Reply:
        first = plain(argument.split(maxsplit=1)[0]) if argument else ""
        if asks_for_earlier(plain(argument)):
            return await self._which(talk, "wait", argument)
        if first in _LIST:
            return await self._list(talk)
        if first in _MOVE or first in _CANCEL:
            return await self._which(talk, "offer" if first in _MOVE else "ask-cancel", argument)
        if argument and understood(argument, now=talk.turn.now, zone=talk.asker.zone) is None:
            return Reply("not-understood", talk.say("not-understood"))
        return await self._with_whom(talk, argument)

    async def _with_whom(self, talk: Talk, words: str) -> Reply:
        pairs = await self._desk.bookable(talk.asker.user_id)
        if not pairs:
            return Reply("not-in-care-team", talk.say("nobody"))
        steps = [offering(pair, words) for pair in pairs[:_MOST_LISTED]]
        if len(steps) == 1:
            return await self._offer(talk, steps[0])
        lines = numbered([pair.label for pair in pairs[:_MOST_LISTED]])
        return ask(talk, steps, f"{talk.say('with-whom')}\n{lines}", status="ambiguous")

    async def _offer(self, talk: Talk, step: Step) -> Reply:
        if step.appointment_id is not None:
            return await self._offer_others(talk, step.appointment_id, step.words)
        return await self._free(talk, step)

    async def _offer_others(self, talk: Talk, appointment_id: str, words: str) -> Reply:
        """Other times for an appointment as it stands now, which the answer says: a move is of what was seen."""
        visit = await self._desk.visit(talk.asker.user_id, appointment_id)
        if visit.status != "booked":
            raise WrongStateError(appointment_id)
        free = await self._free(talk, about(visit, "offer").model_copy(update={"words": words}))
        heading = talk.say("moving", time=talk.time(visit.start), who=visit.label)
        return replace(free, text=f"{heading}\n{free.text}")

    async def _free(self, talk: Talk, step: Step) -> Reply:
        meant = understood(step.words, now=talk.turn.now, zone=talk.asker.zone) if step.words else None
        found = await self._slots(talk, step, meant)
        key = "free" if found else "none-then"
        if not found and isinstance(meant, Interval):
            found = await self._slots(talk, step, meant.start)
        if not found and meant is not None:
            found = await self._slots(talk, step, None)
        if not found:
            return Reply("ok", talk.say("none-free"), {"slots": []})
        action: Action = "book" if step.appointment_id is None else "move"
        steps = [step.model_copy(update={"do": action, "start": at, "words": ""}) for at in found]
        lines = numbered([talk.time(at) for at in found])
        text = f"{talk.say(key)}\n{lines}\n{talk.say('how-to-choose')}"
        return ask(talk, steps, text, again=step, data={"slots": [at.isoformat() for at in found]})

    async def _slots(self, talk: Talk, step: Step, meant: Understood | None) -> Sequence[datetime]:
        found = await self._desk.slots(
            talk.asker.user_id,
            professional=step.professional,
            within=wanted_span(meant or talk.turn.now),
            most=_MOST_OFFERED,
            moving=step.appointment_id,
        )
        return [at for at in found if not (step.appointment_id and at == step.start)]

    async def _list(self, talk: Talk) -> Reply:
        visits = await self._desk.visits(talk.asker.user_id)
        if not visits:
            return Reply("ok", talk.say("no-visits"), {"appointments": []})
        lines = "\n".join(f"• {talk.time(one.start)} — {one.label}" for one in visits[:_MOST_LISTED])
        text = f"{talk.say('visits')}\n{lines}\n{talk.say('how-to-change')}"
        return Reply("ok", text, {"appointments": [visit_data(one) for one in visits[:_MOST_LISTED]]})

    async def _which(self, talk: Talk, action: Action, argument: str) -> Reply:
        visits = (await self._desk.visits(talk.asker.user_id))[:_MOST_LISTED]
        steps = [about(one, action) for one in visits]
        number = argument.rsplit(maxsplit=1)[-1]
        if number.isdecimal() and 1 <= int(number[:3]) <= len(steps):
            return await self._take(talk, steps[int(number[:3]) - 1])
        if not steps:
            return Reply("ok", talk.say("no-visits"), {"appointments": []})
        if len(steps) == 1:
            return await self._take(talk, steps[0])
        lines = numbered([f"{talk.time(one.start)} — {one.label}" for one in visits])
        return ask(talk, steps, f"{talk.say('which')}\n{lines}", status="ambiguous")

    async def _take(self, talk: Talk, step: Step) -> Reply:
        try:
            return await self._do(talk, step)
        except (SlotTakenError, NotOfferedError):
            again = await self._offer(talk, step.model_copy(update={"do": "offer", "words": ""}))
            return Reply("slot-taken", f"{talk.say('taken')}\n{again.text}", again.data, again.dialogue)

    async def _do(self, talk: Talk, step: Step) -> Reply:
        person = talk.asker.user_id
        if step.do == "offer":
            return await self._offer(talk, step)
        if step.do == "ask-cancel":
            return self._ask_cancel(talk, await self._desk.visit(person, step.appointment_id or ""))
        outcome = await carry_out(self._desk, step, person=person, operation_id=talk.turn.event_id)
        if outcome is None:
            return Reply("ok", talk.say("kept"))
        return waits(talk, outcome) if outcome.became == "waits" else done(talk, outcome)

    def _ask_cancel(self, talk: Talk, visit: Booked) -> Reply:
        text = talk.say("really-cancel", time=talk.time(visit.start), who=visit.label)
        return ask(talk, [about(visit, "cancel"), about(visit, "keep")], text)


async def _answered(talk: Talk, doing: Awaitable[Reply]) -> Reply:
    """What came of it: whoever asks is told, also why it can't be."""
    try:
        return await doing
    except CareError as error:
        return refused(talk.language, error)
