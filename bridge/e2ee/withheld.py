"""What devices that don't get a session are told: `m.room_key.withheld` (Matrix client-server API, 11.12.4.2.1)."""

from collections.abc import Mapping

from bridge.e2ee.devices import OwnDevice
from bridge.e2ee.model import MEGOLM
from bridge.e2ee.sessions import OutboundSession
from bridge.matrix.json import JsonObject

UNVERIFIED = "m.unverified"
NO_OLM = "m.no_olm"
_REASONS = {
    UNVERIFIED: "This device is not signed by its owner's identity, or that identity has changed.",
    NO_OLM: "No secure channel to this device could be made yet.",
}


def withheld(
    own: OwnDevice, session: OutboundSession, codes: Mapping[tuple[str, str], str]
) -> dict[str, dict[str, JsonObject]]:
    """The contents for these devices ((user id, device id) → code), as user → device → content."""
    contents: dict[str, dict[str, JsonObject]] = {}
    for (user_id, device_id), code in codes.items():
        content = {
            "algorithm": MEGOLM,
            "sender_key": own.curve25519,
            "code": code,
            "reason": _REASONS[code],
        }
        if code != NO_OLM:  # that one is about the device, not about a session
            content |= {"room_id": session.room_id, "session_id": session.session_id}
        contents.setdefault(user_id, {})[device_id] = content
    return contents
