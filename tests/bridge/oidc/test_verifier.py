"""bridge/oidc/verifier.py as the settings compose it, with a provider behind real TLS on loopback."""

from pathlib import Path

import pytest

from bridge.cli.checks import UnwellError, check_oidc
from bridge.errors import BadCredentialsError, ProviderUnavailableError
from bridge.oidc.verifier import oidc_verifier
from bridge.openid.https import other_servers_session
from bridge.settings import Settings, parse_settings
from tests.bridge.oidc.provider import AUDIENCE, ISSUER, NOW, Token, key_set
from tests.bridge.openid.other_server import other_server, reply


def settings(port: int, authority: Path | None) -> Settings:
    """Of a portal `p` with a provider on this port."""
    return parse_settings(
        {
            "secret": "s" * 40,
            "homeserver": {"server_name": "p", "url": "http://127.0.0.1:1"},
            "appservice": {"url": "http://127.0.0.1:2", "as_token": "a" * 20, "hs_token": "b" * 20},
            "federation": {"ca_file": authority},
            "oidc": {
                "issuer": ISSUER,
                "audience": AUDIENCE,
                "jwks_url": f"https://127.0.0.1:{port}/realms/pacientes/certs",
            },
        },
        source="test",
    )


async def test_the_providers_keys_come_over_tls(tmp_path: Path) -> None:
    """One question for many tokens; a bot is nobody's to speak as."""
    async with other_server(tmp_path) as server, other_servers_session() as http:
        server.answer = reply(key_set())
        verifier = oidc_verifier(settings(server.port, server.authority), http=http, now=lambda: NOW)
        assert verifier is not None
        for algorithm in ("RS256", "ES256"):
            named = await verifier.named(str(Token(algorithm)))
            assert (named.user_id, named.expires_at > NOW) == ("@portal_lucia:p", True)
        with pytest.raises(BadCredentialsError):
            await verifier.named(str(Token(claims={"matrix_user_id": "@asistente:p"})))
        (head,) = server.heads
        assert head.startswith("GET /realms/pacientes/certs HTTP/1.1")


async def test_an_authority_that_nobody_trusts_is_no_provider(tmp_path: Path) -> None:
    """Whatever keys it shows."""
    async with other_server(tmp_path) as server, other_servers_session() as http:
        server.answer = reply(key_set())
        verifier = oidc_verifier(settings(server.port, None), http=http, now=lambda: NOW)
        assert verifier is not None
        with pytest.raises(ProviderUnavailableError):
            await verifier.named(str(Token()))


async def test_the_doctor_looks_at_the_provider(tmp_path: Path) -> None:
    """How many keys it has for us; else what to look at."""
    async with other_server(tmp_path) as server:
        server.answer = reply(key_set())
        oidc = settings(server.port, None).oidc
        assert oidc is not None
        assert (await check_oidc(oidc, ca_file=server.authority)).endswith("has keys for us: 2")
        with pytest.raises(UnwellError, match="certificate"):
            await check_oidc(oidc, ca_file=None)
        for wrong in (reply(b"<html>"), reply(key_set(), status="404 Not Found")):
            server.answer = wrong
            with pytest.raises(UnwellError, match="jwks_url"):
                await check_oidc(oidc, ca_file=server.authority)


async def test_without_the_section_there_is_no_provider() -> None:
    """Nothing is asked, nothing believed."""
    without = settings(1, None).model_copy(update={"oidc": None})
    async with other_servers_session() as http:
        assert oidc_verifier(without, http=http, now=lambda: NOW) is None
