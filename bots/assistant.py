"""What the assistant says of its own accord: welcome, help, and the notices in consult rooms."""

from bots.clinic import ClinicSettings
from bots.i18n import LANGUAGES, Language, translate


def display_name(clinic: ClinicSettings) -> str:
    """The assistant's name as others see it: public, the same in every language."""
    return f"Asistente · {clinic.name}" if clinic.name else "Asistente"


def welcome(clinic: ClinicSettings, language: Language) -> str:
    """The first contact: what this is not for, when to expect an answer, what is encrypted and who takes part."""
    own = clinic.texts_in(language).welcome
    return own or "\n\n".join([_say("assistant.welcome", clinic, language), commands(language)])


def short_help(clinic: ClinicSettings, language: Language) -> str:
    """What to do here, for somebody who wrote something else."""
    return "\n\n".join([commands(language), _say("assistant.nobody-reads", clinic, language)])


def commands(language: Language) -> str:
    """The commands that work."""
    return translate(language, "assistant.commands")


def room_notice(clinic: ClinicSettings) -> str:
    """The topic of every consult room: nothing in it is about the people in the room, their language neither."""
    return "\n".join(
        clinic.texts_in(language).room_notice or _say("assistant.room-notice", clinic, language)
        for language in LANGUAGES
    )


def announcement() -> str:
    """What it says when it joins a consult room, where both languages may be spoken."""
    return "\n\n".join(translate(language, "assistant.announcement") for language in LANGUAGES)


def moved_notice() -> str:
    """What stands in a room that was left behind, where both languages may be spoken."""
    return "\n".join(translate(language, "assistant.moved") for language in LANGUAGES)


def _say(key: str, clinic: ClinicSettings, language: Language) -> str:
    return translate(
        language,
        key,
        clinic=clinic.name or translate(language, "assistant.your-clinic"),
        emergency=clinic.emergency_number,
        answer_within=getattr(clinic.answer_within, language),
    )
