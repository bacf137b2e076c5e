"""What logging in, and opening a conversation, look like (see models.py)."""

from typing import Annotated, Any, Literal, Self

from pydantic import ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from bridge.http.fields import InstantOut, UserId
from bridge.http.models import AnswerModel, RequestModel


def _one_login(schema: dict[str, Any]) -> None:
    nothing = {"type": "null"}
    schema["oneOf"] = [
        {
            "title": "OpenID",
            "required": ["access_token", "matrix_server_name"],
            "properties": {
                "access_token": {"type": "string"},
                "matrix_server_name": {"type": "string"},
                "ttl_s": nothing,
            },
        },
        {
            "title": "API key",
            "properties": dict.fromkeys(
                ("access_token", "matrix_server_name", "token_type", "expires_in"), nothing
            ),
        },
    ]


class CreateSession(RequestModel):
    """A Matrix OpenID token as the homeserver gave it; or, with an API key, how long the session is to last."""

    model_config = ConfigDict(json_schema_extra=_one_login)

    access_token: Annotated[str, Field(min_length=1, max_length=2048)] | None = Field(
        default=None, repr=False
    )
    matrix_server_name: Annotated[str, Field(min_length=1, max_length=255)] | None = None
    token_type: Literal["Bearer"] | None = None
    expires_in: Annotated[int, Field(ge=0)] | None = None
    ttl_s: Annotated[int, Field(ge=1, le=86_400, description="Seconds.")] | None = None

    @model_validator(mode="after")
    def _is_one_login(self) -> Self:
        openid = (self.access_token, self.matrix_server_name, self.token_type, self.expires_in)
        is_openid = None not in openid[:2] and self.ttl_s is None
        if not is_openid and any(part is not None for part in openid):
            raise PydanticCustomError("one-login", "needs access_token and matrix_server_name, or ttl_s")
        return self


class OpenConversation(RequestModel):
    """With whom; `on_behalf_of` names the patient whom a representative acts for, where it could be several."""

    other: UserId = Field(alias="with")
    on_behalf_of: UserId | None = None


class SessionAnswer(AnswerModel):
    """A session; `token` goes into the header `Authorization: Bearer`, and is shown this once."""

    token: str
    user_id: str
    roles: list[Literal["patient", "professional", "representative"]]
    expires_at: InstantOut


class OpenedConversationAnswer(AnswerModel):
    """Which conversation it is."""

    conversation_id: str
