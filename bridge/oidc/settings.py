"""Whose access tokens open our API."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

_URL = r"^https://[^\s?#@]+$"


class OidcSettings(BaseModel):
    """The portal's identity provider, whose access tokens open our API like a session of that person's."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    issuer: str = Field(pattern=_URL, description="As its tokens say it (`iss`), to the letter.")
    audience: str = Field(
        min_length=1, description="As tokens for this API say it (`aud`): a name of its own, no client's id."
    )
    jwks_url: str = Field(pattern=_URL, description="Where the provider's keys are.")
    claim: str = Field(
        default="matrix_user_id",
        min_length=1,
        description="Which claim holds the person's Matrix user id, or its localpart on the portal's homeserver.",
    )
    scopes: list[Literal["messages", "appointments", "video"]] = Field(
        default=["messages", "appointments", "video"],
        description="What such a token of a managed user opens.",
    )
