"""bots/assistant.py, bots/clinic.py: the first contact in the clinic's words."""

import pytest
from pydantic import ValidationError

from bots.assistant import announcement, display_name, room_notice, short_help, welcome
from bots.clinic import ClinicSettings

CLINIC = ClinicSettings.model_validate(
    {
        "name": "Clínica Sol",
        "emergency_number": "061",
        "answer_within": {"es": "tres días", "en": "three days"},
    }
)


def test_the_first_contact_says_what_must_be_known() -> None:
    """No emergencies, when an answer comes, what is encrypted, who takes part, what to write next."""
    spanish, english = welcome(CLINIC, "es"), welcome(CLINIC, "en")
    for text in ("061", "Clínica Sol", "tres días", "cifrado de extremo a extremo", "participan", "!ayuda"):
        assert text in spanish
    for text in ("061", "Clínica Sol", "three days", "encrypted end to end", "represents", "!help"):
        assert text in english
    assert "061" in short_help(CLINIC, "es")


def test_without_settings_there_are_words() -> None:
    """112, and a clinic without a name."""
    assert "112" in welcome(ClinicSettings(), "es")
    assert "su centro" in welcome(ClinicSettings(), "es")
    assert display_name(ClinicSettings()) == "Asistente"
    assert "Clínica Sol" in display_name(CLINIC)


def test_the_room_notice_is_the_same_for_everybody() -> None:
    """Short, in both languages: it is not encrypted, and a language would tell of a person."""
    notice = room_notice(CLINIC)
    assert "No es para urgencias: llame al 061" in notice
    assert "Not for emergencies: call 061" in notice
    assert len(notice.encode()) < 1000


def test_a_clinic_may_use_words_of_its_own() -> None:
    """Shown as they are, braces and all; the other language stays ours."""
    clinic = ClinicSettings.model_validate(
        {"texts": {"es": {"welcome": "Hola {x}", "room_notice": "Aviso {y}"}}}
    )
    assert welcome(clinic, "es") == "Hola {x}"
    assert "encrypted" in welcome(clinic, "en")
    assert room_notice(clinic).startswith("Aviso {y}\nNot for emergencies")


@pytest.mark.parametrize(
    "wrong",
    [
        {"emergency_number": "call us"},
        {"texts": {"fr": {}}},
        {"texts": {"es": {"welcome": ""}}},
        {"nombre": "x"},
    ],
)
def test_wrong_settings_are_refused(wrong: dict[str, object]) -> None:
    """At the start, not at the first patient."""
    with pytest.raises(ValidationError):
        ClinicSettings.model_validate(wrong)


def test_the_announcement_is_in_both_languages() -> None:
    """Nobody in the room overlooks that a program reads along."""
    assert "asistente automático" in announcement()
    assert "automatic assistant" in announcement()
