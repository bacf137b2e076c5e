"""A dialogue about appointments: what the numbers of the assistant's last list mean, until they no longer do."""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Literal

from pydantic import BaseModel, ConfigDict

from bots.commands import plain

Action = Literal[
    "offer",
    "book",
    "move",
    "ask-cancel",
    "cancel",
    "keep",
    "confirm",
    "wait",
    "wait-no-longer",
    "accept",
    "decline",
]

LASTS = timedelta(hours=2)
"""How long a list may be answered. A reminder may be answered as long as its appointment is to come."""

_NUMBER = re.compile(r"(?:(?:el|la|opcion|option|numero|number|n)\s+)?(\d{1,2})")
_ORDINALS = ("primer", "segund", "tercer", "cuart", "quint"), ("first", "second", "third", "fourth", "fifth")
_MEANINGS: tuple[tuple[str, tuple[Action, ...]], ...] = (
    ("si s yes y ok vale claro 👍 ✅ ✔", ("confirm", "cancel", "accept")),
    ("confirmo confirmar confirm confirmado", ("confirm", "cancel")),
    ("acepto aceptar aceptarla accept", ("accept",)),
    ("no n nada dejala keep 👎", ("keep", "decline")),
    ("rechazo rechazar rechazarla decline refuse", ("decline",)),
    ("mover cambiar muevela cambiala move change reschedule 🔁 🔄", ("offer",)),
    ("cancelar anular cancela anula cancelala cancel", ("ask-cancel", "cancel")),
    ("❌ ✖", ("ask-cancel", "cancel", "decline")),
)
_WORDS: Mapping[str, tuple[Action, ...]] = {
    word: actions for words, actions in _MEANINGS for word in words.split()
}


class Step(BaseModel):
    """Something that the person can choose.

    `appointment_id` and `version` are of one that is there already, `offer_id` of an earlier time for it.
    """

    model_config = ConfigDict(frozen=True)

    do: Action
    professional: str = ""
    patient: str = ""
    appointment_id: str | None = None
    version: int | None = None
    offer_id: str | None = None
    start: datetime | None = None
    words: str = ""


class Dialogue(BaseModel):
    """What can be chosen now, by number or word; `again` reads a time that is written instead of a choice.

    `send_id` names the message that offered it.
    """

    model_config = ConfigDict(frozen=True)

    steps: tuple[Step, ...]
    again: Step | None = None
    expires_at: datetime
    send_id: str = ""


def chosen(dialogue: Dialogue, text: str) -> Step | None:
    """What somebody chose who wrote this text, or reacted with it."""
    words = (
        plain(text).replace("\ufe0f", "").replace("\u20e3", "").replace("🔟", "10").strip(" .,:;!¡?¿)#º°\n")
    )
    number = _NUMBER.fullmatch(words)
    position = int(number[1]) if number is not None else _ordinal(words)
    if position is not None:
        return dialogue.steps[position - 1] if 1 <= position <= len(dialogue.steps) else None
    for action in _WORDS.get(words, ()):
        found = [step for step in dialogue.steps if step.do == action]
        if len(found) == 1:
            return found[0]
    return None


def _ordinal(words: str) -> int | None:
    word = words.removeprefix("el ").removeprefix("la ").removeprefix("the ").removesuffix(" one")
    for ordinals in _ORDINALS:
        for number, start in enumerate(ordinals, start=1):
            if word in (start, f"{start}a", f"{start}o"):
                return number
    return None
