"""bridge/matrix/registration.py."""

import re

import yaml

from bridge.matrix.registration import registration, registration_yaml
from bridge.settings import Settings, parse_settings


def settings() -> Settings:
    """Settings of a server whose name holds characters that mean something in a regular expression."""
    raw = {
        "secret": "s" * 32,
        "homeserver": {"server_name": "portal.example:8448", "url": "http://127.0.0.1:8008"},
        "appservice": {"url": "http://127.0.0.1:8080", "as_token": "a" * 20, "hs_token": "h" * 20},
    }
    return parse_settings(raw, source="test")


def test_it_covers_the_managed_users_and_the_bots_only() -> None:
    """Exclusive namespaces, of this server: nobody else's name, and no other server's."""
    users = registration(settings())["namespaces"]["users"]
    assert all(namespace["exclusive"] for namespace in users)

    def is_ours(user_id: str) -> bool:
        # As Synapse does it: match, from the beginning.
        return any(re.match(namespace["regex"], user_id) for namespace in users)

    for localpart in ("portal_lucia", "consulta", "asistente"):
        assert is_ours(f"@{localpart}:portal.example:8448")
    for user_id in (
        "@maria:portal.example:8448",
        "@consulta2:portal.example:8448",
        "@portal_lucia:portalxexample:8448",
        "@portal_lucia:portal.example:8448.evil",
    ):
        assert not is_ours(user_id)


def test_everything_that_encryption_needs_is_switched_on() -> None:
    """Receipts and to-device messages, key counts and device lists, devices without login."""
    made = registration(settings())
    assert made["sender_localpart"] == "consulta"
    assert made["rate_limited"] is False
    assert made["receive_ephemeral"] is made["org.matrix.msc3202"] is made["io.element.msc4190"] is True


def test_the_text_says_the_same() -> None:
    """The YAML reads back as the registration, tokens in clear text: the homeserver needs them."""
    assert yaml.safe_load(registration_yaml(settings())) == registration(settings())
