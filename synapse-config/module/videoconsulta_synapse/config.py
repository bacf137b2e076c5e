"""The module's configuration, as homeserver.yaml has it under `modules`."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from synapse.module_api.errors import ConfigError

_USER_ID = re.compile(r"@[^:\s]+:\S+")
_URL = re.compile(r"https?://[^/\s]+/?")
_SECRET_LENGTH = 20

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Config:
    """What an operator decides; README.md says what each is for."""

    keeper: str
    assistant: str | None = None
    bridge_url: str | None = None
    secret: str | None = None
    room_aliases: bool = False


def parse(raw: Mapping[str, Any]) -> Config:
    """The configuration in this mapping. Raises ConfigError, which names the option and what is wrong with it."""
    options = dict(raw)
    keeper = _user_id(options, "keeper")
    if keeper is None:
        raise ConfigError("is needed: who makes the consult rooms", ("keeper",))
    config = Config(
        keeper=keeper,
        assistant=_user_id(options, "assistant"),
        bridge_url=_url(_taken(options, "bridge_url", str)),
        secret=_secret(_taken(options, "secret", str)),
        room_aliases=_taken(options, "room_aliases", bool) or False,
    )
    for unknown in options:
        raise ConfigError("there is no such option", (str(unknown),))
    if config.bridge_url is not None and config.secret is None:
        raise ConfigError("is needed with bridge_url: the bridge answers nobody else", ("secret",))
    return config


def _taken(options: dict[str, Any], name: str, kind: type[T]) -> T | None:
    value = options.pop(name, None)
    if value is not None and not isinstance(value, kind):
        raise ConfigError(f"must be {'a text' if kind is str else 'true or false'}", (name,))
    return value


def _user_id(options: dict[str, Any], name: str) -> str | None:
    value = _taken(options, name, str)
    if value is not None and not _USER_ID.fullmatch(value):
        raise ConfigError("must be a Matrix user id, such as @consulta:portal.example.org", (name,))
    return value


def _url(value: str | None) -> str | None:
    if value is not None and not _URL.fullmatch(value):
        raise ConfigError("must be the address of the bridge, such as http://127.0.0.1:8080", ("bridge_url",))
    return value and value.rstrip("/")


def _secret(value: str | None) -> str | None:
    if value is not None and len(value) < _SECRET_LENGTH:
        raise ConfigError(f"must have {_SECRET_LENGTH} characters or more", ("secret",))
    return value
