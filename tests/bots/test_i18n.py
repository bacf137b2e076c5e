"""bots/i18n.py: both languages say the same things."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bots.i18n import LANGUAGES, catalogue, choose_language, translate


def parameters(text: str) -> set[str]:
    """The names of the placeholders in a text."""
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def test_both_languages_have_the_same_texts() -> None:
    """No key is missing in a language, and none takes other parameters."""
    spanish, english = (catalogue(language) for language in LANGUAGES)
    assert spanish.keys() == english.keys()
    for key, text in spanish.items():
        assert parameters(text) == parameters(english[key]), key
        assert text.strip(), key


def test_a_text_takes_its_parameters() -> None:
    """Placeholders are filled in, in each language."""
    assert "32768" in translate("es", "problem.message-too-large.detail", limit=32768)
    assert "32768" in translate("en", "problem.message-too-large.detail", limit=32768)


def test_an_unknown_text_is_an_error() -> None:
    """A typo in a key does not go unnoticed."""
    with pytest.raises(KeyError):
        translate("es", "no.such.key")


@pytest.mark.parametrize(
    ("header", "language"),
    [
        (None, "es"),
        ("", "es"),
        ("en", "en"),
        ("en-GB,en;q=0.9", "en"),
        ("es-ES", "es"),
        ("fr", "es"),
        ("fr, en;q=0.2", "en"),
        ("en;q=0.3, es;q=0.8", "es"),
        ("es;q=0, en;q=0.1", "en"),
        ("*", "es"),
        ("EN", "en"),
        ("en;q=x", "es"),
        (";;,,=", "es"),
    ],
)
def test_the_callers_language_is_chosen(header: str | None, language: str) -> None:
    """By quality; Spanish when nothing of ours is asked for."""
    assert choose_language(header) == language


@given(st.text(max_size=60))
def test_any_header_gives_a_language(header: str) -> None:
    """Whatever a client sends, there is a language to answer in."""
    assert choose_language(header) in LANGUAGES
