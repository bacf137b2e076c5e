"""The settings: one frozen tree, read once from a YAML file.

A wrong value ends the start with one clear line for each problem.
"""

from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, ValidationError
from pydantic_core import ErrorDetails

from bots.clinic import ClinicSettings
from bridge.attachments.settings import AttachmentSettings
from bridge.e2ee.settings import EncryptionSettings
from bridge.notices.settings import ReminderSettings
from bridge.notifications.settings import PushSettings, SmtpSettings
from bridge.oidc.settings import OidcSettings
from bridge.storage.database_url import check_database_url


class SettingsError(Exception):
    """The settings can't be used. `problems` holds one line for each thing to mend."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


# Matrix specification, appendices, server name.
_SERVER_NAME = r"^[A-Za-z0-9.:\[\]-]+$"
_ServerName = Annotated[str, Field(pattern=_SERVER_NAME)]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class HomeserverSettings(_Section):
    """The portal's homeserver, seen from the bridge."""

    server_name: _ServerName
    url: str = Field(pattern=r"^https?://[^/]+$")
    allowed_servers: list[_ServerName] = Field(
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
    streams_at_once: int = Field(
        default=30, ge=1, description="Event streams that are open at one time: tabs and devices."
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

    database: Annotated[str, AfterValidator(check_database_url)] = "sqlite:///videoconsulta.db"
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
    oidc: OidcSettings | None = None
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
    def bots(self) -> frozenset[str]:
        """Our users who are no people."""
        return frozenset({self.keeper_id, self.assistant_id})

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
        raw = read_mapping(path)
    except OSError as error:
        raise SettingsError([f"{path}: {error.strerror}. Give the settings file with --config."]) from error
    return parse_settings(raw, source=str(path))


def read_mapping(path: Path) -> dict[str, Any]:
    """What this YAML file holds by name. Raises OSError; SettingsError when it holds something else."""
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    except UnicodeDecodeError as error:
        raise SettingsError([f"{path}: not text in UTF-8"]) from error
    except yaml.YAMLError as error:
        raise SettingsError([f"{path}: not valid YAML: {' '.join(str(error).split())}"]) from error
    if not isinstance(raw, dict):
        raise SettingsError([f"{path}: expected a mapping of settings at the top level"])
    return raw


def parse_settings(raw: dict[str, Any], *, source: str) -> Settings:
    """The settings in this mapping. Raises SettingsError naming every problem."""
    try:
        return Settings.model_validate(raw)
    except ValidationError as error:
        problems = [
            f"{source}: {'.'.join(str(part) for part in item['loc'])}: {_say(item)}"
            for item in error.errors(include_input=False)
        ]
        raise SettingsError(problems) from error


def _say(problem: ErrorDetails) -> str:
    match problem:
        case {"type": "too_short", "ctx": {"field_type": "Value", "min_length": least}}:
            # A secret, of which pydantic speaks as if it were a list.
            return f"has to have at least {least} characters"
        case {"type": "missing"}:
            return "has to be given"
        case {"type": "extra_forbidden"}:
            return "is no setting"
        case {"ctx": {"pattern": str(pattern)}} if pattern == _SERVER_NAME:
            return "has to be a server name such as portal.example.org, without https://"
    return problem["msg"]
