"""bots/commands.py: text → command."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bots.commands import COMMAND_NAMES, Command, is_marked, parse, plain


@pytest.mark.parametrize(
    "text",
    [
        "!ayuda",
        "ayuda",
        "  !AYUDA  ",
        "¡Ayuda!",
        "! ayuda",
        "áyuda",
        "\uff01ayuda",
        "/ayuda",
        "ayuda, por favor",
        "\n!ayuda",
    ],
)
def test_help_in_spanish(text: str) -> None:
    """Case, accents, spaces and whichever mark make no difference."""
    command = parse(text)
    assert (command.name, command.language) == ("help", "es")


@pytest.mark.parametrize("text", ["!help", "Help", "HELP!", "help me", "!!help"])
def test_help_in_english(text: str) -> None:
    """The word tells the language."""
    command = parse(text)
    assert (command.name, command.language) == ("help", "en")


@pytest.mark.parametrize(
    ("text", "command"),
    [
        ("!consulta", Command("consult", "", "es")),
        ("!Consulta  @garcia:hospital.example ", Command("consult", "@garcia:hospital.example", "es")),
        ("consultar 2", Command("consult", "2", "es")),
        ("!consult Dra. García", Command("consult", "Dra. García", "en")),
        ("!consulta\ngarcia", Command("consult", "garcia", "es")),
    ],
)
def test_consult_takes_whom(text: str, command: Command) -> None:
    """Everything after the word, as it was written."""
    assert parse(text) == command


@pytest.mark.parametrize(
    "text", ["", " ", "!", "¡!", "hola", "!receta", "ayudante", "😀", "\x00", "!ayuda!consulta"]
)
def test_what_is_no_command_of_ours(text: str) -> None:
    """It has no name, whatever it is."""
    assert parse(text).name is None


@pytest.mark.parametrize(
    ("text", "marked"),
    [
        ("!ayuda", True),
        (" !x", True),
        ("\uff01ayuda", True),
        ("ayuda", False),
        ("!", False),
        ("!!!", False),
        ("! no", False),
    ],
)
def test_a_marked_text_means_to_be_a_command(text: str, *, marked: bool) -> None:
    """Where people talk with each other, exclamations are none."""
    assert is_marked(text) is marked


@given(st.text())
def test_any_text_gives_a_command_of_ours_or_none(text: str) -> None:
    """Parsing never fails; only known names come out, and a language exactly with a name."""
    command = parse(text)
    assert command.name in (None, *COMMAND_NAMES)
    assert (command.name is None) is (command.language is None)
    assert isinstance(is_marked(text), bool)


@given(st.sampled_from(["ayuda", "help", "consulta", "consult"]), st.text(alphabet=" \t\n\u00a0"), st.text())
def test_surroundings_make_no_difference(word: str, space: str, argument: str) -> None:
    """Whatever spaces are before it and whatever follows it, the word is the command."""
    assert parse(f"{space}!{word.upper()} {argument}").name == parse(word).name


@given(st.text())
def test_plain_is_plain(text: str) -> None:
    """Made plain again, nothing changes for what people type; accents are gone."""
    assert plain("ÁÉÍÓÚÜÑç") == "aeiouunc"
    assert isinstance(plain(text), str)
