"""Commands as Matrix events, so that other clients can drive everything without HTTP.

Both travel encrypted, in the person's direct chat with the assistant. The JSON Schemas in docs/matrix/ are made
from these models.
"""

from dataclasses import dataclass
from typing import Any, Literal
from zoneinfo import ZoneInfo

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from bots.commands import Command, parse
from bots.hearing import COMMAND_EVENT
from bots.i18n import Language, choose_language

RESULT_EVENT = "es.videoconsulta.result"

Status = Literal[
    "ok",
    "unknown-command",
    "malformed",
    "ambiguous",
    "not-in-care-team",
    "not-now",
    "unreadable",
    "not-understood",
    "not-found",
    "slot-taken",
]


class ConsultArguments(BaseModel):
    """The arguments of `consult`; without any it lists whom the sender may consult."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True, title="consult arguments")

    person: str = Field(default="", alias="with", max_length=255, description="A Matrix user id.")
    on_behalf_of: str | None = Field(
        default=None, max_length=255, description="The patient whom the sender acts for."
    )


class AppointmentArguments(BaseModel):
    """The arguments of `appointment`; without any it lists the sender's appointments to come."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", populate_by_name=True, title="appointment arguments"
    )

    action: Literal[
        "list",
        "slots",
        "book",
        "move",
        "cancel",
        "confirm",
        "wait",
        "wait-no-longer",
        "accept",
        "decline",
    ] = "list"
    professional: str = Field(
        default="", alias="with", max_length=255, description="For `slots` and `book`: a Matrix user id."
    )
    on_behalf_of: str | None = Field(
        default=None, max_length=255, description="For `book`: the patient, if not the sender."
    )
    when: str = Field(default="", max_length=200, description="For `slots`: in words, «mañana por la tarde».")
    start: AwareDatetime | None = Field(default=None, description="For `book` and `move`.")
    appointment_id: str | None = Field(default=None, max_length=64)
    version: int | None = Field(default=None, ge=1, description="Refused if it is another by now.")
    offer_id: str | None = Field(
        default=None, max_length=64, description="For `accept` and `decline`: refused if another one is kept."
    )


class LateArguments(BaseModel):
    """The arguments of `late`: everybody who waits for the sender today is told."""

    model_config = ConfigDict(frozen=True, extra="forbid", title="late arguments")

    minutes: int = Field(ge=1, le=240)


class CommandContent(BaseModel):
    """The content of `es.videoconsulta.command`. Sent by a person; the assistant answers each once."""

    model_config = ConfigDict(frozen=True, title=COMMAND_EVENT)

    command: str = Field(
        max_length=64, description="`help`, `consult`, `appointment` or `late`, or their Spanish names."
    )
    arguments: dict[str, Any] = Field(default_factory=dict, description="What the command is about.")
    locale: str | None = Field(
        default=None, max_length=35, description="In which language `text` comes, as in BCP 47."
    )
    timezone: str | None = Field(
        default=None, max_length=64, description="An IANA time zone of the sender's."
    )


class Relation(BaseModel):
    """Which command this answers (client-server API, section 11.7)."""

    rel_type: Literal["m.reference"] = "m.reference"
    event_id: str


class ResultContent(BaseModel):
    """The content of `es.videoconsulta.result`. Sent by the assistant, and believed from nobody else."""

    model_config = ConfigDict(frozen=True, populate_by_name=True, title=RESULT_EVENT)

    status: Status
    text: str = Field(description="The same in words for a person.")
    data: dict[str, Any] = Field(
        description="help: `commands`. consult: `conversation_id`, `with` and `on_behalf_of`, or "
        "`contacts` (each `user_id`, `name`, `on_behalf_of`) and `total`. appointment: `appointments`, `slots` "
        "(starts) or `appointment`; of `wait` also `offer` (`id`, `start`, `answer_by`; null: none yet). "
        "late: `told` and `minutes`."
    )
    relates_to: Relation = Field(alias="m.relates_to")


@dataclass(frozen=True, slots=True)
class Call:
    """A command that was called; `person` and `on_behalf_of` are for `consult`, `minutes` for `late`."""

    command: Command
    language: Language | None
    person: str = ""
    on_behalf_of: str | None = None
    appointment: AppointmentArguments | None = None
    minutes: int | None = None
    zone: ZoneInfo | None = None


def read_call(content: dict[str, Any]) -> Call | None:
    """What was called; None when malformed."""
    try:
        given = CommandContent.model_validate(content)
        command = parse(given.command)
        zone = None if given.timezone is None else ZoneInfo(given.timezone)
        # What is no command of ours has no arguments that we could judge.
        consult = ConsultArguments.model_validate(given.arguments if command.name == "consult" else {})
        is_late, is_appointment = command.name == "late", command.name == "appointment"
        return Call(
            command=command,
            language=None if given.locale is None else choose_language(given.locale),
            person=consult.person,
            on_behalf_of=consult.on_behalf_of,
            appointment=AppointmentArguments.model_validate(given.arguments) if is_appointment else None,
            minutes=LateArguments.model_validate(given.arguments).minutes if is_late else None,
            zone=zone,
        )
    except (ValidationError, ValueError, OSError, KeyError):  # a time zone that there is not, too
        return None


def schemas() -> dict[str, dict[str, Any]]:
    """The JSON Schemas of the contents, by the name of what they describe."""
    models: dict[str, type[BaseModel]] = {
        COMMAND_EVENT: CommandContent,
        f"{COMMAND_EVENT}.consult": ConsultArguments,
        f"{COMMAND_EVENT}.appointment": AppointmentArguments,
        f"{COMMAND_EVENT}.late": LateArguments,
        RESULT_EVENT: ResultContent,
    }
    dialect = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    return {name: dialect | model.model_json_schema() for name, model in models.items()}
