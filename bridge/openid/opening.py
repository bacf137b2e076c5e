"""Puts the parts together that check OpenID tokens."""

import time

import aiohttp

from bridge.openid.discovery import Discovery
from bridge.openid.dns import SystemDns
from bridge.openid.https import PinnedHttps, tls_context
from bridge.openid.verifier import OpenIdVerifier
from bridge.openid.wellknown import WellKnown
from bridge.settings import Settings, SettingsError


def openid_verifier(settings: Settings, *, http: aiohttp.ClientSession) -> OpenIdVerifier:
    """What checks tokens of the portal and of the allowed servers. Raises SettingsError for a bad `ca_file`."""
    federation, homeserver = settings.federation, settings.homeserver
    try:
        tls = tls_context(federation.ca_file)
    except OSError as error:
        raise SettingsError(
            [f"federation.ca_file: {federation.ca_file} can't be used: {error.strerror or error}"]
        ) from error
    dns = SystemDns()
    https = PinnedHttps(http=http, dns=dns, tls=tls, allow_private=federation.allow_private_addresses)
    return OpenIdVerifier(
        allowed_servers=homeserver.servers,
        discovery=Discovery(dns=dns, well_known=WellKnown(https=https, clock=time.monotonic)),
        https=https,
    )
