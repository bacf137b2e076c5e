"""bridge/settings.py: what is wrong is said in words that an operator understands, a line for each."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from bridge.settings import SettingsError, load_settings, parse_settings

GOOD: dict[str, Any] = {
    "secret": "s" * 32,
    "homeserver": {"server_name": "portal.example:8448", "url": "http://127.0.0.1:8008"},
    "appservice": {"url": "http://127.0.0.1:8080", "as_token": "a" * 20, "hs_token": "h" * 20},
}


def _problems(raw: dict[str, Any]) -> list[str]:
    with pytest.raises(SettingsError) as refused:
        parse_settings(raw, source="x.yaml")
    return refused.value.problems


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"secret": "short"}, "x.yaml: secret: has to have at least 32 characters"),
        ({"nosuch": 1}, "x.yaml: nosuch: is no setting"),
        ({"http": {"nosuch": 1}}, "x.yaml: http.nosuch: is no setting"),
        ({"homeserver": {"url": "http://p:1"}}, "x.yaml: homeserver.server_name: has to be given"),
    ],
)
def test_a_wrong_setting_is_said_plainly(change: dict[str, Any], line: str) -> None:
    """Not as pydantic speaks of items, fields and inputs."""
    assert _problems(GOOD | change) == [line]


@pytest.mark.parametrize("name", ["https://portal.example", "portal.example/", "", "señor.example"])
def test_a_server_name_is_no_address(name: str) -> None:
    """Every user id is made of it, so that nobody would be who they are."""
    homeserver = {"server_name": name, "url": "http://127.0.0.1:8008", "allowed_servers": [name]}
    assert _problems(GOOD | {"homeserver": homeserver}) == [
        f"x.yaml: homeserver.{setting}: has to be a server name such as portal.example.org, without https://"
        for setting in ("server_name", "allowed_servers.0")
    ]


@pytest.mark.parametrize(
    "url",
    [
        *("mysql://db/x", "sqlite:///", "sqlite://", "sqlite://x.db", "sqlite:///:memory:", "sqlite:///?x=1"),
        *("sqlite:///file:v?mode=memory&uri=true", "postgresql://u:p@db:port/x", "x.db", ""),
    ],
)
def test_a_database_that_cannot_be(url: str) -> None:
    """Another kind, no address at all, or SQLite without a file, which would forget everything."""
    (line,) = _problems(GOOD | {"database": url})
    assert line.startswith("x.yaml: database: has to be like sqlite:///FILE or postgresql://")


@pytest.mark.parametrize(
    "url",
    [
        *("sqlite:///v.db", "sqlite:////var/v.db", "postgresql://u:p@[::1]:5432/x"),
        *("postgresql:///x?host=/run", "postgresql://u:p@db/x?ssl=verify-full&target_session_attrs=any"),
    ],
)
def test_a_database_that_can(url: str) -> None:
    """Files by relative and absolute path; servers by address and by socket."""
    assert parse_settings(GOOD | {"database": url}, source="x.yaml").database == url


@pytest.mark.parametrize(
    "option", ["sslmode=require", "connect_timeout=3", "application_name=x", "timeout=3"]
)
def test_options_of_other_programs(option: str) -> None:
    """Those that libpq takes and our driver doesn't: what to write instead, without the password."""
    (line,) = _problems(GOOD | {"database": f"postgresql://u:topsecret@db/x?{option}"})
    assert line.startswith("x.yaml: database: ")
    assert ("ssl=verify-full" in line) == ("sslmode" in option)
    assert "topsecret" not in line


def test_a_file_that_is_no_text(tmp_path: Path) -> None:
    """One line too."""
    path = tmp_path / "x.yaml"
    path.write_bytes(yaml.safe_dump(GOOD).encode() + "# ñ".encode("latin-1"))
    with pytest.raises(SettingsError) as refused:
        load_settings(path)
    assert refused.value.problems == [f"{path}: not text in UTF-8"]
