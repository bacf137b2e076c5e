"""What the clinic decides about files in messages."""

from pydantic import BaseModel, ConfigDict, Field, field_validator

from bridge.attachments.types import KNOWN_TYPES


class AttachmentSettings(BaseModel):
    """Files in messages."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_bytes: int = Field(
        default=52_428_800, ge=1024, description="Not more than the homeserver's max_upload_size."
    )
    allowed_types: list[str] = Field(
        default=list(KNOWN_TYPES), description="MIME types, of those that we can tell by their content."
    )
    uploads_at_once: int = Field(default=4, ge=1, description="Of one person.")
    uploads_at_once_in_all: int = Field(default=32, ge=1, description="Of this process.")
    downloads_at_once: int = Field(default=16, ge=1, description="Of one person.")
    clamd: str | None = Field(
        default=None,
        pattern=r"^(tcp://[^/]+:[0-9]+|unix:///.+)$",
        description="Virus scanner: tcp://host:port or unix:///path. While it doesn't answer nothing is taken.",
    )

    @field_validator("allowed_types")
    @classmethod
    def _are_known(cls, value: list[str]) -> list[str]:
        unknown = sorted(set(value) - set(KNOWN_TYPES))
        if unknown:
            raise ValueError(f"not among the types that can be told by content: {', '.join(unknown)}")
        return value
