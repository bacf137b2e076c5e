"""Who asks: the bridge, by the secret that it shares with this module."""

import hmac

from synapse.module_api import SynapseRequest
from synapse.module_api.errors import Codes, SynapseError


class Secret:
    """The secret, which is not to be seen."""

    def __init__(self, secret: str) -> None:
        self._authorization = f"Bearer {secret}".encode()

    def admit(self, request: SynapseRequest) -> None:
        """Raises SynapseError (401) unless this request shows the secret as its bearer token."""
        if not hmac.compare_digest(request.getHeader(b"Authorization") or b"", self._authorization):
            raise SynapseError(401, "This is for the bridge alone", Codes.UNAUTHORIZED)
