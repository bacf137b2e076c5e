"""Care relationships and representations: what requests and answers look like."""

from typing import Annotated, Self

from pydantic import BeforeValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from appointments.representation import SCOPES, Scope
from bridge.http.fields import InstantIn, InstantOut, Reason, Role, UserId
from bridge.http.models import AnswerModel, RequestModel


class CarePath(RequestModel):
    """Whose care relationship."""

    patient: UserId
    professional: UserId


class PutCare(RequestModel):
    """A care relationship in [from, until); `until` null is open, `from` left out is now."""

    role: Role
    starts: InstantIn | None = Field(default=None, alias="from")
    ends: InstantIn | None = Field(default=None, alias="until")
    reason: Reason | None = None


class CareQuery(RequestModel):
    """Whose care relationships: a patient's, a professional's, or those of the two."""

    patient: UserId | None = None
    professional: UserId | None = None

    @model_validator(mode="after")
    def _names_somebody(self) -> Self:
        if self.patient is None and self.professional is None:
            raise PydanticCustomError("one-person", "needs patient or professional")
        return self


class RepresentationPath(RequestModel):
    """Whose representation."""

    patient: UserId
    representative: UserId


class PutRepresentation(RequestModel):
    """A representation in [from, until); `until` null is open, `from` left out is now."""

    scopes: Annotated[list[Scope], Field(min_length=1, max_length=len(SCOPES))]
    starts: InstantIn | None = Field(default=None, alias="from")
    ends: InstantIn | None = Field(default=None, alias="until")
    reason: Reason | None = None


class CareAnswer(AnswerModel):
    """A care relationship in [from, until)."""

    patient: str
    professional: str
    role: str
    starts: InstantOut = Field(serialization_alias="from")
    ends: InstantOut | None = Field(serialization_alias="until")


class CareListAnswer(AnswerModel):
    """Care relationships, by patient and professional."""

    care: list[CareAnswer]


class RepresentationAnswer(AnswerModel):
    """A representation in [from, until)."""

    patient: str
    representative: str
    scopes: Annotated[list[Scope], BeforeValidator(sorted)]
    starts: InstantOut = Field(serialization_alias="from")
    ends: InstantOut | None = Field(serialization_alias="until")
