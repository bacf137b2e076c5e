"""What the clinic decides about mails and pushes."""

from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator


class SmtpSettings(BaseModel):
    """The clinic's mail server, which takes what people are told by e-mail."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    host: str
    port: int = Field(default=587, ge=1, le=65535)
    security: Literal["tls", "starttls", "none"] = Field(
        default="starttls", description="`tls` from the first byte (port 465); `none` on loopback only."
    )
    username: str | None = None
    password: SecretStr | None = None
    from_address: str = Field(pattern=r"^[^@\s<>]+@[^@\s<>]+$", description="The sender that people see.")
    alert_address: str | None = Field(
        default=None,
        pattern=r"^[^@\s<>]+@[^@\s<>]+$",
        description="Where the clinic hears that people could not be told; null: by its metrics only.",
    )
    timeout_s: float = Field(default=30, gt=0, le=50)
    ca_file: Path | None = Field(default=None, description="Authorities to trust besides the machine's own.")

    @model_validator(mode="after")
    def _is_safe(self) -> Self:
        if self.security == "none" and self.host not in ("localhost", "127.0.0.1", "::1"):
            raise ValueError("security: none is for a server on loopback only")
        return self


class PushSettings(BaseModel):
    """Pushes to browsers, by way of their makers' push services."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    contact: str | None = Field(
        default=None,
        pattern=r"^(mailto:|https://).+",
        description="Whom push services turn to, such as mailto:it@clinic.example.",
    )
    allow_private_addresses: bool = Field(
        default=False, description="Let push services be in private networks. Never link-local."
    )
    browsers_per_person: int = Field(default=20, ge=1, description="One more takes the place of the oldest.")
    notifications_per_minute: int = Field(
        default=6000, ge=1, description="What one homeserver's address may tell our push gateway."
    )
    unknown_per_minute: int = Field(
        default=120, ge=1, description="Of these, for browsers that nobody has (any more)."
    )
