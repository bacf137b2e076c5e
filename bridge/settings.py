"""The settings: one frozen tree, read once from a YAML file.

A wrong value ends the start with one clear line for each problem.
"""

from pathlib import Path
from typing import Any, Literal, Self

import yaml
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)

from bots.clinic import ClinicSettings
from bridge.attachments.types import KNOWN_TYPES
from bridge.reminding.settings import ReminderSettings


class SettingsError(Exception):
    """The settings can't be used. `problems` holds one line for each thing to mend."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class HomeserverSettings(_Section):
    """The portal's homeserver, seen from the bridge."""

    server_name: str
    url: str = Field(pattern=r"^https?://[^/]+$")
    allowed_servers: list[str] = Field(
        default_factory=list, description="Other servers whose people may take part, as server names."
    )

    @property
    def servers(self) -> frozenset[str]:
        """Every server whose people may take part."""
        return frozenset({self.server_name, *self.allowed_servers})


class AppserviceSettings(_Section):
    """What the homeserver's registration file says about us (`videoconsulta registration` prints it)."""

    id: str = "videoconsulta"
    url: str = Field(pattern=r"^https?://[^/]+$", description="Where the homeserver reaches the bridge.")
    as_token: SecretStr = Field(min_length=20)
    hs_token: SecretStr = Field(min_length=20)
    managed_prefix: str = Field(default="portal_", pattern=r"^[a-z0-9._=-]+$")
    keeper: str = Field(default="consulta", pattern=r"^[a-z0-9._=-]+$")
    assistant: str = Field(default="asistente", pattern=r"^[a-z0-9._=-]+$")


class EncryptionSettings(_Section):
    """End-to-end encryption of the devices that the bridge holds."""

    device_display_name: str = "Portal del paciente (pasarela / gateway)"
    only_signed_devices: bool = Field(
        default=False,
        description="Send keys only to devices that their owner has cross-signed, even to "
        "people who have set up no cross-signing at all.",
    )
    one_time_keys: int = Field(default=50, ge=10, le=100)
    rotation_period_msgs: int = Field(default=100, ge=1, le=10_000)
    rotation_period_ms: int = Field(default=604_800_000, ge=60_000)
    idle_unload_s: int = Field(default=900, ge=1)


class AssistantSettings(_Section):
    """The bot that talks with each person."""

    in_consult_rooms: bool = Field(
        default=False,
        description="Take part in consult rooms too, which it then tells there. The promise that only "
        "the people in a room read it no longer holds.",
    )


class HttpSettings(_Section):
    """The listener for REST, for the homeserver's transactions and for metrics."""

    host: str = "127.0.0.1"
    port: int = Field(default=8080, ge=1, le=65535)
    max_body_bytes: int = Field(default=262_144, ge=1024)
    public_url: str | None = Field(
        default=None,
        pattern=r"^https?://[^?#]+/$",
        description="Where people's browsers reach the web page and the API; http://host:port/ when left out.",
    )


class AttachmentSettings(_Section):
    """Files in messages."""

    max_bytes: int = Field(
        default=52_428_800, ge=1024, description="Not more than the homeserver's max_upload_size."
    )
    allowed_types: list[str] = Field(
        default=list(KNOWN_TYPES), description="MIME types, of those that we can tell by their content."
    )
    uploads_at_once: int = Field(default=4, ge=1, description="Of one person.")
    uploads_at_once_in_all: int = Field(default=32, ge=1, description="Of this process.")
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


class FederationSettings(_Section):
    """How the bridge itself reaches other homeservers: only to ask whose an OpenID token is."""

    ca_file: Path | None = Field(
        default=None, description="Certificate authorities (PEM) to trust besides the machine's own."
    )
    allow_private_addresses: bool = Field(
        default=False,
        description="Let allowed servers be on loopback or in private networks. Never link-local.",
    )


class SessionSettings(_Section):
    """Sessions of people at the API, and how often they may be asked for."""

    ttl_s: int = Field(default=3600, ge=60, le=86_400)
    attempts_per_minute: int = Field(default=120, ge=1, description="POST /api/session from one address.")
    failures_per_minute: int = Field(default=30, ge=1, description="Refused ones among them.")
    attempts_per_minute_of_key: int = Field(default=1200, ge=1, description="Those of one API key.")
    proxies_in_front: int = Field(
        default=0,
        ge=0,
        le=8,
        description="How many reverse proxies of yours append to X-Forwarded-For. Wrong: anybody can "
        "pretend to be any address (too many), or all share one (too few).",
    )


class LimitSettings(_Section):
    """How much one caller may ask for: a person, or an API key for one person, counted by each process for itself."""

    requests_per_minute: int = Field(
        default=3000, ge=1, description="Requests of the API; so many at once, if it was quiet before."
    )


class SmtpSettings(_Section):
    """The clinic's mail server, which takes what people are told by e-mail."""

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


class PushSettings(_Section):
    """Pushes to browsers, by way of their makers' push services."""

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


class PolicySettings(_Section):
    """The homeserver's policy module (synapse-config/module), which asks us who is in care."""

    secret: SecretStr = Field(min_length=20, description="The `secret` in the module's configuration.")


class LogSettings(_Section):
    """What goes to standard error. No setting makes it contain words of people."""

    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    format: Literal["text", "json"] = "text"


class Settings(_Section):
    """Everything that an operator decides."""

    database: str = Field(
        default="sqlite:///videoconsulta.db",
        pattern=r"^(sqlite|postgresql)://",
    )
    secret: SecretStr = Field(
        min_length=32, description="Seals keys and words at rest. Losing it loses them."
    )
    homeserver: HomeserverSettings
    appservice: AppserviceSettings
    encryption: EncryptionSettings = EncryptionSettings()
    assistant: AssistantSettings = AssistantSettings()
    reminders: ReminderSettings = ReminderSettings()
    clinic: ClinicSettings = ClinicSettings()
    http: HttpSettings = HttpSettings()
    attachments: AttachmentSettings = AttachmentSettings()
    federation: FederationSettings = FederationSettings()
    sessions: SessionSettings = SessionSettings()
    limits: LimitSettings = LimitSettings()
    push: PushSettings = PushSettings()
    smtp: SmtpSettings | None = None
    log: LogSettings = LogSettings()
    policy: PolicySettings | None = None

    def managed_user_id(self, name: str) -> str:
        """The user id of the managed user whose localpart ends with `name`."""
        return f"@{self.appservice.managed_prefix}{name}:{self.homeserver.server_name}"

    @property
    def public_url(self) -> str:
        """Where people's browsers reach us, with a slash at its end."""
        return self.http.public_url or f"http://{self.http.host}:{self.http.port}/"

    @property
    def keeper_id(self) -> str:
        """The bot that owns consult rooms and can't read them."""
        return f"@{self.appservice.keeper}:{self.homeserver.server_name}"

    @property
    def assistant_id(self) -> str:
        """The bot that talks with each person."""
        return f"@{self.appservice.assistant}:{self.homeserver.server_name}"


def load_settings(path: Path) -> Settings:
    """The settings in this YAML file. Raises SettingsError naming every problem."""
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError([f"{path}: {error.strerror}. Give the settings file with --config."]) from error
    except yaml.YAMLError as error:
        raise SettingsError([f"{path}: not valid YAML: {' '.join(str(error).split())}"]) from error
    if not isinstance(raw, dict):
        raise SettingsError([f"{path}: expected a mapping of settings at the top level"])
    return parse_settings(raw, source=str(path))


def parse_settings(raw: dict[str, Any], *, source: str) -> Settings:
    """The settings in this mapping. Raises SettingsError naming every problem."""
    try:
        return Settings.model_validate(raw)
    except ValidationError as error:
        problems = [
            f"{source}: {'.'.join(str(part) for part in item['loc'])}: {item['msg']}"
            for item in error.errors(include_input=False)
        ]
        raise SettingsError(problems) from error
