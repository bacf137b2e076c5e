"""bridge/deliveries/webpush.py: only the browser reads it, and the push service knows that it is ours."""

from datetime import UTC, datetime

import http_ece
import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec

from bridge.deliveries.webpush import Vapid, decode, encrypted, is_point
from tests.bridge.notifications.browser import decode_point, verified_claims

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
# RFC 8291, appendix A.
UA_PUBLIC = "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"
AUTH = "BTBZMqHH6r4Tts7J_aSIgg"
SALT = "DGv6ra1nlYgDCS1FRnbzlw"
SENDER_PRIVATE = "yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw"
SEEN = (
    "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_"
    "yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
)


def test_it_is_what_the_rfc_shows() -> None:
    """RFC 8291's own example, byte for byte."""
    sender = ec.derive_private_key(int.from_bytes(decode(SENDER_PRIVATE), "big"), ec.SECP256R1())
    body = encrypted(
        b"When I grow up, I want to be a watermelon",
        p256dh=decode(UA_PUBLIC),
        auth=decode(AUTH),
        salt=decode(SALT),
        sender_key=sender,
    )
    assert body == decode(SEEN)


def test_nothing_is_used_twice() -> None:
    """A new key and salt each time; another browser's key doesn't open it."""
    one, other = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    bodies = {encrypted(b"hola", p256dh=decode_point(one), auth=b"a" * 16) for _ in range(2)}
    assert len(bodies) == 2
    for body in bodies:
        assert http_ece.decrypt(body, private_key=one, auth_secret=b"a" * 16) == b"hola"
        for key, auth in ((other, b"a" * 16), (one, b"b" * 16)):
            with pytest.raises(http_ece.ECEException):
                http_ece.decrypt(body, private_key=key, auth_secret=auth)


def test_who_we_are() -> None:
    """Signed for the push service's origin only, for less than a day, with a key that is the same next time."""
    vapid = Vapid(seed=b"s" * 32, contact="mailto:it@clinic.example")
    header = vapid.authorization("https://push.example:8443/send/abc?x=1", now=NOW)
    claims = verified_claims(header)
    assert claims["aud"] == "https://push.example:8443"
    assert claims["sub"] == "mailto:it@clinic.example"
    assert 0 < int(str(claims["exp"])) - NOW.timestamp() <= 24 * 3600
    assert header.endswith(f", k={Vapid(seed=b's' * 32, contact=None).public_key}")
    with pytest.raises(InvalidSignature):
        verified_claims(header, key=Vapid(seed=b"t" * 32, contact=None).public_key)


def test_points() -> None:
    """What isn't on the curve is nothing to encrypt to."""
    assert is_point(decode(UA_PUBLIC))
    assert not is_point(b"")
    assert not is_point(b"\x04" + b"\x01" * 64)
