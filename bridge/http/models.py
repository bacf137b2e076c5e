"""What all requests and answers have in common; each topic has its models beside it. OpenAPI is made from them."""

from pydantic import BaseModel, ConfigDict

from bots.i18n import Language


class RequestModel(BaseModel):
    """Something a caller says: nothing more than what is named, no conversions."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class AnswerModel(BaseModel):
    """Something we say, read from the attributes of what a service returns; every field is always there."""

    model_config = ConfigDict(
        extra="forbid", from_attributes=True, frozen=True, json_schema_serialization_defaults_required=True
    )


class PageQuery(RequestModel):
    """How a page is shown."""

    lang: Language | None = None
