"""videoconsulta_synapse/config.py: what an operator may write, and what they are told."""

from typing import Any

import pytest
from synapse.module_api.errors import ConfigError
from videoconsulta_synapse import Guard
from videoconsulta_synapse.config import Config

KEEPER = "@consulta:portal.example.org"
SECRET = "s" * 20


def test_a_hospital_names_the_keeper_and_that_is_all() -> None:
    """Everything else is for the portal, and aliases are off."""
    assert Guard.parse_config({"keeper": KEEPER}) == Config(
        keeper=KEEPER, assistant=None, bridge_url=None, secret=None, room_aliases=False
    )


def test_a_portal_asks_the_bridge() -> None:
    """Its address may end with a slash."""
    raw = {
        "keeper": KEEPER,
        "assistant": "@asistente:portal.example.org",
        "bridge_url": "http://bridge:8080/",
    }
    config = Guard.parse_config(raw | {"secret": SECRET, "room_aliases": True})
    assert config.bridge_url == "http://bridge:8080"
    assert config.room_aliases


@pytest.mark.parametrize(
    ("raw", "path", "text"),
    [
        ({}, "keeper", "is needed"),
        ({"keeper": "consulta"}, "keeper", "must be a Matrix user id"),
        ({"keeper": 7}, "keeper", "must be a text"),
        ({"keeper": KEEPER, "assistant": "asistente"}, "assistant", "must be a Matrix user id"),
        (
            {"keeper": KEEPER, "bridge_url": "bridge:8080", "secret": SECRET},
            "bridge_url",
            "must be the address",
        ),
        (
            {"keeper": KEEPER, "bridge_url": "http://b/x", "secret": SECRET},
            "bridge_url",
            "must be the address",
        ),
        ({"keeper": KEEPER, "bridge_url": "http://bridge"}, "secret", "is needed with bridge_url"),
        ({"keeper": KEEPER, "secret": "short"}, "secret", "must have 20 characters"),
        ({"keeper": KEEPER, "room_aliases": "no"}, "room_aliases", "must be true or false"),
        ({"keeper": KEEPER, "brigde_url": "http://bridge"}, "brigde_url", "there is no such option"),
    ],
)
def test_a_wrong_option_is_named(raw: dict[str, Any], path: str, text: str) -> None:
    """Synapse shows the option and what is wrong with it, and doesn't start."""
    with pytest.raises(ConfigError, match=text) as refused:
        Guard.parse_config(raw)
    assert list(refused.value.path or ()) == [path]
    assert SECRET not in refused.value.msg
