"""What a refusal looks like (RFC 9457)."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from bridge.http.fields import InstantOut


class FieldErrorDocument(BaseModel):
    """One thing to mend: `pointer` into the body (RFC 6901, as a URI fragment), or the name of a parameter."""

    model_config = ConfigDict(extra="forbid")

    detail: str
    pointer: str = Field(default="")
    parameter: str = Field(default="")


class SlotDocument(BaseModel):
    """A time that could be booked instead."""

    model_config = ConfigDict(extra="forbid")

    start: InstantOut
    end: InstantOut
    visit_type: str


class ProblemDocument(BaseModel):
    """Why a request was refused (RFC 9457)."""

    model_config = ConfigDict(extra="forbid")

    type: Annotated[str, Field(pattern="^/problems/[a-z-]+$", json_schema_extra={"format": "uri-reference"})]
    title: str
    status: Annotated[int, Field(ge=400, le=599)]
    detail: str
    errors: list[FieldErrorDocument] = Field(default=[])
    slots: list[SlotDocument] = Field(default=[], description="The next times that are free instead.")
    conflicts: list[InstantOut] = Field(default=[], description="What of a series can't be booked.")
