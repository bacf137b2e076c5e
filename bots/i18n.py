"""Texts for people, in Spanish and English: one catalogue a language, parameters as in `str.format`."""

import json
from functools import cache
from importlib.resources import files
from typing import Literal, get_args

Language = Literal["es", "en"]
DEFAULT_LANGUAGE: Language = "es"
LANGUAGES: tuple[Language, ...] = get_args(Language)


@cache
def catalogue(language: Language) -> dict[str, str]:
    """Every text of a language by its key."""
    text = files("bots").joinpath("locales", f"{language}.json").read_text(encoding="utf-8")
    texts: dict[str, str] = json.loads(text)
    return texts


def translate(language: Language, key: str, **parameters: object) -> str:
    """The text of this key. Raises KeyError for a key or a parameter that is missing."""
    return catalogue(language)[key].format(**parameters)


def choose_language(accept_language: str | None) -> Language:
    """What an Accept-Language header (RFC 9110, section 12.5.4) likes best of ours; Spanish otherwise."""
    best: Language = DEFAULT_LANGUAGE
    best_quality = 0.0
    for item in (accept_language or "").split(","):
        tag, _, parameter = item.partition(";")
        language = _supported(tag.strip().lower().partition("-")[0])
        quality = _quality(parameter)
        if language is not None and quality > best_quality:
            best, best_quality = language, quality
    return best


def _supported(primary: str) -> Language | None:
    if primary == "*":
        return DEFAULT_LANGUAGE
    return next((language for language in LANGUAGES if language == primary), None)


def _quality(parameter: str) -> float:
    name, _, value = parameter.replace(" ", "").partition("=")
    if name.lower() != "q":
        return 1.0
    try:
        return float(value)
    except ValueError:
        return 0.0
