"""Whose access tokens open our API."""

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from yarl import URL


def _with_a_host(url: str) -> str:
    if not URL(url).host:
        raise ValueError("it names no host")
    return url


_Https = Annotated[str, Field(pattern=r"^https://[^\s?#@]+$"), AfterValidator(_with_a_host)]


class OidcSettings(BaseModel):
    """The portal's identity provider, whose access tokens open our API like a session of that person's."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    issuer: _Https = Field(description="As its tokens say it (`iss`), to the letter.")
    audience: str = Field(
        min_length=1, description="As tokens for this API say it (`aud`): a name of its own, no client's id."
    )
    jwks_url: _Https = Field(description="Where the provider's keys are.")
    claim: str = Field(
        default="matrix_user_id",
        min_length=1,
        description="Which claim holds the person's Matrix user id, or its localpart on the portal's homeserver.",
    )
    scopes: list[Literal["messages", "appointments", "video"]] = Field(
        default=["messages", "appointments", "video"],
        description="What such a token of a managed user opens.",
    )
