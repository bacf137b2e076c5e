"""Text → command, Spanish and English alike. Nothing that anybody writes makes this fail."""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from bots.i18n import Language

CommandName = Literal["help", "consult", "appointment", "late"]
COMMAND_NAMES: tuple[CommandName, ...] = get_args(CommandName)

MARK = "!"
"""What a command begins with. In a direct chat with the assistant it may be left out."""

_MARKS = "!¡/"
_PUNCTUATION = ".,:;!¡?¿"
_SAYING_LATE: tuple[tuple[re.Pattern[str], Language], ...] = (
    (re.compile(r"^\W*(?:voy|llego) con (\d{1,3}) min\w* de retraso\W*$"), "es"),
    (re.compile(r"^\W*(?:i ?a?m |i'm )?running (\d{1,3}) min\w* late\W*$"), "en"),
)
LISTING = "list"
"""The argument with which a plural alone is understood: «!citas» asks for those that there are."""

_ASKING_FOR_ALL: tuple[tuple[re.Pattern[str], Language], ...] = (
    (re.compile(r"^\W*(?:(?:mis|ver|ver mis) )?citas\W*$"), "es"),
    (re.compile(r"^\W*(?:(?:my|show|show my) )?appointments\W*$"), "en"),
)
_WORDS: Mapping[str, tuple[CommandName, Language]] = {
    "ayuda": ("help", "es"),
    "help": ("help", "en"),
    "consulta": ("consult", "es"),
    "consultar": ("consult", "es"),
    "consult": ("consult", "en"),
    "cita": ("appointment", "es"),
    "citas": ("appointment", "es"),
    "appointment": ("appointment", "en"),
    "appointments": ("appointment", "en"),
    "retraso": ("late", "es"),
    "late": ("late", "en"),
}

_THANKS: Mapping[str, Language] = {
    "gracias": "es",
    "muchas gracias": "es",
    "mil gracias": "es",
    "thanks": "en",
    "thank you": "en",
    "many thanks": "en",
}


@dataclass(frozen=True, slots=True)
class Command:
    """What somebody wants: `name` is None for what is no command of ours.

    `language` is the one in which the command was written, `argument` everything after its first word. `is_thanks`:
    it says thank you, and nothing else.
    """

    name: CommandName | None
    argument: str = ""
    language: Language | None = None
    is_thanks: bool = False


def parse(text: str) -> Command:
    """The command in this text, whatever its case, accents, spaces and punctuation."""
    words = unicodedata.normalize("NFKC", text).lstrip().lstrip(_MARKS).split(maxsplit=1)
    if not words:
        return Command(None)
    for pattern, spoken_in in _SAYING_LATE:
        if said := pattern.search(plain(text)):
            return Command("late", said[1], spoken_in)
    for pattern, spoken_in in _ASKING_FOR_ALL:
        if pattern.search(plain(text)):
            return Command("appointment", LISTING, spoken_in)
    if thanked_in := _THANKS.get(plain(text).strip(f" {_PUNCTUATION}\n")):
        return Command(None, language=thanked_in, is_thanks=True)
    name, language = _WORDS.get(plain(words[0]).strip(_PUNCTUATION), (None, None))
    return Command(name, words[1].strip() if len(words) > 1 else "", language)


def is_marked(text: str) -> bool:
    """Whether this text means to be a command, also where people talk with each other."""
    start = unicodedata.normalize("NFKC", text).lstrip()
    return start.startswith(MARK) and start[1:2].isalpha()


def plain(text: str) -> str:
    """The text without case and accents, to compare by."""
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return "".join(character for character in decomposed if not unicodedata.combining(character))
