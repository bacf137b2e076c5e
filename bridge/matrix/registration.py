"""The application service's registration, which the operator gives to the homeserver."""

import re

import yaml

from bridge.matrix.json import JsonObject
from bridge.settings import Settings


def registration(settings: Settings) -> JsonObject:
    """The registration (application service API, section 2.1, with MSC3202 and MSC4190) of these settings.

    The homeserver pushes every event of a room in which the keeper or a managed user is joined.
    """
    appservice = settings.appservice
    server = re.escape(settings.homeserver.server_name)
    users = [
        f"@{re.escape(appservice.managed_prefix)}.*:{server}$",
        f"@{re.escape(appservice.keeper)}:{server}$",
        f"@{re.escape(appservice.assistant)}:{server}$",
    ]
    return {
        "id": appservice.id,
        "url": appservice.url,
        "as_token": appservice.as_token.get_secret_value(),
        "hs_token": appservice.hs_token.get_secret_value(),
        "sender_localpart": appservice.keeper,
        "rate_limited": False,
        "receive_ephemeral": True,
        "org.matrix.msc3202": True,
        "io.element.msc4190": True,
        "namespaces": {
            "users": [{"exclusive": True, "regex": regex} for regex in users],
            "rooms": [],
            "aliases": [],
        },
    }


def registration_yaml(settings: Settings) -> str:
    """The same as the text of a file."""
    return yaml.safe_dump(registration(settings), sort_keys=False)
