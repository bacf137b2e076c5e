"""The waiting list in the chat: asking for an earlier time, and answering one that is kept."""

from bots import reminders as words
from bots.booking_dialogue import Step
from bots.booking_ports import BookingDesk, Waits
from bots.booking_talk import Talk, about, ask, done, offer_dialogue
from bots.replies import Reply

_ASKING = frozenset(
    {
        *("antes", "algo antes", "avisar", "esperar", "espera", "lista de espera"),
        *("earlier", "something earlier", "wait", "waiting", "waiting list"),
    }
)


def asks_for_earlier(words_said: str) -> bool:
    """Whether these words, without case and accents, ask for an earlier time; the number of a list may follow."""
    first, _, last = words_said.rpartition(" ")
    return words_said in _ASKING or (first in _ASKING and last.isdecimal())


async def answer_waiting(desk: BookingDesk, talk: Talk, step: Step) -> Reply:
    """What came of `wait`, `wait-no-longer`, `accept` or `decline`. Raises what the desk raises."""
    person, known = talk.asker.user_id, str(step.appointment_id)
    if step.do == "wait":
        return _waits(talk, await desk.wait(person, known))
    if step.do == "wait-no-longer":
        return done(talk, "waits-no-longer", await desk.wait_no_longer(person, known))
    if step.do == "accept":
        return done(
            talk, "moved", await desk.accept_offer(person, appointment_id=known, offer_id=step.offer_id)
        )
    declined = await desk.decline_offer(person, appointment_id=known, offer_id=step.offer_id)
    return done(talk, "declined", declined)


def _waits(talk: Talk, waits: Waits) -> Reply:
    visit = waits.visit
    if waits.offer is not None:
        reader = words.Reader(talk.asker.user_id, talk.language, talk.asker.zone)
        text = words.offer(visit, waits.offer, reader=reader)
        return Reply("ok", text, dialogue=offer_dialogue(visit, waits.offer))
    text = talk.say("waits", time=talk.time(visit.start), who=visit.label)
    return ask(talk, [about(visit, "keep"), about(visit, "wait-no-longer")], text)
