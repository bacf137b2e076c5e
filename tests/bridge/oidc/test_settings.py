"""bridge/oidc/settings.py: an address that can't be asked is a wrong setting, not a crash at the start."""

import pytest
from pydantic import ValidationError

from bridge.oidc.settings import OidcSettings

GOOD = "https://idp.portal.example:8443/certs"


@pytest.mark.parametrize(
    "url",
    [
        "http://idp.portal.example/certs",
        "https:///certs",
        "https://[::1/certs",
        "https://idp.portal.example:99999/certs",
        "https://name@idp.portal.example/certs",
        "https://idp.portal.example/certs?a=b",
    ],
)
@pytest.mark.parametrize("field", ["issuer", "jwks_url"])
def test_an_address_has_a_host_and_a_port_that_there_are(field: str, url: str) -> None:
    """Over TLS, and nothing in it that is not an address."""
    given = {"issuer": GOOD, "jwks_url": GOOD, "audience": "videoconsulta"}
    assert getattr(OidcSettings.model_validate(given), field) == GOOD
    with pytest.raises(ValidationError, match=field):
        OidcSettings.model_validate(given | {field: url})
