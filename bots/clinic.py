"""What the clinic says of itself: the words of a first contact depend on it."""

from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from appointments.public_holidays import Region, is_known_region
from bots.i18n import Language


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class AnswerWithin(_Section):
    """When an answer can be expected, as it stands after «suele contestar en» and "usually answer within"."""

    es: str = Field(default="dos días laborables", min_length=1, max_length=100)
    en: str = Field(default="two working days", min_length=1, max_length=100)


class ClinicTexts(_Section):
    """Words of the clinic's own in one language, shown as they are, in place of ours."""

    welcome: str | None = Field(
        default=None, min_length=1, max_length=4000, description="The assistant's first message."
    )
    room_notice: str | None = Field(
        default=None,
        min_length=1,
        max_length=400,
        description="The topic of consult rooms. It is not encrypted and the same for everybody.",
    )


class HolidaySettings(_Section):
    """Whose public holidays are days off, unless a professional's schedule says otherwise."""

    country: str = Field(description="ISO 3166-1, such as ES.")
    subdivision: str | None = Field(default=None, description="ISO 3166-2 without the country, such as MD.")

    @model_validator(mode="after")
    def _is_known(self) -> Self:
        if not is_known_region(self.region):
            raise ValueError("the public holidays of this country or subdivision are not known")
        return self

    @property
    def region(self) -> Region:
        """The same, for schedules."""
        return Region(self.country, self.subdivision)


class ClinicSettings(_Section):
    """Who runs this service, for the people who use it."""

    name: str = Field(default="", max_length=100, description="As in «el asistente de …».")
    emergency_number: str = Field(default="112", pattern=r"^[0-9][0-9 ]{1,19}$")
    answer_within: AnswerWithin = AnswerWithin()
    texts: dict[Language, ClinicTexts] = {}
    holidays: HolidaySettings | None = None

    def texts_in(self, language: Language) -> ClinicTexts:
        """The clinic's own words in this language, as far as there are any."""
        return self.texts.get(language, ClinicTexts())
