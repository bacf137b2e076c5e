"""A text from which what was understood is taken out, so that what is left over shows what was not."""

import re

from bots.commands import plain

_HALF_OF_DAY = re.compile(r"(?<![a-z])([ap])\.? ?m\b\.?")
_NOISE = re.compile(r"[^a-z0-9:./-]|(?<!\d)[:./-]|[:./-](?!\d)")
GAP = "|"
"""Stands where something was taken, so that its neighbours don't grow together."""


class Text:
    """Words without accents, case and punctuation."""

    def __init__(self, text: str) -> None:
        self._words = " ".join(_NOISE.sub(" ", _HALF_OF_DAY.sub(r"\1m", plain(text))).split())

    @property
    def left(self) -> list[str]:
        """The words that nobody has taken."""
        return [word for word in self._words.split() if word != GAP]

    def take(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        """What matches first, taken out of the text; None when nothing does."""
        found = pattern.search(self._words)
        if found is not None:
            self._words = f"{self._words[: found.start()]} {GAP} {self._words[found.end() :]}"
        return found
