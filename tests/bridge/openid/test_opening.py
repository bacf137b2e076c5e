"""bridge/openid/opening.py: what the settings say about other servers."""

from pathlib import Path

import pytest

from bridge.openid.errors import ServerRefusedError, ServerUnreachableError
from bridge.openid.https import other_servers_session
from bridge.openid.opening import openid_verifier
from bridge.settings import FederationSettings, SettingsError
from tests.bridge.http.api import made_up_settings


@pytest.mark.parametrize("content", [None, "", "no certificate"])
async def test_a_bad_authority_ends_the_start_with_one_line(tmp_path: Path, content: str | None) -> None:
    """Naming the setting and the file."""
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_text(content)
    settings = made_up_settings().model_copy(update={"federation": FederationSettings(ca_file=path)})
    async with other_servers_session() as http:
        with pytest.raises(SettingsError, match=r"^federation\.ca_file: [^\n]*ca\.pem[^\n]*$"):
            openid_verifier(settings, http=http)


async def test_the_portal_and_the_allowed_servers_are_asked() -> None:
    """By default nobody in our own network is."""
    settings = made_up_settings()
    homeserver = settings.homeserver.model_copy(update={"allowed_servers": ["127.0.0.1:1", "[::1]:1"]})
    async with other_servers_session() as http:
        verifier = openid_verifier(settings.model_copy(update={"homeserver": homeserver}), http=http)
        for name in ("127.0.0.1:1", "[::1]:1"):
            with pytest.raises(ServerRefusedError, match="private"):
                await verifier.user_of(access_token="t", server_name=name)
        with pytest.raises(ServerRefusedError, match="not allowed"):
            await verifier.user_of(access_token="t", server_name="evil.example")
    federation = FederationSettings(allow_private_addresses=True)
    inside = settings.model_copy(update={"homeserver": homeserver, "federation": federation})
    async with other_servers_session() as http:
        with pytest.raises(ServerUnreachableError):
            await openid_verifier(inside, http=http).user_of(access_token="t", server_name="127.0.0.1:1")
