"""The waiting list in the chat: asking for an earlier time, and what is said to who waits."""

from bots import reminders as words
from bots.booking_talk import Talk, about, ask, offer_dialogue
from bots.booking_verbs import Outcome
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


def waits(talk: Talk, outcome: Outcome) -> Reply:
    """What to say to who waits now: an earlier time that is kept already, or that she is told of one."""
    visit, offer = outcome.visit, outcome.offer
    if offer is not None:
        reader = words.Reader(talk.asker.user_id, talk.language, talk.asker.zone)
        text = words.offer(visit, offer, reader=reader)
        return Reply("ok", text, dialogue=offer_dialogue(visit, offer))
    text = talk.say("waits", time=talk.time(visit.start), who=visit.label)
    return ask(talk, [about(visit, "keep"), about(visit, "wait-no-longer")], text)
